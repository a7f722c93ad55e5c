"""Queries of the Tooling API: the same SOQL engine, over tables that are filled for one query."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import TYPE_CHECKING, Any

from practice_org.data import query as data_query
from practice_org.data import tables
from practice_org.data.query import Batch
from practice_org.errors import ApiError
from practice_org.schema.access import SYSTEM, Access, for_user
from practice_org.schema.catalogue import ObjectType
from practice_org.soql import shape
from practice_org.soql.compiler import Plan, Setting, compile_query
from practice_org.soql.parser import parse
from practice_org.tooling.catalogue import DURABLE, NO_ID, REIFIED, schema
from practice_org.tooling.rows import SOURCES

if TYPE_CHECKING:
    from practice_org.org import Org

_WORD = re.compile(r"\w+")
_COMPLEX = ("Metadata", "ReferenceTo", "RecordTypesSupported", "SymbolTable")
MOST = 2000


def plan_of(org: Org, user_id: str, soql: str, version: str) -> Plan:
    """The compiled query. Raises ApiError as the data API's queries do."""
    zone = data_query.zone_of(org, user_id)
    return compile_query(parse(soql), Setting(schema(), SYSTEM, org.clock.now(), zone, False, version))


def run(org: Org, user_id: str, soql: str, version: str, *, tooling: bool = True) -> Batch:
    """Answer a query whole; `tooling`: the records' addresses are those of the Tooling API.

    Raises ApiError MALFORMED_QUERY for an object that needs a filter and has none, and for `Metadata` or
    `FullName` of more than one record; EXCEEDED_ID_LIMIT for more than 2,000 records.
    """
    plan = plan_of(org, user_id, soql, version)
    _check_filter(plan.obj, soql)
    with org.transaction():
        memory = _filled(org, user_id, soql, plan.obj)
    try:
        if plan.count_only:
            return Batch(int(data_query.execute(memory, plan.sql, plan.params).fetchone()[0]), [], None)
        rows = data_query.execute(memory, plan.sql, plan.params).fetchmany(MOST + 1)
        if len(rows) > MOST:
            raise ApiError(
                400,
                "EXCEEDED_ID_LIMIT",
                f"{plan.obj.name} does not support queryMore(), use LIMIT to restrict the results to a single batch",
            )
        if plan.aggregate is not None:
            render = shape.aggregate(plan.aggregate)
            return Batch(len(rows), [render(row) for row in rows], None)
        _check_single(plan, len(rows))
        records = data_query.records_of(memory, plan, rows, version)
    finally:
        memory.close()
    return Batch(len(records), [_finished(record, tooling) for record in records], None)


def _check_filter(obj: ObjectType, soql: str) -> None:
    wanted = REIFIED.get(obj.name)
    if wanted is None:
        return
    condition = re.split(r"\bwhere\b", soql, maxsplit=1, flags=re.IGNORECASE)
    names = "|".join(
        f"{name}|{name[:-2]}\\.\\w+" if name.endswith("Id") and name != "DurableId" else name
        for name in wanted
    )
    if len(condition) < 2 or not re.search(rf"\b(?:{names})\b", condition[1], re.IGNORECASE):
        raise ApiError(
            400,
            "MALFORMED_QUERY",
            f"{obj.name}: a filter on a reified column is required [{','.join(wanted)}]",
        )


def _check_single(plan: Plan, count: int) -> None:
    asked = {name.rpartition(".")[2] for name, _, _ in plan.header}
    if count > 1 and asked & {"Metadata", "FullName"}:
        raise ApiError(
            400,
            "MALFORMED_QUERY",
            "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more "
            f"than one row for retrieval. Result size: {count}",
        )


SETUP_RIGHTS = frozenset({"ViewSetup", "CustomizeApplication", "ModifyAllData", "ModifyMetadata"})
"""Any of these shows the whole of what the org is made of; others see what they may see of the data."""


def _filled(org: Org, user_id: str, soql: str, source: ObjectType) -> sqlite3.Connection:
    """A database in memory with the records of every object that the query speaks of."""
    words = {word.lower() for word in _WORD.findall(soql)}
    needed = {source.name}
    for obj in schema().objects:
        for f in obj.fields:
            if f.relationship and f.relationship.lower() in words:
                needed.update(f.refs)
        needed.update(c.child for c in obj.children if c.name and c.name.lower() in words)
        if obj.name.lower() in words:
            needed.add(obj.name)
    seen = for_user(org, user_id)
    if SETUP_RIGHTS & seen.system:
        seen = SYSTEM
    memory = sqlite3.connect(":memory:", isolation_level=None)
    tables.register_functions(memory)
    for obj in schema().objects:
        if obj.name in needed:
            tables.create_table(memory, obj)
            _fill(org, seen, memory, obj)
    return memory


def _fill(org: Org, seen: Access, memory: sqlite3.Connection, obj: ObjectType) -> None:
    source = SOURCES.get(obj.name)
    if source is None:
        return
    columns = [f.name for f in obj.stored_fields]
    marks = ",".join("?" * len(columns))
    flags = {f.name for f in obj.fields if f.type == "boolean"}
    memory.execute("BEGIN")
    memory.executemany(
        f"INSERT OR REPLACE INTO {tables.quoted(obj.name)} VALUES({marks})",
        (
            tuple(int(bool(row.get(name))) if name in flags else row.get(name) for name in columns)
            for row in source(org, seen)
        ),
    )
    memory.execute("COMMIT")


def _finished(record: dict[str, Any], tooling: bool) -> dict[str, Any]:
    """A record with its complex values and addresses as the API shows them."""
    kind = record["attributes"]["type"]
    if tooling:
        record["attributes"]["url"] = record["attributes"]["url"].replace("/sobjects/", "/tooling/sobjects/")
    for key, value in record.items():
        if key == "attributes":
            continue
        if key == "Id" and kind in DURABLE:
            record[key] = NO_ID
        elif key in _COMPLEX and isinstance(value, str):
            record[key] = json.loads(value)
        elif isinstance(value, dict) and "attributes" in value:
            _finished(value, tooling)
        elif isinstance(value, dict) and "records" in value:
            for child in value["records"]:
                _finished(child, tooling)
    return record
