"""Validation rules: what an administrator forbids, checked before a record is stored.

A rule has an object, a message, where the error shows (`field`, or the page when null) and a condition
(see `rules.condition`) that is true of a *bad* record, as in Salesforce. Every active rule is asked; all
that object speak at once, in the order in which they were made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from practice_org.errors import ApiError
from practice_org.formula.evaluate import Moment
from practice_org.rules.badrule import BadRule
from practice_org.rules.condition import (
    Predicate,
    checked,
    compile_condition,
    field_named,
    known_keys,
    object_named,
)
from practice_org.schema.catalogue import ObjectType, Schema

KEYS = ("object", "name", "message", "field", "when", "active")


@dataclass(frozen=True)
class ValidationRule:
    """One active rule. `field` is the API name where its error shows."""

    name: str
    message: str
    field: str | None
    bad: Predicate

    def refusal(self) -> ApiError:
        """What it says: FIELD_CUSTOM_VALIDATION_EXCEPTION (spec 5.11)."""
        fields = (self.field,) if self.field else ()
        return ApiError(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", self.message, fields)


def checked_rule(schema: Schema, rule: Any) -> dict[str, Any]:
    """The rule as it is stored. Raises BadRule."""
    known_keys(rule, KEYS, "a validation rule")
    obj = object_named(schema, rule.get("object"))
    if not rule.get("message"):
        raise BadRule("a rule needs a message")
    if len(str(rule["message"])) > 255:
        raise BadRule("the message of a rule has 255 characters at most")
    field = rule.get("field")
    return {
        "object": obj.name,
        "name": str(rule.get("name") or "Rule"),
        "message": str(rule["message"]),
        "field": field_named(obj, field).name if field is not None else None,
        "when": checked(schema, obj, rule.get("when")),
        "active": bool(rule.get("active", True)),
    }


def compiled_rules(
    schema: Schema, obj: ObjectType, rules: list[dict[str, Any]]
) -> tuple[ValidationRule, ...]:
    """The active rules of an object. One whose field is gone is left out, as Setup would not keep it."""
    out = []
    for rule in rules:
        if not rule["active"] or rule["object"] != obj.name:
            continue
        try:
            bad = compile_condition(schema, obj, rule["when"])
        except BadRule:
            continue
        out.append(ValidationRule(rule["name"], rule["message"], rule["field"], bad))
    return tuple(out)


def validate(rules: tuple[ValidationRule, ...], moment: Moment) -> None:
    """Raise the refusals of all rules that object."""
    refusals = [rule.refusal() for rule in rules if rule.bad(moment)]
    if refusals:
        first, *rest = refusals
        first.also = tuple(rest)
        raise first
