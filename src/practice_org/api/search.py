"""`search` (SOSL), `parameterizedSearch`, and what a search page needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api.bodies import parsed
from practice_org.data import search as searching
from practice_org.errors import ApiError, json_parser_error
from practice_org.http import Context, json_response
from practice_org.schema.catalogue import ObjectType
from practice_org.sosl import parser

WRAPPED_FROM = 37.0
"""The version since which records come in an object with the key searchRecords; before, a bare list."""
_COLUMNS = 5


def search(ctx: Context, request: Request) -> Response:
    """GET search?q=FIND {...}."""
    text = ctx.query.get("q")
    if text is None:
        raise ApiError(400, "MALFORMED_SEARCH", parser.NO_TERM)
    return _found(ctx, text)


def _found(ctx: Context, text: str) -> Response:
    records = searching.run(ctx.org, ctx.caller.id, parser.parse(text), ctx.version)
    return json_response({"searchRecords": records} if float(ctx.version) >= WRAPPED_FROM else records)


def by_parameters(ctx: Context, request: Request) -> Response:
    """GET parameterizedSearch?q=&sobject=&fields=&in=..."""
    given = ctx.query
    names = [name for name in given.get("sobject", "").split(",") if name.strip()]
    fields = given.get("fields", "")
    objects = [
        {
            "name": name.strip(),
            "fields": given.get(f"{name.strip()}.fields", fields).split(","),
            "where": given.get(f"{name.strip()}.where"),
            "limit": given.get(f"{name.strip()}.limit"),
        }
        for name in names
    ]
    return _found(ctx, statement({**given, "sobjects": objects}))


def by_body(ctx: Context, request: Request) -> Response:
    """POST parameterizedSearch {q, sobjects, fields, in, ...}."""
    body = parsed(ctx.body)
    if not isinstance(body, dict):
        raise json_parser_error("Cannot deserialize instance of a search request out of another token")
    return _found(ctx, statement(body))


def statement(given: Mapping[str, Any]) -> str:
    """The FIND statement of a search by parameters.

    Raises ApiError MALFORMED_SEARCH when `q` is missing, JSON_PARSER_ERROR for values of a wrong type.
    """
    words = given.get("q")
    if not isinstance(words, str) or not words.strip():
        raise ApiError(400, "MALFORMED_SEARCH", parser.NO_TERM)
    escaped = words.replace("\\", "\\\\").replace("{", "\\{").replace("}", "\\}")
    group = str(given.get("in") or "ALL").upper().removesuffix(" FIELDS")
    if group not in parser.GROUPS:
        raise ApiError(400, "MALFORMED_SEARCH", f"Invalid search scope: {given.get('in')}")
    text = f"FIND {{{escaped}}} IN {group} FIELDS"
    shared = _names(given.get("fields"))
    most = _number(given.get("defaultLimit"))
    objects = given.get("sobjects") or []
    if not isinstance(objects, list):
        raise json_parser_error("Cannot deserialize instance of a list out of another token")
    returning = [_returning(entry, shared, most) for entry in objects]
    if returning:
        text += f" RETURNING {', '.join(returning)}"
    overall = _number(given.get("overallLimit"))
    return text + (f" LIMIT {overall}" if overall is not None else "")


def _returning(entry: Any, shared: list[str], most: int | None) -> str:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise json_parser_error("Cannot deserialize instance of a search object out of another token")
    fields = _names(entry.get("fields")) or shared or ["Id"]
    text = f"{entry['name']}({', '.join(fields)}"
    if entry.get("where"):
        text += f" WHERE {entry['where']}"
    if entry.get("orderBy"):
        text += f" ORDER BY {entry['orderBy']}"
    limit = _number(entry.get("limit"))
    limit = most if limit is None else limit
    return text + (f" LIMIT {limit})" if limit is not None else ")")


def _names(given: Any) -> list[str]:
    names = given.split(",") if isinstance(given, str) else given or []
    if not isinstance(names, list):
        raise json_parser_error("Cannot deserialize instance of a list out of another token")
    return [str(name).strip() for name in names if str(name).strip()]


def _number(given: Any) -> int | None:
    if given is None or given == "":
        return None
    try:
        return max(0, min(int(given), parser.MOST_RESULTS))
    except (TypeError, ValueError, OverflowError):
        raise ApiError(400, "MALFORMED_SEARCH", f"Invalid limit: {given}") from None


def scope_order(ctx: Context, request: Request) -> Response:
    """GET search/scopeOrder: the objects in the order in which results are shown."""
    start = f"/services/data/v{ctx.version}/sobjects"
    found = searching.searchable(ctx.org, ctx.caller.id)
    return json_response([{"type": o.name, "url": f"{start}/{o.name}/describe"} for o in found])


def layouts(ctx: Context, request: Request) -> Response:
    """GET search/layout?q=Account,Contact: the columns in which results are shown."""
    out = []
    for name in ctx.query.get("q", "").split(","):
        obj = ctx.org.schema.get(name.strip())
        if obj is None or not obj.has("searchable"):
            raise ApiError(400, "INVALID_TYPE", f"sObject type '{name.strip()}' is not supported.")
        out.append(_layout(obj))
    return json_response(out)


def _layout(obj: ObjectType) -> dict[str, Any]:
    shown = [f for f in obj.fields if f.has("nameField")]
    shown += [f for f in obj.fields if f.type in ("phone", "email", "picklist") and f not in shown]
    return {
        "errorMsg": None,
        "label": "Search Results",
        "limitRows": 25,
        "objectType": obj.name,
        "searchColumns": [
            {
                "field": f"{obj.name}.{f.name}",
                "format": None,
                "label": f.label,
                "name": f.name,
            }
            for f in shown[:_COLUMNS]
        ],
    }
