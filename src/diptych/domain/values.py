"""Field values in canonical form, so that equality means 'the same value' on both sides.

A value is `str`, `int`, `Decimal`, `bool` or `None`; dates and times are ISO 8601 text (UTC for date-times). `None` is
the only blank: Salesforce makes no difference between an empty text and null, so neither do we. A field that was not
in an answer is not `None` but simply not there: 'absent' is never written as blank (correctness.md R-13).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum

Value = str | int | Decimal | bool | None


class Kind(StrEnum):
    """What a mapped column holds, independent of either side's own type names."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    MULTI = "multi"
    ID = "id"


class InvalidValue(ValueError):
    """The value cannot be read as one of its kind."""


_KIND_OF_TYPE = {
    "boolean": Kind.BOOLEAN,
    "int": Kind.INTEGER,
    "long": Kind.INTEGER,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
    "time": Kind.TIME,
    "multipicklist": Kind.MULTI,
    "reference": Kind.ID,
    "id": Kind.ID,
}
_TRUE = {"true", "t", "1", "yes", "y", "on"}
_FALSE = {"false", "f", "0", "no", "n", "off"}
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def kind_of(sf_type: str, scale: int = 0) -> Kind:
    """The kind for a Salesforce describe type (D-27); numbers without decimals are integers."""
    if sf_type in ("double", "currency", "percent"):
        return Kind.INTEGER if scale == 0 and sf_type == "double" else Kind.DECIMAL
    return _KIND_OF_TYPE.get(sf_type, Kind.TEXT)


def canonical(kind: Kind, raw: object, scale: int | None = None) -> Value:
    """`raw` (JSON, CSV text or what a SQL writer stored) in canonical form.

    Raises InvalidValue when `raw` is not blank and cannot be read as `kind`.
    """
    if raw is None:
        return None
    if isinstance(raw, str):
        raw = raw.strip(" \t\r\n") if kind is Kind.TEXT else raw.strip()
        if raw == "":
            return None
    try:
        return _READERS[kind](raw, scale)
    except (ValueError, InvalidOperation, ArithmeticError, TypeError) as problem:
        raise InvalidValue(f"{str(raw)[:80]!r} is not a {kind.value} value") from problem


def _text(raw: object, scale: int | None) -> Value:
    text = (
        raw if isinstance(raw, str) else ("true" if raw else "false") if isinstance(raw, bool) else str(raw)
    )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _integer(raw: object, scale: int | None) -> Value:
    if isinstance(raw, bool):
        return int(raw)
    number = Decimal(str(raw))
    if not number.is_finite():
        raise InvalidValue("not a finite number")
    return int(number.to_integral_value(ROUND_HALF_UP))


def _decimal(raw: object, scale: int | None) -> Value:
    number = Decimal(str(raw))
    if not number.is_finite():
        raise InvalidValue("not a finite number")
    if scale is not None:
        number = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    return number + 0  # minus zero equals zero


def _boolean(raw: object, scale: int | None) -> Value:
    if isinstance(raw, bool | int | Decimal | float):
        return bool(raw)
    word = str(raw).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidValue("not a yes or no")


def _date(raw: object, scale: int | None) -> Value:
    if isinstance(raw, datetime):
        return raw.date().isoformat()
    if isinstance(raw, date):
        return raw.isoformat()
    return date.fromisoformat(str(raw)[:10]).isoformat()


def _datetime(raw: object, scale: int | None) -> Value:
    return instant_text(raw if isinstance(raw, datetime) else parse_instant(str(raw)))


def _time(raw: object, scale: int | None) -> Value:
    found = re.fullmatch(r"(\d{2}:\d{2}:\d{2})(\.\d+)?Z?", str(raw))
    if not found:
        raise InvalidValue("not a time of day")
    return found.group(1) + "Z"


def _multi(raw: object, scale: int | None) -> Value:
    # a set: the order in which values were ticked is no change (D-27)
    parts = {part.strip() for part in str(raw).split(";")} - {""}
    return ";".join(sorted(parts)) or None


def _id(raw: object, scale: int | None) -> Value:
    return full_id(str(raw))


_READERS = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DATETIME: _datetime,
    Kind.TIME: _time,
    Kind.MULTI: _multi,
    Kind.ID: _id,
}


def parse_instant(text: str) -> datetime:
    """An ISO 8601 date-time in any form Salesforce or SQL writes it; without a zone it counts as UTC."""
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def instant_text(moment: datetime) -> str:
    """UTC, to the second, as `2026-11-24T08:15:00Z`: Salesforce's own resolution."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def full_id(sf_id: str) -> str:
    """The 18-character form of a Salesforce id; the same record is then always the same text."""
    if len(sf_id) != 15:
        return sf_id
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(sf_id[start : start + 5]) if "A" <= char <= "Z")
        suffix += _CHECKSUM[bits]
    return sf_id + suffix


def to_text(value: Value) -> str | None:
    """A value as text for ledgers and history; `from_text` with its kind gives it back."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def from_text(kind: Kind, text: str | None, scale: int | None = None) -> Value:
    """The inverse of `to_text`."""
    return canonical(kind, text, scale)
