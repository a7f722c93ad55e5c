"""I-23: state is replaceable. Forgetting the cursor, the progress of a load, or notes changes nothing but what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from diptych.domain.pair import PairState
from tests.sync.world import OPTIONS, World


def new_world() -> World:
    world = World()
    for number in range(7):
        world.lead(f"Lee {number}", City="Bonn", Title="Clerk")
    world.sf.create("Contact", LastName="Jo")
    return world.ready()


def forget_cursors(world: World) -> None:
    world.store.tables.cursors.clear()


def forget_loads(world: World) -> None:
    world.store.tables.snapshots.clear()


def forget_both(world: World) -> None:
    forget_cursors(world)
    forget_loads(world)


def forget_notes(world: World) -> None:
    """Settings: when objects were described, what waits to be followed, where passes stand."""
    for name in [n for n in world.store.tables.settings if not n.startswith("paused")]:
        del world.store.tables.settings[name]


def forget_the_job(world: World) -> None:
    for progress in world.store.tables.snapshots.values():
        if progress.job_id is not None:
            world.org.lose_job(progress.job_id)


FORGOTTEN: list[Callable[[World], None]] = [
    forget_cursors,
    forget_loads,
    forget_both,
    forget_notes,
    forget_the_job,
]


@pytest.mark.parametrize("forget", FORGOTTEN, ids=lambda f: f.__name__)
def test_forgotten_between_edits_it_costs_time_only(forget: Callable[[World], None]) -> None:
    world = new_world()
    one, two, three, four, gone, back, merged = world.sf.ids("Lead")
    world.sf.delete("Lead", back)
    world.cycle(20)
    assert world.pair(back).state is PairState.TOMBSTONED
    people = {world.person(i)["id"] for i in (one, two, three, four)}
    world.edit(one, city="Here")
    world.sf.edit("Lead", two, City="There")
    world.edit(three, city="Here")
    world.sf.edit("Lead", three, FirstName="There")
    world.edit(four, title="Ours")
    world.sf.edit("Lead", four, Title="Theirs")
    world.sf.delete("Lead", gone)
    world.sf.undelete("Lead", back)
    world.sf.merge("Lead", one, merged)
    forget(world)
    world.cycles(8, 5)
    forget(world)
    world.cycles(8, 20)
    assert (world.there(one)["City"], world.person(two)["city"]) == ("Here", "There")
    assert (world.there(three)["City"], world.person(three)["first_name"]) == ("Here", "There")
    assert world.there(four)["Title"] == world.person(four)["title"] == "Ours"
    assert [(c.ours, c.theirs) for c in world.conflicts()] == [("Ours", "Theirs")]
    assert world.pair(gone).state is PairState.TOMBSTONED and world.pair(back).state is PairState.PAIRED
    assert world.person(merged)["id"] == world.person(one)["id"]
    assert {world.person(i)["id"] for i in (one, two, three, four)} == people
    assert len(world.store.people()) == 7, "six leads and a contact: nothing doubled, nothing lost"
    assert not world.letters()
    writes = len(world.writes())
    world.cycles(3, 5)
    assert len(world.writes()) == writes, "at rest"


def test_a_load_that_forgets_itself_on_the_way_begins_again_without_doubling() -> None:
    world = World(replace(OPTIONS, snapshot_pages=1))
    for number in range(9):
        world.lead(f"Lee {number}", City="Bonn")
    while len(world.store.people()) < 4:
        world.cycle()
    lead = next(i for i in world.sf.ids("Lead") if ("Lead", i) in world.store.tables.pair_of)
    world.edit(lead, city="Here")
    assert len(world.store.people()) < 9
    forget_both(world)
    world.cycles(12)
    assert len(world.store.people()) == 9
    assert world.there(lead)["City"] == "Here"
