"""What a person types, as a value or as a reason."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from diptych.admin.entry import Unfit, read, text_of, value_of
from diptych.admin.views import FieldView
from diptych.domain.mapping import Direction, FieldMapping, Policy
from diptych.domain.values import Kind, Value


def field(kind: Kind, **facts: Any) -> FieldView:
    mapped = FieldMapping("Lead", "X", "person", "x", kind, Direction.BOTH, Policy.SALESFORCE, **facts)
    return FieldView("x", "X", kind, None, (mapped,))


CHOICE = field(Kind.TEXT, restricted=("Hot", "Cold"), sf_type="picklist")
SEVERAL = field(Kind.MULTI, restricted=("a", "b", "c"), sf_type="multipicklist")


@pytest.mark.parametrize(
    ("view", "text", "value"),
    [
        (field(Kind.TEXT), "  Ada \r\n Lovelace ", "Ada \n Lovelace"),
        (field(Kind.TEXT), "   ", None),
        (field(Kind.INTEGER), "-12", -12),
        (field(Kind.DECIMAL, scale=2), "10.50", Decimal("10.5")),
        (field(Kind.DECIMAL, scale=2), ".5", Decimal("0.5")),
        (field(Kind.BOOLEAN), "yes", True),
        (field(Kind.DATE), "2026-11-24", "2026-11-24"),
        (field(Kind.DATETIME), "2026-11-24T10:15:00+02:00", "2026-11-24T08:15:00Z"),
        (CHOICE, "Hot", "Hot"),
        (SEVERAL, "c; a", "a;c"),
        (field(Kind.ID), "001000000000001", "001000000000001AAA"),
        (field(Kind.TEXT, sf_type="email"), "a@b.example", "a@b.example"),
    ],
)
def test_it_becomes_a_value(view: FieldView, text: str, value: Value) -> None:
    assert value_of(view, text) == value


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (field(Kind.TEXT, nillable=False), " "),
        (field(Kind.TEXT, length=3), "four"),
        (field(Kind.TEXT), "bell\x07"),
        (field(Kind.INTEGER), "1.0"),
        (field(Kind.INTEGER), "9" * 30),
        (field(Kind.INTEGER, sf_type="int"), "2147483648"),
        (field(Kind.INTEGER), "\u0663"),
        (field(Kind.DECIMAL, scale=2), "1.005"),
        (field(Kind.DECIMAL, scale=0), "1.5"),
        (field(Kind.DECIMAL, scale=2), "NaN"),
        (field(Kind.DECIMAL, scale=2), "."),
        (field(Kind.BOOLEAN), "perhaps"),
        (field(Kind.BOOLEAN), ""),
        (field(Kind.DATE), "24.11.2026"),
        (field(Kind.DATE), "2026-02-30"),
        (field(Kind.DATE), "1066-10-14"),
        (field(Kind.DATE), "2026-11-24 and more"),
        (field(Kind.DATETIME), "tomorrow"),
        (field(Kind.TIME), "8 o'clock"),
        (CHOICE, "hot"),
        (SEVERAL, "a;d"),
        (field(Kind.ID), "001"),
        (field(Kind.TEXT, sf_type="email"), "a@b"),
        (field(Kind.TEXT, sf_type="email"), "a b@c.example"),
    ],
)
def test_or_the_reason_is_said(view: FieldView, text: str) -> None:
    with pytest.raises(Unfit):
        value_of(view, text)


@pytest.mark.parametrize(
    "view",
    [
        replace(CHOICE, value="Lukewarm"),  # came from Salesforce before the list was restricted
        replace(field(Kind.TEXT, sf_type="email"), value="junk"),
        replace(field(Kind.TEXT, length=3), value="much too long"),
        replace(field(Kind.DECIMAL, scale=2), value=Decimal("1E+3")),
        replace(field(Kind.BOOLEAN), value=None),
    ],
)
def test_what_was_not_touched_is_not_judged(view: FieldView) -> None:
    text = text_of(view)
    got = read({"x": view}, {"x": text}, {"x": text})
    assert not got.values
    assert not got.wrong


def test_a_field_that_the_form_did_not_carry_is_left_alone() -> None:
    assert not read({"x": field(Kind.TEXT)}, {}, {"x": "a"}).values
    assert not read({"x": field(Kind.TEXT)}, {"x": "b"}, {}).values
