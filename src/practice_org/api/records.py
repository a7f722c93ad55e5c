"""Single records: create, get, update, delete, and the same by external id."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api import platform_events, preconditions
from practice_org.api.blobs import blob_field, content, record_in
from practice_org.api.bodies import located
from practice_org.api.describe import object_for
from practice_org.api.relations import followed
from practice_org.data import checks, dml, read
from practice_org.data.dml import Options, Write
from practice_org.errors import ApiError, method_not_allowed, not_found
from practice_org.http import Context, json_response
from practice_org.rules.duplicates import parse_header
from practice_org.schema import access as rights
from practice_org.schema.catalogue import Field, ObjectType

TOLD_SINCE = 46
"""The API version from which on an upsert says whether it created (spec 5.4)."""
_LIKE_AN_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def options_of(ctx: Context, *, all_or_none: bool = False, upsert: bool = False) -> Options:
    """How the values of this request are to be written."""
    return Options(
        typed=True,
        all_or_none=all_or_none,
        auto_assign=ctx.headers.get("sforce-auto-assign"),
        upsert=upsert,
        duplicates=parse_header(ctx.headers.get("sforce-duplicate-rule-header"), ctx.version),
    )


def location(ctx: Context, obj: ObjectType, record_id: str) -> str:
    """The path of a record, for Location headers."""
    return f"/services/data/v{ctx.version}/sobjects/{obj.name}/{record_id}"


def create(ctx: Context, request: Request) -> Response:
    """POST sobjects/X; a platform event is published."""
    if ctx.params["object"].lower().endswith("__e"):
        return platform_events.create(ctx)
    obj = object_for(ctx, ctx.params["object"])
    values = record_in(ctx)
    with located(ctx):
        record_id = write(ctx, Write("insert", obj, None, values))
    return json_response(
        {"id": record_id, "success": True, "errors": []}, 201, {"Location": location(ctx, obj, record_id)}
    )


def write(ctx: Context, one: Write, options: Options | None = None) -> str:
    """Carry out a single write, on the conditions of the request; the record's id. Raises its refusal."""
    if one.id is not None and any(name in ctx.headers for name in preconditions.CONDITIONS):
        one = replace(one, precondition=lambda c: _still(ctx, c, one.obj, str(one.id)))
    outcome = dml.apply(ctx.org, ctx.user, [one], options or options_of(ctx))[0]
    if outcome.error is not None:
        raise outcome.error
    return str(outcome.id)


def _still(ctx: Context, connection: sqlite3.Connection, obj: ObjectType, record_id: str) -> None:
    preconditions.check(ctx.headers, ctx.method, preconditions.state_of(connection, obj, record_id))


def id_in_path(obj: ObjectType, text: str) -> str:
    """The record id of a path.

    Raises ApiError 404 NOT_FOUND for what does not look like an id, because the service takes it for the name
    of an external id field, and MALFORMED_ID for an id of the wrong kind.
    """
    if not _LIKE_AN_ID.fullmatch(text):
        raise no_key_field(text)
    return checks.typed_id(obj, text)


