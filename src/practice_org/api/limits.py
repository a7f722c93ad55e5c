"""`limits` and `limits/recordCount`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from practice_org.data.tables import quoted
from practice_org.http import Context, json_response
from practice_org.schema import access as rights


def limits(ctx: Context, request: Request) -> Response:
    """GET limits."""
    return json_response(ctx.org.limits.table())


def record_count(ctx: Context, request: Request) -> Response:
    """GET limits/recordCount?sObjects=Account,Lead."""
    access = rights.for_user(ctx.org, ctx.caller.id)
    asked = [part.strip() for part in ctx.query.get("sObjects", "").split(",") if part.strip()]
    objects = [ctx.org.schema.get(name) for name in asked] if asked else list(ctx.org.schema.objects)
    out = []
    for obj in objects:
        if obj is None or not access.can("Read", obj):
            continue
        live = ' WHERE "IsDeleted" = 0' if obj.soft_deletes else ""
        count = ctx.org.reader().execute(f"SELECT count(*) FROM {quoted(obj.name)}{live}").fetchone()[0]
        out.append({"count": count, "name": obj.name})
    return json_response({"sObjects": sorted(out, key=lambda entry: str(entry["name"]))})
