"""Running queries: the first batch, and the records of a batch with their sub-selects."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from practice_org.data import cursors, recent
from practice_org.data.cursors import Opening
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.soql import shape
from practice_org.soql.compiler import ChildPlan, Plan, Setting, compile_query
from practice_org.soql.parser import parse
from practice_org.soql.refusal import too_complicated

if TYPE_CHECKING:
    from practice_org.org import Org

DEFAULT_BATCH = 2000
MIN_BATCH = 200
LONG_TEXT_BATCH = 1000
"""Rows of a batch when a long text field is selected (recorded)."""
_BEYOND = ("too many", "too complex", "too large", "at most", "stack overflow", "too big")
"""Words of SQLite when a query is larger than it takes."""


@dataclass(frozen=True)
class Batch:
    """One answer of a query. `next_locator` is None when it is the last."""

    total: int
    records: list[dict[str, Any]]
    next_locator: str | None


def plan_of(
    org: Org, user_id: str | None, soql: str, *, include_deleted: bool = False, version: str = "67.0"
) -> Plan:
    """The compiled query for a user; None stands for the org itself.

    The one way from text to plan, for every API. Raises ApiError as Salesforce words it.
    """
    setting = Setting(
        org.schema,
        rights.for_user(org, user_id),
        org.clock.now(),
        zone_of(org, user_id),
        include_deleted,
        version,
    )
    return compile_query(parse(soql), setting)


def execute(reader: sqlite3.Connection, sql: str, params: Sequence[Any]) -> sqlite3.Cursor:
    """Run a compiled statement.

    Raises ApiError QUERY_TOO_COMPLICATED when it is larger than SQLite takes.
    """
    try:
        return reader.execute(sql, params)
    except sqlite3.OperationalError as error:
        if any(words in str(error).lower() for words in _BEYOND):
            raise too_complicated() from None
        raise


def _note_views(org: Org, user_id: str, plan: Plan, records: Sequence[Mapping[str, Any]]) -> None:
    """FOR VIEW and FOR REFERENCE make the records those that the user looked at last."""
    if {"VIEW", "REFERENCE"} & set(plan.query.purposes):
        urls = (str(record["attributes"]["url"]) for record in records)
        recent.note(org, user_id, plan.obj.name, [url.rpartition("/")[2] for url in urls])


def zone_of(org: Org, user_id: str | None) -> tzinfo:
    """The user's time zone, by which date literals count days."""
    row = org.reader().execute('SELECT "TimeZoneSidKey" FROM "User" WHERE "Id" = ?', (user_id,)).fetchone()
    try:
        return ZoneInfo(row[0]) if row and row[0] else UTC
    except (KeyError, ValueError, OSError):
        return UTC


def run(
    org: Org,
    user_id: str,
    session: str,
    soql: str,
    version: str,
    *,
    batch: int = DEFAULT_BATCH,
    include_deleted: bool = False,
) -> Batch:
    """Answer a query with its first batch; more rows are kept for its locator."""
    plan = plan_of(org, user_id, soql, include_deleted=include_deleted, version=version)
    with org.snapshot() as reader:
        if plan.count_only:
            total = execute(reader, plan.sql, plan.params).fetchone()[0]
            return Batch(int(total), [], None)
        if plan.aggregate is not None:
            return _aggregates(reader, plan, batch)
        if plan.long_text:
            batch = min(batch, LONG_TEXT_BATCH)
        opening = Opening(org, session, user_id, soql, include_deleted, batch, version)
        rows = list(islice(execute(reader, plan.sql, plan.params), batch + 1))
        if len(rows) <= batch:
            records = records_of(reader, plan, rows, version, opening)
            _note_views(org, user_id, plan, records)
            return Batch(len(rows), records, None)
        found = execute(reader, plan.sql_of(f'{plan.alias}."Id"'), plan.params)
        locator, total = cursors.spool(opening, (row[0] for row in found))
        records = records_of(reader, plan, rows[:batch], version, opening)
        _note_views(org, user_id, plan, records)
        return Batch(total, records, f"{locator}-{batch}")


def _aggregates(reader: sqlite3.Connection, plan: Plan, batch: int) -> Batch:
    assert plan.aggregate is not None
    render = shape.aggregate(plan.aggregate)
    rows = list(islice(execute(reader, plan.sql, plan.params), batch + 1))
    if len(rows) > batch:
        raise ApiError(
            400,
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
        )
    return Batch(len(rows), [render(row) for row in rows], None)


