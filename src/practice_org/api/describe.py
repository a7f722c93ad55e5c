"""`sobjects` and `sobjects/X/describe`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api import recent
from practice_org.clock import parse_stamp
from practice_org.errors import not_found
from practice_org.http import Context, json_response
from practice_org.org import Org
from practice_org.schema import access as rights
from practice_org.schema import describe, record_types
from practice_org.schema.catalogue import ObjectType

RECENT_ITEMS = 10
"""How many recent records come with an object."""


def object_for(ctx: Context, name: str) -> ObjectType:
    """The object of a path, if the user may read it; else ApiError 404 NOT_FOUND."""
    obj = ctx.org.schema.get(name)
    if obj is None or not rights.for_user(ctx.org, ctx.caller.id).can("Read", obj):
        raise not_found()
    return obj


def all_objects(ctx: Context, request: Request) -> Response:
    """GET sobjects."""
    access = rights.for_user(ctx.org, ctx.caller.id)
    return conditional(ctx, describe.describe_global(ctx.org.schema, access, ctx.version, ctx.base_url))


def one_object(ctx: Context, request: Request) -> Response:
    """GET sobjects/X."""
    obj = object_for(ctx, ctx.params["object"])
    access = rights.for_user(ctx.org, ctx.caller.id)
    shown = describe.brief(access, obj, ctx.version, ctx.base_url)
    return json_response({"objectDescribe": shown, "recentItems": recent.items(ctx, RECENT_ITEMS, obj.name)})


def describe_one(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/describe, 304 when nothing changed."""
    obj = object_for(ctx, ctx.params["object"])
    access = rights.for_user(ctx.org, ctx.caller.id)
    types = record_types.of(ctx.org, obj.name)
    shown = describe.describe_object(ctx.org.schema, access, obj, ctx.version, ctx.base_url, types)
    return conditional(ctx, shown)


def conditional(ctx: Context, value: object) -> Response:
    """An answer with ETag and Last-Modified, or 304 when the client knows it."""
    response = json_response(value)
    etag = f'"{hashlib.sha256(bytes(response.body)).hexdigest()[:8]}"'
    changed = changed_at(ctx.org)
    headers = {"ETag": etag, "Last-Modified": format_datetime(changed, usegmt=True)}
    known = ctx.headers.get("if-none-match")
    if known is not None:
        same = etag in [part.strip().removeprefix("W/") for part in known.split(",")] or known.strip() == "*"
    else:
        since = http_date(ctx.headers.get("if-modified-since"))
        same = since is not None and changed <= since
    if same:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def changed_at(org: Org) -> datetime:
    """When objects, fields or permissions last changed."""
    row = org.reader().execute('SELECT max("SystemModstamp") FROM "PermissionSet"').fetchone()
    return parse_stamp(row[0])


def http_date(text: str | None) -> datetime | None:
    """A moment from an HTTP header; None when it is missing or unreadable."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
