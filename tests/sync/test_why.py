"""Why: the chain of causes of a value, what holds one that differs, and why somebody is not here."""

from __future__ import annotations

import pytest

from diptych.sync.repair.undo import Wanted, undo
from diptych.sync.repair.why import Answer, why
from diptych.testing import Fault
from tests.sync.test_create import Creating
from tests.sync.world import LEAD_FIELDS, World, person_field


@pytest.fixture
def world() -> World:
    world = World(fields=(*LEAD_FIELDS, person_field("Lead", "Email", "email", length=80)))
    for number in range(3):
        world.lead(
            f"Lee {number}",
            City="Bonn",
            Phone="1",
            Title="Chief",
            State="NW",
            Email=f"lee{number}@example.com",
        )
    return world.ready()


@pytest.fixture
def lead(world: World) -> str:
    return world.sf.ids("Lead")[1]


def one(world: World, asked: str, column: str | None = None, live: bool = True) -> Answer:
    (answer,) = why(world.engine, asked, column, live)
    return answer


def kinds(answer: Answer) -> list[str]:
    return [cause.kind for cause in answer.causes]


def test_the_chain_newest_first(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, City="Rom")
    world.cycle()
    world.clock.advance(60)
    world.store.edit(world.person(lead)["id"], "city", "Oslo", actor="admin:ada")
    run = world.cycle().run_id
    undo(world.engine, world.lease(), Wanted(run))
    answer = one(world, lead, "city")
    assert (answer.ours, answer.records[0].theirs) == ("Rom", "Oslo")
    assert kinds(answer) == ["edit", "sent", "edit", "edit", "arrival", "rule"]
    back, sent, here, there, came, rule = answer.causes
    assert f"by undo of run {run}" in back.text and "'Rom' (was 'Oslo')" in back.text
    assert (
        "'Oslo' was sent" in sent.text
        and "over 'Rom': arrived" in sent.text
        and f"(run {run}, cycle)" in sent.text
    )
    assert "edited here by admin:ada" in here.text
    assert "'Rom' (was 'Bonn'): edited in Salesforce by" in there.text and there.run_id is not None
    assert "came from Salesforce" in came.text
    assert "Lead.City, both ways; in a conflict Salesforce wins (mapping version 1" in rule.text
    assert answer.records[0].holds == ("Nothing holds it: the next sync sends ours.",)


def test_a_conflict_names_its_loser_and_an_error_its_reason(world: World, lead: str) -> None:
    world.edit(lead, city="Ours", title="T" * 300)
    world.sf.edit("Lead", lead, City="Theirs")
    world.cycle()
    answer = one(world, str(world.person(lead)["id"]), "city")
    assert "Salesforce's 'Theirs' won over 'Ours' (by the policy of the field)" in "".join(
        c.text for c in answer.causes
    )


@pytest.mark.parametrize("by", ["id", "record", "address"])
def test_somebody_is_found_by(world: World, lead: str, by: str) -> None:
    person_id = world.person(lead)["id"]
    asked = {"id": str(person_id), "record": lead[:15], "address": "LEE1@example.com"}[by]
    assert one(world, asked).person_id == person_id


def test_what_holds_a_value(world: World, lead: str) -> None:
    world.edit(lead, city="Oslo")
    assert world.crash(Fault("C-12", 1, "crash"))
    assert "is on its way" in one(world, lead, "city").records[0].holds[0]
    other = world.sf.ids("Lead")[2]
    world.edit(other, first_name="x" * 60)
    world.cycle()
    (held,) = one(world, other, "first_name").records[0].holds
    assert held.startswith("Parked (error") and "Salesforce takes 40" in held
    world.edit(other, phone="77")
    assert "mapped inbound only" in one(world, other, "phone").records[0].holds[0]
    world.org.hide("Lead", "City")
    world.cycle(70)
    world.edit(other, city="Oslo")
    assert any("hidden from the sync user" in h for h in one(world, other, "city").records[0].holds)


def test_a_record_that_was_deleted_or_hidden(world: World, lead: str) -> None:
    world.sf.delete("Lead", lead)
    world.cycle()
    answer = one(world, lead, "city")
    assert answer.records[0].state == "tombstoned" and "deleted in Salesforce" in answer.records[0].holds[0]
    assert answer.causes[0].text.startswith(f"Lead {lead} was deleted in Salesforce")


def test_a_person_deleted_here_is_explained(world: World, lead: str) -> None:
    person_id = world.person(lead)["id"]
    world.store.delete(person_id)
    for asked in (str(person_id), lead):
        answer = one(world, asked)
        assert "deleted here" in answer.missing[0] and "detached" in answer.records[0].holds[0]


def test_nobody(world: World) -> None:
    new = world.lead("New")
    assert "comes with the next sync" in one(world, new).missing[0]
    assert "does not show Lead" in one(world, "00Q5e00000000ZZ").missing[0]
    assert "begin with 006" in one(world, "0065e000000001A").missing[0]
    assert "No field of Contact is mapped" in one(world, "0035e000000001A").missing[0]
    assert "Nobody has this address" in one(world, "x@example.com").missing[-1]
    assert "never a person 4711" in one(world, "4711").missing[0]
    assert "no person id" in one(world, "hello").missing[-1]


def test_who_is_not_in_salesforce_is_told_why() -> None:
    world = Creating()
    alone, lacking = world.new(email=None), world.new("b@x.org", company_name=None)
    world.cycle()
    assert "only here" in one(world, str(alone)).missing[0]
    (told,) = one(world, str(lacking)).missing
    assert "waiting for data" in told and "Company" in told


def test_an_address_that_somebody_had(world: World, lead: str) -> None:
    world.edit(lead, email="new@example.com")
    assert f"Person {world.person(lead)['id']} had this address" in one(world, "lee1@example.com").missing[0]


def test_before_the_load_is_complete() -> None:
    world = World()
    lead = world.lead()
    assert "has not begun" in one(world, lead).missing[0]


def test_salesforce_away_is_said_and_the_rest_answered(world: World, lead: str) -> None:
    world.faults.arm([Fault("retrieve", 1, "before")])
    answer = one(world, lead, "city")
    assert answer.unread and answer.ours == "Bonn"
    world.faults.arm([])
    with pytest.raises(KeyError):
        why(world.engine, lead, "nope")
