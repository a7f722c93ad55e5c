from __future__ import annotations

import pytest

from diptych.domain.matching import Group, Matching, MatchRule, groups, verdict
from diptych.domain.values import Value

ANN = {"email": "Ann@X.org", "first_name": "Ann", "last_name": "Lee", "ref": 7}


@pytest.mark.parametrize(
    ("matching", "other", "same"),
    [
        (Matching(), ANN, False),
        (Matching(MatchRule.EMAIL), {"email": "ann@x.org "}, True),
        (Matching(MatchRule.EMAIL), {"email": None}, False),
        (Matching(MatchRule.EMAIL_NAME), {**ANN, "email": "ANN@x.org"}, True),
        (Matching(MatchRule.EMAIL_NAME), {**ANN, "first_name": "Bea"}, False),
        (Matching(MatchRule.EMAIL_NAME), {**ANN, "first_name": None}, False),
        (Matching(MatchRule.EMAIL_NAME), {**ANN, "last_name": None}, False),
        (Matching(MatchRule.EXTERNAL_ID, "ref"), {"ref": 7}, True),
        (Matching(MatchRule.EXTERNAL_ID, "ref"), {"ref": 8}, False),
        (Matching(MatchRule.EXTERNAL_ID), ANN, False),
    ],
)
def test_a_rule_says_who_is_one(matching: Matching, other: dict[str, Value], same: bool) -> None:
    key = matching.key_of(ANN)
    assert (key is not None and key == matching.key_of(other)) is same


def test_groups_are_of_two_and_more_in_order() -> None:
    rows: list[tuple[int, dict[str, Value]]] = [
        (5, {"email": "b@x"}),
        (3, {"email": "A@x"}),
        (1, {"email": "c@x"}),
        (2, {"email": "a@x"}),
        (4, {"email": "B@x"}),
        (6, {"email": None}),
        (7, {"email": None}),
    ]
    assert groups(Matching(MatchRule.EMAIL), rows) == [Group(("a@x",), (2, 3)), Group(("b@x",), (4, 5))]
    assert groups(Matching(), rows) == []


def test_nothing_is_guessed() -> None:
    assert verdict([4]).person_id == 4
    assert verdict([4, 4]).person_id == 4
    assert verdict([]).person_id is None
    assert verdict([4, 5]).person_id is None
    assert verdict([4, 5]).ambiguous == (4, 5)


def test_beyond_ascii_the_text_is_looked_for_in_all_ways_in_which_it_may_be_kept() -> None:
    rule = Matching(MatchRule.EMAIL)
    assert rule.texts_of({"email": " Straße@É.org "}) == {"strasse@é.org", "straße@é.org", "straße@É.org"}
    assert rule.texts_of({"email": "ANN@x.org"}) == {"ann@x.org"}
    assert rule.texts_of({"email": None}) == Matching().texts_of({"email": "a"}) == set()
