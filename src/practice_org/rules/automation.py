"""Automation: what happens by itself when a record is saved, as a record-triggered flow does it (spec 5.11).

An automation has an object, the events (`create`, `update`) and a condition, and one of three moments:
`before_save` sets fields of the record before it is checked, in the same write; `after_save` updates the
record, or the one that a reference field (`target`) names, in the same transaction and so with the same
stamp; `later` does so `seconds` afterwards in a transaction of its own, as a scheduled path or a background
job does - with `bump` it moves SystemModstamp alone. Values are plain or `{"formula": "..."}`.

`as` says whose name the change bears: `automation` (the Automated Process user) or `user`. Each automation
runs once for a record in a call. What it may not do fails the save: CANNOT_EXECUTE_FLOW_TRIGGER.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from practice_org.data.values import to_stored
from practice_org.errors import ApiError
from practice_org.formula.checker import Setting, check
from practice_org.formula.evaluate import Moment, compiled
from practice_org.formula.refusal import FormulaError
from practice_org.rules.badrule import BadRule
from practice_org.rules.condition import Predicate, checked, compile_condition, known_keys, object_named
from practice_org.schema.catalogue import Field, ObjectType, Schema

KEYS = ("object", "name", "active", "on", "when", "moment", "seconds", "set", "target", "bump", "as")
EVENTS = ("create", "update")
MOMENTS = ("before_save", "after_save", "later")
ACTORS = ("automation", "user")


@dataclass(frozen=True)
class Automation:
    """One active automation. `target` is the reference field whose record is changed; None: the record."""

    name: str
    events: frozenset[str]
    when: Predicate | None
    moment: str
    seconds: float
    target: Field | None
    values: tuple[tuple[Field, Callable[[Moment], Any]], ...]
    bump: bool
    by_user: bool

    def applies(self, moment: Moment) -> bool:
        """Whether it runs for this save."""
        event = "create" if moment.before is None else "update"
        return event in self.events and (self.when is None or self.when(moment))

    def outcome(self, moment: Moment) -> dict[str, Any]:
        """The values that it sets. Raises ApiError when one does not fit its field."""
        return {f.name: to_stored(f, value(moment), typed=False) for f, value in self.values}

    def failed(self, error: ApiError) -> ApiError:
        """The refusal of a save whose automation could not do its work (wording: platform knowledge)."""
        return ApiError(
            400,
            "CANNOT_EXECUTE_FLOW_TRIGGER",
            f"We can't save this record because the “{self.name}” process failed. Give your Salesforce admin "
            f"these details. This error occurred when the flow tried to update records: {error.code}: "
            f"{error.message}. You can look up ExceptionCode values in the SOAP API Developer Guide.",
            (),
        )


# -- as orders ----------------------------------------------------------------------------------------


def checked_rule(schema: Schema, rule: Any) -> dict[str, Any]:
    """The automation as it is stored. Raises BadRule."""
    known_keys(rule, KEYS, "an automation")
    obj = object_named(schema, rule.get("object"))
    on = rule.get("on") or list(EVENTS)
    events = [on] if isinstance(on, str) else list(on)
    if not set(events) <= set(EVENTS):
        raise BadRule(f"on must be of {', '.join(EVENTS)}, not {on!r}")
    moment = rule.get("moment", "after_save")
    if moment not in MOMENTS:
        raise BadRule(f"moment must be one of {', '.join(MOMENTS)}, not {moment!r}")
    seconds = rule.get("seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise BadRule("seconds must be a number from 0")
    if rule.get("as", "automation") not in ACTORS:
        raise BadRule(f"as must be one of {', '.join(ACTORS)}, not {rule['as']!r}")
    bump = bool(rule.get("bump"))
    if bump and (moment != "later" or rule.get("set")):
        raise BadRule("bump moves SystemModstamp alone, later, and sets nothing")
    if not bump and not rule.get("set"):
        raise BadRule("an automation sets something, or bumps")
    if moment == "before_save" and rule.get("target"):
        raise BadRule("before the save only the record itself can be set")
    stored = {
        "object": obj.name,
        "name": str(rule.get("name") or "Automation"),
        "active": bool(rule.get("active", True)),
        "on": events,
        "when": None if rule.get("when") is None else checked(schema, obj, rule["when"]),
        "moment": moment,
        "seconds": seconds,
        "set": dict(rule.get("set") or {}),
        "target": rule.get("target"),
        "bump": bump,
        "as": rule.get("as", "automation"),
    }
    _compiled(schema, obj, stored)
    return stored


def compiled_rules(schema: Schema, obj: ObjectType, rules: list[dict[str, Any]]) -> tuple[Automation, ...]:
    """The active automations of an object; one whose fields are gone is left out."""
    out = []
    for rule in rules:
        if rule["active"] and rule["object"] == obj.name:
            try:
                out.append(_compiled(schema, obj, rule))
            except BadRule:
                continue
    return tuple(out)


def _compiled(schema: Schema, obj: ObjectType, rule: Mapping[str, Any]) -> Automation:
    target = obj.get(str(rule["target"])) if rule["target"] else None
    if rule["target"] and (target is None or target.type != "reference"):
        raise BadRule(f"target must be a reference field of {obj.name}, not {rule['target']!r}")
    changed = obj if target is None else _target(schema, target)
    return Automation(
        name=rule["name"],
        events=frozenset(rule["on"]),
        when=None if rule["when"] is None else compile_condition(schema, obj, rule["when"]),
        moment=rule["moment"],
        seconds=float(rule["seconds"]),
        target=target,
        values=tuple(
            (_settable(changed, name), _value(schema, obj, value)) for name, value in rule["set"].items()
        ),
        bump=rule["bump"],
        by_user=rule["as"] == "user",
    )


def _target(schema: Schema, reference: Field) -> ObjectType:
    found = schema.get(reference.refs[0]) if len(reference.refs) == 1 else None
    if found is None:
        raise BadRule(f"target {reference.name} refers to more than one object")
    return found


def _settable(obj: ObjectType, name: str) -> Field:
    found = obj.get(name)
    if found is None or not found.stored or not found.has("updateable"):
        raise BadRule(f"{obj.name} has no field {name!r} that can be set")
    return found


def _value(schema: Schema, obj: ObjectType, value: Any) -> Callable[[Moment], Any]:
    if not isinstance(value, dict):
        return lambda _: value
    text = value.get("formula")
    if set(value) != {"formula"} or not isinstance(text, str):
        raise BadRule(f"a value is plain or {{'formula': '...'}}, not {value!r}")
    try:
        return compiled(check(text, Setting(schema, obj, on_save=True)))
    except FormulaError as error:
        raise BadRule(f"Error: {error}") from error
