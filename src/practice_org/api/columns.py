"""What `columns=true` answers about a query."""

from __future__ import annotations

from typing import Any

from practice_org.schema.catalogue import NUMBER_TYPES
from practice_org.soql.plan import Heading, Plan

_APEX_TYPES = {
    "id": "Id",
    "reference": "Id",
    "boolean": "Boolean",
    "int": "Integer",
    "double": "Double",
    "currency": "Double",
    "percent": "Double",
    "date": "Date",
    "datetime": "Datetime",
    "time": "Time",
    "address": "Address",
    "location": "Location",
    "base64": "Blob",
}
_NO_TEXT = frozenset({*_APEX_TYPES})


def columns(plan: Plan) -> dict[str, Any]:
    """What `columns=true` answers, in the shape that Salesforce's CLI keeps in its tests."""
    return {
        "columnMetadata": [_column(heading) for heading in plan.headings],
        "entityName": plan.obj.name,
        "groupBy": plan.query.grouping is not None,
        "idSelected": any(heading.name == "Id" for heading in plan.headings),
        "keyPrefix": plan.obj.prefix,
    }


def _column(heading: Heading) -> dict[str, Any]:
    f = heading.field
    written = f is not None and not heading.aggregate
    return {
        "aggregate": heading.aggregate,
        "apexType": _APEX_TYPES.get(f.type, "String") if f is not None and not heading.aggregate else None,
        "booleanType": f is not None and f.type == "boolean",
        "columnName": heading.name,
        "custom": f is not None and f.custom,
        "displayName": heading.display,
        "foreignKeyName": heading.foreign_key,
        "insertable": written and f is not None and f.has("createable"),
        "joinColumns": [_column(inner) for inner in heading.joined],
        "numberType": f is not None and f.type in NUMBER_TYPES,
        "textType": f is not None and f.type not in _NO_TEXT,
        "updatable": written and f is not None and f.has("updateable"),
    }