def more(org: Org, user_id: str, session: str, locator: str, version: str) -> Batch:
    """The batch that a locator (`0r8...-2000`) names.

    Raises ApiError INVALID_QUERY_LOCATOR when it is unknown, another session's, or over 48 hours old.
    """
    part = cursors.part(org, user_id, session, locator)
    plan = plan_of(org, user_id, part.soql, include_deleted=part.include_deleted, version=version)
    for number in part.child:
        plan = plan.children[number].plan
    opening = Opening(org, session, user_id, part.soql, part.include_deleted, part.batch, version, part.child)
    with org.snapshot() as reader:
        rows = rows_by_id(reader, plan, part.ids)
        records = records_of(reader, plan, rows, version, opening)
    return Batch(part.total, records, part.next_locator)


# -- records ----------------------------------------------------------------------------------------


def records_of(
    reader: sqlite3.Connection,
    plan: Plan,
    rows: Sequence[Sequence[Any]],
    version: str,
    opening: Opening | None = None,
) -> list[dict[str, Any]]:
    """The records of a plan's rows, with their sub-selects.

    With an `opening`, a sub-select of more rows than a batch gets a locator of its own; without one it
    is answered whole.
    """
    node = plan.node
    assert node is not None
    parents = [row[node.id_index] for row in rows]
    children = [
        _children(reader, child, parents, version, opening.of_child(number) if opening else None)
        for number, child in enumerate(plan.children)
    ]
    found = (shape.record(node, row, version, children) for row in rows)
    return [record for record in found if record is not None]


def _children(
    reader: sqlite3.Connection,
    child: ChildPlan,
    parents: Sequence[str],
    version: str,
    opening: Opening | None,
) -> Mapping[str, dict[str, Any]]:
    plan = child.plan
    assert plan.node is not None
    shown: dict[str, list[Sequence[Any]]] = {}
    ids: dict[str, list[str]] = {}
    most = opening.batch if opening else None
    for row in _child_rows(reader, child, parents):
        mine = ids.setdefault(row[0], [])
        mine.append(row[plan.node.id_index])
        if plan.limit is not None and len(mine) > plan.offset + plan.limit:
            continue
        if len(mine) > plan.offset and (most is None or len(mine) - plan.offset <= most):
            shown.setdefault(row[0], []).append(row)
    flat = [row for rows in shown.values() for row in rows]
    records = iter(records_of(reader, plan, flat, version, opening))
    out: dict[str, dict[str, Any]] = {}
    for parent, rows in shown.items():
        wanted = ids[parent][plan.offset :][: plan.limit]
        answer: dict[str, Any] = {"totalSize": len(wanted), "done": len(wanted) == len(rows)}
        if opening is not None and not answer["done"]:
            locator, _ = cursors.spool(opening, wanted)
            answer["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}-{opening.batch}"
        answer["records"] = list(islice(records, len(rows)))
        out[parent] = answer
    return out


def _child_rows(
    reader: sqlite3.Connection, child: ChildPlan, parents: Sequence[str]
) -> Sequence[Sequence[Any]]:
    plan = child.plan
    out: list[Sequence[Any]] = []
    for start in range(0, len(parents), 500):
        some = parents[start : start + 500]
        marks = ",".join("?" * len(some))
        sql = (
            f"SELECT {', '.join(plan.columns)} {plan.body} {'AND' if plan.filtered else 'WHERE'} "
            f"{child.reference} IN ({marks}){plan.order}"
        )
        out.extend(execute(reader, sql, (*plan.params, *some)))
    return out


def rows_by_id(
    reader: sqlite3.Connection, plan: Plan, wanted: Sequence[str], *, live: bool = False
) -> list[tuple[Any, ...]]:
    """The plan's rows of the given ids, in their order; with `live` without deleted ones."""
    assert plan.node is not None
    found: dict[str, tuple[Any, ...]] = {}
    for start in range(0, len(wanted), 2000):
        some = wanted[start : start + 2000]
        marks = ",".join("?" * len(some))
        sql = (
            f"SELECT {', '.join(plan.columns)} FROM {plan.from_sql} "
            f'WHERE {plan.alias}."Id" IN ({marks})' + (f' AND {plan.alias}."IsDeleted" = 0' if live else "")
        )
        found.update((row[plan.node.id_index], row) for row in execute(reader, sql, some))
    return [found[i] for i in wanted if i in found]
