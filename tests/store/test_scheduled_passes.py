"""The passes that run by themselves, over the real store on both databases: what they keep between slices, and what they find."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from diptych.domain.mapping import Direction, Mapping
from diptych.store import SqlStore
from diptych.sync import crashpoint
from diptych.sync.cycle import run_cycle
from diptych.sync.engine import Engine
from diptych.sync.repair import passes
from diptych.sync.repair.reconcile import reconciled
from diptych.testing import Crash, Fault, Faults, InMemoryOrg, OpenBudget, VirtualClock
from diptych.testing.org_schema import field
from tests.store.sql_user import SqlUser
from tests.sync.world import ACCOUNT_FIELDS, CONTACT_FIELDS, LEAD_FIELDS, OPTIONS, person_field

HOURLY = timedelta(hours=1)
EVERY = replace(
    OPTIONS,
    batch=4,
    sweep_pages=1,
    snapshot_rows=4,
    verify_every=HOURLY * 8,
    refresh_every=HOURLY * 4,
    reconcile_every=HOURLY * 4,
)


class Both:
    """An org in memory and a database."""

    def __init__(self, store: SqlStore) -> None:
        self.store, self.user = store, SqlUser(store)
        self.clock, self.faults = VirtualClock(), Faults()
        self.org = InMemoryOrg(self.clock, self.faults, seconds_per_call=0.25)
        lead = self.org.records.described["Lead"]
        grade = field("Grade__c", "string", writable=False, calculated=True)
        self.org.records.described["Lead"] = replace(lead, fields={**lead.fields, grade.name: grade})
        self.store.now = self.clock.now
        self.map(
            *ACCOUNT_FIELDS,
            *CONTACT_FIELDS,
            *LEAD_FIELDS,
            person_field("Lead", "Grade__c", "grade", direction=Direction.INBOUND),
        )
        self.engine = self.new_engine()

    def new_engine(self) -> Engine:
        return Engine(self.org, self.store, self.clock, OpenBudget(), EVERY)

    def map(self, *fields: Any) -> None:
        with self.store.transaction() as tx:
            mapping = Mapping(tx.mapping().version + 1, (*tx.mapping().fields, *fields))
            tx.provision(mapping)
            tx.save_mapping(mapping, self.clock.now(), "test")

    def cycles(self, number: int, minutes: float, *plan: Fault) -> None:
        for _ in range(number):
            self.clock.advance(minutes * 60)
            self.faults.arm(plan)
            crashpoint.hook = self.faults.crashpoint
            lease = self.store.acquire_lease("engine", self.clock.now(), 120)
            assert lease is not None
            try:
                run_cycle(self.engine, lease)
            except Crash:
                self.engine = self.new_engine()
            finally:
                crashpoint.hook = None
                self.faults.arm([])

    def behind_our_back(self, sf_id: str, **values: object) -> None:
        row = self.org.records.rows["Lead"][sf_id]
        self.org.records.rows["Lead"][sf_id] = replace(row, values={**row.values, **values})

    def kept(self, name: str) -> Any:
        with self.store.transaction() as tx:
            return json.loads(tx.setting(name) or "null")

    def row(self, sf_id: str) -> dict[str, Any]:
        (found,) = self.user.run(
            "SELECT p.*, q.state FROM person AS p JOIN pair AS q ON q.person_id = p.id WHERE q.sf_id = :id",
            id=sf_id,
        )
        return dict(found)


@pytest.fixture
def both(store: SqlStore) -> Both:
    made = Both(store)
    for number in range(11):
        made.org.records.create(
            "Lead", LastName=f"Lee {number}", Company="Acme", City="Bonn", Country="Germany", Grade__c="B"
        )
    made.org.records.create("Account", Name="Acme")
    made.cycles(8, 1)
    made.cycles(1, 20)
    return made


def test_all_four_do_their_work_in_slices_and_killed_now_and_then(both: Both) -> None:
    ids = both.org.records.ids("Lead")
    differs, formula, hidden, purged, gone, edited = ids[:6]
    both.behind_our_back(differs, City="Koeln")
    both.behind_our_back(formula, Grade__c="A")
    both.org.unseen.add(hidden)
    both.user.edit(both.row(hidden)["id"], "title", "Waits")
    both.user.edit(both.row(purged)["id"], "title", "Is kept")
    both.org.records.purge("Lead", purged, logged=False)
    both.org.unseen.add(gone)
    both.org.records.purge("Lead", gone)
    both.map(person_field("Lead", "Country", "country"))
    both.user.edit(both.row(edited)["id"], "city", "Mainz")
    for number in range(8):
        point = ("C-27", "commit", "count_ranges", "trace")[number % 4]
        both.cycles(1, 5, Fault(point, 1 + number % 3, "crash"))
    both.cycles(30, 20)
    assert both.row(differs)["city"] == "Koeln" and both.row(formula)["grade"] == "A"
    assert {both.row(i)["country"] for i in ids[6:]} == {"Germany"}
    assert both.org.records.rows["Lead"][edited].values["City"] == "Mainz"
    assert (both.row(hidden)["state"], both.row(hidden)["link_state"]) == ("hidden", "out_of_scope")
    letters = both.user.run("SELECT code FROM dead_letter WHERE status = 'open'")
    assert both.kept(passes.verified("Lead"))["equal"]
    # as long as something is hidden, what left no trace in the log of deletes may be hidden too
    assert both.row(gone)["state"] == both.row(purged)["state"] == "hidden" and letters == []
    assert both.kept(reconciled("Lead"))["gone"] == {"hidden": 3}

    both.org.unseen.clear()  # View All for the sync user
    both.cycles(18, 20)
    assert (both.row(hidden)["state"], both.row(hidden)["link_state"]) == ("paired", "lead")
    assert both.org.records.rows["Lead"][hidden].values["Title"] == "Waits"
    assert [both.row(i)["state"] for i in (purged, gone)] == ["tombstoned", "tombstoned"]
    assert both.row(purged)["title"] == "Is kept" and both.row(purged)["salesforce_deleted"]
    letters = both.user.run("SELECT code FROM dead_letter WHERE status = 'open'")
    assert [one["code"] for one in letters] == ["ENTITY_IS_PURGED"]
    kinds = both.user.run("SELECT DISTINCT kind FROM run WHERE status = 'Succeeded'")
    assert {"verify", "refresh", "backfill", "reconcile"} <= {one["kind"] for one in kinds}
