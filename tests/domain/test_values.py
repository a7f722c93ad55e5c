"""Canonical values: what counts as the same value on both sides."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.domain.values import (
    InvalidValue,
    Kind,
    canonical,
    from_text,
    full_id,
    instant_text,
    kind_of,
    to_text,
)


@pytest.mark.parametrize("blank", [None, "", "   ", "\n\t"])
@pytest.mark.parametrize("kind", list(Kind))
def test_every_blank_is_the_same_blank(kind: Kind, blank: object) -> None:
    assert canonical(kind, blank) is None


@pytest.mark.parametrize("text", ["NA", "NULL", "None", "nan", "#N/A", "0", "false"])
def test_words_that_look_like_nothing_are_text(text: str) -> None:
    assert canonical(Kind.TEXT, text) == text


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (Kind.TEXT, "  Ana\r\nBeta ", "Ana\nBeta"),
        (Kind.BOOLEAN, "true", True),
        (Kind.BOOLEAN, 0, False),
        (Kind.INTEGER, "12.0", 12),
        (Kind.INTEGER, 1.0e3, 1000),
        (Kind.DATE, date(2026, 1, 2), "2026-01-02"),
        (Kind.DATE, "2026-01-02T00:00:00Z", "2026-01-02"),
        (Kind.DATETIME, "2026-01-02T03:04:05.000+0000", "2026-01-02T03:04:05Z"),
        (Kind.DATETIME, "2026-01-02T03:04:05.999Z", "2026-01-02T03:04:05Z"),
        (Kind.DATETIME, "2026-01-02 03:04:05", "2026-01-02T03:04:05Z"),
        (Kind.TIME, "10:30:00.000Z", "10:30:00Z"),
        (Kind.MULTI, "b;a;;b", "a;b"),
        (Kind.ID, "001D000000IRFma", "001D000000IRFmaIAH"),
    ],
)
def test_forms_of_one_value_agree(kind: Kind, raw: object, expected: object) -> None:
    assert canonical(kind, raw) == expected
    assert canonical(kind, expected) == expected


def test_decimals_are_compared_at_the_scale_of_the_field() -> None:
    assert canonical(Kind.DECIMAL, 0.1 + 0.2, 2) == canonical(Kind.DECIMAL, "0.30", 2) == Decimal("0.30")
    assert canonical(Kind.DECIMAL, "-0.001", 2) == canonical(Kind.DECIMAL, 0, 2)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (Kind.INTEGER, "many"),
        (Kind.DECIMAL, "NaN"),
        (Kind.DECIMAL, "1e999999999"),
        (Kind.DATE, "soon"),
        (Kind.BOOLEAN, "maybe"),
    ],
)
def test_what_cannot_be_read_is_said_so(kind: Kind, raw: str) -> None:
    with pytest.raises(InvalidValue):
        canonical(kind, raw, 2)


def test_an_instant_is_utc_to_the_second() -> None:
    east = timezone(timedelta(hours=2))
    assert instant_text(datetime(2026, 1, 2, 1, 0, 0, 999_999, tzinfo=east)) == "2026-01-01T23:00:00Z"
    assert instant_text(datetime(1, 1, 2, tzinfo=UTC)) == "0001-01-02T00:00:00Z"


def test_a_long_id_is_left_alone() -> None:
    assert full_id("001D000000IRFmaIAH") == "001D000000IRFmaIAH"


@pytest.mark.parametrize(
    ("sf_type", "scale", "kind"),
    [
        ("double", 0, Kind.INTEGER),
        ("double", 2, Kind.DECIMAL),
        ("currency", 0, Kind.DECIMAL),
        ("picklist", 0, Kind.TEXT),
    ],
)
def test_kind_of_a_describe_type(sf_type: str, scale: int, kind: Kind) -> None:
    assert kind_of(sf_type, scale) is kind


@given(
    st.one_of(
        st.tuples(st.just(Kind.TEXT), st.text()),
        st.tuples(st.just(Kind.INTEGER), st.integers(-(10**18), 10**18)),
        st.tuples(
            st.just(Kind.DECIMAL),
            st.decimals(
                allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12
            ),
        ),
        st.tuples(st.just(Kind.BOOLEAN), st.booleans()),
        st.tuples(st.just(Kind.DATETIME), st.datetimes()),
        st.tuples(st.just(Kind.MULTI), st.lists(st.text(alphabet="abc")).map(";".join)),
    )
)
def test_canonical_form_is_stable_and_survives_as_text(sample: tuple[Kind, object]) -> None:
    kind, raw = sample
    value = canonical(kind, raw, 3)
    assert canonical(kind, value, 3) == value
    assert from_text(kind, to_text(value), 3) == value
