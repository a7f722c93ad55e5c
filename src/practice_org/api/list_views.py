"""List views over REST: the list, one, its describe and its results (recorded)."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org import ids
from practice_org.api.describe import object_for
from practice_org.clock import parse_stamp
from practice_org.data import read
from practice_org.errors import ApiError, not_found
from practice_org.http import Context, json_response
from practice_org.schema import access as rights
from practice_org.schema import list_views
from practice_org.schema.catalogue import ObjectType
from practice_org.schema.list_views import Column, ListView

FEW, MOST = 25, 2000
"""How many records results show by default, and at most."""
_LABELS = {
    "phone": ("9-0", "0-9"),
    "picklist": ("Low to High", "High to Low"),
    "date": ("New to Old", "Old to New"),
    "datetime": ("New to Old", "Old to New"),
    "boolean": ("Selected to Not Selected", "Not Selected to Selected"),
    **dict.fromkeys(("currency", "double", "int", "percent"), ("9-0", "0-9")),
}
"""Ascending and descending label by type; those of text, phone and picklist are recorded."""


def _object(ctx: Context) -> ObjectType:
    obj = object_for(ctx, ctx.params["object"])
    if not list_views.has_views(obj):
        raise not_found()
    return obj


def _view(ctx: Context, obj: ObjectType) -> ListView:
    wanted = ctx.params["view"]
    found = next((v for v in list_views.of(ctx.org, obj) if v.id == ids.to18(wanted)), None)
    if found is None:
        raise not_found()
    return found


def listing(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/listviews."""
    obj = _object(ctx)
    views = [_brief(ctx, view) for view in list_views.of(ctx.org, obj)]
    return json_response(
        {
            "done": True,
            "listviews": views,
            "nextRecordsUrl": None,
            "size": len(views),
            "sobjectType": obj.name,
        }
    )


def one(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/listviews/ID."""
    return json_response(_brief(ctx, _view(ctx, _object(ctx))))


def _brief(ctx: Context, view: ListView) -> dict[str, Any]:
    url = f"/services/data/v{ctx.version}/sobjects/{view.object_name}/listviews/{view.id}"
    return {
        "describeUrl": f"{url}/describe",
        "developerName": view.developer_name,
        "id": view.id,
        "label": view.label,
        "resultsUrl": f"{url}/results",
        "soqlCompatible": True,
        "url": url,
    }


def describe(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/listviews/ID/describe."""
    obj = _object(ctx)
    view = _view(ctx, obj)
    listed = list_views.columns(ctx.org, rights.for_user(ctx.org, ctx.caller.id), obj)
    order = [
        {"fieldNameOrPath": name, "nullsPosition": "first", "sortDirection": "ascending"}
        for name in (list_views.sort_path(obj), "Id")
    ]
    return json_response(
        {
            "columns": [_column(obj, column) for column in listed],
            "id": view.id,
            "orderBy": order,
            "query": list_views.query(view, obj, listed),
            "scope": view.scope,
            "sobjectType": obj.name,
            "whereCondition": list_views.described_condition(view),
        }
    )


def results(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/listviews/ID/results?limit&offset."""
    obj = _object(ctx)
    view = _view(ctx, obj)
    limit, offset = min(_number(ctx, "limit", FEW), MOST), _number(ctx, "offset", 0)
    listed = list_views.columns(ctx.org, rights.for_user(ctx.org, ctx.caller.id), obj)
    soql = list_views.query(view, obj, listed, limit + 1, offset)
    records = read.select(ctx.org, ctx.caller.id, soql, version=ctx.version)
    shown = records[:limit]
    return json_response(
        {
            "columns": [_column(obj, column) for column in listed],
            "developerName": view.developer_name,
            "done": len(records) <= limit,
            "id": view.id[:15],
            "label": view.label,
            "records": [
                {"columns": [{"fieldNameOrPath": c.path, "value": _value(record, c)} for c in listed]}
                for record in shown
            ],
            "size": len(shown),
        }
    )


def _number(ctx: Context, name: str, default: int) -> int:
    given = ctx.query.get(name)
    if given is None:
        return default
    if not given.isdecimal():
        raise ApiError(400, "INVALID_QUERY_SCOPE", f"{name} must be a whole number: {given}")
    return int(given)


def _column(obj: ObjectType, column: Column) -> dict[str, Any]:
    ascending, descending = _LABELS.get(column.field.type, ("Z-A", "A-Z"))
    sorts = column.path == list_views.sort_path(obj)
    return {
        "ascendingLabel": None if column.hidden else ascending,
        "descendingLabel": None if column.hidden else descending,
        "fieldNameOrPath": column.path,
        "hidden": column.hidden,
        "label": column.label,
        "selectListItem": column.select,
        "sortDirection": "ascending" if sorts else None,
        "sortIndex": 0 if sorts else None,
        "sortable": not column.hidden and column.field.has("sortable"),
        "type": column.field.type,
    }


def _value(record: dict[str, Any], column: Column) -> str | None:
    """A value as text; moments as Java writes them (recorded)."""
    value: Any = record
    for name in column.path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if column.field.type == "datetime":
        moment = parse_stamp(str(value)[:19]).astimezone(UTC)
        return moment.strftime("%a %b %d %H:%M:%S GMT %Y")
    return str(value)
