"""Queries of the Bulk API 1.0: the rows go into a file in the form that the job asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from practice_org.bulk1.wire import HEAD, NAMESPACE, text
from practice_org.data import extract
from practice_org.data import query as queries
from practice_org.data.jobs import Job
from practice_org.pretty import compact
from practice_org.schema.catalogue import ObjectType, Schema
from practice_org.soql.compiler import Plan
from practice_org.xmltree import XSI

if TYPE_CHECKING:
    from practice_org.org import Org

_ROWS = 2_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plan_of(org: Org, job: Job, soql: str, bounds: Sequence[str] | None) -> Plan:
    """The compiled query; `bounds` are the first and last id of a chunk of the object.

    Raises ApiError when the query, or the Bulk API, does not allow it.
    """
    plan = queries.plan_of(org, job.user_id, soql, include_deleted=job.operation == "queryAll")
    extract.check(plan)
    if bounds is None:
        return plan
    word = "AND" if " WHERE " in plan.body else "WHERE"
    body = f'{plan.body} {word} {plan.alias}."Id" BETWEEN ? AND ?'
    return replace(plan, body=body, params=(*plan.params, *bounds))


def write(org: Org, job: Job, plan: Plan, path: Path) -> int:
    """Write the whole result and return the number of its rows."""
    count = [0]
    with org.snapshot(), path.open("wb") as target:
        for piece in _pieces(org, job, plan, count):
            target.write(piece)
    return count[0]


def _pieces(org: Org, job: Job, plan: Plan, count: list[int]) -> Iterator[bytes]:
    form = job.facts["content_type"]
    if form == "CSV":
        yield (",".join(f'"{name}"' for name, _, _ in plan.header) + "\n").encode()
        cursor = org.reader().execute(plan.sql_of(extract.row_sql(plan, ",", "\n")), plan.params)
        with closing(cursor):
            while rows := cursor.fetchmany(_ROWS):
                count[0] += len(rows)
                yield b"".join(row[0] for row in rows)
        return
    if form == "JSON":
        yield b"["
        for number, record in enumerate(_records(org, job, plan)):
            count[0] += 1
            yield (b"," if number else b"") + compact(_json(org.schema, plan.obj, record))
        yield b"]"
        return
    yield f'{HEAD}<queryResult xmlns="{NAMESPACE}" xmlns:xsi="{XSI}">'.encode()
    for record in _records(org, job, plan):
        count[0] += 1
        yield f'<records xsi:type="sObject">{_xml(record)}</records>'.encode()
    yield b"</queryResult>"


def _records(org: Org, job: Job, plan: Plan) -> Iterable[dict[str, Any]]:
    reader = org.reader()
    cursor = reader.execute(plan.sql, plan.params)
    with closing(cursor):
        while rows := cursor.fetchmany(_ROWS):
            yield from queries.records_of(reader, plan, rows, job.api_version)


def _json(schema: Schema, obj: ObjectType | None, record: dict[str, Any]) -> dict[str, Any]:
    """Dates and datetimes are milliseconds since 1970 in the JSON of the Bulk API 1.0."""
    out: dict[str, Any] = {}
    for name, value in record.items():
        f = obj.get(name) if obj else None
        if isinstance(value, dict) and name != "attributes":
            parent = schema.get(value.get("attributes", {}).get("type", ""))
            out[name] = _json(schema, parent, value)
        elif isinstance(value, str) and f is not None and f.type in ("date", "datetime"):
            out[name] = milliseconds(value)
        else:
            out[name] = value
    return out


def milliseconds(value: str) -> int:
    """A date or datetime of a REST answer as milliseconds since 1970."""
    if len(value) == 10:
        return (date.fromisoformat(value) - _EPOCH.date()).days * 86_400_000
    moment = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z")
    return int((moment - _EPOCH).total_seconds() * 1000)


def _xml(record: dict[str, Any]) -> str:
    """A record; its id stands twice, as it does in the SOAP API whose form this is."""
    out = [f"<type>{record['attributes']['type']}</type>"]
    out.append(f"<Id>{record['Id']}</Id>" if record.get("Id") else '<Id xsi:nil="true"/>')
    for name, value in record.items():
        if name == "attributes":
            continue
        if value is None:
            out.append(f'<{name} xsi:nil="true"/>')
        elif isinstance(value, dict):
            out.append(f'<{name} xsi:type="sObject">{_xml(value)}</{name}>')
        else:
            out.append(f"<{name}>{text(_zulu(value))}</{name}>")
    return "".join(out)


def _zulu(value: Any) -> Any:
    return value.replace("+0000", "Z") if isinstance(value, str) and value.endswith(".000+0000") else value


def chunk_bounds(org: Org, obj: ObjectType, size: int) -> list[tuple[str, str]]:
    """First and last id of each chunk of an object's table, deleted records included."""
    out: list[tuple[str, str]] = []
    cursor = org.reader().execute(f'SELECT "Id" FROM "{obj.name}" ORDER BY "Id"')
    while rows := cursor.fetchmany(size):
        out.append((rows[0][0], rows[-1][0]))
    return out
