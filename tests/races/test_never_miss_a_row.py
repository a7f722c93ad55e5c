"""Named races over HTTP: rows committed late, thousands in one second, values that change without a trace, changing schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from diptych.domain.mapping import Direction
from diptych.sync.drift import accept, read_notices
from diptych.sync.ports import FeedPage, FeedRead
from diptych.sync.repair import passes, schedule
from tests.races.http_world import DAILY, HttpWorld, http_world
from tests.sync.world import person_field


@pytest.fixture
def world(tmp_path: Path) -> Iterator[HttpWorld]:
    with http_world(tmp_path) as world:
        yield world


def leads(world: HttpWorld, number: int, **values: Any) -> list[str]:
    rows = [{"LastName": f"Lee {n}", "Company": "Acme", "City": "Bonn", **values} for n in range(number)]
    return world.sf.create_many("Lead", rows)


def custom_field(world: HttpWorld, name: str, **order: Any) -> None:
    world.order("fields", {"object": "Lead", "name": name, **order})


def verified(world: HttpWorld, name: str = "Lead") -> Any:
    return json.loads(world.setting(passes.verified(name)) or "null")


# ---------------------------------------------------------------- late commits


def test_a_row_committed_11_minutes_late(world: HttpWorld) -> None:
    world.org_step = 0
    ids = leads(world, 3)
    world.loaded()
    world.sf.edit("Lead", ids[0], late_by=11 * 60, City="Koeln")
    for _ in range(5):
        world.sf.advance(130)
        world.cycle()
    assert world.value(ids[0], "city") == "Bonn"
    world.sf.advance(60)
    world.cycle()
    assert world.value(ids[0], "city") == "Koeln"


def test_a_row_committed_later_than_any_overlap_is_found_by_the_comparison_within_a_day(
    world: HttpWorld,
) -> None:
    world.engine.options = replace(DAILY, covered_max=timedelta(minutes=30))
    ids = leads(world, 3)
    world.loaded()
    world.sf.edit("Lead", ids[0], late_by=2 * 3600, City="Koeln")
    for _ in range(5):
        world.sf.advance(1500)
        world.cycle()
    assert world.value(ids[0], "city") == "Bonn", "the feed has long gone past it"
    world.clock.advance(24 * 3600)
    world.cycles_until(lambda: (verified(world) or {}).get("repaired", 0) > 0)
    assert world.value(ids[0], "city") == "Koeln"
    with world.store.transaction() as tx:
        cursor = tx.feed_cursor("Lead")
    assert cursor is not None and cursor.covered is not None


# ---------------------------------------------------------------- many in one second


def test_5000_rows_in_one_second_and_more_while_they_are_read(world: HttpWorld) -> None:
    first = leads(world, 1)
    world.loaded()
    world.sf.advance(3600)
    ids: list[str] = []
    more: list[str] = []
    changed = world.org.changed

    def while_reading(reads: list[FeedRead]) -> list[FeedPage]:
        pages = changed(reads)
        if ids and len(more) < 600 and any(p.object_name == "Lead" and p.records for p in pages):
            more.extend(leads(world, 200))
        return pages

    world.org.changed = while_reading  # type: ignore[method-assign, assignment]
    with world.sf.frozen():
        for _ in range(25):
            ids += leads(world, 200)
        stamps = {world.sf.value("Lead", i, "SystemModstamp")[:19] for i in ids}
        assert len(stamps) == 1
        world.cycle()
        world.cycle()
    world.sf.advance(5)
    world.cycle()
    with world.store.transaction() as tx:
        held = tx.live_ids("Lead", "", 10_000)
    assert len(more) == 600
    assert held == sorted([*first, *ids, *more])
    with world.store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM person").scalar() == len(held)


# ---------------------------------------------------------------- no modstamp


def test_a_formula_that_changes_without_a_modstamp(world: HttpWorld) -> None:
    custom_field(world, "Points", type="number", precision=6, scale=0)
    custom_field(world, "Grade", type="text", formula='IF(Points__c > 10, "hot", "cold")')
    world.add_field(person_field("Lead", "Grade__c", "grade", direction=Direction.INBOUND))
    ids = leads(world, 5, Points__c=1)
    world.loaded()
    assert world.value(ids[2], "grade") == "cold"
    world.sf.advance(3600)  # out of the overlap, which reads again
    world.cycle()
    world.order("formula_drift", {"object": "Lead", "values": {"Points__c": 20}, "ids": [ids[2]]})
    world.cycle()
    assert world.value(ids[2], "grade") == "cold", "nothing in the feed tells"
    before = world.org.usage().ours
    world.clock.advance(6 * 3600)
    world.cycles_until(lambda: world.value(ids[2], "grade") == "hot")
    assert world.org.usage().ours - before < 30
    world.order("formula_drift", {"object": "Lead", "values": {"Points__c": 20}, "ids": [ids[3]]})
    done = schedule.run_to_end(world.engine, world.lease(), passes.REFRESH, {"Lead": ["Grade__c"]})
    assert (done[0].rows, done[0].found.repaired) == (5, 1)
    assert world.value(ids[3], "grade") == "hot"


# ---------------------------------------------------------------- schema


def test_a_field_mapped_later_is_filled_while_the_sync_goes_on(world: HttpWorld) -> None:
    ids = leads(world, 5, Country="Germany")
    world.loaded()
    world.add_field(person_field("Lead", "Country", "country"))
    world.edit(ids[0], "city", "Mainz")
    world.cycles_until(lambda: world.value(ids[4], "country") == "Germany")
    world.cycle()
    assert world.sf.value("Lead", ids[0], "City") == "Mainz"
    with world.store.transaction() as tx:
        assert "Country" in tx.snapshot("Lead").fields  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "told", "held"),
    [
        ({"change": "drop"}, "removed", True),
        ({"change": "hide"}, "removed", True),
        ({"change": "rename", "to": "Shade"}, "renamed", True),
        ({"change": "retype", "type": "number"}, "retyped", True),
        ({"change": "length", "length": 4}, "cut", True),
        ({"change": "label", "label": "Colour"}, "relabelled", False),
    ],
)
def test_a_schema_change_in_mid_cycle_costs_no_value(
    world: HttpWorld, change: dict[str, Any], told: str, held: bool
) -> None:
    custom_field(world, "Hue", type="text", length=40)
    world.add_field(person_field("Lead", "Hue__c", "hue"))
    ids = leads(world, 4, Hue__c="turquoise")
    world.loaded()
    world.sf.edit("Lead", ids[1], City="Koeln")
    changed = world.org.changed
    done: list[object] = []

    def meanwhile(reads: list[FeedRead]) -> list[FeedPage]:
        if not done:  # after discovery, before the feed is read
            done.append(world.order("schema_change", {"object": "Lead", "field": "Hue__c", **change}))
        return changed(reads)

    world.org.changed = meanwhile  # type: ignore[method-assign, assignment]
    world.cycle()
    world.sf.edit("Lead", ids[2], City="Ulm")
    for _ in range(3):
        world.cycle(61)
    assert [world.value(i, "hue") for i in ids] == ["turquoise"] * 4
    assert world.value(ids[1], "city") == "Koeln" and world.value(ids[2], "city") == "Ulm"
    with world.store.transaction() as tx:
        notices = [n for n in read_notices(tx) if n.field == "Hue__c"]
    assert [n.change for n in notices] == [told]
    assert bool(notices[0].held) == held
    world.clock.advance(24 * 3600)
    world.cycles_until(lambda: verified(world) is not None)
    assert [world.value(i, "hue") for i in ids] == ["turquoise"] * 4, "a comparison takes nothing over either"


def test_a_field_that_was_cut_is_taken_over_when_a_person_says_so(world: HttpWorld) -> None:
    custom_field(world, "Hue", type="text", length=40)
    world.add_field(person_field("Lead", "Hue__c", "hue"))
    ids = leads(world, 2, Hue__c="turquoise")
    world.loaded()
    world.order("schema_change", {"object": "Lead", "field": "Hue__c", "change": "length", "length": 4})
    world.cycle(61)
    with world.store.transaction() as tx:
        assert accept(tx, "Lead", "Hue__c")
    world.cycles_until(lambda: world.value(ids[1], "hue") == "turq", minutes=61)


def test_a_picklist_changed_under_way(world: HttpWorld) -> None:
    order = {"type": "picklist", "picklist": ["Red", "Blue"], "restricted": True}
    custom_field(world, "Hue", **order)
    world.add_field(person_field("Lead", "Hue__c", "hue"))
    ids = leads(world, 2, Hue__c="Red")
    world.loaded()
    world.order(
        "schema_change",
        {"object": "Lead", "field": "Hue__c", "change": "picklist", "values": ["Blue", "Green"]},
    )
    world.cycle(61)
    assert [world.value(i, "hue") for i in ids] == ["Red", "Red"]
    with world.store.transaction() as tx:
        (notice,) = read_notices(tx)
    assert (notice.change, notice.before, notice.after) == ("picklist", "-Red", "+Green")
    world.edit(ids[0], "hue", "Green")
    world.cycle()
    assert world.sf.value("Lead", ids[0], "Hue__c") == "Green"


# ---------------------------------------------------------------- proof


def test_differences_among_many_are_found_for_few_calls(world: HttpWorld) -> None:
    ids = [i for _ in range(10) for i in leads(world, 200)]
    world.loaded()
    world.order("formula_drift", {"object": "Lead", "values": {"City": "Ulm"}, "ids": [ids[7], ids[1500]]})
    with world.practice.inside.transaction() as tx:  # gone without a trace, as after a hard delete long ago
        tx.connection.execute('DELETE FROM "Lead" WHERE "Id" = ?', (ids[1000],))
    before = world.org.usage().ours
    (done,) = schedule.run_to_end(world.engine, world.lease(), passes.VERIFY, {"Lead": ["City", "LastName"]})
    calls = world.org.usage().ours - before
    assert done.found.repaired == 2
    assert done.found.equal and done.found.told == {ids[1000]: "purged"}
    assert [world.value(i, "city") for i in (ids[7], ids[1500])] == ["Ulm", "Ulm"]
    assert calls <= 32, "2,000 records, 3 differences, one of them told apart"
