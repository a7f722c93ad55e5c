"""Whole cycles: killed at every crash point and every call and carried on; two engines; trouble that ends a cycle."""

from __future__ import annotations

import pytest

from diptych.domain.outcome import ErrorClass, Problem
from diptych.sync.cycle import run_cycle
from diptych.sync.ports import LeaseLost, StoreBusy
from diptych.testing import Fault
from tests.sync.world import World

POINTS = [
    *("C-01", "C-02", "C-03", "C-04", "C-05", "C-06", "C-07", "C-08", "C-09", "C-10", "C-11", "C-12", "C-13"),
    *("C-14", "C-17", "C-18", "C-19", "C-21", "C-22", "C-23", "C-25"),
]
CALLS = ["watermark", "describe", "changed", "retrieve", "update", "start_snapshot", "snapshot_job"]
CALLS += ["snapshot_pages", "end_snapshot", "identity"]


class Story:
    """One of everything, on both sides, before and between cycles; `tell` runs it under a fault that strikes in each."""

    def __init__(self) -> None:
        self.world = World()
        world = self.world
        world.sf.create("Account", Name="Acme")
        self.leads = [world.lead(f"Lee {n}", FirstName="Ann", City="Bonn", Title="Chief") for n in range(8)]
        self.contact = world.sf.create("Contact", LastName="Jo", MailingCity="Ulm")
        self.crashes = 0

    def tell(self, *faults: Fault) -> World:
        world, leads = self.world, self.leads
        self._cycles(8, faults)
        world.cycles(4)
        world.clock.advance(30 * 60)
        world.edit(leads[0], city="Mainz", title="Boss")
        world.edit(leads[1], city="Mainz")
        world.sf.edit("Lead", leads[1], City="Koeln")
        world.edit(leads[2], first_name="x" * 60, title="Boss")
        world.edit(leads[3], city="Trier")
        world.sf.delete("Lead", leads[3])
        world.sf.merge("Lead", leads[0], leads[4], FirstName="Anna")
        world.sf.convert(leads[5])
        world.sf.edit("Lead", leads[6], City="Koeln")
        self._cycles(4, faults)
        world.edit(leads[7], city="Aachen")
        self._cycles(2, faults)
        world.cycles(3)
        world.cycles(3, 16)
        return world

    def _cycles(self, number: int, faults: tuple[Fault, ...]) -> None:
        for _ in range(number):
            self.crashes += self.world.crash(*faults)


def check(story: Story) -> None:
    world, leads = story.world, story.leads
    ids = [p["salesforce_id"] for p in world.store.people()]
    assert len(ids) == len(set(ids)), "a record came twice"
    for lead in (leads[0], leads[1], leads[2], leads[6], leads[7]):
        person, there = world.person(lead), world.there(lead)
        assert person["city"] == there["City"]
        assert person["title"] == there["Title"]
        assert not world.pair(lead).fenced
    assert world.there(leads[0])["City"] == "Mainz"
    assert world.there(leads[0])["Title"] == world.there(leads[2])["Title"] == "Boss"
    assert world.person(leads[0])["first_name"] == "Anna"
    assert world.there(leads[1])["City"] == "Koeln"
    assert world.there(leads[6])["City"] == "Koeln"
    assert world.there(leads[7])["City"] == "Aachen"
    assert [(c.ours, c.theirs) for c in world.conflicts()] == [("Mainz", "Koeln")]
    kept = {k.letter.problem.code for k in world.letters()}
    assert kept == {"STRING_TOO_LONG", "ENTITY_IS_DELETED"}
    assert [world.pair(sf_id).state.value for sf_id in leads[3:6]] == [
        "tombstoned",
        "redirected",
        "converted",
    ]
    sent = [w for w in world.writes() if "City" in w]
    assert sorted(w["City"] for w in sent) == ["Aachen", "Mainz"], "nothing is written twice"
    calls = [world.cycle().api_calls for _ in range(2)]
    assert calls == [2, 2]


def test_the_story_without_faults() -> None:
    story = Story()
    story.tell()
    check(story)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("occurrence", [1, 2, 3])
def test_killed_at_any_crash_point(point: str, occurrence: int) -> None:
    story = Story()
    story.tell(Fault(point, occurrence, "crash"))
    assert story.crashes or occurrence > 1, "the story never passes this point"
    check(story)


