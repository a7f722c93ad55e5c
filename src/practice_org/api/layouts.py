"""Layouts, compact layouts and default values: the addresses that describes hand out beside the fields."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from practice_org import ids
from practice_org.api.describe import conditional, object_for
from practice_org.errors import ApiError, not_found
from practice_org.http import Context, json_response
from practice_org.schema import access as rights
from practice_org.schema import layout_describe as made
from practice_org.schema import layouts, record_types
from practice_org.schema.catalogue import ObjectType
from practice_org.schema.record_types import MASTER, RecordType


def _laid_out(ctx: Context, url: str) -> ObjectType:
    """The object of the path, if its describe hands out such an address."""
    obj = object_for(ctx, ctx.params["object"])
    if url not in obj.urls:
        raise not_found()
    return obj


def all_layouts(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/describe/layouts."""
    obj = _laid_out(ctx, "layouts")
    access = rights.for_user(ctx.org, ctx.caller.id)
    types = record_types.of(ctx.org, obj.name)
    return conditional(ctx, made.describe_layouts(access, obj, ctx.version, types, _layout(ctx, obj)))


def one_layout(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/describe/layouts/RECORDTYPEID."""
    obj = _laid_out(ctx, "layouts")
    _record_type(ctx, obj)
    return conditional(
        ctx, made.describe_layout(rights.for_user(ctx.org, ctx.caller.id), obj, _layout(ctx, obj))
    )


def _record_type(ctx: Context, obj: ObjectType) -> RecordType | None:
    """The record type of the path; None for the master. Raises ApiError 404 for one that is not the object's."""
    wanted = ids.to18(ctx.params["record_type"])
    found = next((t for t in record_types.of(ctx.org, obj.name) if t.id == wanted), None)
    if found is None and wanted != MASTER:
        raise not_found()
    return found


def compact_layouts(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/describe/compactLayouts."""
    obj = _laid_out(ctx, "compactLayouts")
    return conditional(ctx, _compact(ctx, obj))


def one_compact_layout(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/describe/compactLayouts/RECORDTYPEID, or `primary`."""
    obj = _laid_out(ctx, "compactLayouts")
    if ctx.params["record_type"] != "primary":
        _record_type(ctx, obj)
    return conditional(ctx, _compact(ctx, obj)["compactLayouts"][0])


def _compact(ctx: Context, obj: ObjectType) -> dict[str, list[object]]:
    access = rights.for_user(ctx.org, ctx.caller.id)
    types = record_types.of(ctx.org, obj.name)
    return made.describe_compact_layouts(access, obj, ctx.version, types)


def approval_layouts(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/describe/approvalLayouts: the org has no approval processes."""
    object_for(ctx, ctx.params["object"])
    return conditional(ctx, {"approvalLayouts": []})


def named_layout(ctx: Context, request: Request) -> Response:
    """GET sobjects/User/describe/namedLayouts/UserAlt; there is no other."""
    obj = _laid_out(ctx, "namedLayouts")
    if ctx.params["name"] != "UserAlt":
        raise not_found()
    access = rights.for_user(ctx.org, ctx.caller.id)
    return conditional(ctx, made.describe_layouts(access, obj, ctx.version, (), _layout(ctx, obj)))


def default_values(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/defaultValues?recordTypeId&fields. The shape of the answer is platform knowledge."""
    obj = object_for(ctx, ctx.params["object"])
    access = rights.for_user(ctx.org, ctx.caller.id)
    asked = ctx.query.get("fields")
    names = [name.strip() for name in asked.split(",") if name.strip()] if asked else None
    for name in names or ():
        if obj.get(name) is None:
            raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {obj.name}")
    values = made.default_values(access, obj, names)
    return json_response({"attributes": {"type": obj.name}, **values})


def _layout(ctx: Context, obj: ObjectType) -> layouts.Layout:
    """The layout of the object: profiles are not assigned layouts of their own."""
    return layouts.of_object(ctx.org, obj)[0][1]
