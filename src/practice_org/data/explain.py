"""Query plans, as `explain=` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from practice_org.data import query as queries
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.soql.compiler import Plan

if TYPE_CHECKING:
    from practice_org.org import Org

_INDEXED = frozenset({"Id", "Name", "OwnerId", "CreatedDate", "SystemModstamp", "RecordTypeId", "Email"})
"""Standard fields that Salesforce indexes on every object that has them."""
_SCAN_COST_PER_ROW = 1 / 1000


def explain(org: Org, user_id: str, soql: str, version: str) -> dict[str, Any]:
    """The plans of a query, the cheapest first; cardinality is what the filters really leave.

    The keys are those of the REST reference; the costs are made up, in its order of magnitude.
    Raises ApiError as the query itself would.
    """
    plan = queries.plan_of(org, user_id, soql, version=version)
    with org.snapshot() as reader:
        size = int(reader.execute(f'SELECT count(*) FROM "{plan.obj.name}"').fetchone()[0])
        counted = f"SELECT COUNT(*) FROM (SELECT 1 {plan.body} LIMIT {size + 1})"
        found = int(queries.execute(reader, counted, plan.params).fetchone()[0])
    indexed = list(dict.fromkeys(f.name for f in plan.filters if _is_indexed(f)))
    plans = [_plan(plan.obj, "TableScan", [], found, size, _notes(plan), 1.0 + found * _SCAN_COST_PER_ROW)]
    if indexed:
        cost = 0.1 + (found / size if size else 0.0)
        plans.append(_plan(plan.obj, "Index", indexed, found, size, _notes(plan), cost))
    return {"plans": sorted(plans, key=lambda p: float(p["relativeCost"])), "sourceQuery": soql}


def _is_indexed(f: Field) -> bool:
    return (
        f.name in _INDEXED
        or f.type in ("id", "reference")
        or any(f.has(flag) for flag in ("externalId", "unique", "idLookup"))
    )


def _plan(
    obj: ObjectType,
    kind: str,
    fields: list[str],
    found: int,
    size: int,
    notes: list[dict[str, Any]],
    cost: float,
) -> dict[str, Any]:
    return {
        "cardinality": found,
        "fields": fields,
        "leadingOperationType": kind,
        "notes": notes,
        "relativeCost": round(cost, 3),
        "sobjectCardinality": size,
        "sobjectType": obj.name,
    }


def _notes(plan: Plan) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(f.name for f in plan.filters if not _is_indexed(f)))
    if plan.obj.soft_deletes and "IsDeleted" not in names:
        names.append("IsDeleted")
    return [
        {
            "description": "Not considering filter for optimization because unindexed",
            "fields": [name],
            "tableEnumOrId": plan.obj.name,
        }
        for name in names
    ]
