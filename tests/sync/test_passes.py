"""Passes in slices inside cycles: backfills, scheduled verification and refreshing, killed anywhere and carried on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from diptych.domain.mapping import Direction, Policy
from diptych.domain.values import Kind
from diptych.sync.drift import Notice, accept, read_notices
from diptych.sync.engine import refreshed
from diptych.sync.repair import passes, schedule
from diptych.sync.repair.dead_letter import retry
from diptych.testing import Fault
from diptych.testing.org_schema import field
from tests.sync.world import OPTIONS, World, person_field

DAILY = replace(OPTIONS, verify_every=timedelta(hours=24), refresh_every=timedelta(hours=6))
HOURS = 60


def new_world(options: Any = OPTIONS, *more: Any) -> World:
    world = World(options)
    for number in range(3):
        world.sf.create("Account", Name=f"Acme {number}")
    for number in range(7):
        world.lead(f"Lee {number}", City="Bonn", Country="Germany")
    world.sf.create("Contact", LastName="Jo")
    return world.ready()


def behind_our_back(world: World, sf_id: str, name: str = "Lead", **values: object) -> None:
    """A change without a new modstamp."""
    row = world.sf.rows[name][sf_id]
    world.sf.rows[name][sf_id] = replace(row, values={**row.values, **values})


def result(world: World, name: str) -> Any:
    with world.store.transaction() as tx:
        return json.loads(tx.setting(passes.verified(name)) or "null")


def runs(world: World, kind: str) -> list[Any]:
    return [run for run in world.store.tables.runs.values() if run.kind == kind]


# ---------------------------------------------------------------- backfill


def test_a_field_mapped_later_is_filled_by_a_run_of_its_own_while_the_sync_goes_on() -> None:
    world = new_world(replace(OPTIONS, sweep_pages=1))
    leads = world.sf.ids("Lead")
    world.add_field(person_field("Lead", "Country", "country", policy=Policy.OURS))
    world.cycle()
    world.edit(leads[6], country="France")
    world.edit(leads[0], city="Mainz")
    world.cycles(8)
    assert [world.person(i)["country"] for i in leads] == ["Germany"] * 6 + ["France"]
    assert world.there(leads[6])["Country"] == "France", "an edit made meanwhile is kept, and sent"
    assert world.there(leads[0])["City"] == "Mainz"
    assert [run.status for run in runs(world, "backfill")] == ["Succeeded"]
    assert [(c.ours, c.theirs, c.winner) for c in world.conflicts()] == [("France", "Germany", "ours")]
    assert world.cycles(2).api_calls == 2


@pytest.mark.parametrize("fault", ["snapshot_pages", "snapshot_job", "start_snapshot", "C-27", "commit"])
@pytest.mark.parametrize("occurrence", [1, 2, 3])
def test_a_backfill_that_is_killed_goes_on(fault: str, occurrence: int) -> None:
    world = new_world()
    world.add_field(person_field("Lead", "Country", "country"))
    for _ in range(4):
        world.crash(Fault(fault, occurrence, "crash"))
    world.cycles(8)
    assert {p["country"] for p in world.store.people() if p["salesforce_type"] == "lead"} == {"Germany"}
    assert len(world.store.people()) == 8


def test_a_field_hidden_for_a_while_is_filled_when_it_is_seen_again() -> None:
    world = new_world()
    lead, other = world.sf.ids("Lead")[:2]
    world.org.hide("Lead", "City")
    world.cycle(70)
    world.sf.edit("Lead", lead, City="Koeln")
    world.cycles(3, 30)
    assert world.person(lead)["city"] == "Bonn"
    world.edit(other, city="Mainz")
    world.org.hide("Lead", "City", hidden=False)
    world.cycles(6, 70)
    assert world.person(lead)["city"] == "Koeln"
    assert world.there(other)["City"] == "Mainz"


def test_a_backfill_the_org_refuses_is_tried_again_later_and_stops_nothing() -> None:
    world = new_world()
    world.add_field(person_field("Lead", "Country", "country"))
    world.faults.arm([Fault("snapshot_pages", 1, "refuse_all")])
    world.cycles(5)
    world.faults.arm([])
    assert [run.status for run in runs(world, "backfill")] == ["Failed"]
    world.sf.edit("Lead", world.sf.ids("Lead")[0], FirstName="Anna")
    assert world.cycle().status == "Succeeded"
    world.cycles(5, 70)
    assert [run.status for run in runs(world, "backfill")] == ["Failed", "Succeeded"]


# ---------------------------------------------------------------- verify


def test_both_sides_are_compared_by_themselves_within_the_schedule() -> None:
    world = new_world(DAILY)
    lead, ghost = world.sf.ids("Lead")[2:4]
    late = world.lead("Late", City="Ulm")
    row = world.sf.rows["Lead"][late]
    world.sf.rows["Lead"][late] = replace(row, modstamp=row.modstamp - timedelta(days=3))
    behind_our_back(world, lead, City="Koeln")
    world.cycle(60)
    assert result(world, "Lead") is None
    del world.sf.rows["Lead"][ghost]
    world.cycles(23, HOURS)
    world.cycles(30, 5)
    assert world.person(lead)["city"] == "Koeln"
    assert world.person(late)["city"] == "Ulm"
    found = result(world, "Lead")
    assert (found["ours"], found["theirs"], found["repaired"]) == (7, 7, 2)
    assert (found["differing"], found["gone"]) == ([], {"purged": 1})
    assert world.person(ghost)["salesforce_deleted"]
    assert {name: result(world, name)["equal"] for name in ("Account", "Contact")} == {
        "Account": True,
        "Contact": True,
    }
    world.cycles(30, HOURS)
    assert result(world, "Lead")["repaired"] == 0, "what was repaired stays so"


def test_a_commit_later_than_the_overlap_and_coverage_is_found_within_a_day() -> None:
    world = new_world(replace(DAILY, covered_max=timedelta(minutes=30)))
    lead = world.sf.ids("Lead")[0]
    world.sf.edit("Lead", lead, late_by=3 * 3600, City="Koeln")
    world.cycles(40, 20)
    assert world.person(lead)["city"] == "Bonn", "the feed cannot know"
    world.cycles(30, HOURS)
    assert world.person(lead)["city"] == "Koeln"


@pytest.mark.parametrize("fault", ["C-27", "snapshot_pages", "count_ranges", "retrieve"])
@pytest.mark.parametrize("kind", ["crash", "before", "after"])
def test_killed_in_a_comparison_it_goes_on(fault: str, kind: str) -> None:
    if (fault, kind) in {("C-27", "before"), ("C-27", "after")}:
        pytest.skip("no call")
    world = new_world(DAILY)
    lead = world.sf.ids("Lead")[2]
    world.cycle(23 * HOURS)
    behind_our_back(world, lead, City="Koeln")
    for _ in range(20):
        world.crash(Fault(fault, 1, kind), minutes=10)
        world.cycle(10)
    assert world.person(lead)["city"] == "Koeln"
    assert result(world, "Lead")["equal"]
    assert len(world.sf.ids("Lead")) == result(world, "Lead")["ours"] == 7


def test_many_missing_records_are_named_by_counting_ranges() -> None:
    world = World(replace(DAILY, batch=3, snapshot_rows=100))
    for number in range(60):
        world.lead(f"Lee {number}")
    world.ready()
    gone = sorted(world.sf.ids("Lead"))[20:22]
    for sf_id in gone:
        del world.sf.rows["Lead"][sf_id]
    calls = world.org.calls
    done = schedule.run_to_end(world.engine, world.lease(), "verify", {"Lead": ["LastName"]})
    assert sorted(done[0].found.told) == gone and done[0].found.gone == {"purged": 2}
    assert world.org.calls - calls < 22, (
        "with telling them apart: with telling them apart about as many as 20 reads of all records"
    )


def test_out_of_calls_the_comparison_waits_and_the_cycle_does_not_suffer() -> None:
    world = new_world(DAILY)
    world.budget.closed.add("sweep")
    reports = [world.cycle(HOURS) for _ in range(30)]
    assert {r.status for r in reports} == {"Succeeded"}
    assert result(world, "Lead") is None
    world.budget.closed.clear()
    world.cycles(12, HOURS)
    assert result(world, "Lead")["equal"]


def test_a_mapping_changed_meanwhile_begins_the_comparison_anew() -> None:
    world = new_world(replace(DAILY, sweep_pages=1))
    world.cycle(25 * HOURS)
    while not any(run.status == "In Process" for run in runs(world, "verify")):
        world.cycle()
    world.remap(lambda f: None if f.column in ("city", "name", "first_name") else f)
    world.cycles(30, 10)
    assert runs(world, "verify")[0].status == "Incomplete"
    assert result(world, "Lead")["equal"]


# ---------------------------------------------------------------- refresh


def formula_world() -> World:
    world = World(DAILY)
    described = world.sf.described["Lead"]
    score = field("Score__c", "string", writable=False, calculated=True, label="Score")
    world.sf.described["Lead"] = replace(described, fields={**described.fields, "Score__c": score})
    world.add_field(person_field("Lead", "Score__c", "score", direction=Direction.INBOUND))
    for number in range(7):
        world.lead(f"Lee {number}", Score__c="1")
    return world.ready()


def test_formula_values_that_change_without_a_modstamp_arrive_on_schedule() -> None:
    world = formula_world()
    lead = world.sf.ids("Lead")[3]
    behind_our_back(world, lead, Score__c="2")
    world.cycles(3, HOURS)
    assert world.person(lead)["score"] == "1"
    world.cycles(6, HOURS)
    assert world.person(lead)["score"] == "2"
    assert len([c for c in world.store.changes(world.person(lead)["id"]) if c.column == "score"]) == 1
    with world.store.transaction() as tx:
        assert list(json.loads(tx.setting(refreshed("Lead")) or "{}")) == ["Score__c"]


def test_refreshing_reads_little_and_leaves_edits_alone() -> None:
    world = formula_world()
    lead = world.sf.ids("Lead")[3]
    behind_our_back(world, lead, Score__c="2")
    world.edit(lead, city="Mainz")
    world.sf.edit("Lead", lead, Title="Boss")
    before = world.org.calls
    done = schedule.run_to_end(world.engine, world.lease(), "refresh", {"Lead": ["Score__c"]})
    assert done[0].found.repaired == 0 and done[0].found.pending == 1, "the feed is about to bring it"
    assert world.org.calls - before < 14
    world.cycle()
    assert world.there(lead)["City"] == "Mainz"
    assert world.person(lead)["title"] == "Boss"
    assert world.person(lead)["score"] == "2"


def test_a_formula_over_a_parent_is_read_again_when_the_parent_changes() -> None:
    world = World(fields=[])
    described = world.sf.described["Contact"]
    region = field(
        "Region__c", "string", writable=False, calculated=True, formula='UPPER( account.Name ) & "!"'
    )
    world.sf.described["Contact"] = replace(described, fields={**described.fields, "Region__c": region})
    for mapped in (
        person_field("Contact", "Region__c", "region", direction=Direction.INBOUND),
        person_field("Contact", "AccountId", "account_id", Kind.ID, direction=Direction.INBOUND),
        person_field("Contact", "Owner.Name", "owner_name", direction=Direction.INBOUND),
        person_field("Contact", "OwnerId", "owner_id", Kind.ID, direction=Direction.INBOUND),
        replace(person_field("User", "Name", "name", direction=Direction.INBOUND), table="salesforce_user"),
    ):
        world.add_field(mapped)
    account, user = (
        world.sf.create("Account", Name="Acme"),
        world.sf.create("User", FirstName="Jo", LastName="Z"),
    )
    jo = world.sf.create("Contact", LastName="Jo", AccountId=account, OwnerId=user, Region__c="ACME!")
    world.ready()
    behind_our_back(world, jo, "Contact", Region__c="EMCA!")
    world.sf.edit("Account", account, Name="Emca")
    world.cycle()
    assert world.person(jo, "Contact")["region"] == "EMCA!"
    assert world.person(jo, "Contact")["owner_name"] == "Jo Z"
    world.sf.edit("User", user, FirstName="Joan")
    world.cycle()
    assert world.person(jo, "Contact")["owner_name"] == "Joan Z"


# ---------------------------------------------------------------- schema drift


def redescribe(world: World, name: str, **changes: object) -> None:
    described = world.sf.described["Lead"]
    fields = {**described.fields, name: replace(described.fields[name], **changes)}  # type: ignore[arg-type]
    world.sf.described["Lead"] = replace(described, fields=fields)


def notices(world: World) -> list[Notice]:
    with world.store.transaction() as tx:
        return read_notices(tx)


def test_a_field_that_was_cut_costs_nothing_here_and_waits_for_a_person() -> None:
    world = new_world(DAILY)
    lead, other = world.sf.ids("Lead")[:2]
    world.sf.edit("Lead", lead, City="Castrop-Rauxel")
    world.cycle(70)
    redescribe(world, "City", length=7)
    behind_our_back(world, lead, City="Castrop")
    world.cycle(70)
    assert [(n.field, n.change, n.after) for n in notices(world)] == [("City", "cut", "string(7)")]
    assert "--accept Lead.City" in (notices(world)[0].remedy or "")
    world.edit(other, city="Mainz")
    world.cycles(40, 70)
    assert world.person(lead)["city"] == "Castrop-Rauxel", "neither the feed nor a comparison takes it over"
    assert world.there(other)["City"] == "Bonn" and not world.conflicts()
    with world.store.transaction() as tx:
        assert accept(tx, "Lead", "City") and not accept(tx, "Lead", "City")
    world.cycles(8, 70)
    assert world.person(lead)["city"] == "Castrop"
    (kept,) = world.letters()
    assert (kept.letter.problem.code, kept.letter.ours) == ("FIELD_NOT_USABLE", {"city": "Mainz"})
    retry(world.store, kept.id, world.clock.now())
    world.cycle()
    assert world.there(other)["City"] == "Mainz"
    assert [n.change for n in notices(world)] == ["cut", "usable again"]


def test_a_renamed_field_is_proposed_with_a_sample_of_values() -> None:
    world = new_world()
    described = world.sf.described["Lead"]
    fields = {n: f for n, f in described.fields.items() if n != "City"}
    town = replace(described.fields["City"], name="Town__c", custom=False)
    world.sf.described["Lead"] = replace(described, fields={**fields, "Town__c": town})
    for sf_id in world.sf.ids("Lead"):
        behind_our_back(world, sf_id, Town__c="Bonn")
    world.cycle(70)
    (found,) = notices(world)
    assert (found.field, found.change) == ("City", "renamed")
    assert found.after == "Town__c (3 of 3 values looked at are the same)"
    assert found.remedy == "if so: diptych fields renamed Lead.City Lead.Town__c"
    assert world.person(world.sf.ids("Lead")[0])["city"] == "Bonn"


def test_other_changes_are_told_too() -> None:
    world = new_world()
    redescribe(world, "LeadSource", picklist=("Web", "Phone", "Fair"))
    redescribe(world, "Title", label="Job", type="textarea")
    described = world.sf.described["Lead"]
    world.sf.described["Lead"] = replace(described, fields={**described.fields, "New__c": field("New__c")})
    world.org.hide("Lead", "FirstName")
    world.cycle(70)
    told = {(n.field, n.change): n for n in notices(world)}
    assert set(told) == {
        ("LeadSource", "picklist"),
        ("Title", "relabelled"),
        ("Title", "retyped"),
        ("New__c", "added"),
        ("FirstName", "removed"),
    }
    assert (told["LeadSource", "picklist"].before, told["LeadSource", "picklist"].after) == (
        "-Partner, -Other",
        "+Fair",
    )
    assert told["Title", "retyped"].held and told["FirstName", "removed"].held
    world.org.hide("Lead", "FirstName", hidden=False)
    world.cycle(70)
    assert {(n.field, n.change) for n in notices(world)} - set(told) == {
        ("FirstName", "added"),
        ("FirstName", "usable again"),
    }


def test_a_formula_that_was_edited_is_read_again_at_once() -> None:
    world = formula_world()
    redescribe(world, "Score__c", formula="1")
    world.cycles(8, 70)
    before = len(runs(world, "refresh"))
    redescribe(world, "Score__c", formula="2")
    lead = world.sf.ids("Lead")[3]
    behind_our_back(world, lead, Score__c="2")
    world.cycle(61)
    world.cycles(4)
    assert len(runs(world, "refresh")) == before + 1
    assert world.person(lead)["score"] == "2"
