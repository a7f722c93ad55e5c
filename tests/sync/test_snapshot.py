"""The initial load: resumable anywhere, handed over without a gap, and nothing comes twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from diptych.sync import crashpoint
from diptych.sync.cycle import run_initial_load
from diptych.testing import Crash, Fault
from tests.sync.world import World, person_field


@pytest.fixture
def world() -> World:
    world = World()
    for number in range(3):
        world.sf.create("Account", Name=f"Acme {number}")
    for number in range(7):
        world.lead(f"Lee {number}", City="Bonn")
        world.sf.create("Contact", LastName=f"Jo {number}", MailingCity="Ulm")
    return world


def each_once(world: World) -> bool:
    ids = Counter(person["salesforce_id"] for person in world.store.people())
    return set(ids) == {*world.sf.ids("Lead"), *world.sf.ids("Contact")} and set(ids.values()) == {1}


def test_the_load_of_its_own_runs_to_the_end(world: World) -> None:
    report = run_initial_load(world.engine, world.lease())
    assert report.status == "Succeeded"
    assert each_once(world)
    assert report.counters()["Lead"]["new"] == 7
    progress = world.store.tables.snapshots["Lead"]
    assert (progress.state, progress.rows_applied, progress.rows_total) == ("complete", 7, 7)
    assert world.store.tables.cursors["Lead"].cursor == progress.started_at


@pytest.mark.parametrize("point", ["C-06", "C-07", "C-08", "C-09", "C-10", "commit", "snapshot_pages"])
@pytest.mark.parametrize("occurrence", [1, 2, 4, 7])
def test_killed_anywhere_it_goes_on(world: World, point: str, occurrence: int) -> None:
    crashes = [world.crash(Fault(point, occurrence, "crash")) for _ in range(10)]
    assert any(crashes) or occurrence > 3, "each point is passed three times at least: once an object"
    world.cycles(8)
    assert each_once(world)
    assert all(p.state == "complete" for p in world.store.tables.snapshots.values())
    assert not world.writes()


def test_changes_made_during_the_load_are_not_lost(world: World) -> None:
    leads = world.sf.ids("Lead")

    def change() -> None:
        world.sf.edit("Lead", leads[0], City="Koeln")
        world.sf.edit("Lead", leads[6], City="Koeln")
        world.sf.delete("Lead", leads[3])
        world.lead("New")

    world.crash(Fault("start_snapshot", 3, "call", change))
    world.faults.arm([Fault("C-08", 5, "call", lambda: world.sf.edit("Lead", leads[1], City="Trier"))])
    world.cycles(8)
    assert not world.faults.left
    assert world.person(leads[0])["city"] == world.person(leads[6])["city"] == "Koeln"
    assert world.person(leads[1])["city"] == "Trier"
    gone = [p for p in world.store.people() if p["salesforce_deleted"]]
    assert [p["salesforce_id"] for p in gone] in ([leads[3]], [])
    assert {p["salesforce_id"] for p in world.store.people()} >= set(world.sf.ids("Lead"))


def test_a_job_that_is_gone_or_failed_is_started_again_without_doubling(world: World) -> None:
    world.cycle()
    world.crash(Fault("snapshot_job", 1, "job_failed"))
    world.crash(Fault("snapshot_pages", 2, "job_gone"))
    world.cycles(10)
    assert each_once(world)


def test_a_job_that_always_fails_says_so_and_does_not_block_others(world: World) -> None:
    plan = [Fault("snapshot_job", n, "job_failed") for n in range(1, 100)]
    for _ in range(40):
        world.crash(*plan)
    assert {p.state for p in world.store.tables.snapshots.values()} == {"failed"}
    assert all(p.error for p in world.store.tables.snapshots.values())


def test_a_pause_is_honoured_between_pages(world: World) -> None:
    def pause() -> None:
        with world.store.transaction() as tx:
            tx.save_setting("paused", "yes")

    world.faults.arm([Fault("C-08", 3, "call", pause)])
    crashpoint.hook = world.faults.crashpoint
    try:
        report = run_initial_load(world.engine, world.lease())
    finally:
        crashpoint.hook = None
    assert report.status == "Incomplete"
    loaded = sum(p.rows_applied for p in world.store.tables.snapshots.values())
    assert 0 < loaded < 17
    with world.store.transaction() as tx:
        tx.save_setting("paused", None)
    assert run_initial_load(world.engine, world.lease()).status == "Succeeded"
    assert each_once(world)


def test_a_repeat_takes_nothing_back(world: World) -> None:
    world.ready()
    lead = world.sf.ids("Lead")[0]
    with world.store.transaction() as tx:
        progress = tx.snapshot("Lead")
        assert progress is not None
        tx.save_snapshot(replace(progress, state="requested", job_id=None, rows_applied=0))
    world.cycles(2)  # the query has run; its rows are older than what follows
    world.edit(lead, city="Mainz")
    world.cycles(6)
    assert world.person(lead)["city"] == world.there(lead)["City"] == "Mainz"
    assert each_once(world)
    assert world.store.tables.snapshots["Lead"].state == "complete"


def test_an_old_row_never_takes_back_a_write_of_the_same_second(world: World) -> None:
    world.ready()
    lead = world.sf.ids("Lead")[0]
    with world.store.transaction() as tx:
        progress = tx.snapshot("Lead")
        assert progress is not None
        tx.save_snapshot(replace(progress, state="requested", job_id=None, rows_applied=0))
    world.edit(lead, city="Mainz")
    for _ in range(10):
        world.cycle(0)
    assert world.person(lead)["city"] == world.there(lead)["City"] == "Mainz"


def test_the_load_survives_a_crash_of_its_own_job(world: World) -> None:
    world.faults.arm([Fault("snapshot_pages", 3, "crash")])
    with pytest.raises(Crash):
        run_initial_load(world.engine, world.lease())
    world.faults.arm([])
    world.engine = world.new_engine()
    run_initial_load(world.engine, world.lease())
    assert each_once(world)


def test_an_empty_object_is_complete_too() -> None:
    world = World()
    world.cycles(6)
    assert {p.state for p in world.store.tables.snapshots.values()} == {"complete"}
    lead = world.lead("First")
    world.cycle()
    assert world.person(lead)["last_name"] == "First"


def test_a_field_mapped_later_arrives_for_everyone_when_the_load_is_repeated(world: World) -> None:
    converted, edited = world.sf.ids("Lead")[:2]
    for sf_id in (converted, edited):
        world.sf.edit("Lead", sf_id, Website="https://example.com")
    world.sf.convert(converted)
    world.ready()
    world.store.edit(world.pair(converted).person_id, "city", None)
    world.add_field(person_field("Lead", "Website", "website"))
    with world.store.transaction() as tx:
        done = tx.snapshot("Lead")
        assert done is not None
        tx.save_snapshot(replace(done, state="requested", job_id=None, locator=None, rows_applied=0))
    world.cycles(4)
    assert world.person(edited)["website"] == "https://example.com"
    assert world.person(converted).get("website") is None, "the person has the contact's values now"
    assert world.person(converted)["city"] is None, "what was edited here since stays"
    assert not world.writes(converted)
