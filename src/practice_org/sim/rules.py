"""Validation rules: what an administrator forbids, checked before a record is stored.

A rule has an object, a message, where the error shows (`field`, or the page when null) and a
condition that is true of a *bad* record, as in Salesforce:
`{"field": "Phone", "is": "blank" | "not_blank" | "equals" | "not_equals" | "longer_than" | "changed",
"value": ...}`, or a list of such, all of which must hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from practice_org.errors import ApiError
from practice_org.org import Org
from practice_org.schema.catalogue import ObjectType

SETTING = "validation_rules"
TESTS = ("blank", "not_blank", "equals", "not_equals", "longer_than", "changed")


class BadRule(ValueError):
    """The rule cannot be understood; the message says why."""


def store_rules(org: Org, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace the org's validation rules. Raises BadRule and changes nothing when one is wrong."""
    checked = [_checked(org, rule) for rule in rules]
    org.set_setting(SETTING, checked)
    return checked


def _checked(org: Org, rule: Mapping[str, Any]) -> dict[str, Any]:
    obj = org.schema.get(str(rule.get("object", "")))
    if obj is None:
        raise BadRule(f"no object {rule.get('object')!r}")
    if not rule.get("message"):
        raise BadRule("a rule needs a message")
    where = rule.get("when")
    conditions = where if isinstance(where, list) else [where]
    for condition in conditions:
        if not isinstance(condition, dict) or condition.get("is") not in TESTS:
            raise BadRule(f"'when' needs field and is, one of {', '.join(TESTS)}")
        if obj.get(str(condition.get("field", ""))) is None:
            raise BadRule(f"no field {condition.get('field')!r} on {obj.name}")
    field = rule.get("field")
    if field is not None and obj.get(str(field)) is None:
        raise BadRule(f"no field {field!r} on {obj.name}")
    return {
        "object": obj.name,
        "name": str(rule.get("name") or "Rule"),
        "message": str(rule["message"]),
        "field": field,
        "when": conditions,
        "active": bool(rule.get("active", True)),
    }


def validator(org: Org) -> Any:
    """The hook that the data layer calls with object, row to be stored and row before."""

    def validate(obj: ObjectType, row: dict[str, Any], before: dict[str, Any] | None) -> ApiError | None:
        for rule in org.setting(SETTING, []):
            if rule["active"] and rule["object"] == obj.name and _bad(rule, obj, row, before):
                fields = (rule["field"],) if rule["field"] else ()
                return ApiError(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", rule["message"], fields)
        return None

    return validate


def _bad(rule: dict[str, Any], obj: ObjectType, row: dict[str, Any], before: dict[str, Any] | None) -> bool:
    return all(_holds(condition, obj, row, before) for condition in rule["when"])


def _holds(
    condition: dict[str, Any], obj: ObjectType, row: dict[str, Any], before: dict[str, Any] | None
) -> bool:
    field = obj.get(condition["field"])
    name = field.name if field else condition["field"]
    value, wanted, test = row.get(name), condition.get("value"), condition["is"]
    if test == "blank":
        return value in (None, "")
    if test == "not_blank":
        return value not in (None, "")
    if test == "longer_than":
        return value is not None and len(str(value)) > int(wanted or 0)
    if test == "changed":
        return before is not None and before.get(name) != value
    same = value == wanted or (isinstance(wanted, str) and value is not None and str(value) == wanted)
    return same if test == "equals" else not same
