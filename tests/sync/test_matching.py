"""Match rules at work: new records join the one person they match, and nothing is guessed (D-47, N-28)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diptych.domain.creating import Wish
from diptych.domain.matching import Matching, MatchRule
from diptych.sync.matching import read_matching, save_matching
from diptych.testing import Fault
from tests.sync.test_create import FIELDS
from tests.sync.world import OPTIONS, World


class Matched(World):
    def __init__(self, matching: Matching | None = None, loaded: bool = True) -> None:
        super().__init__(fields=FIELDS)
        if loaded:
            self.ready()
        with self.store.transaction() as tx:
            save_matching(tx, matching or Matching(MatchRule.EMAIL))

    def contact(self, email: str = "ann@x.org", **values: Any) -> str:
        return self.sf.create("Contact", **{"LastName": "Lee", "Email": email, **values})

    def person_of(self, sf_id: str) -> int:
        return self.pair(sf_id, "Contact" if sf_id.startswith("003") else "Lead").person_id


def test_by_default_each_record_is_its_own_person() -> None:
    world = Matched(Matching())
    first = world.contact()
    world.cycle()
    second = world.contact()
    world.cycle()
    assert world.person_of(first) != world.person_of(second)


def test_a_new_record_joins_the_one_it_matches_and_both_hold_the_same_afterwards() -> None:
    world = Matched()
    first = world.contact(MailingCity="Bonn")
    world.cycle()
    second = world.contact("ANN@x.org", FirstName="Ann")
    world.cycle()
    assert world.person_of(first) == world.person_of(second)
    assert len(world.store.people()) == 1
    world.cycles(3)
    assert world.there(first, "Contact")["FirstName"] == "Ann"
    assert world.there(second, "Contact")["MailingCity"] == "Bonn"
    person = world.person(first, "Contact")
    assert (person["first_name"], person["city"], person["salesforce_id"]) == ("Ann", "Bonn", first)
    world.cycles(2)
    writes = len(world.org.received)
    world.cycles(2)
    assert len(world.org.received) == writes


def test_a_contact_speaks_for_a_person_rather_than_a_lead() -> None:
    world = Matched()
    lead = world.lead("Lee", Email="ann@x.org")
    world.cycle()
    contact = world.contact()
    world.cycle()
    assert world.person_of(lead) == world.person_of(contact)
    row = world.person(lead)
    assert (row["salesforce_id"], row["salesforce_type"], row["link_state"]) == (
        contact,
        "contact",
        "contact",
    )


def test_an_edit_on_one_record_reaches_the_other() -> None:
    world = Matched()
    first = world.contact()
    world.cycle()
    second = world.contact()
    world.cycles(2)
    world.sf.edit("Contact", first, FirstName="Ann")
    world.cycles(2)
    assert world.there(second, "Contact")["FirstName"] == "Ann"


def test_what_both_hold_differently_is_a_conflict_and_is_logged() -> None:
    world = Matched()
    first = world.contact(MailingCity="Bonn")
    world.cycle()
    world.contact(MailingCity="Rom")
    world.cycles(3)
    assert [(c.ours, c.theirs) for c in world.conflicts() if c.column == "city"] == [("Bonn", "Rom")]
    assert world.there(first, "Contact")["MailingCity"] == "Rom"


@pytest.mark.parametrize("number", [2, 4])
def test_records_of_one_page_that_match_one_another_become_one_person(number: int) -> None:
    world = Matched()
    made = [world.contact(MailingCity=f"City {n}") for n in range(number)]
    world.cycles(4)
    assert len({world.person_of(sf_id) for sf_id in made}) == 1
    assert len(world.store.people()) == 1
    assert len({world.there(sf_id, "Contact")["MailingCity"] for sf_id in made}) == 1
    given_up = {c.ours for c in world.conflicts() if c.column == "city"} | {
        c.theirs for c in world.conflicts() if c.column == "city"
    }
    assert given_up == {f"City {n}" for n in range(number)}  # nobody's value is lost without a trace


def test_several_matches_are_for_review() -> None:
    world = Matched(Matching())
    people = []
    for _ in range(2):
        sf_id = world.contact()
        world.cycle()
        people.append(world.person_of(sf_id))
    with world.store.transaction() as tx:
        save_matching(tx, Matching(MatchRule.EMAIL))
    third = world.contact()
    world.cycle()
    assert world.person_of(third) not in people
    said = world.store.tables.creations[world.person_of(third)]
    assert said.wish is Wish.REVIEW
    assert {world.person_of(sf_id) for sf_id in said.matches} == set(people)  # whom to choose from
    assert all(str(number) in said.reason for number in people)


def test_a_review_alone_asks_for_no_right_to_create() -> None:
    world = Matched(Matching())
    first, second = world.contact(), world.contact()
    world.cycle()
    assert world.person_of(first) != world.person_of(second)
    with world.store.transaction() as tx:
        save_matching(tx, Matching(MatchRule.EMAIL))
    world.contact()
    described = world.sf.described["Lead"]
    world.sf.described["Lead"] = replace(described, createable=False)
    world.cycle(70)
    assert world.store.tables.creations
    assert world.cycle().status == "Succeeded"


def test_a_person_made_here_is_joined_when_its_record_comes() -> None:
    world = Matched()
    number = world.store.insert(last_name="Lee", email="ann@x.org", city="Bonn", unsubscribed=False)
    contact = world.contact()
    world.cycle()
    assert world.person_of(contact) == number
    world.cycle()
    assert world.there(contact, "Contact")["MailingCity"] == "Bonn"


def test_the_first_load_joins_too_within_a_part_across_parts_and_across_objects() -> None:
    world = Matched(loaded=False)
    contacts = [world.contact(email, MailingCity=f"City {n}") for n, email in enumerate(["ann@x.org"] * 3)]
    other, none = world.contact("bob@x.org"), world.contact(None)
    leads = [world.lead(Email=email, Title="Dr") for email in ("ANN@x.org ", "eve@x.org", "bob@x.org")]
    made_here = world.store.insert(last_name="Eve", email="eve@x.org", unsubscribed=False)
    world.ready()
    assert len({world.person_of(sf_id) for sf_id in (*contacts, leads[0])}) == 1
    assert world.person_of(other) == world.person_of(leads[2])
    assert world.person_of(leads[1]) == made_here
    assert len(world.store.people()) == 4 and world.person_of(none)
    person = world.person(contacts[0], "Contact")
    assert (person["title"], person["salesforce_id"]) == ("Dr", contacts[0])
    world.cycles(3)
    assert len({world.there(sf_id, "Contact")["MailingCity"] for sf_id in contacts}) == 1
    writes = len(world.writes())
    world.cycles(2)
    assert len(world.writes()) == writes


def test_a_first_load_killed_in_the_middle_joins_all_the_same() -> None:
    world = Matched(loaded=False)
    made = [world.contact(MailingCity=f"City {n}") for n in range(5)]
    for point in ("C-08", "C-09"):
        world.faults.arm([])
        world.crash(Fault(point, 2, "crash"))
    world.ready()
    assert len({world.person_of(sf_id) for sf_id in made}) == 1


def test_hundreds_of_one_address_in_one_part_are_one_person() -> None:
    world = Matched(loaded=False)
    world.options = replace(OPTIONS, snapshot_rows=2000)
    world.engine = world.new_engine()
    made = [world.contact("office@x.org") for _ in range(300)]
    world.ready()
    assert len({world.person_of(sf_id) for sf_id in made}) == 1


def test_a_crash_in_the_page_leaves_all_or_nothing() -> None:
    world = Matched()
    first = world.contact()
    world.cycle()
    second = world.contact(FirstName="Ann")
    assert world.crash(Fault("C-03", 1, "crash"))
    assert ("Contact", second) not in world.store.tables.pair_of
    world.cycles(3)
    assert world.person_of(first) == world.person_of(second)


def test_a_rule_over_a_column_that_is_not_mapped_is_refused() -> None:
    world = Matched()
    with world.store.transaction() as tx:
        with pytest.raises(ValueError, match="no mapped column nothing"):
            save_matching(tx, Matching(MatchRule.EXTERNAL_ID, "nothing"))
        with pytest.raises(ValueError, match="needs the column"):
            save_matching(tx, Matching(MatchRule.EXTERNAL_ID))
        assert read_matching(tx) == Matching(MatchRule.EMAIL)
