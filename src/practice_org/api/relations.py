"""`sobjects/X/ID/Relationship`: the records on the other end of a relationship, by its name.

A relationship to children answers as a query does, one to a parent with the parent's record; a parent that is not
set is not found (documented).
"""

from __future__ import annotations

from starlette.responses import Response

from practice_org.api.query import answered
from practice_org.data import query as queries
from practice_org.data import read
from practice_org.errors import not_found
from practice_org.http import Context, json_response
from practice_org.schema import access as rights
from practice_org.schema.catalogue import Field, ObjectType


def followed(ctx: Context, obj: ObjectType, record_id: str, name: str) -> Response | None:
    """The answer; None when the object has no relationship of that name that the user sees."""
    access = rights.for_user(ctx.org, ctx.caller.id)
    child = ctx.org.schema.child(obj, name)
    if child is not None and access.can("Read", child[0]) and access.sees(*child):
        return _children(ctx, *child, obj, record_id)
    reference = obj.field_by_relationship(name)
    if reference is not None and access.sees(obj, reference):
        return _parent(ctx, obj, record_id, reference)
    return None


def _asked(ctx: Context, obj: ObjectType) -> list[str]:
    given = [part.strip() for part in ctx.query.get("fields", "").split(",") if part.strip()]
    return given or read.visible_names(ctx.org, ctx.caller.id, obj)


def _children(ctx: Context, child: ObjectType, f: Field, parent: ObjectType, parent_id: str) -> Response:
    if not read.by_ids(ctx.org, ctx.caller.id, parent, [parent_id], ["Id"], ctx.version):
        raise not_found()
    soql = f"SELECT {', '.join(_asked(ctx, child))} FROM {child.name} WHERE {f.name} = '{parent_id}'"
    return answered(ctx, queries.run(ctx.org, ctx.caller.id, ctx.session, soql, ctx.version))


def _parent(ctx: Context, obj: ObjectType, record_id: str, reference: Field) -> Response:
    found = read.by_ids(ctx.org, ctx.caller.id, obj, [record_id], [reference.name], ctx.version)
    parent_id = found.get(record_id, {}).get(reference.name)
    target = ctx.org.schema.by_prefix(parent_id) if parent_id else None
    if parent_id is None or target is None:
        raise not_found()
    records = read.by_ids(ctx.org, ctx.caller.id, target, [parent_id], _asked(ctx, target), ctx.version)
    if parent_id not in records:
        raise not_found()
    return json_response(records[parent_id])
