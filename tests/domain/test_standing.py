"""Whose value stands where a person's records differ in a field that only comes in."""

from __future__ import annotations

import pytest

from diptych.domain.pair import Pair, PairState, Standing
from diptych.domain.standing import Noted, left_over, standings

APART, LEFT = Standing.APART, Standing.LEFT


def pair(number: int, state: PairState = PairState.PAIRED, name: str = "Lead") -> Pair:
    return Pair(number, 1, name, f"00Q{number}", None, state, None, None)


GONE = (PairState.TOMBSTONED, PairState.HIDDEN, PairState.REDIRECTED, PairState.DETACHED)


@pytest.mark.parametrize("state", GONE)
def test_when_the_record_goes_that_the_value_came_from_the_first_that_is_left_counts(
    state: PairState,
) -> None:
    pairs = [pair(1, state), pair(2), pair(3, PairState.PARKED)]
    assert left_over(pairs, {2: {"f": APART, "g": APART}, 3: {"f": APART, "g": APART}}) == {2: ("f", "g")}


def test_a_contact_counts_before_a_lead() -> None:
    pairs = [pair(1, PairState.TOMBSTONED), pair(2), pair(3, name="Contact")]
    assert left_over(pairs, {2: {"f": APART}, 3: {"f": APART}}) == {3: ("f",)}


@pytest.mark.parametrize(
    "noted",
    [
        {2: {"f": APART}},  # another live record has our value
        {2: {"f": APART}, 3: {"f": None}},  # an edit made here, for 3 to put back
        {2: {"f": LEFT}, 3: {"f": APART}},  # known already
        {1: {"f": APART}},
        {},
    ],
)
def test_nothing_is_left_over(noted: Noted) -> None:
    assert left_over([pair(1, PairState.TOMBSTONED), pair(2), pair(3)], noted) == {}


def test_nobody_is_left() -> None:
    assert left_over([pair(1, PairState.TOMBSTONED)], {1: {"f": APART}}) == {}


def test_of_people_who_are_joined_those_stand_apart_whose_value_is_not_the_person_s() -> None:
    pairs = [pair(1), pair(2), pair(3, PairState.TOMBSTONED)]
    assert standings(pairs, {3: {"f": None}}, {2: {"f": None}}) == {2: {"f": APART}, 3: {"f": APART}}


def test_an_edit_that_waited_as_they_were_joined_stays_one() -> None:
    assert standings([pair(1), pair(2)], {1: {"f": None}}, {2: {"f": None}}) == {
        1: {"f": None},
        2: {"f": APART},
    }


def test_a_value_that_no_record_has_is_an_edit() -> None:
    assert standings([pair(1), pair(2)], {}, {1: {"f": None}, 2: {"f": None}}) == {
        1: {"f": None},
        2: {"f": None},
    }
