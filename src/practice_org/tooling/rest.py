"""`tooling/...` of the REST API."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api.bodies import json_object
from practice_org.api.columns import columns
from practice_org.errors import ApiError, method_not_allowed, not_found
from practice_org.http import Context, json_response
from practice_org.metadata.kinds import Work
from practice_org.metadata.soap import MODIFY
from practice_org.schema import access
from practice_org.schema.access import SYSTEM
from practice_org.schema.catalogue import ObjectType
from practice_org.schema.describe import brief, describe_global, describe_object
from practice_org.tooling import query, records
from practice_org.tooling.catalogue import DURABLE, object_named, schema

NO_APEX = "The practice org runs no Apex."


def _object(ctx: Context) -> ObjectType:
    found = object_named(ctx.params["object"])
    if found is None:
        raise not_found()
    return found


def _work(ctx: Context) -> Work:
    """Who changes components. Raises ApiError for a user who may not."""
    if not MODIFY & access.for_user(ctx.org, ctx.caller.id).system:
        raise ApiError(403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id")
    return Work(ctx.org, ctx.caller.id, float(ctx.version))


def run_query(ctx: Context, request: Request) -> Response:
    """GET tooling/query?q=."""
    soql = ctx.query.get("q")
    if soql is None:
        raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
    if ctx.query.get("columns", "").lower() == "true":
        return json_response(columns(query.plan_of(ctx.org, ctx.caller.id, soql, ctx.version)))
    batch = query.run(ctx.org, ctx.caller.id, soql, ctx.version)
    return json_response(answer(batch.total, batch.records))


def answer(total: int, found: list[dict[str, Any]]) -> dict[str, Any]:
    """An answer of the Tooling API's query; unlike the data API's it has a size and an entity type name."""
    entity = found[0]["attributes"]["type"] if found and "attributes" in found[0] else None
    return {
        "size": len(found),
        "totalSize": total,
        "done": True,
        "queryLocator": None,
        "entityTypeName": entity,
        "records": found,
    }


def all_objects(ctx: Context, request: Request) -> Response:
    """GET tooling/sobjects."""
    return _tooling(describe_global(schema(), SYSTEM, ctx.version, ctx.base_url))


def one_object(ctx: Context, request: Request) -> Response:
    """GET tooling/sobjects/X."""
    shown = brief(SYSTEM, _object(ctx), ctx.version, ctx.base_url)
    return _tooling({"objectDescribe": shown, "recentItems": []})


def describe_one(ctx: Context, request: Request) -> Response:
    """GET tooling/sobjects/X/describe."""
    return _tooling(describe_object(schema(), SYSTEM, _object(ctx), ctx.version, ctx.base_url))


def _tooling(value: Any) -> Response:
    return json_response(json.loads(json.dumps(value).replace("/sobjects/", "/tooling/sobjects/")))


def create(ctx: Context, request: Request) -> Response:
    """POST tooling/sobjects/X."""
    obj = _object(ctx)
    values = json_object(ctx)
    made = records.create(_work(ctx), obj, values)
    body = {"id": made, "success": True, "errors": [], "warnings": [], "infos": []}
    location = f"/services/data/v{ctx.version}/tooling/sobjects/{obj.name}/{made}"
    return json_response(body, 201, {"Location": location})


def get(ctx: Context, request: Request) -> Response:
    """GET tooling/sobjects/X/ID[?fields=]."""
    obj = _object(ctx)
    asked = ctx.query.get("fields")
    names = [n.strip() for n in asked.split(",") if n.strip()] if asked else [f.name for f in obj.fields]
    records.name_of(ctx.org, obj, ctx.params["id"])
    literal = ctx.params["id"].replace("\\", "\\\\").replace("'", "\\'")
    column = "DurableId" if obj.name in DURABLE else "Id"
    found = query.run(
        ctx.org,
        ctx.caller.id,
        f"SELECT {', '.join(names)} FROM {obj.name} WHERE {column} = '{literal}'",
        ctx.version,
    ).records
    if not found:
        raise not_found()
    return json_response(found[0])


def update(ctx: Context, request: Request) -> Response:
    """PATCH tooling/sobjects/X/ID."""
    obj = _object(ctx)
    records.update(_work(ctx), obj, ctx.params["id"], json_object(ctx))
    return Response(status_code=204)


def delete(ctx: Context, request: Request) -> Response:
    """DELETE tooling/sobjects/X/ID."""
    records.delete(_work(ctx), _object(ctx), ctx.params["id"])
    return Response(status_code=204)


def post_to_record(ctx: Context, request: Request) -> Response:
    """POST tooling/sobjects/X/ID?_HttpMethod=PATCH."""
    if ctx.query.get("_HttpMethod", "").upper() != "PATCH":
        raise method_not_allowed("POST", ("GET", "PATCH", "DELETE"))
    return update(ctx, request)


def execute_anonymous(ctx: Context, request: Request) -> Response:
    """GET tooling/executeAnonymous: it does not compile, as there is no Apex here."""
    if not ctx.query.get("anonymousBody"):
        raise ApiError(400, "MISSING_ARGUMENT", "anonymousBody is required")
    return json_response(
        {
            "line": 1,
            "column": 1,
            "compiled": False,
            "success": False,
            "compileProblem": NO_APEX,
            "exceptionStackTrace": None,
            "exceptionMessage": None,
        }
    )


def run_tests(ctx: Context, request: Request) -> Response:
    """POST tooling/runTests...: refused."""
    raise ApiError(400, "FUNCTIONALITY_NOT_ENABLED", NO_APEX)
