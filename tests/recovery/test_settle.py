"""After a restore: what becomes of one waiting change, by where Salesforce's value is now."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from diptych.domain.mapping import Direction, FieldMapping, ObjectMapping, Policy
from diptych.domain.pair import Inflight, Linked, Pair, PairState
from diptych.domain.recovery import settle
from diptych.domain.values import Kind, Value
from diptych.sync.cycle import run_recovery
from diptych.sync.repair import recovery
from diptych.sync.report import SUCCEEDED
from tests.sync.world import World

AT = datetime(2026, 11, 26, tzinfo=UTC)


def mapping(policy: Policy, direction: Direction = Direction.BOTH) -> ObjectMapping:
    field = FieldMapping("Lead", "X", "person", "x", Kind.TEXT, direction, policy)
    return ObjectMapping("Lead", 1, (field,))


def linked(base: Value, ours: Value, in_flight: Value = None) -> Linked:
    flight = Inflight({"x": in_flight}, "1-1", AT) if in_flight is not None else None
    pair = Pair(1, 1, "Lead", "00Q", None, PairState.PAIRED, AT, AT, inflight=flight)
    return Linked(pair, {"x": ours}, {"x": base})


@pytest.mark.parametrize("policy", list(Policy))
def test_what_was_sent_since_is_recognised(policy: Policy) -> None:
    found = settle(linked("a", "b"), {"x": "b"}, mapping(policy))
    assert (found.ours, found.base, found.conflicts, found.sent) == ({}, {"x": "b"}, (), ("x",))


@pytest.mark.parametrize("policy", list(Policy))
def test_what_was_never_sent_still_waits(policy: Policy) -> None:
    found = settle(linked("a", "b"), {"x": "a"}, mapping(policy))
    assert found.nothing
    assert found.waiting == ("x",)


@pytest.mark.parametrize("policy", [p for p in Policy if p is not Policy.MOST_RESTRICTIVE])
def test_what_salesforce_has_gone_on_from_is_given_up_to_it(policy: Policy) -> None:
    """Also under the policy `ours`: what we hold may be older than what was sent and edited there since."""
    found = settle(linked("a", "b"), {"x": "c"}, mapping(policy))
    assert (found.ours, found.base) == ({"x": "c"}, {"x": "c"})
    (lost,) = found.conflicts
    assert (lost.base, lost.ours, lost.theirs, lost.winner, lost.reason) == (
        "a",
        "b",
        "c",
        "salesforce",
        "restored",
    )


def test_a_refusal_of_consent_stands() -> None:
    found = settle(linked(False, True), {"x": None}, mapping(Policy.MOST_RESTRICTIVE))
    assert (found.ours, found.base, found.waiting) == ({}, {"x": None}, ("x",))
    allowed = settle(linked(True, False), {"x": None}, mapping(Policy.MOST_RESTRICTIVE))
    assert allowed.ours == {"x": None}


def test_a_value_in_flight_that_landed_is_the_base_of_the_edit_after_it() -> None:
    found = settle(linked("a", "c", in_flight="b"), {"x": "b"}, mapping(Policy.SALESFORCE))
    assert (found.ours, found.base, found.waiting, found.conflicts) == ({}, {"x": "b"}, ("x",), ())


def test_a_value_in_flight_that_landed_is_the_base_of_what_was_changed_back_after_it() -> None:
    found = settle(linked("a", "a", in_flight="b"), {"x": "b"}, mapping(Policy.SALESFORCE))
    assert (found.ours, found.base, found.waiting, found.conflicts) == ({}, {"x": "b"}, ("x",), ())
    assert settle(linked("a", "a", in_flight="b"), {"x": "c"}, mapping(Policy.SALESFORCE)).nothing


def test_what_somebody_else_saved_last_may_be_an_edit_of_theirs_with_the_same_text() -> None:
    found = settle(linked("a", "a", in_flight="b"), {"x": "b"}, mapping(Policy.SALESFORCE), by_us=False)
    assert (found.ours, found.base, found.waiting) == ({"x": "b"}, {"x": "b"}, ())
    (lost,) = found.conflicts
    assert (lost.ours, lost.theirs, lost.winner, lost.reason) == ("a", "b", "salesforce", "outcome_unknown")


@pytest.mark.parametrize("direction", [Direction.INBOUND, Direction.OUTBOUND])
def test_one_way_fields_are_left_to_the_cycle(direction: Direction) -> None:
    assert settle(linked("a", "b"), {"x": "c"}, mapping(Policy.OURS, direction)).nothing


def test_a_value_that_was_not_read_is_left_alone() -> None:
    assert settle(linked("a", "b"), {}, mapping(Policy.SALESFORCE)).nothing


def test_an_edit_made_since_the_restore_goes_over_the_value_that_it_replaced() -> None:
    found = settle(linked("a", "y"), {"x": "b"}, mapping(Policy.SALESFORCE), replaced={"x": "b"})
    assert (found.ours, found.base, found.waiting, found.conflicts) == ({}, {"x": "b"}, ("x",), ())
    other = settle(linked("a", "y"), {"x": "c"}, mapping(Policy.SALESFORCE), replaced={"x": "b"})
    assert other.ours == {"x": "c"} and other.conflicts[0].reason == "restored"


def test_what_was_edited_between_the_restore_and_the_recovery_is_known() -> None:
    world = World()
    leads = [world.lead(City="Bonn"), world.lead(City="Bonn")]
    world.ready()
    for lead in leads:  # waits in the backup, and was sent after it was taken
        world.edit(lead, city="Mainz")
        world.sf.edit("Lead", lead, by=world.org.sync_user, City="Mainz")
    world.clock.advance(60)
    with world.store.transaction() as tx:
        recovery.mark(tx, None, world.clock.now())
    world.clock.advance(60)
    world.edit(leads[0], city="Ulm")
    assert run_recovery(world.engine, world.lease()).status == SUCCEEDED
    assert not world.conflicts()
    world.cycles(2)
    assert [world.there(lead)["City"] for lead in leads] == ["Ulm", "Mainz"] and not world.conflicts()
