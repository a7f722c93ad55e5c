"""Single records: create, get, update, delete, and the same by external id."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api.bodies import json_object, located
from practice_org.api.describe import http_date, object_for
from practice_org.clock import parse_stamp
from practice_org.data import checks, dml, read
from practice_org.data.dml import Options
from practice_org.data.tables import quoted
from practice_org.errors import ApiError, method_not_allowed
from practice_org.http import Context, json_response
from practice_org.schema.catalogue import Field, ObjectType


def options_of(ctx: Context, *, all_or_none: bool = False, upsert: bool = False) -> Options:
    """How the values of this request are to be written."""
    return Options(
        typed=True,
        all_or_none=all_or_none,
        auto_assign=ctx.headers.get("sforce-auto-assign"),
        upsert=upsert,
    )


def location(ctx: Context, obj: ObjectType, record_id: str) -> str:
    """The path of a record, for Location headers."""
    return f"/services/data/v{ctx.version}/sobjects/{obj.name}/{record_id}"


def create(ctx: Context, request: Request) -> Response:
    """POST sobjects/X."""
    obj = object_for(ctx, ctx.params["object"])
    values = json_object(ctx)
    with located(ctx):
        record_id = dml.insert(ctx.org, ctx.user, obj.name, values, options_of(ctx))
    return json_response(
        {"id": record_id, "success": True, "errors": []}, 201, {"Location": location(ctx, obj, record_id)}
    )


def get(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/ID."""
    obj = object_for(ctx, ctx.params["object"])
    return _shown(ctx, obj, checks.typed_id(obj, ctx.params["id"]))


def _shown(ctx: Context, obj: ObjectType, record_id: str) -> Response:
    changed = _conditions(ctx, obj, record_id)
    if changed == "same":
        return Response(status_code=304)
    asked = ctx.query.get("fields")
    names = (
        [part.strip() for part in asked.split(",") if part.strip()]
        if asked
        else read.visible_names(ctx.org, ctx.caller.id, obj)
    )
    found = read.by_ids(ctx.org, ctx.caller.id, obj, [record_id], names, ctx.version)
    record = found.get(record_id)
    if record is None:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    if asked and not any(name.lower() == "id" for name in names):
        record.setdefault("Id", record_id)
    headers = {"Last-Modified": changed} if changed else {}
    return json_response(record, headers=headers)


def update(ctx: Context, request: Request) -> Response:
    """PATCH sobjects/X/ID."""
    obj = object_for(ctx, ctx.params["object"])
    record_id = checks.typed_id(obj, ctx.params["id"])
    values = json_object(ctx)
    _conditions(ctx, obj, record_id)
    with located(ctx):
        dml.update(ctx.org, ctx.user, obj.name, record_id, values, options_of(ctx))
    return Response(status_code=204)


def delete(ctx: Context, request: Request) -> Response:
    """DELETE sobjects/X/ID."""
    obj = object_for(ctx, ctx.params["object"])
    record_id = checks.typed_id(obj, ctx.params["id"])
    _conditions(ctx, obj, record_id)
    dml.delete(ctx.org, ctx.user, obj.name, record_id)
    return Response(status_code=204)


def post_to_record(ctx: Context, request: Request) -> Response:
    """POST sobjects/X/ID?_HttpMethod=PATCH, for clients that cannot send PATCH."""
    if ctx.query.get("_HttpMethod", "").upper() != "PATCH":
        raise method_not_allowed("POST", ("GET", "PATCH", "DELETE"))
    return update(ctx, request)


