"""Ids that only we hold, told apart: live, deleted, merged, converted, purged or hidden; and the guard against many at once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from diptych.domain.actions import CannotAct, DeletePolicy
from diptych.domain.pair import PairState
from diptych.sync.actions import preview
from diptych.sync.apply import apply_records
from diptych.sync.inbound.tombstones import allow_mass_delete
from diptych.sync.ports import FeedRead
from diptych.sync.repair import passes, reconcile, schedule
from diptych.sync.repair.why import why
from diptych.testing import Fault
from tests.sync.world import LEAD_FIELDS, OPTIONS, World

QUARTERLY = replace(OPTIONS, reconcile_every=timedelta(hours=6), mass_delete_floor=5, batch=200)


def new_world(leads: int = 8, **options: Any) -> World:
    world = World(replace(QUARTERLY, **options))
    for number in range(leads):
        world.lead(f"Lee {number}", City="Bonn")
    world.sf.create("Account", Name="Acme")
    world.sf.create("Contact", LastName="Jo")
    return world.ready()


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.fixture
def lead(world: World) -> str:
    return world.sf.ids("Lead")[3]


def run(world: World, name: str = "Lead", allowed: bool = False) -> passes.Pass:
    (done,) = schedule.run_to_end(world.engine, world.lease(), passes.RECONCILE, {name: []}, allowed)
    return done


def runs_of(world: World, kind: str) -> list[str]:
    return [run.status for run in world.store.tables.runs.values() if run.kind == kind]


def result(world: World, name: str = "Lead") -> Any:
    with world.store.transaction() as tx:
        return json.loads(tx.setting(reconcile.reconciled(name)) or "null")


# ---------------------------------------------------------------- hidden


def test_what_sharing_hides_is_marked_and_keeps_everything(world: World, lead: str) -> None:
    world.org.unseen.add(lead)
    before = world.person(lead)
    done = run(world)
    assert (done.found.gone, done.found.told) == ({"hidden": 1}, {lead: "hidden"})
    after = world.person(lead)
    assert (after["link_state"], after["salesforce_deleted"]) == ("out_of_scope", False)
    assert {k: v for k, v in after.items() if k not in ("link_state", "updated_at")} == {
        k: v for k, v in before.items() if k not in ("link_state", "updated_at")
    }
    assert world.pair(lead).state is PairState.HIDDEN


def test_edits_of_a_hidden_record_wait_and_go_out_when_it_is_shown_again(world: World, lead: str) -> None:
    world.org.unseen.add(lead)
    run(world)
    world.edit(lead, city="Mainz")
    world.cycles(10, 60)
    assert not world.letters() and not world.writes(lead)
    world.org.unseen.clear()
    world.cycles(4, 360)  # nothing in the feed tells: sharing moves no modstamp
    assert world.pair(lead).state is PairState.PAIRED
    assert world.person(lead)["link_state"] == "lead"
    assert world.there(lead)["City"] == "Mainz"
    assert result(world)["gone"] == {}


def test_both_sides_edited_while_it_was_hidden_is_a_conflict_like_any_other(world: World, lead: str) -> None:
    world.org.unseen.add(lead)
    run(world)
    world.edit(lead, city="Mainz")
    world.sf.edit("Lead", lead, City="Ulm", FirstName="Anna")
    world.cycle(60)
    world.org.unseen.clear()
    run(world)
    world.cycle()
    assert (world.person(lead)["city"], world.person(lead)["first_name"]) == ("Ulm", "Anna")
    assert [(c.ours, c.theirs) for c in world.conflicts()] == [("Mainz", "Ulm")]


def test_a_hidden_record_that_is_deleted_leaves_a_tombstone_and_what_was_owed(
    world: World, lead: str
) -> None:
    world.org.unseen.add(lead)
    run(world)
    world.edit(lead, city="Mainz")
    world.sf.delete("Lead", lead)
    run(world)
    assert world.pair(lead).state is PairState.HIDDEN
    world.org.unseen.clear()  # an administrator shares all, or the recycle bin is emptied
    run(world)
    assert world.pair(lead).state is PairState.TOMBSTONED
    assert [kept.letter.ours for kept in world.letters()] == [{"city": "Mainz"}]


@pytest.mark.parametrize("fate", ["hidden", "purged"])
def test_an_old_page_that_comes_late_brings_nothing_back(world: World, lead: str, fate: str) -> None:
    fields = tuple(m.field for m in LEAD_FIELDS)
    world.sf.edit("Lead", lead, City="Ulm")
    world.cycle()
    (page,) = world.org.changed([FeedRead("Lead", fields, world.sf.now() - timedelta(minutes=5))])
    assert lead in {record.sf_id for record in page.records}
    world.clock.advance(5)
    if fate == "hidden":
        world.org.unseen.add(lead)
    else:
        world.sf.purge("Lead", lead)
    run(world)
    before = world.pair(lead), world.person(lead)
    with world.store.transaction() as tx:
        apply_records(tx, tx.mapping().of("Lead"), page.records, world.engine.terms(None))
    assert (world.pair(lead), world.person(lead)) == before


def test_an_org_that_does_not_tell_buries_nobody(world: World, lead: str) -> None:
    world.sf.purge("Lead", lead, logged=False)
    world.org.tells_sharing = False
    assert run(world).found.gone == {"hidden": 1}
    assert world.pair(lead).state is PairState.HIDDEN
    world.org.tells_sharing = True
    assert run(world).found.gone == {"purged": 1}
    assert world.pair(lead).state is PairState.TOMBSTONED


def test_nobody_who_is_hidden_is_created_anew(world: World, lead: str) -> None:
    world.org.unseen.add(lead)
    run(world)
    with world.store.transaction() as tx:
        assert [c.person_id for c in tx.candidates(["last_name"], True, 0, 100)] == []


def test_a_permission_lost_while_it_is_asked_makes_no_tombstone(world: World, lead: str) -> None:
    """View All is there when it is asked for, and gone when the records are read."""
    trace, asked = world.org.trace, []

    def between(name: str, ids: Any) -> Any:
        asked.append(name)
        world.org.unseen.discard(lead)
        found = trace(name, ids)
        world.org.unseen.add(lead)
        return replace(found, sees_all=len(asked) == 1)

    world.org.unseen.add(lead)
    world.org.trace = between  # type: ignore[method-assign]
    assert run(world).found.gone == {"hidden": 1}
    assert len(asked) == 2


def test_an_object_that_cannot_be_read_concludes_nothing(world: World, lead: str) -> None:
    world.org.unseen.add(lead)
    world.faults.arm([Fault("retrieve", n, "refuse_all") for n in range(1, 9)])
    done = run(world)
    assert done.stage == "given up" and "Refused by the fault plan" in (done.waits or "")
    assert world.pair(lead).state is PairState.PAIRED and result(world) is None


def test_without_the_recycle_bin_a_delete_is_not_called_final(world: World, lead: str) -> None:
    world.org.bin_denied = True
    world.sf.purge("Lead", lead)
    assert run(world).found.gone == {"deleted": 1}
    assert world.pair(lead).state is PairState.TOMBSTONED


# ---------------------------------------------------------------- gone


@pytest.mark.parametrize("logged", [True, False])
def test_what_was_deleted_for_good_leaves_a_tombstone_and_is_not_written_or_revived(
    world: World, lead: str, logged: bool
) -> None:
    world.edit(lead, city="Mainz")
    world.sf.purge("Lead", lead, logged=logged)
    assert run(world).found.gone == {"purged": 1}
    person = world.person(lead)
    assert (person["salesforce_deleted"], person["link_state"], person["city"]) == (True, "deleted", "Mainz")
    (kept,) = world.letters()
    assert kept.letter.problem.code == "ENTITY_IS_PURGED" and kept.letter.ours == {"city": "Mainz"}
    world.edit(lead, city="Trier")
    created = len(world.sf.rows["Lead"])
    world.cycles(5, 60)
    assert not world.writes(lead) and len(world.sf.rows["Lead"]) == created


def test_a_write_that_finds_no_record_has_it_told_apart_in_the_same_cycle(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    world.sf.purge("Lead", lead)
    report = world.cycle()
    assert report.status == "Succeeded"
    assert world.pair(lead).state is PairState.TOMBSTONED
    assert [k.letter.problem.code for k in world.letters()] == ["ENTITY_IS_PURGED"]
    idle = world.cycle(2)
    assert idle.api_calls == 2


def missed_by_the_feed(world: World, sf_id: str, name: str = "Lead") -> None:
    """Something that happened so long ago that the feed has gone past it."""
    row = world.sf.rows[name][sf_id]
    seen = world.pair(sf_id, name).seen_modstamp
    assert seen is not None
    world.sf.rows[name][sf_id] = replace(row, modstamp=seen, modified_at=seen)


def test_a_delete_a_merge_and_a_conversion_that_the_feed_missed(world: World) -> None:
    deleted, loser, winner, converted = world.sf.ids("Lead")[:4]
    world.edit(loser, title="Boss")
    world.edit(converted, first_name="Anna")
    world.sf.delete("Lead", deleted)
    world.sf.delete("Lead", loser, master_id=winner)
    contact = world.sf.convert(converted)
    for sf_id in (deleted, loser, converted):
        missed_by_the_feed(world, sf_id)
    done = run(world)
    assert done.found.told == {deleted: "deleted", loser: "merged"}, "a converted lead is still shown"
    assert world.pair(deleted).state is PairState.TOMBSTONED
    assert world.pair(loser).redirect_to == winner
    assert world.person(loser)["id"] == world.person(winner)["id"]
    world.cycles(3)
    assert world.there(winner)["Title"] == "Boss"
    assert world.person(contact, "Contact")["last_name"] == "Lee 3"


def test_an_undelete_seen_revives_with_the_pair(world: World, lead: str) -> None:
    world.sf.delete("Lead", lead)
    world.cycle()
    assert world.pair(lead).state is PairState.TOMBSTONED
    person_id = world.person(lead)["id"]
    world.sf.undelete("Lead", lead)
    world.cycle()
    assert (world.pair(lead).state, world.person(lead)["id"]) == (PairState.PAIRED, person_id)


def test_rows_of_companies_too() -> None:
    world = new_world()
    account, other = world.sf.ids("Account")[0], world.sf.create("Account", Name="Other")
    world.cycle()
    world.org.unseen.add(other)
    world.sf.purge("Account", account)
    done = run(world, "Account")
    assert done.found.told == {account: "purged", other: "hidden"}
    gone, kept = (world.store.mirror_row("company", i) for i in (account, other))
    assert gone is not None and gone["salesforce_deleted"] and gone["name"] == "Acme"
    assert kept is not None and not kept["salesforce_deleted"]


# ---------------------------------------------------------------- many at once


def test_very_many_at_once_stop_it_until_a_person_allows_it() -> None:
    world = new_world(20)
    gone = world.sf.ids("Lead")[2:12]
    world.org.unseen.update(gone)
    done = run(world)
    assert done.found.gone == {} and done.found.differing_count == 10
    assert {world.pair(i).state for i in gone} == {PairState.PAIRED}
    told = result(world)["stopped"]
    assert "10 of 20 Leads are not shown" in told and "diptych reconcile --object Lead --allow" in told
    run(world)
    assert {world.pair(i).state for i in gone} == {PairState.PAIRED}, "it does not wear off"
    allowed = run(world, allowed=True)
    assert allowed.found.gone == {"hidden": 10} and result(world)["stopped"] is None
    assert {world.pair(i).state for i in gone} == {PairState.HIDDEN}
    world.org.unseen.clear()
    assert run(world).found.repaired == 10
    assert {world.pair(i).state for i in gone} == {PairState.PAIRED}


def test_too_many_stop_the_counting_itself_and_an_allowance_goes_through_in_portions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "_SPAN", 10)
    monkeypatch.setattr(passes, "_AT_ONCE", 20)
    world = new_world(150, batch=5)
    gone = world.sf.ids("Lead")[:100]
    world.org.unseen.update(gone)
    calls = world.org.calls
    done = run(world)
    assert done.found.gone == {} and 5 < done.found.differing_count < 100, "it has seen enough"
    stopped = world.org.calls - calls
    assert run(world, allowed=True).found.gone == {"hidden": 100}
    assert {world.pair(i).state for i in gone} == {PairState.HIDDEN}
    assert stopped < 40


def test_the_guard_counts_all_slices_together() -> None:
    world = new_world(30, batch=3)
    world.org.unseen.update(world.sf.ids("Lead")[:9])
    assert run(world).found.gone == {}
    world = new_world(30, batch=3)
    world.org.unseen.update(world.sf.ids("Lead")[:4])
    assert run(world).found.gone == {"hidden": 4}


def test_many_writes_that_find_no_record_stop_too() -> None:
    world = new_world(20)
    gone = world.sf.ids("Lead")[2:12]
    for sf_id in gone:
        world.edit(sf_id, city="Mainz")
    world.org.unseen.update(gone)
    world.cycle()
    assert {world.pair(i).state for i in gone} == {PairState.PAIRED}
    assert result(world)["stopped"] and not runs_of(world, "missing records")
    world.org.unseen.clear()
    world.cycles(9, 60)
    assert {world.there(i)["City"] for i in gone} == {"Mainz"}
    assert result(world)["stopped"] is None, "a pass has looked since"


def test_out_of_calls_it_waits_and_the_cycle_does_not_suffer(world: World, lead: str) -> None:
    other = world.sf.ids("Lead")[0]
    world.org.unseen.update({lead, other})
    world.edit(lead, city="Mainz")
    world.budget.closed.add("sweep")
    assert {world.cycle(100).status for _ in range(8)} == {"Succeeded"}
    assert not runs_of(world, "missing records") and not runs_of(world, "reconcile")
    assert [k.letter.problem.code for k in world.letters()] == ["NOT_VISIBLE"], "given up after five tries"
    world.budget.closed.clear()
    world.cycles(8, 100)
    assert not world.letters()
    assert world.pair(lead).state is world.pair(other).state is PairState.HIDDEN


def test_an_object_that_cannot_be_read_keeps_what_a_write_missed(world: World, lead: str) -> None:
    world.org.unseen.add(lead)
    world.edit(lead, city="Mainz")
    world.faults.arm([Fault("trace", 1, "refuse_all")])
    assert world.cycle().status == "Succeeded"
    assert world.pair(lead).state is PairState.PAIRED
    world.faults.arm([])
    world.cycle()
    assert world.pair(lead).state is PairState.HIDDEN


def test_an_allowance_for_deletes_in_the_feed_is_another_matter() -> None:
    world = new_world(20)
    allow_mass_delete(world.store, "Lead")
    world.org.unseen.update(world.sf.ids("Lead")[:10])
    assert run(world).found.gone == {}


# ---------------------------------------------------------------- by itself


def test_it_runs_by_itself_and_what_was_hidden_heals() -> None:
    world = new_world()
    first, second = world.sf.ids("Lead")[:2]
    world.org.unseen.update({first, second})
    world.cycles(12, 60)
    assert result(world)["gone"] == {"hidden": 2}
    world.org.unseen.discard(second)
    world.cycles(8, 60)
    assert result(world)["gone"] == {"hidden": 1}
    assert (world.pair(first).state, world.pair(second).state) == (PairState.HIDDEN, PairState.PAIRED)
    steps = [s for s in world.store.tables.steps.values() if s[1].operation == "Reconcile"]
    assert {s[1].detail for s in steps if s[1].object_name == "Lead"} >= {"2 hidden", "1 hidden"}


def test_a_verification_tells_apart_too(world: World, lead: str) -> None:
    world.org.unseen.add(lead)
    (done,) = schedule.run_to_end(world.engine, world.lease(), passes.VERIFY, {"Lead": ["City", "LastName"]})
    assert done.found.equal and done.found.gone == {"hidden": 1}
    world.org.unseen.clear()
    (done,) = schedule.run_to_end(world.engine, world.lease(), passes.VERIFY, {"Lead": ["City", "LastName"]})
    assert done.found.repaired == 1
    assert world.pair(lead).state is PairState.PAIRED


@pytest.mark.parametrize("fault", ["C-27", "trace", "retrieve", "count_ranges", "commit"])
@pytest.mark.parametrize("kind", ["crash", "before"])
def test_killed_anywhere_it_goes_on(fault: str, kind: str) -> None:
    if kind == "before" and fault in ("C-27", "commit"):
        pytest.skip("no call")
    world = new_world(batch=1)
    hidden, purged, deleted = world.sf.ids("Lead")[:3]
    world.org.unseen.add(hidden)
    world.sf.purge("Lead", purged)
    world.edit(purged, city="Mainz")
    world.sf.delete("Lead", deleted)
    for occurrence in range(1, 8):
        world.crash(Fault(fault, occurrence, kind), minutes=61)
    world.cycles(12, 60)
    assert [world.pair(i).state for i in (hidden, purged, deleted)] == [
        PairState.HIDDEN,
        PairState.TOMBSTONED,
        PairState.TOMBSTONED,
    ]
    assert [k.letter.ours for k in world.letters()] == [{"city": "Mainz"}]


def test_a_look_changes_nothing_and_says_the_same(world: World, lead: str) -> None:
    world.org.unseen.add(lead)
    purged = world.sf.ids("Lead")[5]
    world.sf.purge("Lead", purged)
    before = world.store.commits, dict(world.store.tables.pairs)
    found = reconcile.look_through(world.engine, "Lead")
    assert found.told == {lead: "hidden", purged: "purged"}
    assert dict(world.store.tables.pairs) == before[1]
    run(world)
    assert reconcile.look_through(world.engine, "Lead").told == {lead: "hidden"}


def test_calls_grow_with_what_is_missing_not_with_what_is_there() -> None:
    world = new_world(300)
    calls = world.org.calls
    run(world)
    assert world.org.calls - calls <= 3, "the time, one count of a range of ids"
    world.org.unseen.add(world.sf.ids("Lead")[120])
    calls = world.org.calls
    run(world)
    assert world.org.calls - calls <= 12


# ---------------------------------------------------------------- acting on what is hidden


def test_nothing_is_ordered_in_salesforce_about_a_record_that_is_hidden(world: World, lead: str) -> None:
    other = world.sf.ids("Lead")[0]
    world.org.unseen.add(lead)
    run(world)
    mine, others = (world.pair(i).person_id for i in (lead, other))
    for act in (
        lambda: preview.merge(world.engine, [others, mine]),
        lambda: preview.convert(world.engine, mine, preview.ConvertWish()),
        lambda: preview.delete(world.engine, mine, DeletePolicy.DELETE),
    ):
        with pytest.raises(CannotAct, match=f"Lead {lead} of person {mine} is hidden from the sync user"):
            act()
    assert preview.delete(world.engine, mine, DeletePolicy.LEAVE).steps == ()


# ---------------------------------------------------------------- why


def test_why_says_what_has_become_of_the_record(world: World, lead: str) -> None:
    world.org.unseen.add(lead)
    run(world)
    (answer,) = why(world.engine, lead)
    assert "is hidden from the sync user" in answer.records[0].holds[0]
    assert "share it with the sync user, then: diptych reconcile" in answer.records[0].holds[1]
    world.edit(lead, city="Mainz")
    assert why(world.engine, lead)[0].records[0].holds[1] == "Edits that wait for it: city."
    assert any("is no longer shown to the sync user" in cause.text for cause in answer.causes)
    purged, binned = world.sf.ids("Lead")[5:7]
    world.sf.purge("Lead", purged)
    world.sf.delete("Lead", binned)
    assert "was deleted in Salesforce for good" in why(world.engine, purged)[0].records[0].holds[-1]
    assert "recycle bin" in why(world.engine, binned)[0].records[0].holds[-1]
