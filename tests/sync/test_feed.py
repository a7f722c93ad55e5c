"""The change feed: nothing is skipped, nothing old counts, deletes end pairs, and a read may be killed anywhere."""

from __future__ import annotations

from datetime import timedelta

import pytest

from diptych.domain.mapping import Direction
from diptych.domain.pair import PairState
from diptych.domain.values import Kind
from diptych.sync.engine import read_from
from diptych.sync.inbound.tombstones import allowance
from diptych.sync.ports import FeedCursor
from diptych.sync.repair.sweep import verify
from diptych.testing import Fault
from diptych.testing.clock import START
from tests.sync.world import ACCOUNT_FIELDS, CONTACT_FIELDS, OPTIONS, World, person_field


@pytest.fixture
def world() -> World:
    world = World()
    world.sf.create("Account", Name="Acme")
    for number in range(8):
        world.lead(f"Lee {number}", FirstName="Ann", City="Bonn")
    return world.ready()


def test_changes_in_salesforce_arrive_with_who_and_when(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.sf.edit("Lead", lead, City="Koeln")
    report = world.cycle()
    change = world.store.changes(world.person(lead)["id"])[-1]
    assert (change.column, change.old, change.new, change.side) == ("city", "Bonn", "Koeln", "salesforce")
    assert change.actor == world.sf.user_id
    assert report.counters()["Lead"]["updated"] == 1


def test_more_changes_than_a_page_and_many_in_one_second(world: World) -> None:
    for lead in world.sf.ids("Lead"):
        world.sf.edit("Lead", lead, City="Koeln")
    world.cycle()
    assert {world.person(lead)["city"] for lead in world.sf.ids("Lead")} == {"Koeln"}


def test_new_records_become_people_and_mirrored_objects_follow(world: World) -> None:
    lead = world.lead("New", City="Ulm")
    account = world.sf.create("Account", Name="Beta")
    report = world.cycle()
    assert world.person(lead)["city"] == "Ulm"
    assert world.person(lead)["salesforce_type"] == "lead"
    row = world.store.mirror_row("company", account)
    assert row is not None
    assert row["name"] == "Beta"
    assert report.counters()["Account"]["new"] == 1


def test_a_late_commit_within_the_overlap_is_seen(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.sf.edit("Lead", lead, late_by=10 * 60, City="Koeln")
    world.cycles(3)
    assert world.person(lead)["city"] == "Bonn"
    world.cycle(10)
    assert world.person(lead)["city"] == "Koeln"


def test_a_late_commit_beyond_the_overlap_is_seen_thanks_to_what_the_org_says_is_covered(
    world: World,
) -> None:
    lead = world.sf.ids("Lead")[0]
    world.sf.edit("Lead", lead, late_by=90 * 60, City="Koeln")
    world.cycles(8, 12)
    world.cycle()
    assert world.person(lead)["city"] == "Koeln"


def test_the_cursor_is_server_time_read_before_the_query(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.faults.arm([Fault("changed", 1, "call", lambda: world.sf.edit("Lead", lead, City="Koeln"))])
    before = world.sf.now()
    world.cycle()
    cursor = world.store.tables.cursors["Lead"].cursor
    assert before < cursor <= world.sf.rows["Lead"][lead].modstamp


def test_our_clock_decides_nothing(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    for jump in (-86400, 3 * 86400, -86400):
        world.clock.jump(jump)
        city = f"city {jump} {world.clock.now().day}"
        world.sf.edit("Lead", lead, City=city)
        world.cycles(2)
        assert world.person(lead)["city"] == city


@pytest.mark.parametrize("kind", ["duplicate", "short", "stale"])
def test_pages_that_come_twice_short_or_late_change_nothing(world: World, kind: str) -> None:
    leads = world.sf.ids("Lead")
    world.sf.edit("Lead", leads[0], City="first")
    world.cycle()
    world.sf.edit("Lead", leads[0], City="second")
    world.edit(leads[1], city="ours")
    world.crash(*(Fault("changed", n, kind) for n in range(1, 6)))
    world.cycles(2)
    assert world.person(leads[0])["city"] == world.there(leads[0])["City"] == "second"
    assert world.there(leads[1])["City"] == "ours"
    assert not world.conflicts()


def test_a_killed_read_goes_on_at_its_page(world: World) -> None:
    for lead in world.sf.ids("Lead"):
        world.sf.edit("Lead", lead, City="Koeln")
    world.faults.arm([])
    assert world.crash(Fault("C-05", 3, "crash"))
    cursor = world.store.tables.cursors["Lead"]
    assert cursor.target is not None
    assert cursor.position_id is not None
    world.cycle()
    assert {world.person(lead)["city"] for lead in world.sf.ids("Lead")} == {"Koeln"}
    assert world.store.tables.cursors["Lead"].target is None


def test_a_cycle_reads_a_bounded_number_of_pages(world: World) -> None:
    world.engine.options = world.options = type(world.options)(feed_rows=1, feed_pages=3, batch=3)
    for lead in world.sf.ids("Lead"):
        world.sf.edit("Lead", lead, City="Koeln")
    assert world.cycle().status == "Incomplete"
    world.cycles(4)
    assert {world.person(lead)["city"] for lead in world.sf.ids("Lead")} == {"Koeln"}


def test_a_value_along_a_relationship_follows_its_parent() -> None:
    followed = (
        *CONTACT_FIELDS,
        person_field("Contact", "AccountId", "account_id", Kind.ID, Direction.INBOUND),
        person_field("Contact", "Account.Name", "company_name", direction=Direction.INBOUND),
    )
    world = World(fields=(*ACCOUNT_FIELDS, *followed))
    account, other = (world.sf.create("Account", Name=name) for name in ("Acme", "Other"))
    contacts = [world.sf.create("Contact", LastName=f"Jo {n}", AccountId=account) for n in range(7)]
    elsewhere = world.sf.create("Contact", LastName="Else", AccountId=other)
    world.ready()
    world.sf.edit("Account", account, Name="Acme & Sons")
    assert world.crash(Fault("retrieve", 2, "crash"))
    world.cycle()
    assert {world.person(c, "Contact")["company_name"] for c in contacts} == {"Acme & Sons"}
    assert world.person(elsewhere, "Contact")["company_name"] == "Other"
    assert world.cycle().api_calls == 2
    assert verify(world.engine).equal


# ---------------------------------------------------------------- deletes, merges, conversions


def test_a_delete_leaves_a_tombstone_that_is_never_written_to(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.sf.delete("Lead", lead)
    report = world.cycle()
    assert world.pair(lead).state is PairState.TOMBSTONED
    assert world.person(lead)["salesforce_deleted"] is True
    assert world.person(lead)["link_state"] == "deleted"
    assert report.counters()["Lead"]["deleted"] == 1
    world.edit(lead, city="Mainz")
    world.cycles(3)
    assert not world.writes(lead)


def test_what_was_owed_to_a_deleted_record_is_kept_for_a_person(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.edit(lead, city="Mainz")
    world.sf.delete("Lead", lead)
    world.cycle()
    (kept,) = world.letters()
    assert kept.letter.ours == {"city": "Mainz"}
    assert kept.letter.problem.code == "ENTITY_IS_DELETED"


def test_an_undelete_is_honoured_and_sends_what_is_owed(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.edit(lead, city="Mainz")
    world.sf.delete("Lead", lead)
    world.cycle()
    world.clock.advance(5)
    world.sf.undelete("Lead", lead)
    world.cycles(2)
    assert world.pair(lead).state is PairState.PAIRED
    assert world.person(lead)["salesforce_deleted"] is False
    assert world.there(lead)["City"] == "Mainz"
    assert not world.letters()


def test_a_merge_redirects_and_a_conversion_closes_the_lead(world: World) -> None:
    winner, loser, converted = world.sf.ids("Lead")[:3]
    world.sf.merge("Lead", winner, loser, City="Koeln")
    contact = world.sf.convert(converted)
    world.edit(converted, city="Mainz")
    report = world.cycle()
    assert world.pair(loser).state is PairState.REDIRECTED
    assert world.pair(loser).redirect_to == winner
    assert world.pair(converted).state is PairState.CONVERTED
    assert world.pair(converted).redirect_to == contact
    assert world.person(contact, "Contact") == world.person(converted)
    assert world.person(contact, "Contact")["link_state"] == "contact"
    assert world.person(winner) == world.person(loser)
    assert not world.letters()
    assert {s.operation for s in report.steps} >= {"Pull updates", "Pull deletes", "Pull conversions"}
    world.cycles(2)
    assert not world.writes(converted)
    assert world.there(contact, "Contact")["MailingCity"] == "Mainz", "the edit went to the contact"


def test_a_person_deleted_here_is_not_brought_back(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    person = world.person(lead)["id"]
    world.store.delete(person)
    world.sf.edit("Lead", lead, City="Koeln")
    world.cycles(2)
    assert world.store.person(person) is None
    assert world.pair(lead).state is PairState.DETACHED
    assert not world.sf.rows["Lead"][lead].deleted


def test_a_mass_delete_stops_until_a_person_allows_it() -> None:
    world = World(type(World().options)(feed_rows=500, snapshot_rows=500))
    for number in range(60):
        world.lead(f"Lee {number}")
    contact = world.sf.create("Contact", LastName="Jo", MailingCity="Bonn")
    world.ready()
    leads = world.sf.ids("Lead")
    for lead in leads[:55]:
        world.sf.delete("Lead", lead)
    world.sf.edit("Contact", contact, MailingCity="Koeln")
    report = world.cycle()
    assert report.status == "Failed"
    assert "55 of 60" in (report.error or "")
    assert "diptych allow-deletes Lead" in (report.error or "")
    assert all(world.pair(lead).state is PairState.PAIRED for lead in leads)
    assert world.person(contact, "Contact")["city"] == "Koeln", "other objects go on"
    with world.store.transaction() as tx:
        tx.save_setting(allowance("Lead"), "yes")
    assert world.cycle().status == "Succeeded"
    assert all(world.pair(lead).state is PairState.TOMBSTONED for lead in leads[:55])
    with world.store.transaction() as tx:
        assert tx.setting(allowance("Lead")) is None, "allowed once"


# ---------------------------------------------------------------- schema


def test_a_field_that_vanishes_is_held_and_the_rest_goes_on(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.org.hide("Lead", "City")
    world.sf.edit("Lead", lead, City="Koeln", FirstName="Anna")
    report = world.cycle()
    assert world.person(lead)["first_name"] == "Anna"
    assert world.person(lead)["city"] == "Bonn", "absent is not blank"
    assert any(s.operation == "Sync schema" and "City" in (s.detail or "") for s in report.steps)
    world.edit(lead, city="Mainz", title="Boss")
    world.cycle()
    assert world.writes(lead) == [{"Title": "Boss"}]
    assert [k.letter.problem.code for k in world.letters()] == ["FIELD_NOT_USABLE"]
    assert world.cycles(2).api_calls == 2


def test_a_field_mapped_later_is_filled_for_the_records_we_have(world: World) -> None:
    lead = world.sf.ids("Lead")[0]
    world.sf.edit("Lead", lead, Country="Germany")
    world.cycles(2, 30)
    world.add_field(person_field("Lead", "Country", "country"))
    world.cycles(6)
    assert world.person(lead)["country"] == "Germany"
    assert not world.writes()


def test_a_value_that_cannot_be_read_is_not_taken_and_is_shown() -> None:
    world = World(fields=[person_field("Lead", "NumberOfEmployees", "number_of_employees", Kind.INTEGER)])
    lead = world.lead("Lee", NumberOfEmployees=5)
    world.ready()
    world.sf.edit("Lead", lead, NumberOfEmployees="many")
    world.cycle()
    assert world.person(lead)["number_of_employees"] == 5
    assert [k.letter.problem.code for k in world.letters()] == ["UNREADABLE_VALUE"]
    world.sf.edit("Lead", lead, NumberOfEmployees=7)
    world.cycle()
    assert world.person(lead)["number_of_employees"] == 7
    assert not world.letters()


def test_covered_pulls_the_read_back_only_so_far() -> None:
    cursor = FeedCursor("Lead", START, covered=START - timedelta(minutes=1))
    assert read_from(cursor, OPTIONS) == START - OPTIONS.overlap
    lagging = FeedCursor("Lead", START, covered=START - timedelta(hours=3))
    assert read_from(lagging, OPTIONS) == START - timedelta(hours=3)
    standing = FeedCursor("Lead", START, covered=START - timedelta(days=30))
    assert read_from(standing, OPTIONS) == START - OPTIONS.covered_max
