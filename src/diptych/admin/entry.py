"""Values that a person types: as text in a form, read back, and checked against what Salesforce takes (S-57)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from diptych.admin.views import FieldView
from diptych.admin.words import _, ngettext
from diptych.domain.mapping import Direction
from diptych.domain.values import InvalidValue, Kind, Value, canonical, to_text

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SF_ID = re.compile(r"[A-Za-z0-9]{15}|[A-Za-z0-9]{18}")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})")
_INT32 = 2**31
# the days Salesforce takes
_FIRST_YEAR, _LAST_YEAR = 1700, 4000


class Unfit(Exception):
    """What was typed cannot be the value of its field; the text says why."""


@dataclass(frozen=True)
class Entered:
    """What a form asks for. `values`: new values of the changed columns; `shown`: what the form had shown for them;
    `wrong`: why a column's text cannot be taken."""

    values: Mapping[str, Value]
    shown: Mapping[str, Value]
    wrong: Mapping[str, str]


def text_of(field: FieldView) -> str:
    """The value as a form shows it."""
    if field.value is None:
        return ""
    if field.kind is Kind.BOOLEAN:
        return "yes" if field.value else "no"
    return to_text(field.value) or ""


def hint_of(field: FieldView) -> str:
    """How to write it, where that is not plain."""
    if field.kind is Kind.DATETIME:
        return _("In UTC, as 2026-11-24T08:15:00Z")
    if field.kind is Kind.TIME:
        return _("As 08:15:00Z")
    if field.kind is Kind.MULTI:
        if field.choices:
            return _("Any of these, with semicolons between: %s") % ", ".join(field.choices)
        return _("Several values with semicolons between")
    return ""


def read(fields: Mapping[str, FieldView], typed: Mapping[str, str], was: Mapping[str, str] | None) -> Entered:
    """What the form wants changed. Without `was` (a new person) everything that is not blank is new; a column that the
    form did not carry, or whose text is what was shown, is left alone, whatever it is."""
    values: dict[str, Value] = {}
    shown: dict[str, Value] = {}
    wrong: dict[str, str] = {}
    for column, field in fields.items():
        before = "" if was is None else was.get(column)
        if column not in typed or before is None or _plain(typed[column]) == _plain(before):
            continue
        try:
            values[column] = value_of(field, typed[column])
        except Unfit as problem:
            wrong[column] = str(problem)
            continue
        if was is not None:
            try:
                shown[column] = canonical(field.kind, before, _scale(field))
            except InvalidValue:
                del values[column]
                wrong[column] = _("This form is damaged; load the page again.")
    return Entered(values, shown, wrong)


def value_of(field: FieldView, text: str) -> Value:
    """The text as a value of the field. Raises Unfit."""
    text = _plain(text)
    if not text:
        if field.needed:
            raise Unfit(_("Salesforce does not take a blank here."))
        if field.kind is Kind.BOOLEAN and _sent(field):
            raise Unfit(_("Choose yes or no."))
        return None
    if _CONTROL.search(text):
        raise Unfit(_("There is a control character in it, which cannot be stored."))
    _check_form(field, text)
    try:
        value = canonical(field.kind, text, _scale(field))
    except InvalidValue:
        raise Unfit(_NOT_ONE[field.kind]()) from None
    if field.kind in (Kind.DATE, Kind.DATETIME) and not _FIRST_YEAR <= int(str(value)[:4]) <= _LAST_YEAR:
        raise Unfit(_("Salesforce takes years from 1700 to 4000."))
    _check_choices(field, value)
    if isinstance(value, str) and field.length and len(value) > field.length:
        raise Unfit(
            ngettext(
                "This is %(n)d characters long; Salesforce takes %(most)d.",
                "This is %(n)d characters long; Salesforce takes %(most)d.",
                len(value),
            )
            % {"n": len(value), "most": field.length}
        )
    return value


def _check_form(field: FieldView, text: str) -> None:
    """What reading it as its kind would take but a person hardly means."""
    kind = field.kind
    if kind is Kind.INTEGER and (
        not _WHOLE.fullmatch(text) or (field.sf_type == "int" and not -_INT32 <= int(text) < _INT32)
    ):
        raise Unfit(_NOT_ONE[kind]())
    if kind is Kind.DECIMAL:
        if not _NUMBER.fullmatch(text):
            raise Unfit(_NOT_ONE[kind]())
        scale = _scale(field)
        if scale is not None and Decimal(text) != round(Decimal(text), scale):
            raise Unfit(
                ngettext("At most %d decimal place.", "At most %d decimal places.", scale) % scale
                if scale
                else _("Without decimal places.")
            )
    if kind is Kind.DATE and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise Unfit(_NOT_ONE[kind]())
    if kind is Kind.ID and not _SF_ID.fullmatch(text):
        raise Unfit(_NOT_ONE[kind]())
    if field.sf_type == "email" and not _EMAIL.fullmatch(text):
        raise Unfit(_("This is not an email address."))


def _check_choices(field: FieldView, value: Value) -> None:
    given = str(value).split(";") if field.kind is Kind.MULTI else [value]
    for one in given:
        if field.choices and one not in field.choices:
            raise Unfit(_("Salesforce does not take “%s” here; choose one of the list.") % one)


_NOT_ONE = {
    Kind.TEXT: lambda: _("This is not a text."),
    Kind.INTEGER: lambda: _("Write a whole number, such as 1200."),
    Kind.DECIMAL: lambda: _("Write a number, such as 1200.50."),
    Kind.BOOLEAN: lambda: _("Choose yes or no."),
    Kind.DATE: lambda: _("Write a day as 2026-11-24."),
    Kind.DATETIME: lambda: _("Write a time as 2026-11-24T08:15:00Z."),
    Kind.TIME: lambda: _("Write a time of day as 08:15:00Z."),
    Kind.MULTI: lambda: _("Write values with semicolons between."),
    Kind.ID: lambda: _("Write a Salesforce ID of 15 or 18 characters."),
}


def _plain(text: str) -> str:
    """Without what browsers add to text in forms."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip(" \t\n")


def _sent(field: FieldView) -> bool:
    return any(m.direction is not Direction.INBOUND for m in field.mappings)


def _scale(field: FieldView) -> int | None:
    return min((m.scale for m in field.mappings), default=None) if field.kind is Kind.DECIMAL else None
