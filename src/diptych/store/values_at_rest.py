"""How canonical values lie in the database, and how what lies there (any SQL writer may have put it) is read back.

SQLite: TEXT, INTEGER, REAL (about 15 digits), BOOLEAN as 0/1, ISO text for dates and times.
PostgreSQL: TEXT, BIGINT, NUMERIC, BOOLEAN, DATE, TIMESTAMPTZ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from diptych.domain.values import InvalidValue, Kind, Value, canonical, instant_text, to_text

Decode = Callable[[Any], Value]
Encode = Callable[[Value], Any]

_SQLITE_TYPES = {Kind.INTEGER: "INTEGER", Kind.DECIMAL: "REAL", Kind.BOOLEAN: "BOOLEAN"}
_POSTGRES_TYPES = {
    Kind.INTEGER: "BIGINT",
    Kind.DECIMAL: "NUMERIC",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.DATETIME: "TIMESTAMPTZ",
}


def column_type(kind: Kind, postgres: bool) -> str:
    """The SQL type of a column of this kind."""
    return (_POSTGRES_TYPES if postgres else _SQLITE_TYPES).get(kind, "TEXT")


def decoder(kind: Kind, scale: int) -> Decode:
    """Reads a stored value as `kind`. What is not of its kind comes as text, for the engine to refuse: never lost."""
    if kind is Kind.TEXT:
        return _decode_text

    def decode(raw: Any) -> Value:
        if raw is None:
            return None
        try:
            return canonical(kind, raw, scale)
        except InvalidValue:
            return as_text(raw)

    return decode


def _decode_text(raw: Any) -> Value:
    if raw.__class__ is str:
        if raw and raw[0] > " " and raw[-1] > " " and "\r" not in raw:
            return raw
    elif raw is None:
        return None
    elif isinstance(raw, bytes | memoryview):
        raw = as_text(raw)
    return canonical(Kind.TEXT, raw)


def as_text(raw: Any) -> str:
    """Whatever SQL gave, as text."""
    if isinstance(raw, bytes | memoryview):
        return bytes(raw).decode("utf-8", errors="replace")
    if isinstance(raw, datetime):
        return instant_text(raw)
    if isinstance(raw, date):
        return raw.isoformat()
    return to_text(raw) or ""


def encoder(kind: Kind, postgres: bool) -> Encode:
    """Turns a canonical value into what a column of this kind takes."""
    if not postgres:
        return encode_sqlite
    if column_type(kind, postgres) == "TEXT":
        return _encode_postgres_text
    return lambda value: value


def encode_sqlite(value: Value) -> Any:
    """A value as sqlite3 takes it."""
    if isinstance(value, Decimal):
        return float(value)
    return int(value) if isinstance(value, bool) else value


def _encode_postgres_text(value: Value) -> str | None:
    text = to_text(value)
    return text.replace("\x00", "") if text else text  # PostgreSQL has no NUL in text


def encode_base(value: Value, postgres: bool) -> Any:
    """A value for `base.value`: as text on PostgreSQL, as the column itself holds it on SQLite."""
    return _encode_postgres_text(value) if postgres else encode_sqlite(value)


def pack(values: Mapping[str, Value]) -> str:
    """Values by column as JSON that keeps their types."""
    return json.dumps(
        {c: {"decimal": format(v, "f")} if isinstance(v, Decimal) else v for c, v in values.items()},
        ensure_ascii=False,
    )


def unpack(text: str | None) -> dict[str, Value]:
    """The inverse of `pack`."""
    return {
        c: Decimal(v["decimal"]) if isinstance(v, dict) else v for c, v in json.loads(text or "{}").items()
    }
