"""Actions and the suppression list in memory: `sync.action_log`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from diptych.domain.actions import Action
from diptych.domain.mapping import ObjectMapping
from diptych.domain.pair import Observation, Pair, PairState
from diptych.domain.suppression import PERSON, SuppressedFor, Suppression, address_hash
from diptych.domain.values import Value, to_text
from diptych.testing.tables import Suppressed

if TYPE_CHECKING:
    from diptych.testing.store import InMemoryStore

_SALT = "salt"


class InMemoryActions:
    """See `ActionLog`."""

    def __init__(self, store: InMemoryStore) -> None:
        self._tables, self._journal = store.tables, store.journal

    def add(self, action: Action) -> int:
        return self._journal.append(self._tables.actions, lambda n: replace(action, id=n))

    def save(self, action: Action) -> None:
        if action.id not in self._tables.actions:
            raise KeyError(f"there is no action {action.id}")
        self._journal.put(self._tables.actions, action.id, action)

    def get(self, action_id: int) -> Action | None:
        return self._tables.actions.get(action_id)

    def of_run(self, run_id: int) -> Action | None:
        return next((one for one in self._tables.actions.values() if one.run_id == run_id), None)

    def open(self) -> list[Action]:
        return [one for one in self._tables.actions.values() if one.ended_at is None]

    def latest(self, limit: int) -> list[Action]:
        return [self._tables.actions[n] for n in sorted(self._tables.actions, reverse=True)[:limit]]

    def now_id(self, person_id: int) -> int:
        return self._tables.redirects.get(person_id, person_id)


class InMemorySuppressions:
    """See `Suppressions`."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store, self._tables, self._journal = store, store.tables, store.journal

    def add(
        self, person_id: int, records: Sequence[tuple[str, str]], address: Value, reason: SuppressedFor
    ) -> int:
        rows: list[tuple[str, str, str | None]] = [(name, sf_id, None) for name, sf_id in records]
        hashed = address_hash(_SALT, address)
        if hashed is not None or not rows:
            rows.append((PERSON, str(person_id), hashed))
        there = {(s.entry.object_name, s.entry.sf_id) for s in self._tables.suppressed.values()}
        new = [row for row in rows if row[:2] not in there]
        for name, sf_id, digest in new:
            self._insert(name, sf_id, digest, person_id, reason)
        return len(new)

    def _insert(
        self, name: str, sf_id: str, digest: str | None, former_id: int, reason: SuppressedFor
    ) -> None:
        at = self._store.clock.now()
        self._journal.append(
            self._tables.suppressed,
            lambda n: Suppressed(
                Suppression(n, name, sf_id, former_id, reason, at, digest is not None), digest
            ),
        )

    def listed(self, limit: int) -> list[Suppression]:
        kept = self._tables.suppressed
        return [kept[n].entry for n in sorted(kept, reverse=True)[:limit]]

    def blocked(self, addresses: Collection[str]) -> frozenset[str]:
        return frozenset(self._owners(addresses))

    def _owners(self, addresses: Collection[str]) -> dict[str, int]:
        known = {
            s.address_hash: s.entry.former_id for s in self._tables.suppressed.values() if s.address_hash
        }
        return {
            one: known[digest]
            for one in addresses
            if (digest := address_hash(_SALT, one)) is not None and digest in known
        }

    def withhold(
        self, object_mapping: ObjectMapping, seen: Sequence[Observation], run_id: int | None
    ) -> list[str]:
        name = object_mapping.object_name
        entries = [s.entry for s in self._tables.suppressed.values()]
        owners = {e.sf_id: e.former_id for e in entries if e.object_name == name}
        addresses = {o.record.sf_id: to_text(o.values.get("email")) for o in seen}
        same = self._owners({a for a in addresses.values() if a})
        held = []
        for one in seen:
            sf_id, address = one.record.sf_id, addresses[one.record.sf_id]
            if sf_id not in owners and address in same:
                owners[sf_id] = same[address]
                self._insert(name, sf_id, None, same[address], SuppressedFor.DELETED)
            if sf_id in owners:
                self._detached(object_mapping, one, owners[sf_id])
                held.append(sf_id)
        return held

    def _detached(self, object_mapping: ObjectMapping, seen: Observation, former_id: int) -> None:
        number = self._tables.numbers.get("pair", 0) + 1
        self._journal.put(self._tables.numbers, "pair", number)
        record = seen.record
        pair = Pair(
            number,
            former_id,
            object_mapping.object_name,
            record.sf_id,
            None,
            PairState.DETACHED,
            record.modstamp,
            record.read_at,
            object_mapping.version,
        )
        self._journal.put(self._tables.pairs, number, pair)
        self._journal.put(self._tables.pair_of, (pair.object_name, record.sf_id), number)
        self._journal.put(
            self._tables.pairs_of, former_id, (*self._tables.pairs_of.get(former_id, ()), number)
        )

    def release(self, former_id: int) -> list[Suppression]:
        found = [(n, s.entry) for n, s in self._tables.suppressed.items() if s.entry.former_id == former_id]
        for number, _ in found:
            self._journal.drop(self._tables.suppressed, number)
        if found and former_id not in self._tables.person:
            kept = []
            for number in self._tables.pairs_of.get(former_id, ()):
                pair = self._tables.pairs[number]
                if pair.state is not PairState.DETACHED:
                    kept.append(number)
                    continue
                self._journal.drop(self._tables.pairs, number)
                self._journal.drop(self._tables.pair_of, (pair.object_name, pair.sf_id))
            self._journal.put(self._tables.pairs_of, former_id, tuple(kept))
        return [entry for _, entry in found]

    def erase(self, person_id: int) -> int:
        tables, erased = self._tables, 0
        for number in tables.pairs_of.get(person_id, ()):
            erased += len(tables.base.get(number, {}))
            self._journal.drop(tables.base, number)
            self._journal.drop(tables.standing, number)
            for letter in tables.letters_of.get(number, ()):
                self._journal.drop(tables.dead_letters, letter)
                erased += 1
            self._journal.put(tables.letters_of, number, ())
        numbers = set(tables.pairs_of.get(person_id, ()))
        for change in [c for c in tables.change_log.values() if c.person_id == person_id]:
            self._journal.drop(tables.change_log, change.id)
            erased += 1
        for kept in [c for c in tables.conflicts.values() if c.pair_id in numbers]:
            self._journal.drop(tables.conflicts, kept.id)
            erased += 1
        for place, one in list(tables.sent.items()):
            if one.person_id == person_id:
                self._journal.drop(tables.sent, place)
                erased += 1
        self._journal.drop(tables.creations, person_id)
        self._journal.drop(tables.gone, person_id)
        everyone = {person_id, *(f for f, now in tables.redirects.items() if now == person_id)}
        for join in [j for j in tables.joins.values() if everyone & {j.winner_id, j.loser_id}]:
            self._journal.drop(tables.joins, join.id)
            erased += 1
        for former in everyone - {person_id}:
            self._journal.drop(tables.redirects, former)
        for action in list(tables.actions.values()):
            if action.picks and everyone & {action.person_id, *action.others}:
                self._journal.put(tables.actions, action.id, replace(action, picks={}))
                erased += 1
        return erased
