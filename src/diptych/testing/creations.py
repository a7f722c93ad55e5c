"""People on their way into Salesforce, in memory: the part of `sync.ports.Transaction` that creating needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from diptych.domain.creating import Candidate, Creation, Wish
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.mapping import ObjectMapping
from diptych.domain.matching import Group
from diptych.domain.objects import synced_object
from diptych.domain.pair import Linked, Pair, PairState, becomes_primary
from diptych.domain.values import InvalidValue, Kind, Value, canonical, to_text

if TYPE_CHECKING:
    from diptych.testing.journal import Journal
    from diptych.testing.tables import Tables

_LIVE = (PairState.NEW, PairState.PAIRED, PairState.PARKED, PairState.HIDDEN, PairState.DETACHED)


class Unit(Protocol):
    """What creating needs of the transaction it is part of."""

    _tables: Tables
    _journal: Journal

    def mapping(self) -> FieldMappings: ...
    def _linked(self, object_mapping: ObjectMapping, pair: Pair) -> Linked: ...


class Creations(Unit):
    """A part of `InMemoryTransaction`."""

    def candidates(
        self, columns: Sequence[str], everyone: bool, after_person: int, limit: int
    ) -> list[Candidate]:
        kinds = self.mapping().columns("person")
        found: list[Candidate] = []
        for number in sorted(n for n in self._tables.person if n > after_person):
            said = self._tables.creations.get(number)
            if (said is None and not everyone) or (said and said.wish in (Wish.REVIEW, Wish.DISMISSED)):
                continue
            states = [self._tables.pairs[p].state for p in self._tables.pairs_of.get(number, ())]
            if states and (not (said and said.recreate) or any(s in _LIVE for s in states)):
                continue
            row = self._tables.person[number]
            values = {c: read(kinds[c].kind, row.get(c), kinds[c].scale) for c in columns}
            found.append(Candidate(number, values, said))
            if len(found) == limit:
                break
        return found

    def people_values(self, columns: Sequence[str], people: Sequence[int]) -> dict[int, dict[str, Value]]:
        kinds = self.mapping().columns("person")
        return {
            number: {c: read(kinds[c].kind, row.get(c), kinds[c].scale) for c in columns}
            for number in people
            if (row := self._tables.person.get(number)) is not None
        }

    def external_keys(self, people: Sequence[int]) -> dict[int, str]:
        rows = self._tables.person
        return {n: f"m-{n}-{rows[n]['created_at'].timestamp():.0f}" for n in people if n in rows}

    def creation(self, person_id: int) -> Creation | None:
        return self._tables.creations.get(person_id)

    def save_creation(self, creation: Creation) -> None:
        self._journal.put(self._tables.creations, creation.person_id, creation)

    def drop_creations(self, people: Sequence[int]) -> None:
        for number in people:
            self._journal.drop(self._tables.creations, number)

    def creations(self, wishes: Sequence[Wish], limit: int) -> list[Creation]:
        found = sorted(self._tables.creations.values(), key=lambda one: one.person_id)
        return [one for one in found if not wishes or one.wish in wishes][:limit]

    def begin_pairs(self, object_mapping: ObjectMapping, people: Sequence[int]) -> dict[int, Pair]:
        found = {}
        for number in people:
            pair_id = self._tables.numbers.get("pair", 0) + 1
            self._journal.put(self._tables.numbers, "pair", pair_id)
            pair = Pair(
                pair_id,
                number,
                object_mapping.object_name,
                None,
                self.external_keys([number])[number],
                PairState.NEW,
                None,
                None,
                object_mapping.version,
            )
            self._journal.put(self._tables.pairs, pair_id, pair)
            self._journal.put(
                self._tables.pairs_of, number, (*self._tables.pairs_of.get(number, ()), pair_id)
            )
            blank: dict[str, Value] = dict.fromkeys(f.column for f in object_mapping.fields)
            self._journal.put(self._tables.base, pair_id, blank)
            found[number] = pair
        return found

    def identify(self, pair_id: int, sf_id: str) -> None:
        pair = self._tables.pairs[pair_id]
        if (pair.object_name, sf_id) in self._tables.pair_of:
            raise ValueError(f"{pair.object_name} {sf_id} has a pair already")
        self._journal.put(self._tables.pairs, pair_id, replace(pair, sf_id=sf_id))
        self._journal.put(self._tables.pair_of, (pair.object_name, sf_id), pair_id)
        row = self._tables.person.get(pair.person_id)
        pairs = [self._tables.pairs[n] for n in self._tables.pairs_of.get(pair.person_id, ())]
        if row is not None and becomes_primary(pairs, pair_id):
            kind = synced_object(pair.object_name).salesforce_type
            named = {
                "salesforce_id": sf_id,
                "salesforce_type": kind,
                "link_state": kind,
                "salesforce_deleted": False,
            }
            self._journal.put(self._tables.person, pair.person_id, {**row, **named})

    def people_alike(self, columns: Sequence[str], first: Sequence[str]) -> dict[int, dict[str, Value]]:
        wanted = set(first)
        people = [
            number
            for number, row in self._tables.person.items()
            if not row["salesforce_deleted"]
            and (to_text(row.get(columns[0])) or "").strip().casefold() in wanted
        ]
        return self.people_values(columns, people)

    def match_by(self, column: str | None) -> None:
        pass  # everything is quick in memory

    def alike(self, column: str, after: str, limit: int) -> list[Group]:
        found: dict[str, list[int]] = {}
        for number, row in sorted(self._tables.person.items()):
            said = self._tables.creations.get(number)
            text = (to_text(row.get(column)) or "").strip().lower()
            if (
                text > after
                and not row["salesforce_deleted"]
                and (said is None or said.wish is not Wish.DISMISSED)
            ):
                found.setdefault(text, []).append(number)
        shared = [Group((text,), tuple(people)) for text, people in sorted(found.items()) if len(people) > 1]
        return shared[:limit]

    def unsent(
        self, object_mapping: ObjectMapping, now: datetime, after_pair: int, limit: int
    ) -> list[Linked]:
        held = {n for n, said in self._tables.creations.items() if said.wish in (Wish.REVIEW, Wish.DISMISSED)}
        waiting = [
            p
            for p in self._tables.pairs.values()
            if p.object_name == object_mapping.object_name
            and p.sf_id is None
            and p.id > after_pair
            and p.person_id not in held
            and p.state is PairState.NEW
            and p.inflight is None
            and (p.next_try_at is None or p.next_try_at <= now)
        ]
        return [self._linked(object_mapping, p) for p in sorted(waiting, key=lambda p: p.id)[:limit]]

    def pending(self, object_mapping: ObjectMapping) -> list[Linked]:
        sent = [
            p
            for p in self._tables.pairs.values()
            if p.object_name == object_mapping.object_name and p.sf_id is None and p.inflight is not None
        ]
        return [self._linked(object_mapping, p) for p in sorted(sent, key=lambda p: p.id)]


def read(kind: Kind, stored: Value, scale: int) -> Value:
    """What a column holds; text that is not of its kind (SQLite lets it in) stays text, for the engine to refuse."""
    try:
        return canonical(kind, stored, scale)
    except InvalidValue:
        return stored
