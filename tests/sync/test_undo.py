"""Undo of runs: what is put back on both sides, what is refused, and that it survives being killed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diptych.domain.pair import PairState
from diptych.sync import crashpoint
from diptych.sync.repair import undo as undoing
from diptych.sync.repair.undo import NoSuchRun, Undone, Wanted, look, undo
from diptych.testing import Crash, Fault
from tests.sync.test_create import Creating
from tests.sync.world import World


@pytest.fixture
def world() -> World:
    world = World()
    world.sf.create("Account", Name="Acme")
    for number in range(5):
        world.lead(f"Lee {number}", FirstName="Ann", City="Bonn", Title="Chief", Phone="1", State="NW")
    return world.ready()


@pytest.fixture
def lead(world: World) -> str:
    return world.sf.ids("Lead")[1]


def undone(world: World, run_id: int, **only: object) -> Undone:
    return undo(world.engine, world.lease(), Wanted(run_id, **only))  # type: ignore[arg-type]


def test_what_came_in_is_put_back_on_both_sides(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, City="Rom", FirstName="Bea")
    run = world.cycle().run_id
    assert world.person(lead)["city"] == "Rom"
    seen = look(world.engine, Wanted(run))
    assert {(i.column, i.now, i.becomes) for i in seen.items} == {
        ("city", "Rom", "Bonn"),
        ("first_name", "Bea", "Ann"),
    }
    (city,) = (i for i in seen.items if i.column == "city")
    assert [(w.sf_id, w.field, w.now, w.becomes) for w in city.salesforce] == [(lead, "City", "Rom", "Bonn")]
    assert world.person(lead)["city"] == "Rom" and not world.writes()  # looking changes nothing

    assert undone(world, run).count("restore") == 2
    assert world.person(lead)["city"] == "Bonn"
    world.cycles(2)
    assert (world.there(lead)["City"], world.there(lead)["FirstName"]) == ("Bonn", "Ann")
    assert not world.conflicts()


def test_what_was_sent_is_put_back_on_both_sides(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    run = world.cycle().run_id
    assert world.there(lead)["City"] == "Mainz"
    assert [i.becomes for i in undone(world, run).items] == ["Bonn"]
    world.cycle()
    assert world.person(lead)["city"] == world.there(lead)["City"] == "Bonn"


def test_an_undo_can_be_undone(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, City="Rom")
    run = world.cycle().run_id
    first = undone(world, run).run_id
    assert first is not None
    world.cycle()
    second = undone(world, first).run_id
    world.cycle()
    assert world.person(lead)["city"] == world.there(lead)["City"] == "Rom"
    assert second is not None
    undone(world, second)
    world.cycle()
    assert world.person(lead)["city"] == world.there(lead)["City"] == "Bonn"


def test_the_loser_of_a_conflict_comes_back(world: World, lead: str) -> None:
    world.edit(lead, city="Ours")
    world.sf.edit("Lead", lead, City="Theirs")
    run = world.cycle().run_id
    assert world.person(lead)["city"] == "Theirs" and len(world.conflicts()) == 1
    undone(world, run)
    world.cycle()
    assert world.person(lead)["city"] == world.there(lead)["City"] == "Ours"


def test_one_person_one_field(world: World, lead: str) -> None:
    other = world.sf.ids("Lead")[2]
    for one in (lead, other):
        world.sf.edit("Lead", one, City="Rom", FirstName="Bea")
    run = world.cycle().run_id
    undone(world, run, person_id=world.person(lead)["id"], column="city")
    world.cycle()
    assert (world.there(lead)["City"], world.there(lead)["FirstName"]) == ("Bonn", "Bea")
    assert world.there(other)["City"] == "Rom"


def test_a_newer_edit_here_is_left_and_named(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, City="Rom", FirstName="Bea")
    run = world.cycle().run_id
    world.store.edit(world.person(lead)["id"], "city", "Oslo", actor="admin:ada")
    done = undone(world, run)
    (refused,) = done.refused
    assert refused.column == "city" and "newer edit: here by admin:ada" in (refused.refused or "")
    assert world.person(lead)["city"] == "Oslo" and world.person(lead)["first_name"] == "Ann"


def test_changed_and_changed_back_is_a_newer_edit_too(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, City="Rom")
    run = world.cycle().run_id
    world.edit(lead, city="Oslo")
    world.edit(lead, city="Rom")
    assert len(undone(world, run).refused) == 1
    assert world.person(lead)["city"] == "Rom"


def test_a_newer_edit_in_salesforce_is_left_even_before_the_feed_knows(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, City="Rom")
    run = world.cycle().run_id
    world.clock.advance(60)
    world.sf.edit("Lead", lead, City="Lima")
    (refused,) = undone(world, run).refused
    assert "newer edit in Salesforce: City is now Lima" in (refused.refused or "")
    world.cycle()
    assert world.person(lead)["city"] == world.there(lead)["City"] == "Lima"
    (refused,) = undone(world, run).refused
    assert "in Salesforce by" in (refused.refused or "")


def test_twice_is_once(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, City="Rom")
    run = world.cycle().run_id
    first = undone(world, run)
    again = undone(world, run)
    assert [i.refused for i in again.items] == [f"Run {first.run_id} has put it back already."]


def test_what_salesforce_would_not_take_is_refused(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, Phone="2")
    run = world.cycle().run_id
    (item,) = undone(world, run).items
    assert "mapped inbound only" in (item.refused or "")
    assert world.person(lead)["phone"] == "2"


def test_a_write_on_its_way_is_waited_for(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, City="Rom", FirstName="Bea")
    run = world.cycle().run_id
    world.edit(lead, last_name="New")
    assert world.crash(Fault("C-12", 1, "crash"))
    done = undone(world, run)
    assert len(done.refused) == 2 and "on its way" in (done.refused[0].refused or "")


def test_a_delete_in_salesforce_is_not_revived(world: World, lead: str) -> None:
    world.sf.delete("Lead", lead)
    run = world.cycle().run_id
    (item,) = undone(world, run).items
    assert "was deleted in Salesforce in that run" in (item.refused or "")
    assert world.pair(lead).state is PairState.TOMBSTONED


def test_people_that_a_run_brought_are_removed_and_stay_away(world: World) -> None:
    new = world.lead("New", City="Rom")
    run = world.cycle().run_id
    person_id = world.person(new)["id"]
    done = undone(world, run)
    assert done.count("remove") == 1 and world.store.person(person_id) is None
    world.sf.edit("Lead", new, City="Lima")
    world.cycles(3)
    assert world.store.person(person_id) is None and world.there(new)["City"] == "Lima"

    assert done.run_id is not None
    undone(world, done.run_id)
    assert world.store.person(person_id)["city"] == "Lima"  # type: ignore[index]
    world.cycles(2)
    world.store.edit(person_id, "city", "Kiel")
    world.cycle()
    assert world.there(new)["City"] == "Kiel"


@pytest.mark.parametrize("what", ["edited", "changed there", "deleted there"])
def test_people_that_somebody_has_gone_on_with_are_kept(world: World, what: str) -> None:
    new = world.lead("New", City="Rom")
    run = world.cycle().run_id
    world.clock.advance(60)
    if what == "edited":
        world.edit(new, city="Oslo")
    elif what == "changed there":
        world.sf.edit("Lead", new, City="Oslo")
    else:
        world.sf.delete("Lead", new)
    (item,) = undone(world, run).items
    assert item.action == "remove" and item.refused is not None
    assert world.store.person(world.pair(new).person_id) is not None


def test_an_initial_load_can_be_undone_in_slices_and_goes_on_after_a_kill(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(undoing, "SLICE", 2)
    world = World()
    for number in range(7):
        world.lead(f"Lee {number}", City="Bonn")
    world.ready()
    load = min(a.run_id for a in world.store.tables.arrivals.values())
    brought = [a.person_id for a in world.store.tables.arrivals.values() if a.run_id == load]
    assert len(brought) >= 5
    for point in ("C-31", "C-32"):
        world.faults.arm([Fault(point, 1, "crash")])
        crashpoint.hook = world.faults.crashpoint
        with pytest.raises(Crash):
            undone(world, load)
        crashpoint.hook = None
        world.engine = world.new_engine()
    done = undone(world, load)
    assert {p for p in brought if world.store.person(p)} == set()
    runs = [r for r in world.store.tables.runs.values() if r.kind == f"undo of run {load}"]
    assert [(r.status) for r in runs] == ["Succeeded"]
    assert done.run_id is not None
    undone(world, done.run_id)
    assert all(world.store.person(p) for p in brought)
    world.cycles(2)
    assert not world.writes()


def test_the_org_away_in_the_middle_loses_nothing(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, City="Rom")
    run = world.cycle().run_id
    world.faults.arm([Fault("retrieve", 1, "before")])
    first = undone(world, run)
    world.faults.arm([])
    assert first.error is not None and world.person(lead)["city"] == "Rom"
    second = undone(world, run)
    assert second.run_id == first.run_id and world.person(lead)["city"] == "Bonn"


def test_several_records_of_one_person_all_get_the_value_back(world: World, lead: str) -> None:
    contact = world.sf.create("Contact", LastName="Lee 1", FirstName="Ann", MailingCity="Bonn")
    world.cycle()
    with world.store.transaction() as tx:
        record = world.sf.rows["Contact"][contact]
        old = world.pair(contact, "Contact")
        person_id = world.person(lead)["id"]
        pair = replace(old, person_id=person_id)
        world.store.tables.pairs[old.id] = pair
        world.store.tables.pairs_of[person_id] = (*world.store.tables.pairs_of[person_id], pair.id)
        assert record is not None and tx is not None
    world.sf.edit("Lead", lead, City="Rom")
    run = world.cycle().run_id
    world.cycle()
    assert world.there(contact, "Contact")["MailingCity"] == "Rom"
    undone(world, run)
    world.cycles(2)
    assert world.there(contact, "Contact")["MailingCity"] == world.there(lead)["City"] == "Bonn"


def test_a_record_that_the_run_created_in_salesforce_is_named_and_left() -> None:
    world = Creating()
    person_id = world.new()
    run = world.cycle().run_id
    (lead,) = world.leads()
    before = world.there(lead)
    (item,) = undone(world, run).items
    assert item.person_id == person_id and f"Lead {lead} was created in Salesforce" in (item.refused or "")
    world.cycles(2)
    assert world.leads() == [lead] and world.there(lead) == before
    assert world.row(person_id)["last_name"] == "Lee"


def test_no_such_run(world: World) -> None:
    with pytest.raises(NoSuchRun):
        look(world.engine, Wanted(999))
