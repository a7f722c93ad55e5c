"""Searching: which records hold the words of a FIND statement."""

from __future__ import annotations

import sqlite3
from itertools import islice
from typing import TYPE_CHECKING, Any

from practice_org.data import query as queries
from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.soql.compiler import Plan, Setting, compile_query
from practice_org.soql.tree import Item, Path, Query
from practice_org.sosl import terms
from practice_org.sosl.parser import Search

if TYPE_CHECKING:
    from practice_org.org import Org

_GROUPS: dict[str, frozenset[str]] = {
    "ALL": frozenset(
        {"string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "combobox"}
    ),
    "SIDEBAR": frozenset({"string", "email", "phone"}),
    "EMAIL": frozenset({"email"}),
    "PHONE": frozenset({"phone"}),
}


def searchable(org: Org, user_id: str) -> list[ObjectType]:
    """The objects that a search without RETURNING looks in."""
    access = rights.for_user(org, user_id)
    return [o for o in org.schema.objects if o.has("searchable") and access.can("Read", o)]


def run(org: Org, user_id: str, wanted: Search, version: str) -> list[dict[str, Any]]:
    """The records found, object by object as the statement names them.

    Raises ApiError MALFORMED_SEARCH, or INVALID_TYPE and INVALID_FIELD as a query does.
    """
    expression = terms.expression(wanted.words)
    setting = Setting(
        org.schema,
        rights.for_user(org, user_id),
        org.clock.now(),
        queries.zone_of(org, user_id),
        version=version,
    )
    asked = wanted.returning or tuple(_everything(o) for o in searchable(org, user_id))
    plans = [_plan(query, setting) for query in asked]
    out: list[dict[str, Any]] = []
    with org.snapshot() as reader:
        for plan in plans:
            left = wanted.limit - len(out)
            if left <= 0:
                break
            rows = list(islice(_rows(reader, plan, wanted, expression, setting), left))
            out += queries.records_of(reader, plan, rows, version)
    return out


def _everything(obj: ObjectType) -> Query:
    return Query(text="", items=(Item(Path(("Id",), 0), None),), source=Path((obj.name,), 0))


def _plan(query: Query, setting: Setting) -> Plan:
    plan = compile_query(query, setting)
    if plan.node is None:
        raise ApiError(400, "MALFORMED_SEARCH", "Aggregate functions are not supported in a RETURNING clause")
    if not plan.obj.has("searchable"):
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{plan.obj.name}' is not searchable")
    return plan


def _rows(
    reader: sqlite3.Connection, plan: Plan, wanted: Search, expression: terms.Expression, setting: Setting
) -> sqlite3.Cursor:
    haystack = _haystack(
        plan, [f for f in setting.access.visible_fields(plan.obj) if _holds(f, wanted.group)]
    )
    tests = []
    params: list[Any] = []
    for plain in terms.needed(expression):
        if plain.isascii():
            tests.append(f"instr(lower({haystack}), ?) > 0")
            params.append(plain)
    tests.append(f"sf_finds(?, {haystack})")
    params.append(wanted.words)
    where = f" {'AND' if plan.filtered else 'WHERE'} {' AND '.join(tests)}"
    order = plan.order or f' ORDER BY {plan.alias}."Id"'
    tail = ""
    if plan.limit is not None or plan.offset:
        tail = f" LIMIT {-1 if plan.limit is None else plan.limit} OFFSET {plan.offset}"
    sql = f"SELECT {', '.join(plan.columns)} {plan.body}{where}{order}{tail}"
    return queries.execute(reader, sql, (*plan.params, *params))


def _holds(f: Field, group: str) -> bool:
    if not f.stored:
        return False
    if group == "NAME":
        return f.has("nameField") or f.name in ("FirstName", "LastName")
    return f.type in _GROUPS[group]


def _haystack(plan: Plan, fields: list[Field]) -> str:
    """The fields of a record, one a line; telephone numbers also as bare digits."""
    parts = []
    for f in fields:
        column = f"{plan.alias}.{quoted(f.name)}"
        parts.append(f"coalesce({column}, '')")
        if f.type == "phone":
            parts.append(f"sf_digits({column})")
    return " || char(10) || ".join(parts) if parts else "''"
