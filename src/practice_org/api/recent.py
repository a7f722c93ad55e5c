"""Records that a user looked at last."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.data import recent as looked_at
from practice_org.errors import ApiError
from practice_org.http import Context, json_response
from practice_org.schema import access as rights


def recent(ctx: Context, request: Request) -> Response:
    """GET recent?limit=N (recorded)."""
    given = ctx.query.get("limit", str(looked_at.KEPT))
    if not given.isdecimal() or not 1 <= int(given) <= looked_at.KEPT:
        raise ApiError(400, "INVALID_QUERY_SCOPE", f"limit must be between 1 and {looked_at.KEPT}: {given}")
    return json_response(items(ctx, int(given)))


def items(ctx: Context, limit: int, object_name: str | None = None) -> list[dict[str, Any]]:
    """The records that the user looked at last, and may still read."""
    access = rights.for_user(ctx.org, ctx.caller.id)
    base = f"/services/data/v{ctx.version}/sobjects"
    return [
        {"attributes": {"type": name, "url": f"{base}/{name}/{record_id}"}, "Id": record_id, "Name": title}
        for name, record_id, title in looked_at.listing(ctx.org, ctx.caller.id, limit, object_name)
        if access.can("Read", ctx.org.schema[name])
    ]