def _conditions(ctx: Context, obj: ObjectType, record_id: str) -> str | None:
    """Check the conditional headers; the record's Last-Modified, or "same" when it was not modified.

    Raises ApiError 412 when it was modified since `If-Unmodified-Since`. The body of a real 412 is not
    recorded: ours is platform knowledge.
    """
    if not obj.get("LastModifiedDate"):
        return None
    row = (
        ctx.org.reader()
        .execute(f'SELECT "LastModifiedDate" FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,))
        .fetchone()
    )
    if row is None:
        return None
    modified = parse_stamp(row[0])
    limit = http_date(ctx.headers.get("if-unmodified-since"))
    if limit is not None and modified > limit:
        raise ApiError(
            412, "PRECONDITION_FAILED", "The record was modified after the time of If-Unmodified-Since"
        )
    since = http_date(ctx.headers.get("if-modified-since"))
    if since is not None and ctx.method in ("GET", "HEAD") and modified <= since:
        return "same"
    return format_datetime(modified, usegmt=True)


# -- by external id ---------------------------------------------------------------------------------


def key_field(obj: ObjectType, name: str) -> Field:
    """The field by which records may be named in a path.

    Raises ApiError 404 NOT_FOUND when it is none.
    """
    f = obj.get(name)
    if f is None or not (f.has("externalId") or f.has("idLookup") or f.type == "id"):
        raise ApiError(
            404,
            "NOT_FOUND",
            f"Provided external ID field does not exist or is not accessible: {name}",
        )
    return f


def _named(ctx: Context) -> tuple[ObjectType, Field, list[str]]:
    obj = object_for(ctx, ctx.params["object"])
    f = key_field(obj, ctx.params["field"])
    return obj, f, read.matching_ids(ctx.org, obj, f, ctx.params["value"])


def _one_of(ctx: Context, obj: ObjectType, found: list[str]) -> str | Response:
    if not found:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    if len(found) > 1:
        return _choices(ctx, obj, found)
    return found[0]


def _choices(ctx: Context, obj: ObjectType, found: list[str]) -> Response:
    return json_response([location(ctx, obj, record_id) for record_id in found], 300)


def get_by_key(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/Field/value."""
    obj, _, found = _named(ctx)
    one = _one_of(ctx, obj, found)
    return one if isinstance(one, Response) else _shown(ctx, obj, one)


def delete_by_key(ctx: Context, request: Request) -> Response:
    """DELETE sobjects/X/Field/value."""
    obj, _, found = _named(ctx)
    one = _one_of(ctx, obj, found)
    if isinstance(one, Response):
        return one
    dml.delete(ctx.org, ctx.user, obj.name, one)
    return Response(status_code=204)


def upsert(ctx: Context, request: Request) -> Response:
    """PATCH sobjects/X/Field/value: 201 created, 200 updated, 300 several (spec 5.4)."""
    obj, f, found = _named(ctx)
    values = json_object(ctx)
    if len(found) > 1:
        return _choices(ctx, obj, found)
    clash = next((k for k in values if k.lower() == f.name.lower()), None)
    if clash is not None:
        raise ApiError(
            400,
            "INVALID_FIELD",
            f"The {f.name} field should not be specified in the sobject data.",
        )
    if not found and (ctx.query.get("updateOnly", "").lower() == "true" or f.type == "id"):
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    with located(ctx):
        record_id, created = write_upsert(ctx, obj, f, ctx.params["value"], values, found)
    if created:
        return json_response(
            {"id": record_id, "success": True, "errors": [], "created": True},
            201,
            {"Location": location(ctx, obj, record_id)},
        )
    if float(ctx.version) < 46:
        return Response(status_code=204)
    return json_response({"id": record_id, "success": True, "errors": [], "created": False})


def write_upsert(
    ctx: Context, obj: ObjectType, f: Field, key: Any, values: Mapping[str, Any], found: list[str]
) -> tuple[str, bool]:
    """Update the record found, or create one with the key; returns id and whether it was created."""
    options = options_of(ctx, upsert=True)
    if found:
        dml.update(ctx.org, ctx.user, obj.name, found[0], values, options)
        return found[0], False
    typed_key = float(key) if f.type in ("double", "currency", "percent", "int") else key
    return dml.insert(ctx.org, ctx.user, obj.name, {**values, f.name: typed_key}, options), True


def post_without_key(ctx: Context, request: Request) -> Response:
    """POST sobjects/X/Id: create, as some clients' upsert does for a record without a key."""
    if ctx.query.get("_HttpMethod", "").upper() == "PATCH":
        return upsert(ctx, request)
    raise method_not_allowed("POST", ("GET", "PATCH", "DELETE"))
