"""What runs have done, in memory: `sync.trail.Trail`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from diptych.domain.identity import Fate, ending_of
from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import synced_object
from diptych.domain.pair import Linked, Pair, PairState
from diptych.domain.undo import Line, Side, Touch
from diptych.domain.why import Change, Decided, Delivered, Facts, Happened, Letter
from diptych.sync.ports import PairChange
from diptych.sync.trail import PairEvent, SentValue
from diptych.testing.tables import Arrival

if TYPE_CHECKING:
    from diptych.testing.store import InMemoryStore
    from diptych.testing.transaction import InMemoryTransaction


class InMemoryTrail:
    """Reads and writes the store's tables through its journal."""

    def __init__(self, store: InMemoryStore, transaction: InMemoryTransaction) -> None:
        self._store, self._transaction = store, transaction
        self._tables, self._journal = store.tables, store.journal

    # ------------------------------------------------------------ writing

    def note_arrival(self, person_id: int, run_id: int | None) -> None:
        if run_id is not None:
            self._journal.append(self._tables.arrivals, lambda n: Arrival(run_id, person_id))

    def note(self, pair: Pair, change: PairChange, run_id: int | None) -> None:
        """What a change of a pair leaves on the trail; called before it is carried out."""
        now = self._store.clock.now()
        if change.state is not None and change.state is not pair.state:
            event = PairEvent(
                pair.id,
                change.person_id,
                pair.object_name,
                pair.sf_id,
                pair.state.value,
                change.state.value,
                change.redirect_to,
                run_id,
                now,
            )
            self._journal.append(self._tables.pair_events, lambda n: event)
        if change.lift:
            outcome = "landed" if change.landed else "lifted"
            for number, one in list(self._tables.sent.items()):
                if one.pair_id == pair.id and one.outcome == "open":
                    self._journal.put(self._tables.sent, number, replace(one, outcome=outcome))
        if change.inflight is not None:
            for column, value in change.inflight.values.items():
                kept = SentValue(
                    pair.id,
                    change.person_id,
                    column,
                    change.over.get(column),
                    value,
                    change.inflight.attempt_id,
                    run_id,
                    now,
                    "open",
                )
                self._journal.append(self._tables.sent, lambda n, kept=kept: kept)  # type: ignore[misc]

    # ------------------------------------------------------------ reading

    def run_kind(self, run_id: int) -> str | None:
        run = self._tables.runs.get(run_id)
        return run.kind if run else None

    def touched_people(self, run_id: int, after: int, limit: int) -> list[int]:
        tables = self._tables
        found = {c.person_id for c in tables.change_log.values() if c.run_id == run_id}
        found |= {s.person_id for s in tables.sent.values() if s.run_id == run_id and s.outcome == "landed"}
        found |= {e.person_id for e in tables.pair_events.values() if e.run_id == run_id}
        found |= {
            a.person_id
            for a in tables.arrivals.values()
            if a.run_id == run_id and a.person_id in tables.person
        }
        return sorted(p for p in found if p > after)[:limit]

    def touches(self, run_id: int, people: Sequence[int]) -> list[Touch]:
        wanted = set(people)
        here = [
            Touch(c.person_id, c.column, c.old, c.new, Side.HERE, c.id)
            for c in self._tables.change_log.values()
            if c.run_id == run_id and c.person_id in wanted and c.column is not None
        ]
        there = [
            Touch(s.person_id, s.column, s.before, s.value, Side.THERE, pair_id=s.pair_id)
            for s in self._tables.sent.values()
            if s.run_id == run_id and s.person_id in wanted and s.outcome == "landed"
        ]
        return here + there

    def newest(self, people: Sequence[int]) -> dict[int, dict[str | None, Line]]:
        wanted = set(people)
        found: dict[int, dict[str | None, Line]] = {}
        for c in self._tables.change_log.values():
            if c.person_id in wanted:
                found.setdefault(c.person_id, {})[c.column] = Line(c.id, c.side, c.actor, c.at, c.run_id)
        return found

    def arrived(self, run_id: int, people: Sequence[int]) -> set[int]:
        came = {a.person_id for a in self._tables.arrivals.values() if a.run_id == run_id}
        return came & set(people)

    def removed(self, run_id: int, people: Sequence[int]) -> set[int]:
        went = {
            c.person_id
            for c in self._tables.change_log.values()
            if c.run_id == run_id and c.column is None and c.old is not None
        }
        return went & set(people)

    def sent(self, people: Sequence[int]) -> list[SentValue]:
        wanted = set(people)
        return [s for s in self._tables.sent.values() if s.person_id in wanted]

    def events(self, people: Sequence[int]) -> list[PairEvent]:
        wanted = set(people)
        return [e for e in self._tables.pair_events.values() if e.person_id in wanted]

    def pairs_of(self, object_mapping: ObjectMapping, people: Sequence[int]) -> list[Linked]:
        wanted = set(people)
        return [
            self._transaction._linked(object_mapping, pair)
            for _, pair in sorted(self._tables.pairs.items())
            if pair.person_id in wanted and pair.object_name == object_mapping.object_name
        ]

    def present(self, people: Sequence[int]) -> set[int]:
        return {p for p in people if p in self._tables.person}

    # ------------------------------------------------------------ why

    def known(self, person_id: int) -> bool:
        return person_id in self._tables.person or person_id in self._tables.pairs_of

    def people_by_email(self, address: str) -> list[int]:
        return [
            number
            for number, row in self._tables.person.items()
            if str(row.get("email") or "").lower() == address.lower()
        ]

    def had_email(self, address: str) -> list[tuple[int, datetime]]:
        if "@" not in address:
            return []
        return [
            (c.person_id, c.at)
            for c in self._tables.change_log.values()
            if c.column == "email" and str(c.old or "").lower() == address.lower()
        ]

    def people_by_record(self, sf_id: str) -> list[int]:
        return [p.person_id for p in self._tables.pairs.values() if p.sf_id == sf_id]

    def facts(self, person_id: int) -> Facts:
        tables = self._tables
        mine = set(tables.pairs_of.get(person_id, ()))
        name = {n: f"{tables.pairs[n].object_name} {tables.pairs[n].sf_id or ''}" for n in mine}
        now = self._store.clock.now()
        came = next((a.run_id for a in tables.arrivals.values() if a.person_id == person_id), None)
        return Facts(
            [
                Change(c.id, c.column, c.old, c.new, c.side, c.actor, c.run_id, c.at)
                for c in tables.change_log.values()
                if c.person_id == person_id
            ],
            [
                Decided(c.column, c.base, c.ours, c.theirs, c.winner, c.reason, kept.run_id, now)
                for kept in tables.conflicts.values()
                if kept.pair_id in mine and (c := kept.conflict)
            ],
            [
                Letter(k.id, k.pair_id, k.letter.column, p.message, p.cause, p.remedy, k.status, None, now)
                for k in tables.dead_letters.values()
                if k.person_id == person_id and (p := k.letter.problem)
            ],
            [
                Delivered(s.column, name.get(s.pair_id, ""), s.before, s.value, s.outcome, s.run_id, s.at)
                for s in self.sent([person_id])
            ],
            [
                Happened(
                    f"{e.object_name} {e.sf_id or ''}",
                    e.from_state,
                    e.to_state,
                    e.redirect_to,
                    e.run_id,
                    e.at,
                )
                for e in self.events([person_id])
            ],
            {number: run.kind for number, run in tables.runs.items()},
            came,
        )

    def mapping_saved(self, version: int) -> tuple[datetime, str] | None:
        found = self._tables.mappings.get(version)
        return (found[1], found[2]) if found else None

    # ------------------------------------------------------------ acts

    def remove(self, people: Sequence[int], actor: str, run_id: int) -> None:
        for person_id in people:
            person = self._tables.person[person_id]
            self._journal.put(self._tables.gone, person_id, dict(person))
            self._journal.drop(self._tables.person, person_id)
            self._log(person_id, "gone", None, actor, run_id)
            for pair_id in self._tables.pairs_of.get(person_id, ()):
                pair = self._tables.pairs[pair_id]
                self._journal.put(self._tables.pairs, pair_id, replace(pair, state=PairState.DETACHED))

    def bring_back(self, people: Sequence[int], actor: str, run_id: int) -> Mapping[int, tuple[str, ...]]:
        found: dict[int, tuple[str, ...]] = {}
        for person_id in people:
            self._journal.put(self._tables.person, person_id, dict(self._tables.gone[person_id]))
            self._log(person_id, None, "back", actor, run_id)
            ids = []
            for pair_id in self._tables.pairs_of.get(person_id, ()):
                pair = self._tables.pairs[pair_id]
                state = ending_of(pair.object_name, Fate.LIVE).state
                self._journal.put(self._tables.pairs, pair_id, replace(pair, state=state))
                if pair.sf_id is not None and synced_object(pair.object_name).two_way:
                    ids.append(pair.sf_id)
            found[person_id] = tuple(ids)
        return found

    def _log(self, person_id: int, old: str | None, new: str | None, actor: str, run_id: int) -> None:
        self._store._log(person_id, None, old, new, "ours", actor, run_id, self._store.clock.now())
