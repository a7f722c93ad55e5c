"""One atomic unit over the store in memory: `sync.ports.Transaction`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from diptych.domain.causes import HELD
from diptych.domain.mapping import Direction, ObjectMapping, Policy, observe
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.objects import synced_object
from diptych.domain.pair import Linked, Observation, Pair, PairState, Record, Standing, primary
from diptych.domain.person_merge import HeldPerson, PersonJoin, SplitPlan, StoredJoin
from diptych.domain.policies import owing
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import InvalidValue, Kind, Value, canonical, full_id, parse_instant
from diptych.sync.ports import (
    NOT_VISIBLE,
    SENDING,
    Conflict,
    DeadLetter,
    FeedCursor,
    MirrorCount,
    PageLoad,
    PairChange,
    SnapshotPage,
    SnapshotProgress,
    Step,
    StoredDeadLetter,
)
from diptych.testing import joining, standing
from diptych.testing.actions import InMemoryActions, InMemorySuppressions
from diptych.testing.causes import InMemoryCauses
from diptych.testing.creations import Creations
from diptych.testing.mapping_log import InMemoryMappingLog
from diptych.testing.tables import KeptConflict, Run
from diptych.testing.trail import InMemoryTrail

if TYPE_CHECKING:
    from diptych.testing.store import InMemoryStore


class InMemoryTransaction(Creations):
    """Made by `InMemoryStore.transaction`; the store's journal undoes it."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store
        self._tables = store.tables
        self._journal = store.journal

    @property
    def trail(self) -> InMemoryTrail:
        return InMemoryTrail(self._store, self)

    @property
    def actions(self) -> InMemoryActions:
        return InMemoryActions(self._store)

    @property
    def suppressions(self) -> InMemorySuppressions:
        return InMemorySuppressions(self._store)

    @property
    def mappings(self) -> InMemoryMappingLog:
        return InMemoryMappingLog(self, self._tables)

    def mapping(self) -> FieldMappings:
        newest = next(reversed(self._tables.mappings.values()), None)
        return newest[0] if newest else FieldMappings(0, ())

    # ------------------------------------------------------------ inbound

    def linked(self, object_mapping: ObjectMapping, sf_ids: Sequence[str]) -> dict[str, Linked]:
        found = {}
        for sf_id in dict.fromkeys(sf_ids):
            pair_id = self._tables.pair_of.get((object_mapping.object_name, sf_id))
            if pair_id is not None:
                found[sf_id] = self._linked(object_mapping, self._tables.pairs[pair_id])
        return found

    def _linked(self, object_mapping: ObjectMapping, pair: Pair) -> Linked:
        person = self._tables.person.get(pair.person_id)
        if person is None:
            return Linked(pair, {}, {})
        noted = self._tables.base.get(pair.id, {})
        ours = {f.column: _read(f.kind, person.get(f.column), f.scale) for f in object_mapping.fields}
        base = {
            f.column: _read(f.kind, noted[f.column], f.scale) if f.column in noted else ours[f.column]
            for f in object_mapping.fields
        }
        found = Linked(
            pair,
            ours,
            base,
            self._parked(pair.id),
            standing=standing.of_pair(self._store, object_mapping, pair),
        )
        return replace(found, edited_at=self._edited_at(object_mapping, found))

    def _edited_at(self, object_mapping: ObjectMapping, linked: Linked) -> dict[str, datetime]:
        asking = {f.column for f in object_mapping.fields if f.policy is Policy.MOST_RECENT}
        wanted = asking & linked.dirty.keys() if asking else set()
        return {
            c.column: c.at.replace(microsecond=0)
            for c in (self._tables.change_log.values() if wanted else ())
            if c.person_id == linked.pair.person_id and c.column in wanted
        }

    def _parked(self, pair_id: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for kept in self._held_letters(pair_id):
            column, ours = kept.letter.column, kept.letter.ours
            found.update(ours if column is None else {column: ours.get(column)})
        return found

    def _held_letters(self, pair_id: int) -> list[StoredDeadLetter]:
        letters = [self._tables.dead_letters[n] for n in self._tables.letters_of.get(pair_id, ())]
        return [kept for kept in letters if kept.status in HELD]

    def add_people(
        self, object_mapping: ObjectMapping, observations: Sequence[Observation], run_id: int | None
    ) -> None:
        for seen in observations:
            self.trail.note_arrival(self._add_person(object_mapping, seen), run_id)

    def _add_person(self, object_mapping: ObjectMapping, seen: Observation) -> int:
        record, name = seen.record, object_mapping.object_name
        if (name, record.sf_id) in self._tables.pair_of:
            raise ValueError(f"{name} {record.sf_id} has a pair already")
        kind = synced_object(name).salesforce_type
        link_state = "converted" if record.converted else kind or "none"
        person_id = self._store._new_person(
            seen.values, salesforce_id=record.sf_id, salesforce_type=kind, link_state=link_state
        )
        self.add_pair(person_id, object_mapping, record)
        return person_id

    def add_pair(self, person_id: int, object_mapping: ObjectMapping, record: Record) -> Pair:
        """A pair of that record for the person; base is what the person holds."""
        number = self._tables.numbers.get("pair", 0) + 1
        self._journal.put(self._tables.numbers, "pair", number)
        pair = Pair(
            number,
            person_id,
            object_mapping.object_name,
            record.sf_id,
            None,
            PairState.CONVERTED if record.converted else PairState.PAIRED,
            record.modstamp,
            record.read_at,
            object_mapping.version,
        )
        self._journal.put(self._tables.pairs, number, pair)
        self._journal.put(self._tables.pair_of, (pair.object_name, record.sf_id), number)
        self._journal.put(
            self._tables.pairs_of, person_id, (*self._tables.pairs_of.get(person_id, ()), number)
        )
        return pair

    def load_page(
        self,
        object_mapping: ObjectMapping,
        page: SnapshotPage,
        read_at: datetime,
        run_id: int | None = None,
        held_back: frozenset[str] = frozenset(),
    ) -> PageLoad:
        two_way = synced_object(object_mapping.object_name).two_way
        table = synced_object(object_mapping.object_name).table
        inserted, known = 0, []
        for row in csv.DictReader(io.StringIO(page.content.decode(), newline="")):
            record = self._record(page.object_name, row, read_at)
            if two_way:
                here = (page.object_name, record.sf_id) in self._tables.pair_of
                if here or record.converted or record.sf_id in held_back:
                    known.append(record)
                    continue
                seen = observe(object_mapping, record)
                if self.suppressions.withhold(object_mapping, [seen], run_id):
                    continue
                person_id = self._add_person(object_mapping, seen)
                self.trail.note_arrival(person_id, run_id)
            else:
                if (table, record.sf_id) in self._tables.mirrors:
                    known.append(record)
                    continue
                self._mirror_row(table, observe(object_mapping, record))
            inserted += 1
        return PageLoad(inserted, tuple(known))

    def _record(self, object_name: str, row: Mapping[str, str], read_at: datetime) -> Record:
        def moment(name: str) -> datetime | None:
            return parse_instant(row[name]) if row.get(name) else None

        read_csv = self._store.read_csv or (lambda text: text)
        return Record(
            object_name,
            full_id(row["Id"]),
            parse_instant(row["SystemModstamp"]),
            read_at,
            moment("LastModifiedDate"),
            row.get("LastModifiedById") or None,
            deleted=row.get("IsDeleted") == "true",
            master_id=row.get("MasterRecordId") or None,
            converted=row.get("IsConverted") == "true",
            converted_contact_id=row.get("ConvertedContactId") or None,
            fields={name: read_csv(text) if text else None for name, text in row.items()},
        )

    def mirror(self, object_mapping: ObjectMapping, observations: Sequence[Observation]) -> MirrorCount:
        table = synced_object(object_mapping.object_name).table
        new = updated = deleted = skipped = 0
        for seen in observations:
            record = seen.record
            row = self._tables.mirrors.get((table, record.sf_id))
            if row is None and not record.deleted:
                self._mirror_row(table, seen)
                new += 1
            elif row is None or record.modstamp < row["salesforce_modstamp"]:
                skipped += 1
            elif record.deleted:
                self._journal.put(
                    self._tables.mirrors,
                    (table, record.sf_id),
                    {**row, "salesforce_deleted": True, "salesforce_modstamp": record.modstamp},
                )
                deleted += not row["salesforce_deleted"]
                skipped += row["salesforce_deleted"]
            else:
                after = {
                    **row,
                    **seen.values,
                    "salesforce_deleted": False,
                    "salesforce_modstamp": record.modstamp,
                }
                changed = {k: v for k, v in after.items() if k != "salesforce_modstamp"} != {
                    k: v for k, v in row.items() if k != "salesforce_modstamp"
                }
                updated += changed
                skipped += not changed
                self._journal.put(self._tables.mirrors, (table, record.sf_id), after)
        return MirrorCount(new, updated, deleted, skipped)

    def _mirror_row(self, table: str, seen: Observation) -> None:
        for column in seen.values:
            self._store._known_column(table, column)
        number = self._tables.numbers.get(table, 0) + 1
        self._journal.put(self._tables.numbers, table, number)
        row: dict[str, Any] = {
            "id": number,
            "salesforce_id": seen.record.sf_id,
            "salesforce_deleted": False,
            "salesforce_modstamp": seen.record.modstamp,
            **{column: None for t, column in self._tables.columns if t == table},
            **seen.values,
        }
        self._journal.put(self._tables.mirrors, (table, seen.record.sf_id), row)

    def save(self, changes: Sequence[PairChange], run_id: int | None) -> None:
        for change in changes:
            self._save(change, run_id)

    def _save(self, change: PairChange, run_id: int | None) -> None:
        pair = self._tables.pairs[change.pair_id]
        person = self._tables.person.get(change.person_id)
        if person is not None:
            self._save_values(change, person, run_id)
        self.trail.note(pair, change, run_id)
        self._journal.put(self._tables.pairs, pair.id, _changed_pair(pair, change))
        if person is not None:
            self._save_link(change)
        for conflict in change.conflicts:
            self._journal.append(self._tables.conflicts, partial(_conflict, pair.id, run_id, conflict))
        for kept in self._held_letters(pair.id):
            column = kept.letter.column
            if change.clear_dead_letters or (column is not None and column in change.clear_columns):
                self._close(kept.id, "resolved")
            elif any(letter.column == column for letter in change.dead_letters):
                self._close(kept.id, "replaced")
        for letter in change.dead_letters:
            number = self._journal.append(
                self._tables.dead_letters, partial(_dead_letter, pair, letter, self._store.clock.now())
            )
            numbers = (*self._tables.letters_of.get(pair.id, ()), number)
            self._journal.put(self._tables.letters_of, pair.id, numbers)

    def _save_values(self, change: PairChange, person: dict[str, Any], run_id: int | None) -> None:
        for column in (*change.ours, *change.base):
            self._store._known_column("person", column)
        told = self._store.on_base
        if told is not None:
            for column, value in change.base.items():
                told(person.get(column), value)
        changed = {c: v for c, v in change.ours.items() if person.get(c) != v}
        for column in changed:
            self._store._materialise(change.person_id, column, person.get(column))
        actor, at = change.history_by or "salesforce", change.history_at or self._store.clock.now()
        side = "salesforce"
        if change.edited_by:
            side, actor, at = "ours", change.edited_by, self._store.clock.now()
        self._store._write_person(change.person_id, changed, side, actor, run_id, at)
        if not change.edited_by:
            standing.came_from(self._store, self._tables.pairs[change.pair_id], changed)
        if change.base:
            noted = {**self._tables.base.get(change.pair_id, {}), **change.base}
            self._journal.put(self._tables.base, change.pair_id, noted)
        self._tidy(change.person_id, (*changed, *change.base))

    def _save_link(self, change: PairChange) -> None:
        """What the person's row says of Salesforce: of several pairs the primary one is told."""
        told = (("salesforce_deleted", change.salesforce_deleted), ("link_state", change.link_state))
        system: dict[str, Any] = {name: value for name, value in told if value is not None}
        mine = [self._tables.pairs[n] for n in self._tables.pairs_of.get(change.person_id, ())]
        if len(mine) > 1 and (system or change.state is not None):
            chosen = primary(mine)
            if chosen is None or chosen.id != change.pair_id:
                system = _told_by(chosen) if chosen is not None else {}
            if chosen is not None:
                kind = synced_object(chosen.object_name).salesforce_type
                system |= {"salesforce_id": chosen.sf_id, "salesforce_type": kind}
        if len(mine) > 1 and (change.link_state is not None or change.state is not None):
            standing.settle(self._store, change.person_id)
        now = self._tables.person[change.person_id]
        if any(now[name] != value for name, value in system.items()):
            self._journal.put(self._tables.person, change.person_id, {**now, **system})

    def _tidy(self, person_id: int, columns: Sequence[str]) -> None:
        """Forget noted bases that equal our value: they are implied."""
        person = self._tables.person[person_id]
        for pair_id in self._tables.pairs_of.get(person_id, ()):
            noted = self._tables.base.get(pair_id, {})
            equal = [c for c in columns if c in noted and noted[c] == person.get(c)]
            if equal:
                kept = {c: v for c, v in noted.items() if c not in equal}
                self._journal.put(self._tables.base, pair_id, kept)
                for column in equal:
                    standing.mark(self._store, pair_id, column, None)

    def _close(self, number: int, status: str) -> None:
        kept = self._tables.dead_letters[number]
        self._journal.put(self._tables.dead_letters, number, replace(kept, status=status))

    # ------------------------------------------------------------ people joined and taken apart

    def held_people(self, ids: Sequence[int]) -> dict[int, HeldPerson]:
        return joining.held_people(self._store, ids)

    def open_pair(
        self,
        person_id: int,
        object_mapping: ObjectMapping,
        observation: Observation,
        state: PairState = PairState.PAIRED,
        redirect_to: str | None = None,
    ) -> Pair:
        if (object_mapping.object_name, observation.record.sf_id) in self._tables.pair_of:
            raise ValueError(f"{object_mapping.object_name} {observation.record.sf_id} has a pair already")
        made = replace(
            self.add_pair(person_id, object_mapping, observation.record), state=state, redirect_to=redirect_to
        )
        self._journal.put(self._tables.pairs, made.id, made)
        return joining.opened(self._store, made, observation)

    def open_ended(
        self, object_mapping: ObjectMapping, ended: Sequence[tuple[int, Observation, str]], state: PairState
    ) -> None:
        for person_id, seen, became in ended:
            self.open_pair(person_id, object_mapping, seen, state, became)

    def redirected_to(self, sf_ids: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for pair in self._tables.pairs.values():
            if pair.redirect_to in sf_ids and pair.state is not PairState.DETACHED:
                found.setdefault(str(pair.redirect_to), pair.person_id)
        return found

    def join_people(self, join: PersonJoin, run_id: int | None) -> int:
        return joining.join_people(self._store, join, run_id)

    def keep_last_values(self, person: HeldPerson, detail: str, run_id: int | None) -> None:
        joining.keep_last_values(self._store, person, detail, run_id)

    def joins(self, person_id: int) -> list[StoredJoin]:
        return joining.joins(self._store, person_id)

    def joins_of_run(self, run_id: int) -> list[StoredJoin]:
        return [j for _, j in sorted(self._tables.joins.items(), reverse=True) if j.run_id == run_id]

    def part_pair(self, pair_id: int, object_mapping: ObjectMapping, observation: Observation) -> int:
        return joining.part_pair(self._store, pair_id, observation)

    def split_person(self, split: SplitPlan, run_id: int | None) -> int:
        return joining.split_person(self._store, split, run_id)

    # ------------------------------------------------------------ dead letters

    def dead_letter(self, letter_id: int) -> StoredDeadLetter | None:
        return self._tables.dead_letters.get(letter_id)

    def close_dead_letter(self, letter_id: int, status: str, now: datetime) -> None:
        self._close(letter_id, status)

    @property
    def causes(self) -> InMemoryCauses:
        return InMemoryCauses(self._tables)

    # ------------------------------------------------------------ outbound and comparison

    def owed(self, object_mapping: ObjectMapping, now: datetime, after_pair: int, limit: int) -> list[Linked]:
        found: list[Linked] = []
        for pair_id in sorted(p for p, noted in self._tables.base.items() if noted and p > after_pair):
            pair = self._tables.pairs[pair_id]
            if (
                pair.object_name != object_mapping.object_name
                or pair.state not in (PairState.PAIRED, PairState.PARKED)
                or pair.inflight is not None
                or (pair.next_try_at is not None and pair.next_try_at > now)
            ):
                continue
            linked = self._linked(object_mapping, pair)
            waiting = owing(object_mapping, linked)
            if any(c not in linked.parked or linked.parked[c] != v for c, v in waiting.items()):
                found.append(linked)
                if len(found) == limit:
                    break
        return found

    def moot(self, object_mapping: ObjectMapping, now: datetime, limit: int) -> list[str]:
        found: dict[int, str] = {}
        for kept in self._tables.dead_letters.values():
            pair, letter = self._tables.pairs[kept.pair_id], kept.letter
            if (
                kept.status in HELD
                and letter.operation in SENDING
                and letter.problem.code != NOT_VISIBLE
                and pair.object_name == object_mapping.object_name
                and pair.state in (PairState.PAIRED, PairState.PARKED)
                and pair.inflight is None
                and (pair.next_try_at is None or pair.next_try_at <= now)
            ):
                linked = self._linked(object_mapping, pair)
                mapped, differing = letter.column in linked.ours, _differing(object_mapping, linked)
                if (
                    (mapped and letter.column not in differing)
                    if letter.column is not None
                    else not differing
                ):
                    found[pair.id] = str(pair.sf_id)
        return [found[number] for number in sorted(found)][:limit]

    def fenced(self, object_mapping: ObjectMapping, limit: int) -> list[Linked]:
        waiting = [
            p
            for p in self._tables.pairs.values()
            if p.inflight is not None and p.object_name == object_mapping.object_name
        ]
        waiting.sort(key=lambda p: (p.inflight.sent_at, p.id) if p.inflight else (None, p.id))
        return [self._linked(object_mapping, p) for p in waiting[:limit]]

    def mirrored(self, object_mapping: ObjectMapping, sf_ids: Sequence[str]) -> dict[str, dict[str, Value]]:
        table = synced_object(object_mapping.object_name).table
        found = {}
        for sf_id in sf_ids:
            row = self._tables.mirrors.get((table, sf_id))
            if row is not None and not row["salesforce_deleted"]:
                found[sf_id] = {
                    f.column: _read(f.kind, row.get(f.column), f.scale) for f in object_mapping.fields
                }
        return found

    def related(
        self, object_mapping: ObjectMapping, column: str, values: Sequence[str], after: str, limit: int
    ) -> list[str]:
        wanted = set(values)
        found = (
            sf_id
            for (name, sf_id), pair_id in self._tables.pair_of.items()
            if name == object_mapping.object_name
            and sf_id > after
            and self._tables.pairs[pair_id].state in (PairState.PAIRED, PairState.PARKED)
            and (self._tables.person.get(self._tables.pairs[pair_id].person_id) or {}).get(column) in wanted
        )
        return sorted(found)[:limit]

    def live_ids(self, object_name: str, after: str, limit: int) -> list[str]:
        return self._ids(object_name, after, limit, (PairState.PAIRED,))

    def held_ids(self, object_name: str, after: str, limit: int) -> list[str]:
        there = (PairState.PAIRED, PairState.PARKED, PairState.CONVERTED, PairState.DETACHED)
        return self._ids(object_name, after, limit, there)

    def ended_ids(self, object_name: str, after: str, until: str, limit: int) -> list[str]:
        if not synced_object(object_name).two_way:
            return []
        states = (PairState.TOMBSTONED, PairState.REDIRECTED)
        every = self._ids(object_name, after, len(self._tables.pairs), states)
        return [sf_id for sf_id in every if not until or sf_id <= until][:limit]

    def awaited_ids(self, object_name: str, after: str, limit: int) -> list[str]:
        if not synced_object(object_name).two_way:
            return []
        found = set(self._ids(object_name, after, len(self._tables.pairs), (PairState.HIDDEN,)))
        for pair in self._tables.pairs.values():
            same = pair.object_name == object_name and pair.state is PairState.REDIRECTED
            ended = (PairState.REDIRECTED, PairState.DETACHED)
            converted = object_name == "Contact" and pair.object_name == "Lead" and pair.state not in ended
            person = self._tables.person.get(pair.person_id)
            if (same or converted) and person is not None and not person["salesforce_deleted"]:
                to = pair.redirect_to
                if to is not None and to > after and (object_name, to) not in self._tables.pair_of:
                    found.add(to)
        return sorted(found)[:limit]

    def _ids(self, object_name: str, after: str, limit: int, states: tuple[PairState, ...]) -> list[str]:
        known = synced_object(object_name)
        if known.two_way:
            ids = [
                sf_id
                for (name, sf_id), pair_id in self._tables.pair_of.items()
                if name == object_name and self._tables.pairs[pair_id].state in states
            ]
        else:
            ids = [
                sf_id
                for (table, sf_id), row in self._tables.mirrors.items()
                if table == known.table and not row["salesforce_deleted"]
            ]
        return sorted(i for i in ids if i > after)[:limit]

    # ------------------------------------------------------------ cursors and ledger

    def feed_cursor(self, object_name: str) -> FeedCursor | None:
        return self._tables.cursors.get(object_name)

    def save_feed_cursor(self, cursor: FeedCursor) -> None:
        self._journal.put(self._tables.cursors, cursor.object_name, cursor)

    def snapshot(self, object_name: str) -> SnapshotProgress | None:
        return self._tables.snapshots.get(object_name)

    def save_snapshot(self, progress: SnapshotProgress) -> None:
        self._journal.put(self._tables.snapshots, progress.object_name, progress)

    def open_run(self, kind: str, now: datetime) -> int:
        for number, run in list(self._tables.runs.items()):
            if run.kind == kind and run.ended_at is None:
                self._journal.put(self._tables.runs, number, replace(run, status="Cleaned up", ended_at=now))
        return self._journal.append(self._tables.runs, lambda n: Run(n, kind, "In Process", now))

    def close_run(self, run_id: int, status: str, now: datetime, error: str | None = None) -> None:
        run = self._tables.runs[run_id]
        self._journal.put(self._tables.runs, run_id, replace(run, status=status, ended_at=now, error=error))

    def add_step(self, run_id: int, step: Step) -> None:
        if run_id not in self._tables.runs:
            raise KeyError(f"there is no run {run_id}")
        self._journal.append(self._tables.steps, lambda n: (run_id, step))

    # ------------------------------------------------------------ schema, mapping, settings

    def schema(self, object_name: str) -> ObjectDescription | None:
        return self._tables.schemas.get(object_name)

    def save_schema(self, description: ObjectDescription, now: datetime) -> None:
        self._journal.put(self._tables.schemas, description.name, description)

    def save_mapping(self, mapping: FieldMappings, now: datetime, reason: str) -> None:
        if mapping.version in self._tables.mappings:
            raise ValueError(f"mapping version {mapping.version} exists already")
        self._journal.put(self._tables.mappings, mapping.version, (mapping, now, reason))

    def provision(self, mapping: FieldMappings) -> list[str]:
        made = []
        for mapped in mapping.fields:
            key = (mapped.table, mapped.column)
            if key not in self._tables.columns:
                self._journal.put(self._tables.columns, key, None)
                made.append(mapped.column)
        return made

    def setting(self, name: str) -> str | None:
        return self._tables.settings.get(name)

    def save_setting(self, name: str, value: str | None) -> None:
        if value is None:
            self._journal.drop(self._tables.settings, name)
        else:
            self._journal.put(self._tables.settings, name, value)


def _differing(object_mapping: ObjectMapping, linked: Linked) -> set[str]:
    """Columns whose base is not ours, except where another record's value counts."""
    inbound = {f.column for f in object_mapping.fields if f.direction is Direction.INBOUND}
    apart = {c for c, s in linked.standing.items() if s is not Standing.LEFT and c in inbound}
    return set(linked.dirty) - apart


def _changed_pair(pair: Pair, change: PairChange) -> Pair:
    return replace(
        pair,
        state=change.state or pair.state,
        seen_modstamp=change.seen_modstamp or pair.seen_modstamp,
        seen_at=change.seen_at or pair.seen_at,
        inflight=change.inflight or (None if change.lift else pair.inflight),
        redirect_to=None if change.forget_redirect else change.redirect_to or pair.redirect_to,
        attempts=pair.attempts if change.attempts is None else change.attempts,
        next_try_at=change.next_try_at or pair.next_try_at,
    )


def _conflict(pair_id: int, run_id: int | None, conflict: Conflict, number: int) -> KeptConflict:
    return KeptConflict(number, pair_id, run_id, conflict)


def _dead_letter(pair: Pair, letter: DeadLetter, at: datetime, number: int) -> StoredDeadLetter:
    return StoredDeadLetter(number, pair.id, pair.person_id, pair.object_name, "open", letter, at)


def _told_by(chosen: Pair) -> dict[str, Any]:
    """What a person's row says when its primary pair is one that has not changed itself."""
    if chosen.state is PairState.HIDDEN:
        return {"salesforce_deleted": False, "link_state": "out_of_scope"}
    if chosen.state is PairState.PAIRED:
        kind = synced_object(chosen.object_name).salesforce_type
        return {"salesforce_deleted": False, "link_state": kind or "none"}
    return {"salesforce_deleted": False} if chosen.state is PairState.PARKED else {}


def _read(kind: Kind, stored: Value, scale: int) -> Value:
    """What a column holds; text that is not of its kind (SQLite lets it in) stays text, for the engine to refuse."""
    try:
        return canonical(kind, stored, scale)
    except InvalidValue:
        return stored
