"""`query`, `queryAll` and their locators."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.data import explain
from practice_org.data import query as queries
from practice_org.data.query import Batch
from practice_org.errors import ApiError
from practice_org.http import Context, json_response
from practice_org.schema.catalogue import NUMBER_TYPES
from practice_org.soql.compiler import Plan
from practice_org.soql.plan import Heading
from practice_org.tooling import catalogue as setup_objects
from practice_org.tooling import query as setup_query

_APEX_TYPES = {
    "id": "Id",
    "reference": "Id",
    "boolean": "Boolean",
    "int": "Integer",
    "double": "Double",
    "currency": "Double",
    "percent": "Double",
    "date": "Date",
    "datetime": "Datetime",
    "time": "Time",
    "address": "Address",
    "location": "Location",
    "base64": "Blob",
}
_NO_TEXT = frozenset({*_APEX_TYPES})


def run(ctx: Context, request: Request) -> Response:
    """GET query?q=."""
    return _run(ctx, include_deleted=False)


def run_all(ctx: Context, request: Request) -> Response:
    """GET queryAll?q=: deleted records too."""
    return _run(ctx, include_deleted=True)


def _run(ctx: Context, *, include_deleted: bool) -> Response:
    soql = ctx.query.get("q")
    if ctx.query.get("explain"):
        return json_response(explain.explain(ctx.org, ctx.caller.id, ctx.query["explain"], ctx.version))
    if soql is None:
        raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
    if ctx.query.get("columns", "").lower() == "true":
        return json_response(columns(queries.plan_of(ctx.org, ctx.caller.id, soql, version=ctx.version)))
    if setup_objects.asked(soql):
        return _answer(ctx, setup_query.run(ctx.org, ctx.caller.id, soql, ctx.version, tooling=False))
    batch = queries.run(
        ctx.org,
        ctx.caller.id,
        ctx.session,
        soql,
        ctx.version,
        batch=batch_size(ctx),
        include_deleted=include_deleted,
    )
    return _answer(ctx, batch)


def more(ctx: Context, request: Request) -> Response:
    """GET query/LOCATOR."""
    batch = queries.more(ctx.org, ctx.caller.id, ctx.session, ctx.params["locator"], ctx.version)
    return _answer(ctx, batch)


def _answer(ctx: Context, batch: Batch) -> Response:
    out: dict[str, Any] = {"totalSize": batch.total, "done": batch.next_locator is None}
    if batch.next_locator is not None:
        out["nextRecordsUrl"] = f"/services/data/v{ctx.version}/query/{batch.next_locator}"
    out["records"] = batch.records
    return json_response(out)


def batch_size(ctx: Context) -> int:
    """The rows per answer that `Sforce-Query-Options: batchSize=N` asks for, within 200 and 2000."""
    header = ctx.headers.get("sforce-query-options", "")
    match = re.search(r"batchSize\s*=\s*(\d{1,9})", header, re.IGNORECASE)
    wanted = int(match.group(1)) if match else queries.DEFAULT_BATCH
    return min(max(wanted, queries.MIN_BATCH), queries.DEFAULT_BATCH)


def columns(plan: Plan) -> dict[str, Any]:
    """What `columns=true` answers, in the shape that Salesforce's CLI keeps in its tests."""
    return {
        "columnMetadata": [_column(heading) for heading in plan.headings],
        "entityName": plan.obj.name,
        "groupBy": plan.query.grouping is not None,
        "idSelected": any(heading.name == "Id" for heading in plan.headings),
        "keyPrefix": plan.obj.prefix,
    }


def _column(heading: Heading) -> dict[str, Any]:
    f = heading.field
    written = f is not None and not heading.aggregate
    return {
        "aggregate": heading.aggregate,
        "apexType": _APEX_TYPES.get(f.type, "String") if f is not None and not heading.aggregate else None,
        "booleanType": f is not None and f.type == "boolean",
        "columnName": heading.name,
        "custom": f is not None and f.custom,
        "displayName": heading.display,
        "foreignKeyName": heading.foreign_key,
        "insertable": written and f is not None and f.has("createable"),
        "joinColumns": [_column(inner) for inner in heading.joined],
        "numberType": f is not None and f.type in NUMBER_TYPES,
        "textType": f is not None and f.type not in _NO_TEXT,
        "updatable": written and f is not None and f.has("updateable"),
    }
