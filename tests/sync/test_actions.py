"""Merging, converting and deleting from our side: once, whatever is killed or lost on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diptych.domain.actions import Action, ActionState, CannotAct, DeletePolicy
from diptych.domain.pair import PairState
from diptych.domain.suppression import SuppressedFor
from diptych.domain.values import Kind
from diptych.sync import crashpoint
from diptych.sync.actions import preview, undo
from diptych.sync.actions.carry_out import cancel, carry_on, order
from diptych.sync.actions.preview import ConvertWish
from diptych.testing import Crash, Fault, field
from diptych.testing.org_lifecycle import CONVERTED_STATUSES
from tests.sync.world import CONTACT_FIELDS, LEAD_FIELDS, World, person_field

FIELDS = (
    *LEAD_FIELDS,
    *CONTACT_FIELDS,
    person_field("Lead", "Email", "email"),
    person_field("Contact", "Email", "email"),
    person_field("Contact", "HasOptedOutOfEmail", "unsubscribed", Kind.BOOLEAN, nillable=False),
    person_field("Lead", "mkto71_Lead_Score__c", "score", Kind.INTEGER),
    person_field("Contact", "mkto71_Lead_Score__c", "score", Kind.INTEGER),
)


def acting_world() -> World:
    """Both sides, with e-mail addresses, consent and scores on leads and contacts."""
    made = World(fields=FIELDS)
    for name in ("Lead", "Contact"):
        described = made.sf.described[name]
        score = field("mkto71_Lead_Score__c", "int")
        made.sf.described[name] = replace(described, fields={**described.fields, score.name: score})
    return made


@pytest.fixture
def world() -> World:
    made = acting_world()
    for number, name in enumerate(("Anna", "Bert", "Cora"), start=1):
        made.lead(name, Email=f"{name.lower()}@x.org", mkto71_Lead_Score__c=number * 10)
    return made.ready()


def contact(world: World, name: str = "Kern", **values: Any) -> str:
    account = world.sf.create("Account", Name="Acme")
    made = world.sf.create("Contact", LastName=name, AccountId=account, **values)
    world.cycles(2)
    return made


def people(world: World) -> set[int]:
    return {p["id"] for p in world.store.people()}


def number(world: World, sf_id: str, name: str = "Lead") -> int:
    return world.pair(sf_id, name).person_id


def act(world: World, action: Action) -> Action:
    crashpoint.hook = world.faults.crashpoint
    world.clock.advance(60)
    try:
        kept = order(world.engine, action)
        return carry_on(world.engine, world.lease(), kept.id)
    finally:
        crashpoint.hook = None


def merge(world: World, *ids: int, **more: Any) -> Action:
    return act(world, preview.merge(world.engine, ids, **more).action("test", world.clock.now()))


def delete(world: World, person: int, policy: DeletePolicy, **more: Any) -> Action:
    return act(world, preview.delete(world.engine, person, policy, **more).action("test", world.clock.now()))


def sent(world: World) -> list[tuple[str, str]]:
    """What the org was asked for and did."""
    return [(what, sf_id) for what, sf_id, ended in world.org.asked if ended == "done"]


# ---------------------------------------------------------------- merging


def test_leads_are_merged_there_and_their_people_here(world: World) -> None:
    one, two, three = world.sf.ids("Lead")
    world.sf.edit("Lead", two, City="Ulm", HasOptedOutOfEmail=True)
    world.cycle()
    first, second, third = (number(world, sf_id) for sf_id in (one, two, three))
    done = merge(world, first, second, third)
    assert (done.state, done.error) == (ActionState.DONE, None)
    assert sent(world) == [("merge", one)], "two losers go in one request"
    assert people(world) == {first}
    shown = world.person(one)
    assert (shown["city"], shown["score"], shown["unsubscribed"]) == ("Ulm", 60, True)
    assert world.store.tables.redirects == {second: first, third: first}
    world.cycles(3)
    there = world.there(one)
    assert (there["City"], there["mkto71_Lead_Score__c"], there["HasOptedOutOfEmail"]) == ("Ulm", 60, True)
    assert world.person(one)["score"] == 60
    joins = list(world.store.tables.joins.values())
    assert [(j.why, j.before_loser["score"]) for j in joins] == [("merge", 20), ("merge", 30)]
    run = world.store.tables.runs[done.run_id or 0]
    assert (run.kind, run.status) == ("merge", "Succeeded")


def test_contacts_are_merged(world: World) -> None:
    one, two = contact(world, "Kern"), contact(world, "Kern-Lee", MailingCity="Ulm")
    first, second = number(world, one, "Contact"), number(world, two, "Contact")
    assert merge(world, first, second).state is ActionState.DONE
    world.cycles(2)
    assert sent(world) == [("merge", one)] and second not in people(world)
    assert world.there(one, "Contact")["MailingCity"] == "Ulm"
    assert world.pair(two, "Contact").state is PairState.REDIRECTED


def test_a_lead_is_converted_into_the_contact_whoever_is_named_first(world: World) -> None:
    lead, known = world.sf.ids("Lead")[0], contact(world, mkto71_Lead_Score__c=5)
    accounts = len(world.sf.ids("Account"))
    first, second = number(world, lead), number(world, known, "Contact")
    shown = preview.merge(world.engine, [first, second])
    assert shown.plan.remaining == second and "it is the contact" in shown.plan.notes[0]
    (step,) = shown.plan.steps
    assert step.text == f"convert lead {lead} into contact {known}, without an opportunity"
    assert act(world, shown.action("test", world.clock.now())).state is ActionState.DONE
    world.cycles(2)
    assert sent(world) == [("convert", lead)] and len(world.sf.ids("Account")) == accounts
    assert first not in people(world) and world.person(known, "Contact")["score"] == 15
    assert world.pair(lead).state is PairState.CONVERTED


def test_lead_contact_and_lead_in_one(world: World) -> None:
    one, two, _ = world.sf.ids("Lead")
    known = contact(world)
    ids = [number(world, one), number(world, known, "Contact"), number(world, two)]
    done = merge(world, *ids)
    assert done.state is ActionState.DONE
    assert sent(world) == [("convert", one), ("convert", two)]
    assert {number(world, one), number(world, two)} == {ids[1]}


def test_a_chain_follows_who_has_joined_whom(world: World) -> None:
    one, two, three = world.sf.ids("Lead")
    first, second, third = (number(world, sf_id) for sf_id in (one, two, three))
    merge(world, second, first)
    merge(world, third, first)  # who is by now the second
    assert people(world) == {third}
    assert world.store.tables.redirects == {first: third, second: third}
    assert world.sf.rows["Lead"][two].master_id == three
    with pytest.raises(CannotAct, match="one person here already"):
        preview.merge(world.engine, [first, second])


def test_a_value_that_was_picked_is_the_one_that_stays(world: World) -> None:
    one, two, _ = world.sf.ids("Lead")
    first, second = number(world, one), number(world, two)
    shown = preview.merge(world.engine, [first, second], {"last_name": second, "score": first})
    (name,) = (d for d in shown.plan.differences if d.column == "last_name")
    assert (name.values, name.result, name.policy) == (("Anna", "Bert"), "Bert", "picked")
    act(world, shown.action("test", world.clock.now()))
    world.cycles(2)
    assert (world.there(one)["LastName"], world.there(one)["mkto71_Lead_Score__c"]) == ("Bert", 10)


def test_what_only_salesforce_holds_is_shown_before(world: World) -> None:
    one, two, _ = world.sf.ids("Lead")
    world.sf.edit("Lead", two, Industry="Banking")
    shown = preview.merge(world.engine, [number(world, one), number(world, two)])
    lost = {u.field: u.values for u in shown.unsynced}
    assert lost["Industry"] == {one: None, two: "Banking"}
    assert "LastName" not in lost


def test_people_without_a_record_are_joined_here(world: World) -> None:
    one = world.sf.ids("Lead")[0]
    made = world.store.insert(last_name="Aline", city="Bonn", score=1)
    done = merge(world, made, number(world, one))
    assert done.state is ActionState.DONE and sent(world) == []
    assert number(world, one) == made, "the first one named keeps its id"
    world.cycles(2)
    assert (world.there(one)["City"], world.there(one)["mkto71_Lead_Score__c"]) == ("Bonn", 11)


def test_only_here_leaves_every_record_as_it_is(world: World) -> None:
    one, two, _ = world.sf.ids("Lead")
    first, second = number(world, one), number(world, two)
    assert merge(world, first, second, only_here=True).state is ActionState.DONE
    assert sent(world) == [] and number(world, two) == first
    assert {world.pair(one).state, world.pair(two).state} == {PairState.PAIRED}
    world.cycles(3)
    assert world.there(two)["LastName"] == world.there(one)["LastName"] == "Anna"


def test_an_edit_under_way_is_carried_over_the_merge(world: World) -> None:
    """C-30: two people are merged while one is fenced."""
    one, two, _ = world.sf.ids("Lead")
    world.edit(two, city="Ulm")
    world.crash(Fault("update", 1, "after"))
    assert world.pair(two).fenced
    first, second = number(world, one), number(world, two)
    shown = preview.merge(world.engine, [first, second])
    assert "on its way" in shown.plan.notes[0]
    assert act(world, shown.action("test", world.clock.now())).state is ActionState.DONE
    world.cycles(3, minutes=10)
    assert world.there(one)["City"] == world.person(one)["city"] == "Ulm"
    assert not world.pair(two).fenced


# ---------------------------------------------------------------- killed, cut off, refused


@pytest.mark.parametrize("point", ["C-33", "C-34", "C-35"])
@pytest.mark.parametrize("what", ["merge", "convert", "delete"])
def test_killed_anywhere_it_is_done_once(world: World, what: str, point: str) -> None:
    one, two, _ = world.sf.ids("Lead")
    first, second = number(world, one), number(world, two)
    if what == "merge":
        action = preview.merge(world.engine, [first, second], {"last_name": second})
    elif what == "convert":
        action = preview.convert(world.engine, second, ConvertWish())  # type: ignore[assignment]
    else:
        action = preview.delete(world.engine, second, DeletePolicy.DELETE)  # type: ignore[assignment]
    world.faults.arm([Fault(point, 1, "crash")])
    with pytest.raises(Crash):
        act(world, action.action("test", world.clock.now()))
    world.faults.arm([])
    world.engine = world.new_engine()
    world.cycles(3)
    (kept,) = world.store.tables.actions.values()
    assert (kept.state, kept.error) == (ActionState.DONE, None)
    assert len(sent(world)) == 1
    if what == "merge":
        assert second not in people(world)
        assert world.person(one)["last_name"] == world.there(one)["LastName"] == "Bert"
    elif what == "convert":
        (new,) = world.sf.ids("Contact")
        assert number(world, two) == number(world, new, "Contact") == second
    else:
        assert second not in people(world) and world.sf.rows["Lead"][two].deleted


@pytest.mark.parametrize("what", ["merge", "convert", "delete"])
@pytest.mark.parametrize("fault", ["before", "after", "zombie", "locked"])
def test_a_lost_answer_is_looked_up_before_anything_is_sent_again(
    world: World, what: str, fault: str
) -> None:
    one, two, _ = world.sf.ids("Lead")
    first, second = number(world, one), number(world, two)
    world.faults.arm([Fault(what, 1, fault, 30 if fault == "zombie" else None)])
    if what == "merge":
        done = merge(world, first, second)
    elif what == "convert":
        shown = preview.convert(world.engine, second, ConvertWish())
        done = act(world, shown.action("test", world.clock.now()))
    else:
        done = delete(world, second, DeletePolicy.DELETE)
    assert done.state is (ActionState.DONE if fault == "after" else ActionState.OPEN)
    assert (done.error is None) is (fault == "after")
    world.cycles(3)
    (kept,) = world.store.tables.actions.values()
    assert kept.state is ActionState.DONE
    assert len(sent(world)) == 1
    assert len(people(world)) == (3 if what == "convert" else 2)


def test_what_is_refused_fails_with_salesforce_s_reason_and_changes_nothing(world: World) -> None:
    one, two, _ = world.sf.ids("Lead")
    world.org.barred.add(two)
    before = people(world)
    done = merge(world, number(world, one), number(world, two))
    assert done.state is ActionState.FAILED and "insufficient access" in (done.error or "")
    assert people(world) == before and sent(world) == []
    run = world.store.tables.runs[done.run_id or 0]
    assert (run.status, run.error) == ("Failed", done.error)


def test_what_a_salesperson_did_meanwhile_is_not_done_again(world: World) -> None:
    one, two, three = world.sf.ids("Lead")
    shown = preview.merge(world.engine, [number(world, one), number(world, two)])
    world.sf.merge("Lead", three, two)
    done = act(world, shown.action("test", world.clock.now()))
    assert done.state is ActionState.FAILED and f"merged into {three}" in (done.error or "")
    again = preview.merge(world.engine, [number(world, three), number(world, one)])
    world.sf.merge("Lead", three, one)
    with pytest.raises(CannotAct, match="just been merged in Salesforce"):
        preview.merge(world.engine, [number(world, three), number(world, one)])
    world.sf.edit("Lead", three, City="Ulm")
    assert act(world, again.action("test", world.clock.now())).state is ActionState.DONE
    assert sent(world) == [], "it had happened already"


def test_an_action_that_waits_blocks_a_second_one_and_can_be_cancelled(world: World) -> None:
    one, two, three = world.sf.ids("Lead")
    world.faults.arm([Fault("merge", 1, "before")])
    done = merge(world, number(world, one), number(world, two))
    assert done.state is ActionState.OPEN
    with pytest.raises(CannotAct, match="has not ended yet"):
        preview.merge(world.engine, [number(world, three), number(world, two)])
    assert cancel(world.engine, done.id).state is ActionState.CANCELLED
    world.cycles(2)
    assert sent(world) == []


# ---------------------------------------------------------------- converting


def test_a_lead_becomes_a_new_contact_of_the_same_person(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    person = number(world, lead)
    world.edit(lead, city="Mainz")
    wish = ConvertWish(opportunity_name="Big deal", status=CONVERTED_STATUSES[1])
    shown = preview.convert(world.engine, person, wish)
    assert "a new account is made" in " ".join(shown.notes).lower()
    done = act(world, shown.action("test", world.clock.now()))
    assert done.state is ActionState.DONE
    (new,) = world.sf.ids("Contact")
    assert number(world, new, "Contact") == person
    assert world.person(lead)["salesforce_type"] == "contact"
    world.cycles(2)
    assert world.there(new, "Contact")["MailingCity"] == "Mainz"


def test_a_lead_joins_a_contact_by_conversion(world: World) -> None:
    lead, known = world.sf.ids("Lead")[0], contact(world)
    person, there = number(world, lead), number(world, known, "Contact")
    shown = preview.convert(world.engine, person, ConvertWish(contact=known))
    assert shown.joins == there
    assert act(world, shown.action("test", world.clock.now())).state is ActionState.DONE
    assert person not in people(world) and number(world, lead) == there


def test_an_account_is_kept_and_a_contact_that_is_hidden_is_never_made_anew(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    person, account = number(world, lead), world.sf.create("Account", Name="Acme")
    shown = preview.convert(world.engine, person, ConvertWish(account=account))
    hide = Fault("C-34", 1, "call", lambda: world.org.unseen.update(world.sf.ids("Contact")))
    world.faults.arm([hide])
    assert act(world, shown.action("test", world.clock.now())).state is ActionState.DONE
    world.faults.arm([])
    (new,) = world.sf.ids("Contact")
    assert world.sf.rows["Contact"][new].values["AccountId"] == account
    assert world.person(lead)["link_state"] == "out_of_scope" and number(world, lead) == person
    world.cycles(3)
    assert len(people(world)) == 3


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (ConvertWish(status="Nonsense"), "There are: Closed - Converted"),
        (ConvertWish(contact="003000000000001AAA"), "does not show contact"),
        (ConvertWish(lead="00Q000000000001EAA"), "has no live lead"),
    ],
)
def test_a_conversion_that_cannot_be_says_why(world: World, wish: ConvertWish, said: str) -> None:
    with pytest.raises(CannotAct, match=said):
        preview.convert(world.engine, number(world, world.sf.ids("Lead")[0]), wish)
    world.sf.edit("Lead", world.sf.ids("Lead")[0], OwnerId="00G000000000001AAA")
    with pytest.raises(CannotAct, match="--owner"):
        preview.convert(world.engine, number(world, world.sf.ids("Lead")[0]), ConvertWish())


# ---------------------------------------------------------------- deleting


def test_left_there_and_gone_here(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    person = number(world, lead)
    done = delete(world, person, DeletePolicy.LEAVE)
    assert done.state is ActionState.DONE and sent(world) == []
    world.sf.edit("Lead", lead, City="Ulm")
    world.cycles(2)
    assert person not in people(world) and len(people(world)) == 2


def test_let_go_and_kept_here(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    person = number(world, lead)
    assert delete(world, person, DeletePolicy.DETACH).state is ActionState.DONE
    world.sf.edit("Lead", lead, City="Ulm")
    world.store.edit_row(person, {"city": "Bonn"})
    world.cycles(3)
    kept = world.store.person(person)
    assert kept is not None and (kept["city"], kept["link_state"]) == ("Bonn", "none")
    assert world.there(lead)["City"] == "Ulm" and not world.writes(lead)


def test_deleted_there_only_as_it_was_shown(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    person = number(world, lead)
    shown = preview.delete(world.engine, person, DeletePolicy.DELETE)
    assert shown.confirmation == "delete 1 in Salesforce"
    world.clock.advance(60)
    world.sf.edit("Lead", lead, City="Ulm")
    done = act(world, shown.action("test", world.clock.now()))
    assert done.state is ActionState.FAILED and "was changed in Salesforce since" in (done.error or "")
    assert person in people(world) and not world.sf.rows["Lead"][lead].deleted
    assert delete(world, person, DeletePolicy.DELETE).state is ActionState.DONE
    assert sent(world) == [("delete", lead)] and person not in people(world)
    world.cycles(3)
    assert len(people(world)) == 2


# ---------------------------------------------------------------- kept away


def test_who_is_suppressed_does_not_come_back_by_whatever_record(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    person = number(world, lead)
    assert delete(world, person, DeletePolicy.LEAVE, suppress=True).state is ActionState.DONE
    with world.store.transaction() as tx:
        listed = tx.suppressions.listed(10)
        assert {(s.object_name, s.former_id) for s in listed} == {("Lead", person), ("person", person)}
        assert not any("anna" in str(s) for s in listed), "only a hash is kept of the address"
    world.sf.edit("Lead", lead, City="Ulm")
    again = world.lead("Anna", Email="ANNA@x.org ")
    known = contact(world, "Anna", Email="anna@x.org")
    converted = world.lead("Anna", Email="anna@x.org")
    world.sf.convert(converted)
    world.cycles(3)
    assert len(people(world)) == 2
    assert world.pair(again).state is world.pair(known, "Contact").state is PairState.DETACHED
    with world.store.transaction() as tx:
        assert {s.sf_id for s in tx.suppressions.release(person)} >= {lead, again, known}
    world.clock.advance(60)
    world.sf.edit("Lead", again, City="Ulm")
    world.cycles(2)
    assert world.person(again)["city"] == "Ulm" and number(world, again) in people(world)


def test_who_is_suppressed_is_not_loaded_again_either(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    delete(world, number(world, lead), DeletePolicy.LEAVE, suppress=True)
    fresh = World(fields=FIELDS)
    fresh.sf.described = world.sf.described
    with fresh.store.transaction() as tx:
        tx.suppressions.add(99, [], "anna@x.org", SuppressedFor.DELETED)
    fresh.lead("Anna", Email="Anna@x.org")
    fresh.lead("Bert", Email="bert@x.org")
    fresh.ready()
    assert [p["last_name"] for p in fresh.store.people()] == ["Bert"]


def test_what_is_forgotten_leaves_no_value_anywhere(world: World) -> None:
    one, two, _ = world.sf.ids("Lead")
    world.edit(one, city="Geheimstadt")
    merge(world, number(world, one), number(world, two))
    world.cycles(2)
    person = number(world, one)
    shown = preview.delete(world.engine, person, DeletePolicy.DELETE, True, True)
    assert shown.confirmation == f"forget person {person}"
    assert act(world, shown.action("test", world.clock.now())).state is ActionState.DONE
    world.cycles(3)
    kept = world.store.tables
    everything = repr([vars(kept)[name] for name in vars(kept) if name not in ("mappings", "schemas")])
    for secret in ("Geheimstadt", "anna@x.org", "Anna", "Bert"):
        assert secret not in everything
    assert len(people(world)) == 1 and world.sf.rows["Lead"][one].deleted


# ---------------------------------------------------------------- taken back


def take_back(world: World, run_id: int | None, undelete: bool) -> Action:
    found = undo.look(world.engine, run_id or 0, undelete)
    assert found is not None and found.does
    return act(world, found.ordered("test", world.clock.now()))


def test_a_merge_is_taken_back_on_both_sides(world: World) -> None:
    one, two, three = world.sf.ids("Lead")
    first, second, third = (number(world, sf_id) for sf_id in (one, two, three))
    done = merge(world, first, second, third, picked={"last_name": second})
    world.cycles(3)
    assert (world.there(one)["LastName"], world.there(one)["mkto71_Lead_Score__c"]) == ("Bert", 60)
    world.store.edit_row(first, {"city": "Bonn"})
    world.cycles(2)
    assert take_back(world, done.run_id, True).state is ActionState.DONE
    assert people(world) == {first, second, third}
    world.cycles(3)
    for sf_id, person, name, score in (
        (one, first, "Anna", 10),
        (two, second, "Bert", 20),
        (three, third, "Cora", 30),
    ):
        assert number(world, sf_id) == person and world.pair(sf_id).state is PairState.PAIRED
        shown = world.person(sf_id)
        assert (shown["last_name"], shown["score"]) == (name, score)
        there = world.there(sf_id)
        assert (there["LastName"], there["mkto71_Lead_Score__c"]) == (name, score)
    assert world.there(one)["City"] == "Bonn", "an edit made since stays"
    found = undo.look(world.engine, done.run_id or 0, True)
    assert found is not None and not found.joins
    assert world.store.tables.redirects == {}


def test_a_merge_is_taken_back_here_alone(world: World) -> None:
    one, two, _ = world.sf.ids("Lead")
    first, second = number(world, one), number(world, two)
    done = merge(world, first, second)
    world.cycles(2)
    found = undo.look(world.engine, done.run_id or 0, False)
    assert found is not None and "recycle bin" in found.notes[0] and not found.undelete
    assert take_back(world, done.run_id, False).state is ActionState.DONE
    world.cycles(3)
    assert {first, second} <= people(world)
    assert world.sf.rows["Lead"][two].deleted and world.person(two)["salesforce_deleted"]
    assert world.there(one)["mkto71_Lead_Score__c"] == 10


@pytest.mark.parametrize("point", ["C-33", "C-34", "C-35"])
def test_a_delete_is_taken_back_once_wherever_it_is_killed(world: World, point: str) -> None:
    lead = world.sf.ids("Lead")[0]
    person = number(world, lead)
    done = delete(world, person, DeletePolicy.DELETE, suppress=True)
    world.cycles(2)
    world.faults.arm([Fault(point, 1, "crash")])
    with pytest.raises(Crash):
        take_back(world, done.run_id, True)
    world.faults.arm([])
    world.engine = world.new_engine()
    world.cycles(3)
    assert number(world, lead) == person and person in people(world)
    assert world.pair(lead).state is PairState.PAIRED and not world.person(lead)["salesforce_deleted"]
    assert sent(world) == [("delete", lead), ("undelete", lead)]
    world.edit(lead, city="Mainz")
    world.cycles(2)
    assert world.there(lead)["City"] == "Mainz"


def test_who_was_let_go_is_tied_to_its_record_again(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    person = number(world, lead)
    done = delete(world, person, DeletePolicy.DETACH)
    world.sf.edit("Lead", lead, City="Ulm")
    world.store.edit_row(person, {"title": "Chef"})
    world.cycles(2)
    assert take_back(world, done.run_id, False).state is ActionState.DONE
    world.cycles(3)
    assert world.person(lead)["city"] == "Ulm" and world.there(lead)["Title"] == "Chef"
    assert world.person(lead)["link_state"] == "lead"


def test_what_cannot_be_taken_back_says_so(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    shown = preview.convert(world.engine, number(world, lead), ConvertWish())
    done = act(world, shown.action("test", world.clock.now()))
    found = undo.look(world.engine, done.run_id or 0, True)
    assert found is not None and not found.does and "cannot take a conversion back" in found.notes[0]
    gone = delete(
        world, number(world, world.sf.ids("Lead")[1]), DeletePolicy.LEAVE, suppress=True, forget=True
    )
    with pytest.raises(CannotAct, match="nothing of it was kept"):
        undo.look(world.engine, gone.run_id or 0, True)
    assert undo.look(world.engine, 1, True) is None, "a cycle is no action"
