"""Running queries: the first batch, the batches after it, and the children of a batch."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from practice_org.clock import stamp
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.soql import shape
from practice_org.soql.compiler import ChildPlan, Plan, Setting, compile_query
from practice_org.soql.parser import parse

if TYPE_CHECKING:
    from practice_org.org import Org

DEFAULT_BATCH = 2000
MIN_BATCH = 200
OPEN_CURSORS = 10
CURSOR_HOURS = 48
_ID_BYTES = 18


@dataclass(frozen=True)
class Batch:
    """One answer of a query. `next_locator` is None when it is the last."""

    total: int
    records: list[dict[str, Any]]
    next_locator: str | None


def plan_of(org: Org, user_id: str | None, soql: str, *, include_deleted: bool = False) -> Plan:
    """The compiled query for a user; None stands for the org itself."""
    setting = Setting(
        org.schema, rights.for_user(org, user_id), org.clock.now(), zone_of(org, user_id), include_deleted
    )
    return compile_query(parse(soql), setting)


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
    plan = plan_of(org, user_id, soql, include_deleted=include_deleted)
    with org.snapshot() as reader:
        if plan.count_only:
            total = reader.execute(plan.sql, plan.params).fetchone()[0]
            return Batch(int(total), [], None)
        if plan.aggregate is not None:
            return _aggregates(reader, plan, batch)
        rows = list(islice(reader.execute(plan.sql, plan.params), batch + 1))
        if len(rows) <= batch:
            return Batch(len(rows), records_of(reader, plan, rows, version), None)
        locator, total = _spool(org, reader, plan, user_id, session, soql, batch, include_deleted)
        return Batch(total, records_of(reader, plan, rows[:batch], version), f"{locator}-{batch}")


def _aggregates(reader: sqlite3.Connection, plan: Plan, batch: int) -> Batch:
    assert plan.aggregate is not None
    render = shape.aggregate(plan.aggregate)
    rows = list(islice(reader.execute(plan.sql, plan.params), batch + 1))
    if len(rows) > batch:
        raise ApiError(
            400,
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(). Use LIMIT to restrict the results to a single batch",
        )
    return Batch(len(rows), [render(row) for row in rows], None)


def records_of(
    reader: sqlite3.Connection, plan: Plan, rows: Sequence[Sequence[Any]], version: str
) -> list[dict[str, Any]]:
    """The records of a plan's rows, with their sub-selects."""
    node = plan.node
    assert node is not None
    parents = [row[node.id_index] for row in rows]
    children = [_children(reader, child, parents, version) for child in plan.children]
    found = (shape.record(node, row, version, children) for row in rows)
    return [record for record in found if record is not None]


def _children(
    reader: sqlite3.Connection, child: ChildPlan, parents: Sequence[str], version: str
) -> Mapping[str, dict[str, Any]]:
    plan = child.plan
    assert plan.node is not None
    out: dict[str, dict[str, Any]] = {}
    where = "AND" if " WHERE " in plan.body else "WHERE"
    for start in range(0, len(parents), 500):
        some = parents[start : start + 500]
        marks = ",".join("?" * len(some))
        sql = (
            f"SELECT {', '.join(plan.columns)} {plan.body} {where} "
            f'{plan.alias}."{child.reference}" IN ({marks}){plan.order}'
        )
        for row in reader.execute(sql, (*plan.params, *some)):
            answer = out.setdefault(row[0], {"totalSize": 0, "done": True, "records": []})
            if child.limit is not None and answer["totalSize"] >= child.limit:
                continue
            record = shape.record(plan.node, row, version)
            if record is not None:
                answer["records"].append(record)
                answer["totalSize"] += 1
    return out


# -- cursors ----------------------------------------------------------------------------------------


def _spool(
    org: Org,
    reader: sqlite3.Connection,
    plan: Plan,
    user_id: str,
    session: str,
    soql: str,
    batch: int,
    include_deleted: bool,
) -> tuple[str, int]:
    """Write the ids of the whole result to a file; batches are read by id, so memory stays flat."""
    locator = "0r8" + "".join(
        secrets.choice("0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz") for _ in range(15)
    )
    total = 0
    with org.file(f"cursor-{locator}").open("wb") as file:
        cursor = reader.execute(plan.sql_of(f'{plan.alias}."Id"'), plan.params)
        while rows := cursor.fetchmany(10_000):
            file.write("".join(row[0] for row in rows).encode("ascii"))
            total += len(rows)
    with org.transaction() as tx:
        tx.connection.execute(
            "INSERT INTO _cursor VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (locator, session, user_id, soql, int(include_deleted), batch, total, stamp(org.clock.now())),
        )
        old = [
            row[0]
            for row in tx.connection.execute(
                "SELECT locator FROM _cursor WHERE created < ? "
                "UNION SELECT locator FROM (SELECT locator FROM _cursor WHERE user_id = ? "
                "ORDER BY created DESC, rowid DESC LIMIT -1 OFFSET ?)",
                (_oldest(org), user_id, OPEN_CURSORS),
            )
        ]
        for stale in old:
            tx.connection.execute("DELETE FROM _cursor WHERE locator = ?", (stale,))
    for stale in old:
        org.file(f"cursor-{stale}").unlink(missing_ok=True)
    return locator, total


def more(org: Org, user_id: str, session: str, locator: str, version: str) -> Batch:
    """The batch that a locator (`0r8...-2000`) names.

    Raises ApiError INVALID_QUERY_LOCATOR when it is unknown, another session's, or over 48 hours old.
    """
    key, _, position = locator.partition("-")
    row = (
        org.reader()
        .execute(
            "SELECT session, user_id, soql, include_deleted, batch, total, created FROM _cursor "
            "WHERE locator = ?",
            (key,),
        )
        .fetchone()
    )
    oldest = _oldest(org)
    if row is None or row[0] != session or row[1] != user_id or row[6] < oldest or not position.isdigit():
        raise _invalid_locator()
    _, _, soql, include_deleted, batch, total, _ = row
    start = int(position)
    if start >= total:
        raise _invalid_locator()
    try:
        with org.file(f"cursor-{key}").open("rb") as file:
            file.seek(start * _ID_BYTES)
            data = file.read(batch * _ID_BYTES).decode("ascii")
    except OSError:
        raise _invalid_locator() from None
    wanted = [data[at : at + _ID_BYTES] for at in range(0, len(data), _ID_BYTES)]
    plan = plan_of(org, user_id, soql, include_deleted=bool(include_deleted))
    assert plan.node is not None
    with org.snapshot() as reader:
        rows = rows_by_id(reader, plan, wanted)
        records = records_of(reader, plan, rows, version)
    following = start + batch
    return Batch(total, records, f"{key}-{following}" if following < total else None)


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
        found.update((row[plan.node.id_index], row) for row in reader.execute(sql, some))
    return [found[i] for i in wanted if i in found]


def _oldest(org: Org) -> str:
    return stamp(org.clock.now() - timedelta(hours=CURSOR_HOURS))


def _invalid_locator() -> ApiError:
    return ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
