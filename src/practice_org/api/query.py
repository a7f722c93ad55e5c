"""`query`, `queryAll` and their locators."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.data import query as queries
from practice_org.data.query import Batch
from practice_org.errors import ApiError
from practice_org.http import Context, json_response
from practice_org.soql.compiler import Plan
from practice_org.tooling import catalogue as setup_objects
from practice_org.tooling import query as setup_query


def run(ctx: Context, request: Request) -> Response:
    """GET query?q=."""
    return _run(ctx, include_deleted=False)


def run_all(ctx: Context, request: Request) -> Response:
    """GET queryAll?q=: deleted records too."""
    return _run(ctx, include_deleted=True)


def _run(ctx: Context, *, include_deleted: bool) -> Response:
    soql = ctx.query.get("q")
    if ctx.query.get("explain"):
        return json_response(_explain(ctx, ctx.query["explain"]))
    if soql is None:
        raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
    if ctx.query.get("columns", "").lower() == "true":
        return json_response(_columns(queries.plan_of(ctx.org, ctx.caller.id, soql)))
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
    match = re.search(r"batchSize\s*=\s*(\d+)", ctx.headers.get("sforce-query-options", ""), re.IGNORECASE)
    wanted = int(match.group(1)) if match else queries.DEFAULT_BATCH
    return min(max(wanted, queries.MIN_BATCH), queries.DEFAULT_BATCH)


def _explain(ctx: Context, soql: str) -> dict[str, Any]:
    plan = queries.plan_of(ctx.org, ctx.caller.id, soql)
    reader = ctx.org.reader()
    size = reader.execute(f'SELECT count(*) FROM "{plan.obj.name}"').fetchone()[0]
    steps = [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {plan.sql}", plan.params)]
    indexed = any(" USING " in step and "INDEX" in step and step.startswith("SEARCH") for step in steps)
    cost = {
        "cardinality": size,
        "fields": [],
        "leadingOperationType": "Index" if indexed else "TableScan",
        "notes": [],
        "relativeCost": 0.1 if indexed else 1.0,
        "sobjectCardinality": size,
        "sobjectType": plan.obj.name,
    }
    return {"plans": [cost], "sourceQuery": soql}


def _columns(plan: Plan) -> dict[str, Any]:
    return {
        "columnMetadata": [
            {
                "aggregate": plan.aggregate is not None,
                "apexType": {"boolean": "Boolean", "int": "Integer", "double": "Double"}.get(kind, "String"),
                "booleanType": kind == "boolean",
                "columnName": name,
                "custom": name.endswith("__c"),
                "displayName": name,
                "foreignKeyName": None,
                "insertable": False,
                "joinColumns": [],
                "numberType": kind in ("int", "double", "currency", "percent"),
                "textType": kind not in ("boolean", "int", "double", "currency", "percent"),
                "updatable": False,
            }
            for name, kind, _ in plan.header
        ],
        "entityName": plan.obj.name,
        "groupBy": bool(plan.query.group_by),
        "idSelected": any(name == "Id" for name, _, _ in plan.header),
        "keyPrefix": plan.obj.prefix,
    }
