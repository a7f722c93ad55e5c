"""A loaded workspace in which something is on every page: errors, conflicts, edits that wait, alerts, people for review, long names."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import timedelta

from diptych.domain.alerts import Waiting
from diptych.domain.creating import Creation, Wish
from diptych.domain.outcome import ErrorClass, Problem
from diptych.store.queries.backlog import keep_sample
from diptych.sync import drift
from diptych.wiring import Workspace
from tests.admin.conftest import Browser

LONG = "Maximiliane-Theodora Wolfeschlegelsteinhausenbergerdorff"
ADDRESS = "maximiliane.theodora.wolfeschlegelsteinhausenbergerdorff@department.of.long.addresses.example.org"


@dataclass(frozen=True)
class Planted:
    """What pages with an id in their address are opened for."""

    person: int
    lead: int
    other: int
    run: int
    changed: int
    action_run: int
    cause: str


def plant(space: Workspace, hand: Browser) -> Planted:
    """`hand` is somebody admitted, by whose forms things are done."""
    leads = [int(row["id"]) for row in space.queries.people(salesforce_type="lead", sort="id").rows[:9]]
    person, other, second, third = leads[:4]
    run = _alert(space, hand)
    changed = _errors_and_a_conflict(space, leads)
    space.store.edit_person("admin:bob", person, {"first_name": LONG, "email": ADDRESS, "title": "Chief"})
    _for_review(space, str(space.queries.person(third).system["salesforce_id"]))  # type: ignore[union-attr]
    _joined(hand, second, third)
    hand.post("/access/tokens", name="nightly export", scope="read", days="90")
    hand.post("/access/users", name="ada@example.org", role="viewer", password="a long and winding password")
    hand.post("/identity/creating/default", field="Company", value="[unknown]")
    hand.post(
        "/mapping/apply", name="Lead.Region__c", direction="inbound", was_direction="both", reason="why"
    )
    _waiting(space, leads[5:7])
    with space.store.transaction() as tx:
        tx.save_setting(
            drift.waiting("Lead"), json.dumps({"Region__c": "Region__c was cut to 10 characters"})
        )
    space.alerts.look(force=True)
    assert space.alerts.firing() and space.alerts.history(), "one is open, and one is past"
    action = space.acting.ordered(1)[0]
    assert action.run_id
    return Planted(person, leads[4], other, run, changed, action.run_id, space.queries.causes()[0].key)


def _errors_and_a_conflict(space: Workspace, leads: list[int]) -> int:
    """The id of the run that met them."""
    for number in leads[7:9]:
        space.store.edit_person("admin:alice", number, {"last_name": None})
    space.store.edit_person("admin:alice", leads[1], {"city": "Nantes"})
    assert space.database_file is not None
    with sqlite3.connect(space.database_file) as connection:  # as if both sides had left an older value
        connection.execute(
            "UPDATE base SET value = 'Lyon' WHERE column_name = 'city' AND pair_id = "
            "(SELECT id FROM pair WHERE person_id = ?)",
            (leads[1],),
        )
    connection.close()
    space.run_cycle()
    assert space.queries.causes()
    return space.queries.runs(1)[0].id


def _for_review(space: Workspace, record: str) -> None:
    for name, wish, more in (
        (LONG, Wish.REVIEW, {"reason": "two have this address", "matches": (record,)}),
        ("Solo", Wish.WAITING, {"reason": "Salesforce demands it", "fields": ("Company",)}),
    ):
        number = space.store.create_person("admin:alice", {"last_name": name, "email": ADDRESS})
        with space.store.transaction() as tx:
            tx.save_creation(Creation(number, wish, space.clock.now(), **more))  # type: ignore[arg-type]


def _joined(hand: Browser, first: int, second: int) -> None:
    """A merge that can be taken back, and one who is not to come back."""
    assert "Merged." in hand.post(f"/people/{first}/merge", others=str(second), only_here="yes")
    gone = hand.app.state.workspace.store.create_person(
        "admin:alice", {"last_name": "Gone", "email": "g@x.org"}
    )
    hand.post(f"/people/{gone}/delete", policy="leave", keep_away="suppress")


def _alert(space: Workspace, hand: Browser) -> int:
    """A channel that nobody listens on, and an alert of a failed run; the run's id."""
    hand.post("/alerts/channels", name="pager", kind="webhook", url="http://127.0.0.1:9/hook", least="info")
    problem = Problem("INVALID_LOGIN", "INVALID_LOGIN: wrong password", ErrorClass.LOGIN)
    with space.store.transaction() as tx:
        run = tx.open_run("cycle", space.clock.now())
        tx.close_run(run, "Failed", space.clock.now(), problem.message)
        tx.causes.blame(run, problem)
    space.alerts.look(force=True)
    assert space.alerts.firing()
    return run


def _waiting(space: Workspace, leads: list[int]) -> None:
    for number in leads:
        space.store.edit_person("admin:alice", number, {"title": "Head of everything", "city": "Rome"})
    now = space.clock.now()
    with space.store.transaction() as tx:
        for hours in (30, 20, 8, 7, 1):
            keep_sample(tx.connection, [Waiting("Lead", hours * 40, None)], now - timedelta(hours=hours))
