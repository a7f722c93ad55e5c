"""The engine over the real store on SQLite, with plain SQL as the other writer: random stories, killed now and then."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.domain.mapping import Mapping
from diptych.store.sql_store import SqlStore, open_store
from diptych.sync import crashpoint
from diptych.sync.cycle import run_cycle
from diptych.sync.engine import Engine
from diptych.sync.repair.sweep import verify
from diptych.testing import Crash, Fault, Faults, InMemoryOrg, OpenBudget, VirtualClock
from tests.sync.world import ACCOUNT_FIELDS, CONTACT_FIELDS, LEAD_FIELDS, OPTIONS

POINTS = ["C-02", "C-03", "C-04", "C-05", "C-08", "C-09", "C-11", "C-12", "C-13", "C-14", "C-17", "C-22"]
TEXTS = [
    "Bonn",
    "Ulm",
    " Trier ",
    "",
    None,
    'a "quoted"\r\nline',
    "\u00c5ngstr\u00f6m \U0001f600",
    "NULL",
    "NA",
]


class SqlWorld:
    """An org in memory, people in a SQLite file, and a SQL user."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "app.db"
        self.clock, self.faults = VirtualClock(), Faults()
        self.org = InMemoryOrg(self.clock, self.faults, seconds_per_call=0.25)
        self.store: SqlStore = open_store(f"sqlite:///{self.path}", self.clock.now)
        mapping = Mapping(1, (*ACCOUNT_FIELDS, *CONTACT_FIELDS, *LEAD_FIELDS))
        with self.store.transaction() as tx:
            tx.provision(mapping)
            tx.save_mapping(mapping, self.clock.now(), "test")
        self.engine = self.new_engine()

    def new_engine(self) -> Engine:
        return Engine(self.org, self.store, self.clock, OpenBudget(), OPTIONS)

    def cycle(self, *plan: Fault, minutes: float = 1) -> None:
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

    def sql(self, statement: str, *values: object) -> list[tuple]:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=5)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SqlWorld]:
    world = SqlWorld(tmp_path)
    yield world
    world.store.close()


def test_an_update_from_any_sql_client_reaches_salesforce(world: SqlWorld) -> None:
    lead = world.org.records.create("Lead", LastName="Lee", Company="Acme", City="Bonn")
    for _ in range(6):
        world.cycle()
    world.sql("UPDATE person SET city = 'Mainz' WHERE salesforce_id = ?", lead)
    world.cycle()
    assert world.org.records.rows["Lead"][lead].values["City"] == "Mainz"
    assert [dict(w.values) for w in world.org.received] == [{"City": "Mainz"}]
    before = world.org.calls
    world.cycle()
    assert world.org.calls - before == 2


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_both_sides_come_to_rest_equal(world: SqlWorld, seed: int) -> None:
    dice, sf = random.Random(seed), world.org.records
    for n in range(4):
        sf.create("Account", Name=f"Acme {n}")
    leads = [sf.create("Lead", LastName=f"Lee {n}", Company="Acme", City="Bonn") for n in range(12)]
    for number in range(20):
        for _ in range(dice.randrange(5)):
            lead = dice.choice(leads)
            if sf.rows["Lead"][lead].deleted:
                sf.undelete("Lead", lead)
            elif dice.random() < 0.5:
                sf.edit(
                    "Lead",
                    lead,
                    **{dice.choice(["City", "FirstName", "Title"]): dice.choice(["x", "y", None])},
                )
            elif dice.random() < 0.2:
                sf.delete("Lead", lead)
            else:
                column = dice.choice(["city", "first_name", "title", "phone", "fax"])
                world.sql(f"UPDATE person SET {column} = ? WHERE salesforce_id = ?", dice.choice(TEXTS), lead)
        plan = [Fault(dice.choice(POINTS), dice.randrange(1, 3), "crash")] if dice.random() < 0.4 else []
        if dice.random() < 0.2:
            plan.append(
                Fault("update", 1, dice.choice(["after", "before", "zombie", "locked", "partial"]), None)
            )
        world.cycle(*plan, minutes=dice.choice([0, 1, 5, 20]))
        if number % 10 == 0:
            leads.append(sf.create("Lead", LastName=f"New {number}", Company="Acme"))
    for minutes in (20, 20, 20, 70, 1):
        world.cycle(minutes=minutes)
    writes = len(world.org.received)
    world.cycle()
    world.cycle()
    assert len(world.org.received) == writes, "at rest nothing is written"
    found = verify(world.engine)
    assert found.equal, found
    assert found.objects["Lead"].pending == 0
    assert world.sql("SELECT COUNT(*), COUNT(DISTINCT salesforce_id) FROM person") == [(len(leads),) * 2]
    assert world.sql("SELECT * FROM v_backlog") == []


def test_a_contact_merged_before_it_was_seen_comes_back_with_its_leads_person(world: SqlWorld) -> None:
    lead = world.org.records.create("Lead", LastName="Lem", Company="Acme")
    other = world.org.records.create("Contact", LastName="Other")
    for _ in range(4):
        world.cycle()
    of = "SELECT person_id, state FROM pair WHERE sf_id = ?"
    ((former, _),) = world.sql(of, lead)
    contact = world.org.records.convert(lead)
    world.org.records.merge("Contact", other, contact)
    world.sql("UPDATE person SET city = 'Ulm' WHERE id = ?", former)
    for _ in range(3):
        world.cycle()
    assert world.sql(of, contact) == [(world.sql(of, other)[0][0], "redirected")]
    world.org.records.undelete("Contact", contact)
    for _ in range(3):
        world.cycle()
    assert world.sql(of, contact) == [(former, "paired")] and world.sql(of, lead) == [(former, "converted")]
    assert world.sql(of, other)[0][0] != former
    assert world.sql("SELECT count(*) FROM v_backlog") == [(0,)]
