"""The SQLite layout: one table an object, one column a stored field, and the org's own tables.

Text is held NOCASE, because Salesforce compares it so; datetimes as UTC text of whole seconds without
zone, which sorts in time order; booleans as 0 and 1. Names that begin with an underscore belong to
the practice org itself.
"""

from __future__ import annotations

import math
import sqlite3

from practice_org.data import sql_functions
from practice_org.events.log import TABLES as EVENT_TABLES
from practice_org.schema.catalogue import Field, ObjectType

INTERNAL_TABLES = (
    EVENT_TABLES
    + """
CREATE TABLE IF NOT EXISTS _meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _setting(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _sequence(prefix TEXT PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS _custom_field(
  object TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL,
  PRIMARY KEY(object, name));
CREATE TABLE IF NOT EXISTS _custom_object(name TEXT PRIMARY KEY COLLATE NOCASE, definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _component(
  type TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, id TEXT NOT NULL, created TEXT NOT NULL,
  created_by TEXT NOT NULL, modified TEXT NOT NULL, modified_by TEXT NOT NULL, definition TEXT NOT NULL,
  PRIMARY KEY(type, name));
CREATE INDEX IF NOT EXISTS _component_id ON _component(id);
CREATE TABLE IF NOT EXISTS _deleted(
  object TEXT NOT NULL, id TEXT NOT NULL, deleted_at TEXT NOT NULL, root TEXT NOT NULL,
  purged INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(object, id));
CREATE INDEX IF NOT EXISTS _deleted_at ON _deleted(object, deleted_at);
CREATE INDEX IF NOT EXISTS _deleted_root ON _deleted(root);
CREATE INDEX IF NOT EXISTS _in_bin ON _deleted(deleted_at) WHERE purged = 0;
CREATE TABLE IF NOT EXISTS _late(
  number INTEGER PRIMARY KEY, started TEXT NOT NULL, due TEXT NOT NULL, user_id TEXT,
  operation TEXT NOT NULL, object TEXT NOT NULL, record_id TEXT, payload TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _background(
  number INTEGER PRIMARY KEY, due TEXT NOT NULL, object TEXT NOT NULL, record_id TEXT NOT NULL,
  user_id TEXT, payload TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _share(
  object TEXT NOT NULL, record_id TEXT NOT NULL, grantee TEXT NOT NULL, level TEXT NOT NULL,
  PRIMARY KEY(object, record_id, grantee));
CREATE TABLE IF NOT EXISTS _recent(
  user_id TEXT NOT NULL, record_id TEXT NOT NULL, object TEXT NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY(user_id, record_id));
CREATE TABLE IF NOT EXISTS _cursor(
  locator TEXT PRIMARY KEY, session TEXT NOT NULL, user_id TEXT NOT NULL, soql TEXT NOT NULL,
  include_deleted INTEGER NOT NULL, batch INTEGER NOT NULL, total INTEGER NOT NULL, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _cursor_child(locator TEXT PRIMARY KEY, path TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _job(
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, created TEXT NOT NULL, definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS _batch(
  id TEXT PRIMARY KEY, job TEXT NOT NULL, definition TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS _batch_job ON _batch(job);
"""
)


_PARENTS = frozenset(
    {
        "AccountId",
        "CampaignId",
        "ContactId",
        "LeadId",
        "OpportunityId",
        "ParentId",
        "PermissionSetId",
        "ProfileId",
        "ReportsToId",
        "WhatId",
        "WhoId",
    }
)
"""References by which children are looked for."""


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def column_sql(field: Field) -> str:
    """The column of a stored field."""
    name = quoted(field.name)
    if field.type == "id":
        return f"{name} TEXT PRIMARY KEY NOT NULL"
    if field.type == "boolean":
        return f"{name} INTEGER NOT NULL DEFAULT {1 if field.default == 'true' else 0}"
    if field.type == "int":
        return f"{name} INTEGER"
    if field.type in ("double", "currency", "percent"):
        return f"{name} REAL"
    if field.is_text and not field.has("caseSensitive"):
        return f"{name} TEXT COLLATE NOCASE"
    return f"{name} TEXT"


def index_sql(obj: ObjectType) -> list[tuple[str, str]]:
    """The names and statements of an object's indexes.

    Clients page by (SystemModstamp, Id); lookups go by Email, external ids and account.
    """
    out = []
    for name in ("SystemModstamp", "LastModifiedDate", "CreatedDate"):
        if obj.get(name) and obj.get("Id"):
            out.append(_index(obj, name, "Id"))
    for field in obj.stored_fields:
        keyed = (
            (field.has("idLookup") and field.type != "id") or field.has("externalId") or field.has("unique")
        )
        children = field.name in _PARENTS
        if keyed or children or (field.custom and field.type == "reference"):
            out.append(_index(obj, field.name))
    return out


def _index(obj: ObjectType, *columns: str) -> tuple[str, str]:
    name = f"_ix_{obj.name}_{'_'.join(columns)}"
    listed = ", ".join(quoted(column) for column in columns)
    return name, f"CREATE INDEX IF NOT EXISTS {quoted(name)} ON {quoted(obj.name)}({listed})"


def create_table(writer: sqlite3.Connection, obj: ObjectType) -> None:
    """The table and indexes of an object; columns that a newer catalogue brings are added."""
    columns = ", ".join(column_sql(field) for field in obj.stored_fields)
    writer.execute(f"CREATE TABLE IF NOT EXISTS {quoted(obj.name)}({columns})")
    present = {row[1] for row in writer.execute(f"PRAGMA table_info({quoted(obj.name)})")}
    for field in obj.stored_fields:
        if field.name not in present:
            writer.execute(f"ALTER TABLE {quoted(obj.name)} ADD COLUMN {column_sql(field)}")
    for _, statement in index_sql(obj):
        writer.execute(statement)


def fold(text: str | None) -> str | None:
    """Case folding for text that NOCASE, which knows ASCII only, cannot compare."""
    return None if text is None else str(text).casefold()


def java_double(number: float | None) -> str | None:
    """A number as Java prints a double: `1.5`, `3.5E8`, `1.0E-5`."""
    if number is None:
        return None
    number = float(number)
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        text = repr(number)
        return text if "e" not in text else f"{number:f}"
    if not math.isfinite(number):
        return repr(number)
    mantissa, _, exponent = f"{number!r}".partition("e")
    if not exponent:
        digits, _, fraction = mantissa.lstrip("-").partition(".")
        if digits == "0":
            stripped = fraction.lstrip("0")
            power = -(len(fraction) - len(stripped) + 1)
            figures = stripped
        else:
            power = len(digits) - 1
            figures = digits + ("" if fraction == "0" else fraction)
        figures = figures.rstrip("0") or "0"
        sign = "-" if number < 0 else ""
        return f"{sign}{figures[0]}.{figures[1:] or '0'}E{power}"
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}E{int(exponent)}"


def plain_number(number: float | None) -> str | None:
    """A number as a person would write it: `1.5`, `100000`."""
    if number is None:
        return None
    return f"{number:.0f}" if float(number).is_integer() else repr(float(number))


def register_functions(connection: sqlite3.Connection) -> None:
    """The functions that compiled queries call."""
    connection.create_function("sf_fold", 1, fold, deterministic=True)
    connection.create_function("sf_plain_number", 1, plain_number, deterministic=True)
    connection.create_function("sf_double", 1, java_double, deterministic=True)
    sql_functions.register(connection)
