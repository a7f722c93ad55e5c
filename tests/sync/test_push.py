"""Write-back: what is sent, what is not, and how each way a send can end leaves the pair."""

from __future__ import annotations

from datetime import timedelta

import pytest

from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.pair import PairState
from diptych.sync.repair import dead_letter
from diptych.testing import Fault
from tests.sync.world import World


@pytest.fixture
def world() -> World:
    world = World()
    world.sf.create("Account", Name="Acme")
    for number in range(5):
        world.lead(
            f"Lee {number}", FirstName="Ann", City="Bonn", Title="Chief", Phone="1", Fax="2", State="NW"
        )
    return world.ready()


@pytest.fixture
def lead(world: World) -> str:
    return world.sf.ids("Lead")[1]


def test_an_edit_here_reaches_salesforce_and_nothing_else_is_written(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    report = world.cycle()
    assert world.there(lead)["City"] == "Mainz"
    assert world.writes() == [{"City": "Mainz"}]
    assert report.counters()["Lead"]["pushed"] == 1
    assert world.pair(lead).inflight is None


def test_the_echo_changes_nothing(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz", title="Boss")
    world.cycle()
    before = len(world.store.changes(world.person(lead)["id"]))
    report = world.cycles(3)
    assert len(world.writes()) == 1
    assert report.changed == 0
    assert not world.conflicts()
    assert len(world.store.changes(world.person(lead)["id"])) == before


def test_the_echo_of_an_edit_does_not_undo_the_next_one(world: World, lead: str) -> None:
    """Flip-flop: what was sent first comes back after a second edit was made here."""
    world.edit(lead, city="Mainz")
    world.cycle()
    world.edit(lead, city="Ulm")
    seen: list[object] = []
    world.faults.arm([Fault("update", 1, "call", lambda: seen.append(world.person(lead)["city"]))])
    world.cycles(3)
    assert seen == ["Ulm"], "the echo was read before the second edit left"
    assert (world.there(lead)["City"], world.person(lead)["city"]) == ("Ulm", "Ulm")
    assert [values["City"] for values in world.writes()] == ["Mainz", "Ulm"] and not world.conflicts()


def test_an_idle_cycle_costs_two_calls(world: World) -> None:
    world.cycle()
    assert [world.cycle().api_calls for _ in range(3)] == [2, 2, 2]


def test_changed_and_changed_back_sends_nothing(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    world.edit(lead, city="Bonn")
    world.cycle()
    assert not world.writes()


def test_fields_edited_on_both_sides_are_both_kept(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, FirstName="Anna")
    world.edit(lead, city="Mainz")
    world.cycle()
    assert world.there(lead)["City"] == "Mainz"
    assert world.person(lead)["first_name"] == "Anna"
    assert world.writes() == [{"City": "Mainz"}]
    assert not world.conflicts()


@pytest.mark.parametrize(
    ("column", "field", "winner", "value"),
    [("city", "City", "salesforce", "theirs"), ("title", "Title", "ours", "ours")],
)
def test_the_policy_decides_a_conflict_and_the_loser_is_logged(
    world: World, lead: str, column: str, field: str, winner: str, value: str
) -> None:
    world.sf.edit("Lead", lead, **{field: "theirs"})
    world.edit(lead, **{column: "ours"})
    world.cycles(2)
    assert world.person(lead)[column] == world.there(lead)[field] == value
    (conflict,) = world.conflicts()
    assert (conflict.winner, conflict.ours, conflict.theirs) == (winner, "ours", "theirs")


def test_an_edit_of_an_inbound_field_is_put_back_and_logged(world: World, lead: str) -> None:
    world.edit(lead, phone="999")
    world.cycle()
    assert world.person(lead)["phone"] == "1"
    assert not world.writes()
    assert [c.reason for c in world.conflicts()] == ["inbound_only"]
    assert world.cycle().api_calls == 2


def test_an_outbound_field_edited_there_is_sent_again(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, Fax="999")
    world.cycles(2)
    assert world.there(lead)["Fax"] == world.person(lead)["fax"] == "2"
    assert [c.reason for c in world.conflicts()] == ["outbound_only"]


def test_automation_that_rewrites_an_outbound_field_does_not_make_us_write_for_ever(
    world: World, lead: str
) -> None:
    def automation(object_name: str, write: object, attempt_id: str) -> None:
        world.sf.edit("Lead", lead, Fax="set by flow", by=world.org.sync_user)

    world.edit(lead, fax="3")
    world.cycle()
    for _ in range(12):
        if world.there(lead)["Fax"] == "3":
            automation("Lead", None, "")
        world.cycle()
    assert len(world.writes(lead)) <= world.options.max_attempts + 1
    assert [kept.letter.problem.code for kept in world.letters()] == ["REWRITTEN_BY_ORG"]


def test_ask_keeps_both_values_until_a_person_decides(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, State="theirs")
    world.edit(lead, state="ours", city="Mainz")
    world.cycles(3)
    assert (world.person(lead)["state"], world.there(lead)["State"]) == ("ours", "theirs")
    assert world.there(lead)["City"] == "Mainz", "other fields go on"
    (kept,) = world.letters()
    assert (kept.letter.ours, kept.letter.theirs) == ({"state": "ours"}, {"state": "theirs"})
    assert world.cycle().api_calls == 2, "a question costs nothing while it waits"
    dead_letter.decide(world.store, kept.id, "ours", world.clock.now())
    world.cycle()
    assert world.there(lead)["State"] == "ours"
    assert not world.letters()


def test_a_decision_for_salesforce_takes_their_value(world: World, lead: str) -> None:
    world.sf.edit("Lead", lead, State="theirs")
    world.edit(lead, state="ours")
    world.cycle()
    (kept,) = world.letters()
    dead_letter.decide(world.store, kept.id, "salesforce", world.clock.now())
    world.cycle()
    assert world.person(lead)["state"] == "theirs"
    assert world.conflicts()[-1].ours == "ours"
    assert not world.writes()


# ---------------------------------------------------------------- outcomes


def test_a_timeout_after_commit_is_recognised_by_reading_back(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz", title="Boss")
    world.crash(Fault("update", 1, "after"))
    assert world.pair(lead).fenced
    world.cycle()
    assert not world.pair(lead).fenced
    world.cycles(2)
    assert len(world.writes(lead)) == 1
    assert not world.conflicts()


def test_nothing_is_sent_for_a_fenced_pair_until_the_request_can_no_longer_run(
    world: World, lead: str
) -> None:
    world.edit(lead, city="Mainz")
    world.crash(Fault("update", 1, "zombie", 5 * 60))
    world.edit(lead, city="Trier")
    world.cycle()
    assert not world.writes(lead)
    assert world.pair(lead).fenced
    world.cycle(10)
    assert [w["City"] for w in world.writes(lead)] == ["Mainz", "Trier"], (
        "the zombie came, was seen, and we went on"
    )
    assert world.there(lead)["City"] == "Trier"
    assert not world.conflicts()


def test_an_intent_that_was_never_sent_goes_out_after_the_window(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    assert world.crash(Fault("C-11", 1, "crash"))
    world.cycles(3)
    assert not world.writes(lead)
    world.cycle(16)
    assert world.there(lead)["City"] == "Mainz"
    assert len(world.writes(lead)) == 1


def test_a_zombie_does_not_overwrite_what_a_user_saved_meanwhile(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    world.crash(Fault("update", 1, "zombie", 10 * 60))
    world.sf.edit("Lead", lead, City="Koeln")
    world.cycle()
    assert world.person(lead)["city"] == "Koeln"
    world.cycle(12)
    world.cycle()
    assert world.there(lead)["City"] == world.person(lead)["city"] == "Koeln"
    assert {c.reason for c in world.conflicts()} == {"outcome_unknown"}


def test_a_user_who_types_what_we_sent_does_not_lift_the_fence(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    world.crash(Fault("update", 1, "zombie", 10 * 60))
    world.sf.edit("Lead", lead, City="Mainz")
    world.cycle()
    world.sf.edit("Lead", lead, City="Koeln")
    world.cycle()
    world.cycles(2, 12)
    world.cycle()
    assert world.there(lead)["City"] == world.person(lead)["city"] == "Koeln"


def test_a_refusal_of_a_named_field_parks_that_field_and_the_rest_goes(world: World, lead: str) -> None:
    world.org.refuse = lambda name, write: (
        Problem("RULE", "No such city.", ErrorClass.VALIDATION, fields=("City",))
        if write.values.get("City") == "Nowhere"
        else None
    )
    world.edit(lead, city="Nowhere", title="Boss")
    world.cycle()
    assert world.there(lead)["Title"] == "Boss"
    (kept,) = world.letters()
    assert kept.letter.column == "city"
    assert (kept.letter.ours, kept.letter.theirs) == ({"city": "Nowhere"}, {"city": "Bonn"})
    assert world.pair(lead).state is PairState.PAIRED
    assert world.cycles(2).api_calls == 2, "a parked field is not tried again by itself"
    world.edit(lead, city="Mainz")
    world.cycle()
    assert world.there(lead)["City"] == "Mainz"
    assert not world.letters()


def test_a_refusal_without_a_field_parks_the_record_until_it_is_edited_or_retried(
    world: World, lead: str
) -> None:
    refusing = True
    world.org.refuse = lambda name, write: (
        Problem("RULE", "Not today.", ErrorClass.VALIDATION) if refusing and write.sf_id == lead else None
    )
    other = world.sf.ids("Lead")[2]
    world.edit(lead, city="Mainz", title="Boss")
    world.edit(other, city="Trier")
    world.cycle()
    assert world.there(other)["City"] == "Trier", "a parked pair never stops another"
    assert world.pair(lead).state is PairState.PARKED
    (kept,) = world.letters()
    assert kept.letter.ours == {"city": "Mainz", "title": "Boss"}
    assert world.cycles(2).api_calls == 2
    world.edit(lead, title="Chief of all")
    world.cycle()
    assert world.pair(lead).state is PairState.PARKED, "a new edit is a new try, refused again"
    refusing = False
    (kept,) = world.letters()
    dead_letter.retry(world.store, kept.id, world.clock.now())
    world.cycle()
    assert world.there(lead)["City"] == "Mainz"
    assert world.there(lead)["Title"] == "Chief of all"
    assert world.pair(lead).state is PairState.PAIRED
    assert not world.letters()


def test_an_ignored_letter_stays_held_and_cannot_be_retried_twice(world: World, lead: str) -> None:
    world.edit(lead, last_name=None)
    world.cycle()
    (kept,) = world.letters()
    dead_letter.ignore(world.store, kept.id, world.clock.now())
    assert not world.letters()
    assert world.cycles(2).api_calls == 2
    dead_letter.retry(world.store, kept.id, world.clock.now())
    with pytest.raises(dead_letter.NoSuchDeadLetter):
        dead_letter.retry(world.store, kept.id, world.clock.now())


def test_a_locked_row_backs_off_and_is_parked_after_so_many_attempts(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    for attempt in range(1, world.options.max_attempts):
        world.crash(Fault("update", 1, "locked"), minutes=60)
        assert world.pair(lead).attempts == attempt
    assert world.cycle().api_calls == 2, "it is left alone while it backs off"
    world.crash(Fault("update", 1, "locked"), minutes=60)
    assert world.pair(lead).state is PairState.PARKED
    assert world.letters()[0].letter.problem.code == "UNABLE_TO_LOCK_ROW"


def test_when_salesforce_is_away_nothing_is_parked_and_nothing_stays_fenced(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    for _ in range(10):
        world.crash(Fault("update", 1, "before"))
    assert not world.pair(lead).fenced
    assert world.pair(lead).attempts == 0
    world.cycle()
    assert world.there(lead)["City"] == "Mainz"


def test_a_request_refused_as_a_whole_is_halved_until_the_culprit_stands_alone(world: World) -> None:
    ids = world.sf.ids("Lead")[:3]
    for sf_id in ids:
        world.edit(sf_id, city="Mainz")
    # whole batch; first half; second half; its first half
    world.crash(
        Fault("update", 1, "refuse_all"), Fault("update", 3, "refuse_all"), Fault("update", 4, "refuse_all")
    )
    assert world.there(ids[0])["City"] == "Mainz"
    assert world.pair(ids[1]).state is PairState.PARKED
    assert world.there(ids[2])["City"] == "Mainz"


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("first_name", "x" * 41, "STRING_TOO_LONG"),
        ("last_name", None, "REQUIRED_FIELD_MISSING"),
        ("unsubscribed", None, "REQUIRED_FIELD_MISSING"),
        ("number_of_employees", "many", "INVALID_VALUE"),
        ("title", "a\ud800b", "INVALID_CHARACTERS"),
    ],
)
def test_what_cannot_be_sent_is_parked_and_the_rest_goes(
    world: World, lead: str, column: str, value: object, code: str
) -> None:
    world.edit(lead, **{column: value, "city": "Mainz"})
    world.cycle()
    assert world.writes(lead) == [{"City": "Mainz"}]
    (kept,) = world.letters()
    assert (kept.letter.column, kept.letter.problem.code) == (column, code)
    assert kept.letter.problem.remedy
    assert world.cycles(2).api_calls == 2


def test_a_field_made_read_only_is_parked_with_the_way_out(world: World, lead: str) -> None:
    world.org.lock_field("Lead", "City")
    world.cycle(90)
    world.edit(lead, city="Mainz", title="Boss")
    world.cycle()
    assert world.writes(lead) == [{"Title": "Boss"}]
    assert world.letters()[0].letter.problem.code == "FIELD_READ_ONLY"


def test_a_record_edited_in_this_very_second_is_read_again_before_it_is_written(
    world: World, lead: str
) -> None:
    world.edit(lead, city="Mainz")
    edited = Fault("retrieve", 1, "call", lambda: world.sf.edit("Lead", lead, FirstName="Anna"))
    again = Fault("update", 1, "call", lambda: None)
    world.crash(edited, again)
    assert world.faults.passed["retrieve"] == 0  # disarmed
    assert world.there(lead) | {"City": "Mainz", "FirstName": "Anna"} == world.there(lead)
    assert world.person(lead)["first_name"] == "Anna"


def test_budget_gone_stops_writing_but_not_reading(world: World, lead: str) -> None:
    world.budget.closed.add("edits")
    world.edit(lead, city="Mainz")
    other = world.sf.ids("Lead")[2]
    world.sf.edit("Lead", other, City="Koeln")
    report = world.cycle()
    assert report.status == "Incomplete"
    assert not world.writes()
    assert not world.pair(lead).fenced
    assert world.person(other)["city"] == "Koeln"
    world.budget.closed.clear()
    world.cycle()
    assert world.there(lead)["City"] == "Mainz"


def test_a_record_that_is_not_shown_waits_and_is_never_buried(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    world.org.unseen.add(lead)  # by sharing: no delete is seen
    world.cycle()
    assert world.pair(lead).state is PairState.HIDDEN
    assert world.person(lead)["salesforce_deleted"] is False
    assert world.person(lead)["link_state"] == "out_of_scope"
    before = world.org.calls
    world.cycles(world.options.max_attempts, 5)
    assert not world.letters() and not world.writes(lead)
    assert world.org.calls - before == 2 * world.options.max_attempts, "it is left alone meanwhile"
    world.org.unseen.clear()
    world.sf.touch("Lead", lead)
    world.cycles(2)
    assert world.there(lead)["City"] == "Mainz"
    assert world.person(lead)["link_state"] == "lead"


def test_waiting_times_do_not_depend_on_our_clock(world: World, lead: str) -> None:
    world.edit(lead, city="Mainz")
    world.crash(Fault("update", 1, "locked"))
    world.clock.jump(-timedelta(days=2).total_seconds())
    world.cycle(5)
    assert world.there(lead)["City"] == "Mainz"
