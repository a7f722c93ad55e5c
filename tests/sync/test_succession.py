"""Conversions and merges seen in Salesforce: one person, its id, its edits, whatever comes in which order."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from diptych.domain.mapping import FieldMapping, Policy
from diptych.domain.pair import PairState
from diptych.domain.values import Kind
from diptych.sync.noted import noted
from diptych.testing import Fault, field
from tests.sync.world import CONTACT_FIELDS, LEAD_FIELDS, World, person_field

SCORES = (
    person_field("Lead", "mkto71_Lead_Score__c", "score", Kind.INTEGER),
    person_field("Contact", "mkto71_Lead_Score__c", "score", Kind.INTEGER),
)


def with_scores(*fields: FieldMapping) -> World:
    world = World(fields=fields)
    for name in ("Lead", "Contact"):
        described = world.sf.described[name]
        score = field("mkto71_Lead_Score__c", "int")
        world.sf.described[name] = replace(described, fields={**described.fields, score.name: score})
    return world


@pytest.fixture
def world() -> World:
    made = World()
    for name in ("Anna", "Bert", "Cora", "Dora"):
        made.lead(name)
    return made.ready()


def people(world: World) -> set[int]:
    return {p["id"] for p in world.store.people()}


def contact(world: World, **values: object) -> str:
    account = world.sf.create("Account", Name="Acme")
    return world.sf.create("Contact", LastName="Kern", AccountId=account, **values)


# ---------------------------------------------------------------- conversion


def test_a_new_contact_is_linked_to_the_lead_s_person(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    before = people(world)
    person = world.person(lead)["id"]
    world.sf.edit("Lead", lead, City="Bonn")
    new = world.sf.convert(lead)
    world.cycle()
    assert people(world) == before, "nobody came, nobody went"
    assert world.person(new, "Contact")["id"] == person
    shown = world.person(lead)
    assert (shown["salesforce_id"], shown["salesforce_type"], shown["link_state"]) == (
        new,
        "contact",
        "contact",
    )
    assert (shown["city"], shown["salesforce_deleted"]) == ("Bonn", False)
    assert (
        world.pair(lead).state is PairState.CONVERTED and world.pair(new, "Contact").state is PairState.PAIRED
    )
    kept = [c for c in world.store.changes(person) if c.side == "joined"]
    assert kept[0].old["city"] == "Bonn", "the last values of the lead stay readable"
    world.edit(lead, city="Mainz")
    world.cycles(2)
    assert world.there(new, "Contact")["MailingCity"] == "Mainz"
    assert not world.writes(lead)


def test_an_edit_under_way_goes_to_the_contact(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.edit(lead, city="Mainz", first_name="Anni")
    new = world.sf.convert(lead)
    world.cycles(3)
    assert world.there(new, "Contact")["MailingCity"] == "Mainz"
    assert world.there(new, "Contact")["FirstName"] == "Anni"
    assert not world.letters() and not world.conflicts() and not world.writes(lead)


def test_an_existing_contact_and_the_lead_become_one_person(world: World) -> None:
    lead, known = world.sf.ids("Lead")[0], contact(world, MailingCity="Ulm")
    world.cycle(20)
    person, gone = world.person(known, "Contact")["id"], world.person(lead)["id"]
    world.edit(lead, first_name="Anni")
    world.sf.convert(lead, contact_id=known)
    world.cycles(3)
    assert world.person(lead)["id"] == world.person(known, "Contact")["id"] == person
    assert gone not in people(world) and world.store.tables.redirects == {gone: person}
    assert world.person(lead)["city"] == "Ulm"
    assert world.there(known, "Contact")["FirstName"] == "Anni"
    (join,) = world.store.tables.joins.values()
    assert (join.why, join.before_loser["last_name"]) == ("conversion", "Anna")


def test_a_contact_that_is_not_shown_is_never_made_anew(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    before = people(world)
    new = world.sf.convert(lead)
    world.org.unseen.add(new)
    world.cycles(3)
    assert people(world) == before
    assert world.person(lead)["link_state"] == "out_of_scope"
    assert world.pair(lead).redirect_to == new
    world.edit(lead, city="Mainz")
    world.cycles(2)
    assert not world.writes(), "nothing is sent anywhere"
    world.org.unseen.clear()
    world.sf.edit("Contact", new, Title="Chef")
    world.cycles(2)
    assert world.person(lead)["id"] == world.person(new, "Contact")["id"]
    assert people(world) == before and world.person(lead)["link_state"] == "contact"
    world.cycle()
    assert world.there(new, "Contact")["MailingCity"] == "Mainz"


def test_convert_then_update_then_merge(world: World) -> None:
    lead, other = world.sf.ids("Lead")[0], contact(world, MailingCity="Ulm")
    world.cycle(20)
    new = world.sf.convert(lead)
    world.clock.advance(5)
    world.sf.edit("Contact", new, MailingCity="Gera", FirstName="Anne")
    world.clock.advance(5)
    world.sf.merge("Contact", other, new)
    world.edit(lead, first_name="Anni")
    world.cycles(4)
    assert world.person(lead)["id"] == world.person(other, "Contact")["id"]
    assert world.person(other, "Contact")["city"] == "Ulm"
    assert world.there(other, "Contact")["FirstName"] == "Anni"


def test_a_lead_converted_before_the_first_load_is_no_person_of_its_own() -> None:
    world = World()
    first, second = world.lead("Anna"), world.lead("Bert")
    shown, hidden = world.sf.convert(first), world.sf.convert(second)
    world.org.unseen.add(hidden)
    world.cycles(8)
    assert world.person(first)["id"] == world.person(shown, "Contact")["id"]
    assert world.pair(second).state is PairState.CONVERTED
    assert len(people(world)) == 2


def test_a_score_is_not_counted_twice_by_a_conversion() -> None:
    world = with_scores(*LEAD_FIELDS, *CONTACT_FIELDS, *SCORES)
    lead = world.lead(mkto71_Lead_Score__c=10)
    world.ready()
    new = world.sf.convert(lead)
    world.cycles(3)
    assert world.there(new, "Contact")["mkto71_Lead_Score__c"] == 10 == world.person(lead)["score"]


# ---------------------------------------------------------------- merge


def test_an_edit_to_the_loser_lands_on_the_winner(world: World) -> None:
    winner, loser = world.sf.ids("Lead")[:2]
    world.sf.edit("Lead", winner, City="Ulm")
    world.cycle(20)
    world.edit(loser, city="Mainz")
    world.sf.merge("Lead", winner, loser)
    world.cycles(3)
    assert world.there(winner)["City"] == "Mainz" == world.person(winner)["city"]
    assert [(c.ours, c.theirs, c.reason) for c in world.conflicts()] == [("Mainz", "Ulm", "people_joined")]
    assert not world.letters()


def test_blanks_are_filled_scores_added_and_consent_stays_withdrawn() -> None:
    world = with_scores(*LEAD_FIELDS, *SCORES)
    winner = world.lead(City="Ulm", mkto71_Lead_Score__c=10)
    loser = world.lead(
        City="Gera", State="Thuringia", HasOptedOutOfEmail=True, mkto71_Lead_Score__c=5, Phone="123"
    )
    third = world.lead(mkto71_Lead_Score__c=1)
    world.ready()
    world.sf.merge("Lead", winner, loser)
    world.sf.merge("Lead", winner, third)
    world.cycles(3)
    there = world.there(winner)
    assert (there["City"], there["State"], there["HasOptedOutOfEmail"]) == ("Ulm", "Thuringia", True)
    assert there["mkto71_Lead_Score__c"] == 16
    assert there["Phone"] is None, "what only Salesforce fills is not filled by us"
    world.cycles(3)
    assert world.person(winner)["score"] == 16


def test_a_chosen_policy_counts(world: World) -> None:
    winner, loser = world.sf.ids("Lead")[:2]
    world.sf.edit("Lead", winner, City="Ulm", State="BW")
    world.clock.advance(60)
    world.sf.edit("Lead", loser, City="Gera", State="TH")
    world.cycle(20)
    with world.store.transaction() as tx:
        tx.save_setting("join_policies", json.dumps({"city": "most_recent"}))
    world.sf.merge("Lead", winner, loser)
    world.cycles(3)
    assert (world.there(winner)["City"], world.there(winner)["State"]) == ("Gera", "BW")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_chain_in_any_order_of_arrival(world: World, order: tuple[int, ...]) -> None:
    a, b, c, d = world.sf.ids("Lead")
    late = {n: float(place * 120 + 1) for place, n in enumerate(order)}
    world.edit(a, city="Mainz")
    for n, (winner, loser) in enumerate(((b, a), (c, b), (d, c))):
        row = world.sf.rows["Lead"][loser]
        world.sf.merge("Lead", winner, loser)
        done = world.sf.rows["Lead"][loser]
        world.sf.rows["Lead"][loser] = row  # not visible yet
        world.sf.open_writes.append(_late(world, done, late[n]))
    world.cycles(10, 1)
    assert {world.person(x)["id"] for x in (a, b, c, d)} == {world.person(d)["id"]}
    assert world.there(d)["City"] == "Mainz"
    assert len(people(world)) == 1
    assert not world.letters()
    with world.store.transaction() as tx:
        assert noted(tx, "Lead") == []


def _late(world: World, row: object, seconds: float) -> object:
    from datetime import timedelta

    from diptych.testing.org_records import OpenWrite

    return OpenWrite("Lead", row, world.clock.true_now() + timedelta(seconds=seconds))  # type: ignore[arg-type]


def test_a_fenced_record_is_merged(world: World) -> None:
    winner, loser = world.sf.ids("Lead")[:2]
    world.edit(loser, city="Mainz")
    world.crash(Fault("update", 1, "zombie", 400))
    assert world.pair(loser).fenced
    world.sf.merge("Lead", winner, loser)
    world.cycles(3)
    assert world.there(winner)["City"] == "Mainz"
    world.cycles(3, 10)
    assert not world.pair(loser).fenced
    assert world.there(winner)["City"] == "Mainz"


def test_merge_then_update_of_the_loser_s_person(world: World) -> None:
    winner, loser = world.sf.ids("Lead")[:2]
    world.sf.merge("Lead", winner, loser)
    world.edit(loser, city="Mainz", title="Boss")
    world.cycles(3)
    assert (world.there(winner)["City"], world.there(winner)["Title"]) == ("Mainz", "Boss")
    assert world.person(loser)["id"] == world.person(winner)["id"]


def test_a_loser_taken_out_of_the_recycle_bin_is_a_person_again(world: World) -> None:
    winner, loser = world.sf.ids("Lead")[:2]
    former = world.person(loser)["id"]
    world.sf.edit("Lead", loser, City="Gera")
    world.cycle(20)
    world.sf.merge("Lead", winner, loser)
    world.cycles(2)
    assert former not in people(world)
    world.sf.undelete("Lead", loser)
    world.cycles(3)
    assert world.person(loser)["id"] == former != world.person(winner)["id"]
    assert world.pair(loser).state is PairState.PAIRED and world.person(loser)["city"] == "Gera"
    world.edit(loser, city="Mainz")
    world.cycles(2)
    assert world.there(loser)["City"] == "Mainz" != world.there(winner)["City"]
    assert world.store.tables.redirects == {}


def test_the_winner_was_deleted_here(world: World) -> None:
    winner, loser = world.sf.ids("Lead")[:2]
    world.store.delete(world.person(winner)["id"])
    world.sf.merge("Lead", winner, loser)
    world.cycles(3)
    assert world.pair(loser).state is PairState.REDIRECTED
    assert world.person(loser)["link_state"] == "out_of_scope"
    assert world.pair(winner).state is PairState.DETACHED


@pytest.mark.parametrize("point", ["C-18", "C-19", "retrieve"])
@pytest.mark.parametrize("occurrence", [1, 2])
def test_killed_in_between_both_people_are_there_or_one_is(world: World, point: str, occurrence: int) -> None:
    winner, loser, lead = world.sf.ids("Lead")[:3]
    world.edit(loser, city="Mainz")
    world.edit(lead, city="Trier")
    world.sf.merge("Lead", winner, loser)
    new = world.sf.convert(lead)
    world.crash(Fault(point, occurrence, "crash"))
    joined = world.person(loser)["id"] == world.person(winner)["id"]
    assert joined == (world.pair(loser).state is PairState.REDIRECTED)
    world.cycles(4)
    assert world.there(winner)["City"] == "Mainz"
    assert world.there(new, "Contact")["MailingCity"] == "Trier"


def test_our_policy_decides_nothing_that_a_join_has_decided(world: World) -> None:
    """A conflict of a record's own field is decided by its policy, once; the join adds none."""
    assert any(f.policy is Policy.OURS for f in LEAD_FIELDS)
    winner, loser = world.sf.ids("Lead")[:2]
    world.edit(loser, title="Ours")
    world.sf.edit("Lead", loser, Title="Theirs")
    world.sf.merge("Lead", winner, loser)
    world.cycles(3)
    assert world.there(winner)["Title"] == "Ours"
    assert [(c.ours, c.theirs) for c in world.conflicts()] == [("Ours", "Theirs")]


