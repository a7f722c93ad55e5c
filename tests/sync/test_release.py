"""Errors are tried again when their cause goes: by evidence in the described fields, or by one record of each cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.domain.causes import IGNORED, OPEN, QUARANTINED
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.pair import PairState
from diptych.sync.repair import dead_letter
from diptych.sync.repair.release import read_probes
from tests.sync.world import OPTIONS, World


@pytest.fixture
def world() -> World:
    world = World(replace(OPTIONS, probe_after=timedelta(minutes=15)))
    for number in range(4):
        world.lead(f"Lee {number}", City="Bonn")
    return world.ready()


def refuse_cities(world: World, fields: tuple[str, ...] = ()) -> list[bool]:
    refusing = [True]
    rule = Problem(
        "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Not this town.", ErrorClass.VALIDATION, fields=fields
    )
    world.org.refuse = lambda name, write: rule if refusing[0] and "City" in write.values else None
    return refusing


def park_three(world: World) -> list[str]:
    ids = world.sf.ids("Lead")[:3]
    for sf_id in ids:
        world.edit(sf_id, city="Mainz")
    world.cycle()
    assert len(world.letters()) == 3
    return ids


def test_one_record_is_tried_and_when_it_goes_through_the_others_follow(world: World) -> None:
    refusing = refuse_cities(world)
    ids = park_three(world)
    world.cycle(5)
    assert len(world.writes()) == 3, "not before its time"
    refusing[0] = False
    world.cycle(15)
    assert len(world.writes()) == 4, "one record is tried"
    world.cycle(1)
    assert [world.there(i)["City"] for i in ids] == ["Mainz"] * 3
    assert not world.letters() and all(world.pair(i).state is PairState.PAIRED for i in ids)
    with world.store.transaction() as tx:
        assert read_probes(tx) == {}


def test_each_refusal_doubles_the_pause_and_the_next_try_takes_another_record(world: World) -> None:
    refuse_cities(world, ("City",))
    park_three(world)
    tried = []
    for minutes, expected in ((20, 1), (10, 1), (25, 2), (40, 2), (40, 3)):
        world.cycle(minutes)
        world.cycle(2)
        tried.append(len(world.writes()) - 3)
        assert tried[-1] == expected
    assert len({write.sf_id for write in world.org.received[3:]}) > 1
    assert len(world.letters()) == 3
    with world.store.transaction() as tx:
        (cause,) = tx.causes.all()
        assert (cause.open, cause.column, read_probes(tx)[cause.key].tries) == (3, "city", 3)


def test_quarantined_errors_stay_set_aside_while_they_are_refused_and_go_with_their_cause(
    world: World,
) -> None:
    refusing = refuse_cities(world)
    ids = park_three(world)
    with world.store.transaction() as tx:
        (cause,) = tx.causes.all()
    assert dead_letter.for_all(world.store, cause.key, QUARANTINED, (OPEN,), world.clock.now()) == 3
    world.cycle(20)
    world.cycle(2)
    assert not world.letters(), "the one that was tried is set aside again"
    with world.store.transaction() as tx:
        assert tx.causes.all()[0].quarantined == 3
    refusing[0] = False
    world.cycle(60)
    world.cycle(2)
    assert [world.there(i)["City"] for i in ids] == ["Mainz"] * 3
    with world.store.transaction() as tx:
        assert tx.causes.all() == []


def test_ignored_errors_are_left_alone(world: World) -> None:
    refuse_cities(world)
    park_three(world)
    with world.store.transaction() as tx:
        key = tx.causes.all()[0].key
    dead_letter.for_all(world.store, key, IGNORED, (OPEN,), world.clock.now())
    for _ in range(3):
        world.cycle(120)
    assert len(world.writes()) == 3
    assert dead_letter.for_all(world.store, key, OPEN, (IGNORED,), world.clock.now()) == 3
    assert len(world.letters()) == 3


def test_what_was_held_back_for_a_field_goes_out_when_the_field_is_described_otherwise(world: World) -> None:
    world.org.lock_field("Lead", "City")
    world.cycle(90)
    ids = world.sf.ids("Lead")[:3]
    for sf_id in ids:
        world.edit(sf_id, city="Mainz")
    world.cycle()
    assert {kept.letter.problem.code for kept in world.letters()} == {"FIELD_READ_ONLY"}
    for _ in range(3):
        world.cycle(40)
    assert not world.writes(), "nothing is sent while the field says no"
    world.org.lock_field("Lead", "City", False)
    world.cycle(61)
    assert [world.there(i)["City"] for i in ids] == ["Mainz"] * 3 and not world.letters()


def test_a_person_who_tries_again_has_the_fields_described_first(world: World) -> None:
    world.org.lock_field("Lead", "City")
    world.cycle(90)
    (sf_id, *_) = world.sf.ids("Lead")
    world.edit(sf_id, city="Mainz")
    world.cycle()
    (kept,) = world.letters()
    world.org.lock_field("Lead", "City", False)
    dead_letter.retry(world.store, kept.id, world.clock.now())
    world.cycle()
    assert world.there(sf_id)["City"] == "Mainz"


def test_conflicts_that_ask_a_person_are_never_settled_by_trying(world: World) -> None:
    (sf_id, *_) = world.sf.ids("Lead")
    world.edit(sf_id, state="Hessen")
    world.sf.edit("Lead", sf_id, State="Bayern")
    world.cycle()
    (kept,) = world.letters()
    for _ in range(3):
        world.cycle(90)
    assert world.letters() == [kept]
    with world.store.transaction() as tx:
        key = tx.causes.all()[0].key
    dead_letter.for_all(world.store, key, dead_letter.RETRY, (OPEN,), world.clock.now())
    assert world.letters() == [kept]


def test_a_probe_survives_the_end_of_the_process(world: World) -> None:
    refusing = refuse_cities(world)
    ids = park_three(world)
    refusing[0] = False
    world.cycle(16)
    world.engine = world.new_engine()
    world.cycle(1)
    assert [world.there(i)["City"] for i in ids] == ["Mainz"] * 3