@pytest.mark.parametrize("occurrence", range(1, 12))
def test_killed_at_any_commit(occurrence: int) -> None:
    story = Story()
    story.tell(Fault("commit", occurrence, "crash"))
    assert story.crashes
    check(story)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["crash", "before", "after", "limit", "login"])
def test_any_call_may_fail_in_any_way(call: str, kind: str) -> None:
    story = Story()
    story.tell(Fault(call, 1, kind))
    check(story)


@pytest.mark.parametrize("occurrence", range(1, 12))
def test_the_database_may_be_busy_at_any_commit(occurrence: int) -> None:
    story = Story()
    _tell_through_busy(story, occurrence)
    check(story)


def _tell_through_busy(story: Story, occurrence: int) -> None:
    original = story.world.crash

    def crash(*plan: Fault, minutes: float = 1) -> bool:
        try:
            return original(*plan, minutes=minutes)
        except StoreBusy:  # the run could not even be opened
            return False

    story.world.crash = crash  # type: ignore[method-assign]
    story.tell(Fault("commit", occurrence, "busy"))


def test_a_stale_engine_stops_before_its_next_send() -> None:
    story = Story()
    world = story.world.ready()
    world.edit(story.leads[0], city="Mainz")
    old = world.lease()

    def take_over() -> None:
        world.clock.advance(1000)
        world.lease("new")

    world.faults.arm([Fault("retrieve", 1, "call", take_over)])
    with pytest.raises(LeaseLost):
        run_cycle(world.engine, old)
    assert not world.writes()
    world.faults.arm([])
    world.clock.advance(1000)
    world.cycle()
    assert world.there(story.leads[0])["City"] == "Mainz"


def test_a_lease_lost_while_a_request_is_out_is_resolved_by_the_new_holder() -> None:
    story = Story()
    world = story.world.ready()
    world.edit(story.leads[0], city="Mainz")
    old = world.lease()

    def take_over() -> None:
        world.clock.advance(1000)
        world.lease("new")

    world.faults.arm([Fault("update", 1, "call", take_over)])
    with pytest.raises(LeaseLost):
        run_cycle(world.engine, old)
    assert world.pair(story.leads[0]).fenced
    world.faults.arm([])
    world.engine = world.new_engine()
    world.clock.advance(1000)
    world.cycle()
    assert not world.pair(story.leads[0]).fenced
    assert len(world.writes(story.leads[0])) == 1
    assert not world.conflicts()


def test_an_object_that_the_org_does_not_show_fails_alone() -> None:
    story = Story()
    world = story.world.ready()
    described = world.sf.described.pop("Account")
    world.edit(story.leads[0], city="Mainz")
    world.clock.advance(7200)
    report = world.cycle()
    world.sf.described["Account"] = described
    assert report.status == "Failed"
    assert "Account" in (report.error or "")
    assert world.there(story.leads[0])["City"] == "Mainz"
    assert world.cycle().status == "Succeeded"


def test_a_mapping_saved_in_mid_cycle_counts_from_the_next_one() -> None:
    story = Story()
    world = story.world.ready()
    lead = story.leads[0]
    world.edit(lead, city="Mainz")
    world.faults.arm(
        [Fault("C-21", 1, "call", lambda: world.remap(lambda f: None if f.column == "title" else f))]
    )
    world.cycle()
    assert world.there(lead)["City"] == "Mainz"
    world.edit(lead, title="Boss")
    world.cycles(3)
    assert world.there(lead)["Title"] == "Chief", "what is not mapped is never written"


def test_runs_and_steps_tell_what_happened() -> None:
    story = Story()
    world = story.world.ready()
    world.org.refuse = lambda name, write: Problem("RULE", "No.", ErrorClass.VALIDATION)
    world.edit(story.leads[0], city="Mainz")
    report = world.cycle()
    run = world.store.tables.runs[report.run_id]
    assert (run.kind, run.status) == ("cycle", "Succeeded")
    (step,) = [s for s in report.steps if s.operation == "Push updates"]
    assert (step.object_name, step.failed, step.updated) == ("Lead", 1, 0)
    assert report.api_calls == 4