def test_a_blank_made_here_is_an_edit_of_the_contact(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.sf.edit("Lead", lead, City="Ulm")
    world.cycle(20)
    world.edit(lead, city=None)
    new = world.sf.convert(lead)
    world.cycles(3)
    assert world.person(lead)["city"] is None is world.there(new, "Contact")["MailingCity"]


def test_a_loser_undeleted_after_a_chain_leaves_the_others_together(world: World) -> None:
    first, second, third = world.sf.ids("Lead")[:3]
    world.sf.merge("Lead", second, first)
    world.cycle(5)
    world.sf.merge("Lead", third, second)
    world.cycle(5)
    assert len({world.person(x)["id"] for x in (first, second, third)}) == 1
    world.sf.undelete("Lead", first)
    world.cycles(2)
    assert world.person(first)["id"] != world.person(second)["id"] == world.person(third)["id"]
    world.sf.undelete("Lead", second)
    world.cycles(2)
    assert len({world.person(x)["id"] for x in (first, second, third)}) == 3


def test_a_loser_undeleted_and_merged_into_another(world: World) -> None:
    first, second, third = world.sf.ids("Lead")[:3]
    world.sf.merge("Lead", second, first)
    world.cycle(5)
    world.sf.undelete("Lead", first)
    world.clock.advance(5)
    world.sf.merge("Lead", third, first)
    world.cycles(2)
    assert world.person(first)["id"] == world.person(third)["id"] != world.person(second)["id"]


def test_a_contact_that_was_merged_before_it_was_seen_comes_back_with_its_leads_person(world: World) -> None:
    lead, other = world.sf.ids("Lead")[0], world.sf.create("Contact", LastName="Other")
    world.cycle(5)
    former = world.person(lead)["id"]
    contact = world.sf.convert(lead)
    world.sf.merge("Contact", other, contact)
    world.cycles(2)
    assert world.person(lead)["id"] == world.person(other, "Contact")["id"] != former
    world.sf.undelete("Contact", contact)
    world.cycles(2)
    assert world.person(contact, "Contact")["id"] == world.person(lead)["id"] == former
    assert world.person(other, "Contact")["id"] != former