def get(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/ID."""
    obj = object_for(ctx, ctx.params["object"])
    return _shown(ctx, obj, id_in_path(obj, ctx.params["id"]))


def _shown(ctx: Context, obj: ObjectType, record_id: str) -> Response:
    state = preconditions.state_of(ctx.org.reader(), obj, record_id)
    headers = state.headers if state else {}
    if preconditions.check(ctx.headers, ctx.method, state):
        return Response(status_code=304, headers=headers)
    asked = ctx.query.get("fields")
    names = (
        [part.strip() for part in asked.split(",") if part.strip()]
        if asked
        else read.visible_names(ctx.org, ctx.caller.id, obj)
    )
    found = read.by_ids(ctx.org, ctx.caller.id, obj, [record_id], names, ctx.version)
    record = found.get(record_id)
    if record is None:
        raise not_found()
    if asked and not any(name.lower() == "id" for name in names):
        record.setdefault("Id", record_id)
    return json_response(record, headers=headers)


def update(ctx: Context, request: Request) -> Response:
    """PATCH sobjects/X/ID."""
    obj = object_for(ctx, ctx.params["object"])
    values = record_in(ctx)
    try:
        record_id = id_in_path(obj, ctx.params["id"])
    except ApiError as error:
        if error.code == "MALFORMED_ID":
            # Recorded: an unknown column is told of before a malformed id.
            checks.check_columns(rights.for_user(ctx.org, ctx.caller.id), obj, values)
        raise
    with located(ctx):
        write(ctx, Write("update", obj, record_id, values))
    return Response(status_code=204)


def delete(ctx: Context, request: Request) -> Response:
    """DELETE sobjects/X/ID."""
    obj = object_for(ctx, ctx.params["object"])
    write(ctx, Write("delete", obj, id_in_path(obj, ctx.params["id"])))
    return Response(status_code=204)


def post_to_record(ctx: Context, request: Request) -> Response:
    """POST sobjects/X/ID?_HttpMethod=PATCH, for clients that cannot send PATCH; POST sobjects/X/Id creates."""
    if ctx.query.get("_HttpMethod", "").upper() == "PATCH":
        return update(replace(ctx, method="PATCH"), request)
    if ctx.params["id"].lower() == "id":
        return create(ctx, request)
    raise method_not_allowed("POST", ("GET", "PATCH", "DELETE"))


# -- by external id ---------------------------------------------------------------------------------


def key_field(obj: ObjectType, name: str) -> Field:
    """The field by which records may be named in a path.

    Raises ApiError 404 NOT_FOUND when it is none.
    """
    f = obj.get(name)
    if f is None or not (f.has("externalId") or f.has("idLookup") or f.type == "id"):
        raise no_key_field(name)
    return f


def no_key_field(name: str) -> ApiError:
    """A name in a path that is no field by which records may be named."""
    return ApiError(
        404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {name}"
    )


def _named(ctx: Context) -> tuple[ObjectType, Field, list[str]]:
    obj = object_for(ctx, ctx.params["object"])
    f = key_field(obj, ctx.params["field"])
    if not rights.for_user(ctx.org, ctx.caller.id).sees(obj, f):
        raise no_key_field(ctx.params["field"])
    return obj, f, read.matching_ids(ctx.org, obj, f, ctx.params["value"])


def _one_of(ctx: Context, obj: ObjectType, found: list[str]) -> str | Response:
    if not found:
        raise not_found()
    if len(found) > 1:
        return _choices(ctx, obj, found)
    return found[0]


def _choices(ctx: Context, obj: ObjectType, found: list[str]) -> Response:
    return json_response([location(ctx, obj, record_id) for record_id in found], 300)


def get_by_key(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/Field/value, or sobjects/X/ID/Field and sobjects/X/ID/Relationship for what hangs on a record."""
    if _LIKE_AN_ID.fullmatch(ctx.params["field"]):
        obj = object_for(ctx, ctx.params["object"])
        f = blob_field(ctx, obj, ctx.params["value"])
        record_id = id_in_path(obj, ctx.params["field"])
        if f is not None:
            return content(ctx, obj, record_id, f)
        related = followed(ctx, obj, record_id, ctx.params["value"])
        if related is not None:
            return related
        raise not_found()
    obj, _, found = _named(ctx)
    one = _one_of(ctx, obj, found)
    return one if isinstance(one, Response) else _shown(ctx, obj, one)


def delete_by_key(ctx: Context, request: Request) -> Response:
    """DELETE sobjects/X/Field/value."""
    obj, _, found = _named(ctx)
    one = _one_of(ctx, obj, found)
    if isinstance(one, Response):
        return one
    write(ctx, Write("delete", obj, one))
    return Response(status_code=204)


def upsert(ctx: Context, request: Request) -> Response:
    """PATCH sobjects/X/Field/value: 201 created, 200 updated, 300 several (spec 5.4)."""
    obj, f, found = _named(ctx)
    values = record_in(ctx)
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
        raise not_found()
    with located(ctx):
        record_id, created = write_upsert(ctx, obj, f, ctx.params["value"], values, found)
    result: dict[str, Any] = {"id": record_id, "success": True, "errors": []}
    if float(ctx.version) >= TOLD_SINCE:
        result["created"] = created
    if created:
        return json_response(
            result,
            201,
            {"Location": location(ctx, obj, record_id)},
        )
    return json_response(result) if "created" in result else Response(status_code=204)


def write_upsert(
    ctx: Context, obj: ObjectType, f: Field, key: Any, values: Mapping[str, Any], found: list[str]
) -> tuple[str, bool]:
    """Update the record found, or create one with the key; returns id and whether it was created."""
    options = options_of(ctx, upsert=True)
    if found:
        return write(ctx, Write("update", obj, found[0], values), options), False
    typed_key = float(key) if f.type in ("double", "currency", "percent", "int") else key
    return write(ctx, Write("insert", obj, None, {**values, f.name: typed_key}), options), True


def post_without_key(ctx: Context, request: Request) -> Response:
    """POST sobjects/X/Field/value?_HttpMethod=PATCH, for clients that cannot send PATCH."""
    if ctx.query.get("_HttpMethod", "").upper() == "PATCH":
        return upsert(replace(ctx, method="PATCH"), request)
    raise method_not_allowed("POST", ("GET", "PATCH", "DELETE"))
