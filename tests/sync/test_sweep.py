"""The full comparison: equal when it is, honest about what is on its way, and able to put right what the feed missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.sync.repair.sweep import Differing, verify
from tests.sync.world import World


@pytest.fixture
def world() -> World:
    world = World()
    for number in range(3):
        world.sf.create("Account", Name=f"Acme {number}")
    for number in range(7):
        world.lead(f"Lee {number}", City="Bonn", FirstName='An "n"\nx')
    world.sf.create("Contact", LastName="Jo")
    return world.ready()


def behind_our_back(world: World, sf_id: str, **values: object) -> None:
    """A change with an old modstamp: committed later than any overlap."""
    row = world.sf.rows["Lead"][sf_id]
    world.sf.rows["Lead"][sf_id] = replace(row, values={**row.values, **values})


def test_equal_sides_are_equal_and_nothing_is_written(world: World) -> None:
    commits = world.store.commits
    result = verify(world.engine)
    assert result.equal
    counted = {name: (o.ours, o.theirs, o.pending) for name, o in result.objects.items()}
    assert counted == {"Account": (3, 3, 0), "Contact": (1, 1, 0), "Lead": (7, 7, 0)}
    assert not world.writes()
    assert world.store.commits > commits


def test_a_change_the_feed_could_not_see_is_found_and_repaired(world: World) -> None:
    lead = world.sf.ids("Lead")[2]
    behind_our_back(world, lead, City="Koeln")
    world.clock.advance(3600)
    world.cycle()
    found = verify(world.engine).objects["Lead"]
    assert found.differing == [Differing(lead, "value", ("city",))]
    assert world.person(lead)["city"] == "Bonn", "verify alone changes nothing"
    repaired = verify(world.engine, world.lease(), repair=True)
    assert repaired.equal
    assert repaired.objects["Lead"].repaired == 1
    assert world.person(lead)["city"] == "Koeln"
    assert verify(world.engine).equal


def test_what_we_have_seen_and_hold_differently_is_no_matter_of_time(world: World) -> None:
    lead = world.sf.ids("Lead")[2]
    world.sf.edit("Lead", lead, City="Koeln")
    world.cycle()
    row = world.store.tables.person[world.pair(lead).person_id]
    row["city"] = "lost"  # a defect of ours, within the overlap
    assert verify(world.engine).objects["Lead"].differing == [Differing(lead, "value", ("city",))]


def test_a_record_we_never_got_is_found_and_added(world: World) -> None:
    lead = world.lead("Late", City="Ulm")
    row = world.sf.rows["Lead"][lead]
    world.sf.rows["Lead"][lead] = replace(row, modstamp=row.modstamp - timedelta(days=3))
    world.cycle(60)
    found = verify(world.engine).objects["Lead"]
    assert (found.ours, found.theirs) == (7, 8)
    assert found.differing == [Differing(lead, "missing_here")]
    assert verify(world.engine, world.lease(), repair=True).equal
    assert world.person(lead)["city"] == "Ulm"


def test_a_record_that_is_not_there_any_more_is_named(world: World) -> None:
    lead = world.sf.ids("Lead")[2]
    del world.sf.rows["Lead"][lead]
    found = verify(world.engine).objects["Lead"]
    assert (found.ours, found.theirs) == (7, 6)
    assert found.differing == [Differing(lead, "missing_there")]


def test_what_is_on_its_way_is_pending_not_differing(world: World) -> None:
    ours, theirs, deleted = world.sf.ids("Lead")[:3]
    world.edit(ours, city="Mainz")
    world.sf.edit("Lead", theirs, City="Koeln")
    world.sf.delete("Lead", deleted)
    result = verify(world.engine)
    assert result.equal
    assert result.objects["Lead"].pending == 3
    world.cycle()
    assert verify(world.engine).objects["Lead"].pending == 0


def test_a_person_deleted_here_is_left_out(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.store.delete(world.person(lead)["id"])
    found = verify(world.engine).objects["Lead"]
    assert (found.ours, found.theirs, found.left_out) == (6, 7, 1)
    assert found.equal


def test_converted_leads_count_on_both_sides(world: World) -> None:
    world.sf.convert(world.sf.ids("Lead")[0])
    world.cycle()
    result = verify(world.engine)
    assert result.equal
    assert (result.objects["Lead"].ours, result.objects["Lead"].theirs) == (7, 7)


def test_only_so_many_are_named(world: World) -> None:
    for lead in world.sf.ids("Lead"):
        behind_our_back(world, lead, City="Koeln")
    world.cycle(60)
    world.engine.options = replace(world.options, differing_limit=2)
    found = verify(world.engine).objects["Lead"]
    assert (len(found.differing), found.differing_count) == (2, 7)


def test_repairing_needs_the_lease(world: World) -> None:
    with pytest.raises(ValueError, match="lease"):
        verify(world.engine, repair=True)
