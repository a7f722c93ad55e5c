"""Both sides in memory and an engine between them, for scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from diptych.domain.mapping import Direction, FieldMapping, Mapping, Policy
from diptych.domain.pair import Pair
from diptych.domain.values import Kind
from diptych.sync import crashpoint
from diptych.sync.cycle import run_cycle
from diptych.sync.engine import Engine, Options
from diptych.sync.ports import Lease, StoredDeadLetter
from diptych.sync.report import CycleReport
from diptych.testing import Crash, Fault, Faults, InMemoryOrg, InMemoryStore, OpenBudget, VirtualClock


def person_field(
    object_name: str,
    field: str,
    column: str,
    kind: Kind = Kind.TEXT,
    direction: Direction = Direction.BOTH,
    policy: Policy = Policy.SALESFORCE,
    **more: Any,
) -> FieldMapping:
    return FieldMapping(object_name, field, "person", column, kind, direction, policy, **more)


LEAD_FIELDS = (
    person_field("Lead", "FirstName", "first_name", length=40),
    person_field("Lead", "LastName", "last_name", length=80, nillable=False),
    person_field("Lead", "City", "city"),
    person_field("Lead", "Title", "title", policy=Policy.OURS),
    person_field("Lead", "Phone", "phone", direction=Direction.INBOUND),
    person_field("Lead", "Fax", "fax", direction=Direction.OUTBOUND),
    person_field("Lead", "State", "state", policy=Policy.ASK),
    person_field("Lead", "NumberOfEmployees", "number_of_employees", Kind.INTEGER),
    person_field("Lead", "HasOptedOutOfEmail", "unsubscribed", Kind.BOOLEAN, nillable=False),
)
CONTACT_FIELDS = (
    person_field("Contact", "FirstName", "first_name"),
    person_field("Contact", "LastName", "last_name", nillable=False),
    person_field("Contact", "MailingCity", "city"),
)
ACCOUNT_FIELDS = (
    FieldMapping(
        "Account", "Name", "company", "name", Kind.TEXT, Direction.INBOUND, Policy.SALESFORCE, length=255
    ),
)
OPTIONS = Options(
    feed_rows=3,
    snapshot_rows=2,
    batch=3,
    settle_seconds=1.0,
    overlap=timedelta(minutes=15),
    zombie_max=timedelta(minutes=15),
)


class World:
    """Salesforce users act on `sf`, SQL users on `store`, the engine by `cycle`."""

    def __init__(self, options: Options = OPTIONS, fields: Iterable[FieldMapping] | None = None) -> None:
        self.clock = VirtualClock()
        self.faults = Faults()
        self.store = InMemoryStore(self.clock, self.faults)
        self.org = InMemoryOrg(self.clock, self.faults, seconds_per_call=0.25)
        self.sf = self.org.records
        self.budget = OpenBudget()
        self.options = options
        mapping = Mapping(1, tuple(fields or (*ACCOUNT_FIELDS, *CONTACT_FIELDS, *LEAD_FIELDS)))
        with self.store.transaction() as tx:
            tx.provision(mapping)
            tx.save_mapping(mapping, self.clock.now(), "test")
        self.engine = self.new_engine()

    def new_engine(self) -> Engine:
        return Engine(self.org, self.store, self.clock, self.budget, self.options)

    def lease(self, holder: str = "engine") -> Lease:
        lease = self.store.acquire_lease(holder, self.clock.now(), 120)
        assert lease is not None
        return lease

    def cycle(self, minutes: float = 1) -> CycleReport:
        """One cycle, some time after the last one."""
        self.clock.advance(minutes * 60)
        crashpoint.hook = self.faults.crashpoint
        try:
            return run_cycle(self.engine, self.lease())
        finally:
            crashpoint.hook = None

    def cycles(self, number: int, minutes: float = 1) -> CycleReport:
        for _ in range(number):
            report = self.cycle(minutes)
        return report

    def ready(self) -> World:
        """The initial load is complete, and its overlap over."""
        self.cycles(6)
        assert all(progress.state == "complete" for progress in self.store.tables.snapshots.values())
        self.cycle(20)
        self.faults.arm([])
        return self

    def crash(self, *plan: Fault, minutes: float = 1) -> bool:
        """A cycle under a plan of faults; whether the process ended in it. A new engine takes over then."""
        self.faults.arm(plan)
        try:
            self.cycle(minutes)
        except Crash:
            self.engine = self.new_engine()
            return True
        finally:
            self.faults.arm([])
        return False

    def lead(self, last_name: str = "Lee", **values: Any) -> str:
        return self.sf.create("Lead", LastName=last_name, Company="Acme", **values)

    def pair(self, sf_id: str, object_name: str = "Lead") -> Pair:
        return self.store.tables.pairs[self.store.tables.pair_of[(object_name, sf_id)]]

    def person(self, sf_id: str, object_name: str = "Lead") -> dict[str, Any]:
        found = self.store.person(self.pair(sf_id, object_name).person_id)
        assert found is not None
        return found

    def edit(self, sf_id: str, **values: Any) -> None:
        self.store.edit_row(self.pair(sf_id).person_id, values)

    def there(self, sf_id: str, object_name: str = "Lead") -> dict[str, Any]:
        return dict(self.sf.rows[object_name][sf_id].values)

    def letters(self) -> list[StoredDeadLetter]:
        return [kept for kept in self.store.tables.dead_letters.values() if kept.status == "open"]

    def conflicts(self) -> list[Any]:
        return [kept.conflict for kept in self.store.tables.conflicts.values()]

    def writes(self, sf_id: str | None = None) -> list[dict[str, Any]]:
        return [dict(w.values) for w in self.org.received if sf_id in (None, w.sf_id)]

    def remap(self, change: Callable[[FieldMapping], FieldMapping | None]) -> None:
        """The next mapping version, as an administrator saves it."""
        with self.store.transaction() as tx:
            mapping = tx.mapping()
            fields = [new for f in mapping.fields if (new := change(f)) is not None]
            tx.save_mapping(mapping.with_fields(fields), self.clock.now(), "test")

    def add_field(self, mapped: FieldMapping) -> None:
        with self.store.transaction() as tx:
            mapping = tx.mapping()
            tx.save_mapping(mapping.with_fields((*mapping.fields, mapped)), self.clock.now(), "test")


def with_direction(column: str, direction: Direction) -> Callable[[FieldMapping], FieldMapping]:
    return lambda f: replace(f, direction=direction) if f.column == column else f
