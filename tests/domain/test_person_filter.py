from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.domain.person_filter import BadFilter, read_filter
from diptych.domain.values import Kind

COLUMNS = {
    "email": Kind.TEXT,
    "country": Kind.TEXT,
    "number_of_employees": Kind.INTEGER,
    "revenue": Kind.DECIMAL,
    "unsubscribed": Kind.BOOLEAN,
    "since": Kind.DATE,
}


@pytest.mark.parametrize(
    ("text", "row", "holds"),
    [
        ('country = "US"', {"country": "us"}, True),
        ("country = US", {"country": "CA"}, False),
        ("country != US", {"country": None}, True),
        ("country <> US", {"country": "US"}, False),
        ("country = US", {}, False),
        ("email is blank", {"email": None}, True),
        ("email IS NOT BLANK and country = 'US'", {"email": "a@b.c", "country": "US"}, True),
        ("email contains '@EXAMPLE.'", {"email": "Ann@example.com"}, True),
        ("number_of_employees >= 10", {"number_of_employees": 10}, True),
        ("number_of_employees < 10", {"number_of_employees": 10}, False),
        ("number_of_employees > 9", {"number_of_employees": "many"}, False),
        ("number_of_employees <= 10", {"number_of_employees": None}, False),
        ("revenue > 1.50", {"revenue": Decimal("1.6")}, True),
        ("unsubscribed = no", {"unsubscribed": False}, True),
        ("since >= 2026-01-01", {"since": "2026-02-01"}, True),
        ("country = 'O''Neill'", {"country": "O'Neill"}, True),
    ],
)
def test_a_filter_names_those_it_means(text: str, row: dict[str, object], holds: bool) -> None:
    found = read_filter(text, COLUMNS)
    assert found.holds(row) is holds  # type: ignore[arg-type]
    assert read_filter(str(found), COLUMNS) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("nothing = 1", "no column 'nothing'"),
        ("country", "ends where an operator"),
        ("country like US", "no operator"),
        ("country = ", "ends where a value"),
        ("country = ''", "IS BLANK"),
        ("country > A", "compares numbers and dates"),
        ("number_of_employees = many", "is integer"),
        ("country = US email is blank", "Expected AND"),
        ("country = US OR email is blank", "Expected AND"),
        ("country is big", "no operator"),
        ("country = 'US", "Cannot read"),
    ],
)
def test_what_is_no_filter_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(BadFilter, match=said):
        read_filter(text, COLUMNS)


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        found = read_filter(text, COLUMNS)
    except BadFilter:
        return
    assert read_filter(str(found), COLUMNS) == found


@given(st.text(min_size=1).filter(lambda t: t.strip(" \t\r\n") == t and "\r" not in t))
def test_any_value_can_be_quoted(value: str) -> None:
    found = read_filter('country = "' + value.replace('"', '""') + '"', COLUMNS)
    assert found.conditions[0].value == value
