"""Creating people in Salesforce: never twice, whatever goes wrong and wherever the process ends (D-48..D-57, I-1, N-2, N-3, N-21, N-28)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from diptych.domain.creating import KEY_FIELD, CreateRule, Creation, MatchPolicy, Wish
from diptych.domain.pair import PairState
from diptych.sync.outbound.create_rule import save_rule
from diptych.sync.repair import dead_letter
from diptych.testing import Fault
from tests.sync.world import ACCOUNT_FIELDS, CONTACT_FIELDS, LEAD_FIELDS, World, person_field

FIELDS = (
    *ACCOUNT_FIELDS,
    *CONTACT_FIELDS,
    person_field("Contact", "Email", "email", length=80),
    *LEAD_FIELDS,
    person_field("Lead", "Email", "email", length=80),
    person_field("Lead", "Company", "company_name", nillable=False),
)


class Creating(World):
    def __init__(self, key: bool = True, **rule: Any) -> None:
        super().__init__(fields=FIELDS)
        if key:
            self.org.add_key_field()
        self.ready()
        self.rule(**{"filter": "email is not blank", **rule})

    def rule(self, **rule: Any) -> None:
        with self.store.transaction() as tx:
            save_rule(tx, CreateRule(**rule))

    def new(self, email: str | None = "ann@x.org", **values: Any) -> int:
        return self.store.insert(
            **{"last_name": "Lee", "company_name": "Acme", "email": email, "unsubscribed": False, **values}
        )

    def say(self, person_id: int, wish: Wish, **more: Any) -> None:
        with self.store.transaction() as tx:
            tx.save_creation(Creation(person_id, wish, self.clock.now(), **more))

    def said(self, person_id: int) -> Creation | None:
        return self.store.tables.creations.get(person_id)

    def leads(self) -> list[str]:
        return self.sf.ids("Lead")

    def only_lead(self) -> dict[str, Any]:
        (sf_id,) = self.leads()
        return self.there(sf_id)

    def row(self, person_id: int) -> dict[str, Any]:
        found = self.store.person(person_id)
        assert found is not None
        return found

    def at_rest(self) -> None:
        """Two more cycles write nothing, and no person has come out of nowhere."""
        before = (
            len(self.store.people()),
            self.store.people(),
            {n: dict(r) for n, r in self.sf.rows.items()},
        )
        self.cycles(2, minutes=20)
        assert (len(self.store.people()), self.store.people(), self.sf.rows) == before
        assert not self.conflicts()
        assert all(pair.inflight is None for pair in self.store.tables.pairs.values())


@pytest.fixture(params=[True, False], ids=["with a key field", "without"])
def world(request: pytest.FixtureRequest) -> Creating:
    return Creating(key=request.param)


def test_nobody_is_created_without_a_rule() -> None:
    world = Creating(filter="")
    world.new()
    calls = world.org.calls
    world.cycle()
    assert world.leads() == []
    assert world.org.calls - calls <= 3


def test_whom_the_rule_names_becomes_a_lead_and_a_pair(world: Creating) -> None:
    number, other = world.new(title="Head"), world.new(email=None)
    world.cycle()
    lead = world.only_lead()
    assert (lead["LastName"], lead["Company"], lead["Email"], lead["Title"]) == (
        "Lee",
        "Acme",
        "ann@x.org",
        "Head",
    )
    row = world.row(number)
    assert (row["salesforce_id"], row["salesforce_type"], row["link_state"]) == (
        world.leads()[0],
        "lead",
        "lead",
    )
    assert world.row(other)["link_state"] == "none"
    world.at_rest()
    world.edit(world.leads()[0], title="Chief")
    world.cycle()
    assert world.only_lead()["Title"] == "Chief"


def test_only_what_is_mapped_outbound_is_sent() -> None:
    world = Creating()
    number = world.new(phone="1", fax="2")
    world.cycle()
    lead = world.only_lead()
    assert lead.get("Phone") is None
    assert lead["Fax"] == "2"
    assert lead[KEY_FIELD] == world.pair(world.leads()[0]).ext_key
    assert world.row(number)["fax"] == "2"


@pytest.mark.parametrize("fault", ["after", "zombie", "before", "partial"])
def test_an_answer_that_never_comes_makes_no_second_lead(world: Creating, fault: str) -> None:
    number = world.new()
    world.faults.arm([Fault("create", 1, fault, 300 if fault == "zombie" else None)])
    world.cycle()
    pairs = [p for p in world.store.tables.pairs.values() if p.person_id == number]
    assert len(pairs) == 1
    assert pairs[0].fenced is (fault != "before")
    world.cycles(6, minutes=4)
    assert len(world.leads()) == 1
    assert world.row(number)["salesforce_id"] == world.leads()[0]
    assert len(world.store.people()) == 1
    world.at_rest()


def test_while_a_creation_may_still_be_executed_nothing_is_sent_again(world: Creating) -> None:
    world.new()
    world.faults.arm([Fault("create", 1, "zombie", 14 * 60)])
    world.cycle()
    for _ in range(12):
        world.cycle()
        assert world.faults.passed["create"] == 1
    world.cycles(6)
    assert len(world.leads()) == 1
    world.at_rest()


def test_a_lost_creation_is_sent_again_when_its_time_is_over(world: Creating) -> None:
    number = world.new()
    world.faults.arm([Fault("create", 1, "zombie", 10 * 24 * 3600)])  # never
    world.cycle()
    world.cycles(3, minutes=8)
    assert len(world.leads()) == 1
    assert world.row(number)["salesforce_id"] == world.leads()[0]


@pytest.mark.parametrize("point", ["C-11", "C-12", "C-13", "C-14"])
@pytest.mark.parametrize("also", [None, "after"])
def test_a_process_that_ends_between_intent_and_acknowledgement_leaves_one_lead(
    world: Creating, point: str, also: str | None
) -> None:
    number = world.new()
    plan = [Fault(point, 1, "crash")]
    assert world.crash(*plan)
    if also:
        world.faults.arm([Fault("create", 1, also)])
    world.cycles(8, minutes=5)
    assert len(world.leads()) == 1
    assert world.row(number)["salesforce_id"] == world.leads()[0]
    assert len(world.store.people()) == 1
    world.at_rest()


def test_edited_in_salesforce_before_we_knew_of_it_is_no_conflict() -> None:
    world = Creating()
    number = world.new(title="Head")
    world.faults.arm([Fault("create", 1, "after")])
    world.cycle()
    world.sf.edit("Lead", world.leads()[0], Title="Chief")
    world.cycle()
    assert world.row(number)["title"] == "Chief"
    world.at_rest()


def test_edited_here_while_it_was_in_flight_goes_out_afterwards(world: Creating) -> None:
    number = world.new(title="Head")
    world.faults.arm([Fault("create", 1, "after"), Fault("create", 1, "call", lambda: None)])
    world.cycle()
    world.store.edit(number, "title", "Chief")
    world.cycles(2)
    assert world.only_lead()["Title"] == "Chief"
    world.at_rest()


def test_deleted_in_salesforce_before_we_knew_of_it_stays_deleted() -> None:
    world = Creating()
    number = world.new()
    world.faults.arm([Fault("create", 1, "after")])
    world.cycle()
    world.sf.delete("Lead", world.leads()[0])
    world.cycles(6, minutes=5)
    assert world.leads() == []
    assert world.row(number)["link_state"] == "deleted"


def test_deleted_here_while_it_was_in_flight_is_not_brought_back() -> None:
    world = Creating()
    number = world.new()
    world.faults.arm([Fault("create", 1, "after")])
    world.cycle()
    world.store.delete(number)
    world.cycles(6, minutes=5)
    assert world.store.people() == []
    assert len(world.leads()) == 1


def test_deleted_here_between_intent_and_answer_is_let_go_of() -> None:
    world = Creating()
    number = world.new()
    world.faults.arm([Fault("create", 1, "call", lambda: world.store.delete(number))])
    world.cycles(3)
    assert world.store.people() == []
    assert [p.state for p in world.store.tables.pairs.values()] == [PairState.DETACHED]


# ---------------------------------------------------------------- who is there already


def test_a_record_that_is_another_person_here_is_for_review(world: Creating) -> None:
    contact = world.sf.create("Contact", LastName="Lee", Email="ann@x.org")
    world.cycle()
    number = world.new(email="Ann@X.org", first_name="Ann", last_name="Leigh")
    world.cycle()
    said = world.said(number)
    assert said is not None
    assert (said.wish, said.matches) == (Wish.REVIEW, (contact,))
    assert f"person {world.pair(contact, 'Contact').person_id}" in said.reason
    assert world.leads() == []


def linked_by(world: Creating, make: Callable[[], Any]) -> int:
    """A person whose match comes into being after the feed of the cycle, just before it is looked for."""
    number = world.new(first_name="Ann")
    world.faults.arm([Fault("find", 1, "call", make)])
    world.cycle()
    world.faults.arm([])
    return number


def test_a_record_that_we_do_not_know_yet_is_linked(world: Creating) -> None:
    made: list[str] = []
    number = linked_by(
        world,
        lambda: made.append(
            world.sf.create("Contact", LastName="Leigh", Email="ANN@x.org", MailingCity="Bonn")
        ),
    )
    row = world.row(number)
    assert (row["salesforce_id"], row["salesforce_type"]) == (made[0], "contact")
    assert row["city"] == "Bonn"  # taken in
    assert row["last_name"] == "Leigh"  # Salesforce's policy; ours is in the conflict log
    assert [c.ours for c in world.conflicts() if c.column == "last_name"] == ["Lee"]
    world.cycle()
    assert world.there(made[0], "Contact")["FirstName"] == "Ann"  # sent
    assert world.leads() == []
    assert len(world.store.people()) == 1


def test_a_converted_lead_is_followed_to_its_contact() -> None:
    world = Creating()
    made: list[str] = []

    def convert() -> None:
        lead = world.sf.create("Lead", LastName="Lee", Company="Acme", Email="ann@x.org")
        made.append(world.sf.convert(lead))

    number = linked_by(world, convert)
    assert world.row(number)["salesforce_id"] == made[0]
    world.cycles(2)
    assert world.leads() == world.sf.ids("Lead")
    assert len(world.leads()) == 1


def test_two_matches_are_never_guessed_between(world: Creating) -> None:
    def two() -> None:
        for _ in range(2):
            world.sf.create("Lead", LastName="Lee", Company="Acme", Email="ann@x.org")

    number = linked_by(world, two)
    said = world.said(number)
    assert said is not None
    assert said.wish is Wish.REVIEW
    assert len(said.matches) == 2
    world.cycles(2)
    assert len(world.leads()) == 2


@pytest.mark.parametrize(("policy", "leads"), [(MatchPolicy.HOLD, 1), (MatchPolicy.CREATE, 2)])
def test_the_policy_may_hold_or_create(policy: MatchPolicy, leads: int) -> None:
    world = Creating(policy=policy)
    number = linked_by(
        world, lambda: world.sf.create("Lead", LastName="Lee", Company="Acme", Email="ann@x.org")
    )
    assert len(world.leads()) == leads
    assert (world.said(number) is not None) is (policy is MatchPolicy.HOLD)


def test_two_people_with_one_address_do_not_become_two_leads(world: Creating) -> None:
    first, second = world.new(), world.new(email="ANN@x.org", first_name="Other")
    world.cycles(2)
    assert len(world.leads()) == 1
    assert world.row(first)["salesforce_id"] == world.leads()[0]
    said = world.said(second)
    assert said is not None
    assert said.wish is Wish.REVIEW
    assert said.matches == (world.leads()[0],)


def test_a_second_person_waits_while_the_first_creation_is_in_flight(world: Creating) -> None:
    world.new()
    world.faults.arm([Fault("create", 1, "zombie", 600)])
    world.cycle()
    world.new(first_name="Other")
    world.cycles(6, minutes=4)
    assert len(world.leads()) == 1


def test_what_was_deleted_in_salesforce_is_not_made_again_unless_asked_for(world: Creating) -> None:
    number = world.new()
    world.cycle()
    world.sf.delete("Lead", world.leads()[0])
    world.cycles(3)
    assert world.leads() == []
    world.say(number, Wish.ASKED, by_hand=True)
    world.cycle()
    assert world.leads() == []
    world.say(number, Wish.ASKED, by_hand=True, recreate=True)
    world.cycle()
    assert len(world.leads()) == 1
    assert world.row(number)["salesforce_id"] == world.leads()[0]
    assert world.row(number)["link_state"] == "lead"


# ---------------------------------------------------------------- refusals


def test_a_duplicate_rule_links_to_the_one_it_found() -> None:
    world = Creating()
    contact: list[str] = []
    world.org.duplicate_rule = lambda name, values: contact
    number = linked_by(
        world, lambda: contact.append(world.sf.create("Contact", LastName="Lee", FirstName="Ann"))
    )
    assert world.row(number)["salesforce_id"] == contact[0]
    assert world.leads() == []
    world.cycles(3)
    assert world.leads() == []
    assert len(world.store.people()) == 1


def test_a_duplicate_rule_that_found_several_is_for_review() -> None:
    world = Creating()
    world.org.duplicate_rule = lambda name, values: ["003000000000001AAA", "00Q000000000002AAA"]
    number = world.new()
    world.cycles(3)
    said = world.said(number)
    assert said is not None
    assert said.wish is Wish.REVIEW
    assert len(said.matches) == 2
    assert world.faults.passed["create"] == 1
    world.say(number, Wish.CREATE)
    world.cycle()
    assert len(world.leads()) == 1
    assert world.row(number)["salesforce_id"] == world.leads()[0]
    assert world.said(number) is None


def test_a_decision_to_link_is_carried_out() -> None:
    world = Creating(policy=MatchPolicy.HOLD)
    made: list[str] = []

    def make_and_decide() -> None:
        made.append(world.sf.create("Contact", LastName="Lee", FirstName="Ann", Email="ann@x.org"))

    number = linked_by(world, make_and_decide)
    assert world.said(number) is not None
    world.say(number, Wish.LINK, target=made[0])
    world.faults.arm([Fault("changed", 1, "limit")])  # the feed has not shown it yet
    world.cycle()
    world.faults.arm([])
    world.cycle()
    said = world.said(number)
    assert said is None or said.wish is Wish.REVIEW
    assert world.leads() == []


def test_dismissed_stays_away() -> None:
    world = Creating()
    number = world.new()
    world.say(number, Wish.DISMISSED)
    world.cycles(2)
    assert world.leads() == []
    assert world.said(number) is not None


def test_a_refusal_is_parked_until_the_person_changes(world: Creating) -> None:
    number = world.new()
    world.faults.arm([Fault("create", 1, "refused")])
    world.cycles(3)
    assert world.faults.passed["create"] == 1
    (letter,) = world.letters()
    assert letter.person_id == number
    world.store.edit(number, "title", "Head")
    world.cycle()
    assert len(world.leads()) == 1


def test_a_refusal_can_be_retried(world: Creating) -> None:
    world.new()
    world.faults.arm([Fault("create", 1, "refused")])
    world.cycle()
    (letter,) = world.letters()
    dead_letter.retry(world.store, letter.id, world.clock.now())
    world.cycle()
    assert len(world.leads()) == 1
    assert world.letters() == []


def test_retryable_is_tried_again_later(world: Creating) -> None:
    world.new()
    world.faults.arm([Fault("create", 1, "retryable")])
    world.cycle()
    assert world.leads() == []
    world.cycle(5)
    assert len(world.leads()) == 1


def test_one_that_is_refused_does_not_stop_the_others(world: Creating) -> None:
    for place in range(5):
        world.new(f"p{place}@x.org")
    world.faults.arm([Fault("create", 1, "refused", 2)])
    world.cycle()
    assert len(world.leads()) == 4


def test_a_value_that_is_too_long_is_parked_and_the_rest_goes(world: Creating) -> None:
    number = world.new(first_name="x" * 41)
    world.cycle()
    assert world.only_lead().get("FirstName") is None
    (letter,) = world.letters()
    assert letter.letter.column == "first_name"
    world.cycles(2)
    assert world.row(number)["first_name"] == "x" * 41
    world.store.edit(number, "first_name", "Ann")
    world.cycle()
    assert world.only_lead()["FirstName"] == "Ann"


# ---------------------------------------------------------------- required data


def test_who_lacks_what_salesforce_demands_waits_and_leaves_by_itself(world: Creating) -> None:
    number = world.new(company_name=None)
    world.cycles(2)
    said = world.said(number)
    assert said is not None
    assert (said.wish, said.fields) == (Wish.WAITING, ("Company",))
    assert world.faults.passed["create"] == 0
    world.store.edit(number, "company_name", "Acme")
    world.cycle()
    assert len(world.leads()) == 1
    assert world.said(number) is None


def test_defaults_fill_only_what_is_blank_and_only_at_create() -> None:
    world = Creating(defaults={"Company": "[unknown]", "LastName": "[none]"})
    number = world.new(company_name=None)
    world.cycle()
    assert (world.only_lead()["Company"], world.only_lead()["LastName"]) == ("[unknown]", "Lee")
    world.cycle()
    assert world.row(number)["company_name"] == "[unknown]"
    world.at_rest()


def test_waiting_ends_when_the_rule_no_longer_names_the_person() -> None:
    world = Creating()
    number = world.new(company_name=None)
    world.cycle()
    assert world.said(number) is not None
    world.store.edit(number, "email", None)
    world.cycle()
    assert world.said(number) is None


def test_a_required_custom_field_is_discovered() -> None:
    from dataclasses import replace

    from diptych.domain.schema import FieldDescription

    world = Creating()
    lead = world.sf.described["Lead"]
    branch = FieldDescription(
        "Branch__c", "Branch", "string", 20, nillable=False, createable=True, updateable=True
    )
    world.sf.described["Lead"] = replace(lead, fields={**lead.fields, "Branch__c": branch})
    number = world.new()
    world.cycle(61)
    said = world.said(number)
    assert said is not None
    assert said.fields == ("Branch__c",)
    world.rule(filter="email is not blank", defaults={"Branch__c": "North"})
    world.cycle()
    assert world.only_lead()["Branch__c"] == "North"


def test_by_hand_needs_no_rule(world: Creating) -> None:
    world.rule()
    number = world.new()
    world.cycle()
    assert world.leads() == []
    world.say(number, Wish.ASKED, by_hand=True)
    world.cycle()
    assert len(world.leads()) == 1
    assert world.said(number) is None


def test_a_rule_that_cannot_be_read_any_more_is_told_of() -> None:
    world = Creating(filter="gone = 1")
    world.new()
    report = world.cycle()
    assert report.status == "Failed"
    assert "gone" in (report.error or "")


def test_many_people_go_in_batches_and_none_twice() -> None:
    world = Creating()
    world.clock.advance(1)
    for place in range(95):
        world.new(f"p{place}@x.org")
    world.cycle()
    assert len(world.leads()) == 95
    world.at_rest()
    assert KEY_FIELD in world.there(world.leads()[0])
