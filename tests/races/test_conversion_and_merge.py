"""Conversions and merges made in Salesforce, seen over HTTP: one person stays one person, and no edit falls between two records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.races.stage import Stage
from tests.salesforce.practice import Practice, practice_org


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with practice_org(tmp_path_factory.mktemp("org")) as org:
        yield org


@pytest.fixture(scope="module")
def stage(practice: Practice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("here"), practice)
    made.sales.create("Lead", LastName="First", Company="Acme")
    assert made.sync().status == "Succeeded"
    yield made
    made.close()


def a_lead(stage: Stage, name: str, **values: object) -> str:
    return stage.sales.create("Lead", LastName=name, Company="Acme", **values)


def a_contact(stage: Stage, name: str, **values: object) -> str:
    return stage.sales.create("Contact", LastName=name, **values)


def pair(stage: Stage, record: str) -> tuple[int, str, str | None]:
    ((person, state, to),) = stage.sql(
        "SELECT person_id, state, redirect_to FROM pair WHERE sf_id = ?", record
    )
    return person, state, to


def person(stage: Stage, record: str) -> int:
    return pair(stage, record)[0]


def row(stage: Stage, number: int, *columns: str) -> tuple[Any, ...]:
    (found,) = stage.sql(f"SELECT {', '.join(columns)} FROM person WHERE id = ?", number)
    return found


def at_rest(stage: Stage) -> None:
    """Nothing was made that nobody asked for, nothing is owed, nothing waits for a person, and a second look is quiet."""
    writes = stage.received()
    stage.settled()
    assert stage.received() == writes
    assert stage.sql("SELECT count(*) FROM v_backlog") == [(0,)]
    assert stage.sql("SELECT message FROM v_dead_letters") == []
    doubled = "SELECT sf_id FROM pair GROUP BY object_name, sf_id HAVING count(*) > 1"
    assert stage.sql(doubled) == []


# ---------------------------------------------------------------- conversion


def test_to_a_new_contact_with_an_edit_of_ours_on_the_way(stage: Stage) -> None:
    lead = a_lead(stage, "New", City="Bonn", Title="Clerk")
    stage.settled()
    before = person(stage, lead)
    contact = stage.sales.convert(lead)
    stage.edit(lead, title="Typed after the conversion")
    stage.settled()
    stage.settled()
    assert pair(stage, lead) == (before, "converted", contact)
    assert pair(stage, contact)[:2] == (before, "paired")
    told = row(stage, before, "salesforce_id", "salesforce_type", "link_state", "salesforce_deleted", "city")
    assert told == (contact, "contact", "contact", 0, "Bonn")
    assert stage.theirs("Contact", contact, "Title") == "Typed after the conversion"
    assert stage.theirs("Lead", lead, "Title") == "Clerk", "the lead was not written any more"
    account = stage.theirs("Contact", contact, "AccountId")
    assert row(stage, before, "account_id") == (account,)
    at_rest(stage)


def test_to_a_new_contact_of_an_existing_account(stage: Stage) -> None:
    account = stage.sales.create("Account", Name="Known Ltd")
    lead = a_lead(stage, "Known")
    stage.settled()
    before = person(stage, lead)
    contact = stage.sales.convert(lead, account=account)
    stage.settled()
    assert pair(stage, contact)[:2] == (before, "paired") and row(stage, before, "account_id") == (account,)
    at_rest(stage)


def test_to_an_existing_contact_two_people_become_one(stage: Stage) -> None:
    account = stage.sales.create("Account", Name="Both Ltd")
    contact = a_contact(stage, "Both", AccountId=account, Title="Chief")
    lead = a_lead(stage, "Both", Title="Clerk", Phone="0228")
    stage.settled()
    stays, joins = person(stage, contact), person(stage, lead)
    assert stays != joins
    stage.edit(lead, title="Typed on the lead")
    stage.edit(contact, email="typed@contact.example")
    assert stage.sales.convert(lead, account=account, contact=contact) == contact
    stage.settled()
    stage.settled()
    assert pair(stage, lead) == (stays, "converted", contact) and person(stage, contact) == stays
    assert stage.sql("SELECT now_id FROM person_redirect WHERE former_id = ?", joins) == [(stays,)]
    assert stage.sql("SELECT count(*) FROM person WHERE id = ?", joins) == [(0,)]
    theirs = [stage.theirs("Contact", contact, name) for name in ("Title", "Email", "Phone")]
    assert theirs == ["Typed on the lead", "typed@contact.example", "0228"]
    assert row(stage, stays, "title", "email", "phone") == tuple(theirs)
    at_rest(stage)


def test_to_a_contact_that_is_not_shown_and_later_is(stage: Stage) -> None:
    """D-60: the ghost. The person stays, nothing is made in its place, and what was typed meanwhile arrives in the end."""
    lead = a_lead(stage, "Ghost", Title="Clerk")
    stage.settled()
    before = person(stage, lead)
    shown = [r[0] for r in stage.sql("SELECT sf_id FROM pair WHERE object_name = 'Contact'")]
    stage.sales.show_only("Contact", shown)
    contact = stage.sales.convert(lead)
    leads = stage.practice.control("state")["records"]["Lead"]
    stage.settled()
    assert pair(stage, lead) == (before, "converted", contact)
    assert row(stage, before, "link_state", "salesforce_deleted") == ("out_of_scope", 0)
    stage.sql("UPDATE person SET title = 'Typed for a ghost' WHERE id = ?", before)
    stage.sales.advance(3600)  # the feed goes past it, and its overlap too
    stage.settled()
    stage.workspace.reconcile("Contact")
    assert stage.sql("SELECT count(*) FROM pair WHERE sf_id = ?", contact) == [(0,)]
    stage.sales.show_only("Contact", None)
    stage.settled()
    assert stage.sql("SELECT count(*) FROM pair WHERE sf_id = ?", contact) == [(0,)]
    (done,) = stage.workspace.reconcile("Contact")
    assert done.shown_again == 1
    stage.settled()
    assert pair(stage, contact)[:2] == (before, "paired")
    assert row(stage, before, "link_state", "salesforce_id") == ("contact", contact)
    assert stage.theirs("Contact", contact, "Title") == "Typed for a ghost"
    assert stage.practice.control("state")["records"]["Lead"] == leads
    at_rest(stage)


# ---------------------------------------------------------------- merge


@pytest.mark.parametrize("kind", ["Lead", "Contact"])
def test_two_are_merged_and_each_had_an_edit_of_ours(stage: Stage, kind: str) -> None:
    make = a_lead if kind == "Lead" else a_contact
    winner, loser = make(stage, "Winner", Title="Boss"), make(stage, "Loser", Phone="0228")
    stage.settled()
    stays, joins = person(stage, winner), person(stage, loser)
    stage.sales.merge(winner, loser)
    stage.edit(winner, email=f"winner@{kind.lower()}.example")
    stage.edit(loser, title="Typed on the loser")
    stage.settled()
    stage.settled()
    assert pair(stage, loser) == (stays, "redirected", winner) and person(stage, winner) == stays
    assert stage.sql("SELECT now_id FROM person_redirect WHERE former_id = ?", joins) == [(stays,)]
    theirs = [stage.theirs(kind, winner, name) for name in ("Title", "Email", "Phone")]
    assert theirs == ["Typed on the loser", f"winner@{kind.lower()}.example", "0228"]
    assert row(stage, stays, "title", "email", "phone") == tuple(theirs)
    assert stage.theirs(kind, loser, "IsDeleted") == 1 and stage.theirs(kind, loser, "Title") is None
    at_rest(stage)


def test_three_at_a_time(stage: Stage) -> None:
    winner, first, second = (a_contact(stage, name) for name in ("W", "One", "Two"))
    stage.settled()
    stays = person(stage, winner)
    stage.edit(first, title="From one")
    stage.edit(second, phone="From two")
    stage.sales.merge(winner, first, second, LastName="Chosen")
    stage.settled()
    stage.settled()
    assert {person(stage, one) for one in (winner, first, second)} == {stays}
    assert row(stage, stays, "last_name", "title", "phone") == ("Chosen", "From one", "From two")
    assert [stage.theirs("Contact", winner, n) for n in ("Title", "Phone")] == ["From one", "From two"]
    at_rest(stage)


@pytest.mark.parametrize("seen_between", [False, True], ids=["at once", "step by step"])
def test_a_chain_of_merges(stage: Stage, seen_between: bool) -> None:
    a, b, c = (a_lead(stage, name) for name in "ABC")
    stage.settled()
    stays = person(stage, c)
    stage.edit(a, title="Typed on A")
    for winner, loser in ((b, a), (c, b)):
        stage.sales.merge(winner, loser)
        if seen_between:
            stage.settled()
    stage.settled()
    stage.settled()
    assert {person(stage, one) for one in (a, b, c)} == {stays}
    assert [pair(stage, one)[1] for one in (a, b, c)] == ["redirected", "redirected", "paired"]
    assert stage.theirs("Lead", c, "Title") == "Typed on A"
    at_rest(stage)


def test_merged_then_converted_then_merged_again_before_we_looked(stage: Stage) -> None:
    first, second = a_lead(stage, "One"), a_lead(stage, "Two")
    other = a_contact(stage, "Other")
    stage.settled()
    stays = person(stage, other)
    stage.edit(first, title="Typed on the first")
    stage.sales.merge(second, first)
    contact = stage.sales.convert(second)
    stage.sales.merge(other, contact)
    stage.settled()
    stage.settled()
    assert {person(stage, one) for one in (first, second, other)} == {stays}
    assert stage.theirs("Contact", other, "Title") == "Typed on the first"
    at_rest(stage)


def test_a_loser_that_is_undeleted_is_a_person_of_its_own_again(stage: Stage) -> None:
    winner, loser = a_lead(stage, "Stays", Title="Boss"), a_lead(stage, "Back", City="Ulm")
    stage.settled()
    stays, joins = person(stage, winner), person(stage, loser)
    stage.sales.merge(winner, loser)
    stage.settled()
    assert person(stage, loser) == stays
    stage.sales.undelete("Lead", loser)
    stage.settled()
    assert pair(stage, loser)[:2] == (joins, "paired") and person(stage, winner) == stays
    assert row(stage, joins, "last_name", "city", "salesforce_deleted") == ("Back", "Ulm", 0)
    stage.edit(loser, title="Alive")
    stage.settled()
    assert stage.theirs("Lead", loser, "Title") == "Alive" and stage.theirs("Lead", winner, "Title") == "Boss"
    at_rest(stage)


def test_both_sides_are_equal_in_the_end(stage: Stage) -> None:
    assert stage.workspace.verify()["equal"]
