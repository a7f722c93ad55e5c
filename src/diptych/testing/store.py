"""Our database in memory: `sync.ports.Store`, and what any SQL user could do to it.

It keeps the rules of the real one (decision 0001: base is held implicitly). A `base` entry exists only where a column's
base may differ from our value; everywhere else base is our value. `edit` and `delete` act as the capture triggers do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from diptych.domain.pair import PairState
from diptych.domain.person_merge import PersonJoin
from diptych.domain.values import Value
from diptych.sync.ports import Clock, Lease, LeaseLost, StoreBusy
from diptych.testing.clock import VirtualClock
from diptych.testing.faults import Faults
from diptych.testing.journal import Journal
from diptych.testing.tables import Change, Row, Tables
from diptych.testing.transaction import InMemoryTransaction


class InMemoryStore:
    """A Store. One thread; a second transaction while one is open finds the database busy."""

    def __init__(
        self,
        clock: Clock | None = None,
        faults: Faults | None = None,
        read_csv: Callable[[str], str] | None = None,
    ) -> None:
        """`read_csv` turns the text of a cell of a snapshot page into the value (a simulation that marks values)."""
        self.clock: Clock = clock or VirtualClock()
        self.faults = faults or Faults()
        self.read_csv = read_csv
        self.tables = Tables()
        self.journal = Journal()
        self.commits = 0
        self.on_join: Callable[[PersonJoin], None] | None = None
        self.on_base: Callable[[Value, Value], None] | None = None
        """Told of each base that the engine notes: our value just before, and the new base."""

    # ------------------------------------------------------------ Store

    @contextmanager
    def transaction(self, lease: Lease | None = None) -> Iterator[Any]:
        if self.journal.open:
            raise StoreBusy("the database is locked by another transaction")
        self._check(lease)
        self.journal.begin()
        try:
            yield InMemoryTransaction(self)
            self._check(lease)
            if any(f.kind == "busy" for f in self.faults.reach("commit")):
                raise StoreBusy("the database could not be written")
        except BaseException:
            self.journal.roll_back()
            raise
        self.journal.commit()
        self.commits += 1

    def acquire_lease(self, holder: str, now: datetime, ttl_seconds: float) -> Lease | None:
        held = self.tables.lease
        if held["holder"] not in (None, holder) and held["until"] > now:
            return None
        epoch = held["epoch"] + 1
        self.tables.lease = {"holder": holder, "epoch": epoch, "until": now + timedelta(seconds=ttl_seconds)}
        return Lease(holder, epoch)

    def renew_lease(self, lease: Lease, now: datetime, ttl_seconds: float) -> None:
        self._check(lease)
        self.tables.lease = {**self.tables.lease, "until": now + timedelta(seconds=ttl_seconds)}

    def release_lease(self, lease: Lease) -> None:
        held = self.tables.lease
        if held["epoch"] == lease.epoch and held["holder"] == lease.holder:
            self.tables.lease = {**held, "holder": None, "until": None}

    def _check(self, lease: Lease | None) -> None:
        held = self.tables.lease
        if lease is not None and (held["epoch"] != lease.epoch or held["holder"] != lease.holder):
            raise LeaseLost(f"{lease.holder} held epoch {lease.epoch}; it is now {held['epoch']}")

    # ------------------------------------------------------------ what a SQL user does

    def insert(self, **values: Value) -> int:
        """INSERT INTO person; its id. A person made here stays ours only."""
        with self._writing():
            return self._new_person(values)

    def edit(self, person_id: int, column: str, value: Value, actor: str = "sql") -> None:
        """UPDATE person SET column = value WHERE id = person_id."""
        self.edit_row(person_id, {column: value}, actor)

    def edit_row(self, person_id: int, values: Mapping[str, Value], actor: str = "sql") -> None:
        """UPDATE of several columns of one person in one statement."""
        with self._writing():
            for column in values:
                self._known_column("person", column)
            person = self.tables.person[person_id]
            changed = {c: v for c, v in values.items() if _differs(person.get(c), v)}
            for column in changed:
                self._materialise(person_id, column, person.get(column))
            self._write_person(person_id, changed, "ours", actor, None, self.clock.now())

    def delete(self, person_id: int) -> None:
        """DELETE FROM person: its pairs are detached, Salesforce is left alone."""
        with self._writing():
            self.journal.drop(self.tables.person, person_id)
            for pair_id in self.tables.pairs_of.get(person_id, ()):
                pair = self.tables.pairs[pair_id]
                kept = pair.inflight if pair.sf_id is None else None  # its record may still turn up
                self.journal.put(
                    self.tables.pairs, pair_id, replace(pair, state=PairState.DETACHED, inflight=kept)
                )
                self.journal.drop(self.tables.base, pair_id)
                self.journal.drop(self.tables.standing, pair_id)

    def person(self, person_id: int) -> Row | None:
        """The row as SELECT shows it; None when there is none."""
        found = self.tables.person.get(person_id)
        return dict(found) if found is not None else None

    def people(self) -> list[Row]:
        return [dict(row) for row in self.tables.person.values()]

    def mirror_row(self, table: str, sf_id: str) -> Row | None:
        """A row of an inbound-only table, by Salesforce id."""
        found = self.tables.mirrors.get((table, sf_id))
        return dict(found) if found is not None else None

    def changes(self, person_id: int) -> list[Change]:
        """The change log of one person, oldest first."""
        return [c for c in self.tables.change_log.values() if c.person_id == person_id]

    # ------------------------------------------------------------ shared with the transaction

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self.journal.open:
            raise StoreBusy("the database is locked by another transaction")
        self.journal.begin()
        try:
            yield
        except BaseException:
            self.journal.roll_back()
            raise
        self.journal.commit()

    def _known_column(self, table: str, column: str) -> None:
        if (table, column) not in self.tables.columns:
            raise KeyError(f"table {table} has no column {column}")

    def _new_person(self, values: Mapping[str, Value], **system: Any) -> int:
        for column in values:
            self._known_column("person", column)
        number = self.tables.numbers.get("person", 0) + 1
        self.journal.put(self.tables.numbers, "person", number)
        now = self.clock.now()
        row: Row = {
            "id": number,
            "salesforce_id": None,
            "salesforce_type": None,
            "salesforce_deleted": False,
            "link_state": "none",
            "created_at": now,
            "updated_at": now,
            **{column: None for table, column in self.tables.columns if table == "person"},
            **values,
            **system,
        }
        self.journal.put(self.tables.person, number, row)
        return number

    def _materialise(self, person_id: int, column: str, old: Value, besides: int | None = None) -> None:
        """Note `old` as the base of the column for every pair of the person that has no other base noted."""
        for pair_id in self.tables.pairs_of.get(person_id, ()):
            noted = self.tables.base.get(pair_id, {})
            if column not in noted and pair_id != besides:
                self.journal.put(self.tables.base, pair_id, {**noted, column: old})

    def _write_person(
        self,
        person_id: int,
        changed: Mapping[str, Value],
        side: str,
        actor: str,
        run_id: int | None,
        at: datetime,
    ) -> None:
        if not changed:
            return
        person = self.tables.person[person_id]
        for column, value in changed.items():
            self._log(person_id, column, person.get(column), value, side, actor, run_id, at)
        self.journal.put(self.tables.person, person_id, {**person, **changed, "updated_at": self.clock.now()})

    def _log(
        self,
        person_id: int,
        column: str | None,
        old: Value,
        new: Value,
        side: str,
        actor: str,
        run_id: int | None,
        at: datetime,
    ) -> None:
        self.journal.append(
            self.tables.change_log,
            lambda n: Change(n, person_id, column, old, new, side, actor, run_id, at),
        )


def _differs(old: Value, new: Value) -> bool:
    """A different stored value; 1 and True are the same in SQL too."""
    return old != new or (old is None) != (new is None)
