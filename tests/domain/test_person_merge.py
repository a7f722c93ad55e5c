"""What becomes of consent, and of edits, when two people become one or one gets a further record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from diptych.domain.mapping import Direction, FieldMapping, ObjectMapping, Policy
from diptych.domain.pair import Pair, PairState
from diptych.domain.person_merge import HeldPerson, StoredJoin, plan_join, plan_open, plan_split
from diptych.domain.values import Kind, Value

T = datetime(2026, 1, 5, 8, tzinfo=UTC)
KINDS = {"newsletter": Kind.BOOLEAN, "city": Kind.TEXT}


def held(number: int, value: Value, base: Value = None, column: str = "newsletter") -> HeldPerson:
    """A person with one pair; `base` where it differs from the value."""
    pair = Pair(number, number, "Lead", f"00Q{number:015d}", None, PairState.PAIRED, None, None)
    bases = {number: {column: base}} if base is not None else {}
    return HeldPerson(number, {column: value}, {column: KINDS[column]}, (pair,), bases)


def consent(direction: Direction, restrictive: bool = True) -> ObjectMapping:
    mapped = FieldMapping(
        "Contact",
        "News__c",
        "person",
        "newsletter",
        Kind.BOOLEAN,
        direction,
        Policy.MOST_RESTRICTIVE,
        restrictive=restrictive,
    )
    return ObjectMapping("Contact", 1, (mapped,))


@pytest.mark.parametrize("restrictive", [True, False])
@pytest.mark.parametrize(("mine", "other"), [(True, False), (False, True)])
def test_a_refusal_of_either_stands_when_people_are_joined(
    restrictive: bool, mine: bool, other: bool
) -> None:
    plan = plan_join(held(1, mine), held(2, other), {}, consent={"newsletter": restrictive})
    assert plan.values.get("newsletter", mine) is restrictive


def test_an_edit_of_the_remaining_person_that_a_refusal_undoes_is_logged() -> None:
    plan = plan_join(held(1, False, base=True), held(2, True), {}, consent={"newsletter": True})
    assert plan.values == {"newsletter": True}
    (logged,) = plan.conflicts
    assert (logged.base, logged.ours, logged.theirs, logged.winner) == (True, False, True, "salesforce")


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize(("ours", "theirs"), [(True, False), (False, True)])
def test_a_refusal_on_either_side_stands_when_a_record_is_linked(
    direction: Direction, ours: bool, theirs: bool
) -> None:
    plan = plan_open(held(1, ours), {"newsletter": theirs}, consent(direction), {})
    assert plan.values.get("newsletter", ours) is True


def test_consent_given_in_the_face_of_the_very_refusal_stands() -> None:
    plan = plan_open(held(1, False, base=True), {"newsletter": True}, consent(Direction.BOTH), {})
    assert plan.values == {}


def test_a_blank_that_goes_over_an_edit_of_the_new_record_is_logged() -> None:
    mapped = FieldMapping("Contact", "City", "person", "city", Kind.TEXT, Direction.BOTH, Policy.SALESFORCE)
    person = held(1, None, base="Bonn", column="city")
    plan = plan_open(person, {"city": "Ulm"}, ObjectMapping("Contact", 1, (mapped,)), {})
    (logged,) = plan.conflicts
    assert (logged.theirs, logged.winner, plan.values) == ("Ulm", "ours", {})
    assert not plan_open(person, {"city": "Bonn"}, ObjectMapping("Contact", 1, (mapped,)), {}).conflicts


JOIN = StoredJoin(1, 1, 2, "merge", "", T, {"newsletter": False}, {"newsletter": False}, (2,), {})


@pytest.mark.parametrize(
    ("join", "now", "back"),
    [
        (JOIN, False, False),
        (JOIN, True, True),  # refused for the two as one
        (replace(JOIN, before_loser={"newsletter": True}), True, True),  # never told to its record
        (replace(JOIN, before_winner={"newsletter": True}), True, False),  # the other one's own refusal
    ],
)
def test_who_is_opted_out_when_two_are_taken_apart(join: StoredJoin, now: bool, back: bool) -> None:
    split = plan_split(join, held(1, now), {"newsletter": False}, {"newsletter": True})
    assert split.restored["newsletter"] is back
