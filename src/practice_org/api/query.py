"""`query`, `queryAll` and their locators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api.columns import columns
from practice_org.data import explain
from practice_org.data import query as queries
from practice_org.data.query import Batch
from practice_org.errors import ApiError
from practice_org.http import Context, json_response
from practice_org.soql.plan import Plan
from practice_org.tooling import catalogue as setup_objects
from practice_org.tooling import query as setup_query

if TYPE_CHECKING:
    from practice_org.org import Org


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
        compiled = setup_query.plan_of if setup_objects.asked(soql) else _plan_of
        return json_response(columns(compiled(ctx.org, ctx.caller.id, soql, ctx.version)))
    if setup_objects.asked(soql):
        return answered(ctx, setup_query.run(ctx.org, ctx.caller.id, soql, ctx.version, tooling=False))
    batch = queries.run(
        ctx.org,
        ctx.caller.id,
        ctx.session,
        soql,
        ctx.version,
        batch=batch_size(ctx),
        include_deleted=include_deleted,
    )
    return answered(ctx, batch)


def _plan_of(org: Org, user_id: str, soql: str, version: str) -> Plan:
    return queries.plan_of(org, user_id, soql, version=version)


def more(ctx: Context, request: Request) -> Response:
    """GET query/LOCATOR."""
    batch = queries.more(ctx.org, ctx.caller.id, ctx.session, ctx.params["locator"], ctx.version)
    return answered(ctx, batch)


def answered(ctx: Context, batch: Batch) -> Response:
    """One batch as an answer."""
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
