"""Assignment rules: who gets a new lead or case.

One rule of an object is active; it has entries in order, each with a condition and the user or queue that
becomes owner. The first entry whose condition holds decides. Where none does, the org's default owner
(`default_owner`) gets the record, and without one it stays with whoever created it.

The header `Sforce-Auto-Assign` says FALSE (no rule), TRUE (the active rule) or the id of a rule. Without it
creates go through the active rule and updates do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from practice_org import ids
from practice_org.errors import ApiError
from practice_org.formula.evaluate import Moment
from practice_org.rules.badrule import BadRule
from practice_org.rules.condition import Predicate, checked, compile_condition, known_keys, object_named
from practice_org.schema.catalogue import ObjectType, Schema

PREFIX = "01Q"
KEYS = ("object", "name", "active", "entries", "default_owner")
ENTRY_KEYS = ("when", "owner", "keep_owner")


@dataclass(frozen=True)
class Entry:
    """`when` None matches all; `owner` None leaves the owner as it is."""

    when: Predicate | None
    owner: str | None


@dataclass(frozen=True)
class AssignmentRule:
    id: str
    active: bool
    entries: tuple[Entry, ...]
    default_owner: str | None

    def owner_of(self, moment: Moment) -> str | None:
        """Who gets the record; None when it keeps its owner."""
        for entry in self.entries:
            if entry.when is None or entry.when(moment):
                return entry.owner
        return self.default_owner


def checked_rules(schema: Schema, order: Any, owners: set[str]) -> list[dict[str, Any]]:
    """Rules as they are stored, from a list of rules or the short form `{Lead: owner id}`.

    `owners` are the ids of all users and queues. Raises BadRule.
    """
    if isinstance(order, dict) and "entries" not in order:
        order = [{"object": name, "entries": [{"owner": owner}]} for name, owner in order.items()]
    out = [_checked_rule(schema, one, owners) for one in (order if isinstance(order, list) else [order])]
    active: set[str] = set()
    for rule in out:
        if rule["active"] and rule["object"] in active:
            raise BadRule(f"{rule['object']} has more than one active assignment rule")
        if rule["active"]:
            active.add(rule["object"])
    return out


def _checked_rule(schema: Schema, rule: Any, owners: set[str]) -> dict[str, Any]:
    known_keys(rule, KEYS, "an assignment rule")
    obj = object_named(schema, rule.get("object"))
    if obj.get("OwnerId") is None:
        raise BadRule(f"{obj.name} has no owner that an assignment rule could set")
    entries = rule.get("entries") or []
    if not isinstance(entries, list):
        raise BadRule("entries of an assignment rule must be a list")
    return {
        "object": obj.name,
        "name": str(rule.get("name") or "Standard"),
        "active": bool(rule.get("active", True)),
        "default_owner": _owner(rule.get("default_owner"), owners) if rule.get("default_owner") else None,
        "entries": [_checked_entry(schema, obj, entry, owners) for entry in entries],
    }


def _checked_entry(schema: Schema, obj: ObjectType, entry: Any, owners: set[str]) -> dict[str, Any]:
    known_keys(entry, ENTRY_KEYS, "an entry of an assignment rule")
    when = entry.get("when")
    return {
        "when": None if when is None else checked(schema, obj, when),
        "owner": None if entry.get("keep_owner") else _owner(entry.get("owner"), owners),
    }


def _owner(given: Any, owners: set[str]) -> str:
    found = ids.to18(str(given or ""))
    if found is None or found not in owners:
        raise BadRule(f"an assignment rule names the id of a user or queue, not {given!r}")
    return found


def stored(rules: Any) -> list[dict[str, Any]]:
    """The rules of a setting; files written by earlier versions have the short form `{Lead: owner id}`."""
    if not isinstance(rules, dict):
        return list(rules or [])
    return [
        {
            "object": name,
            "name": "Standard",
            "active": True,
            "default_owner": None,
            "entries": [{"when": None, "owner": owner}],
            "id": "",
        }
        for name, owner in rules.items()
    ]


def compiled_rules(schema: Schema, obj: ObjectType, rules: Any) -> tuple[AssignmentRule, ...]:
    """The rules of an object; entries whose fields are gone are left out."""
    out = []
    for rule in stored(rules):
        if rule["object"] != obj.name:
            continue
        entries = []
        for entry in rule["entries"]:
            try:
                when = None if entry["when"] is None else compile_condition(schema, obj, entry["when"])
            except BadRule:
                continue
            entries.append(Entry(when, entry["owner"]))
        out.append(AssignmentRule(rule["id"], rule["active"], tuple(entries), rule["default_owner"]))
    return tuple(out)


def chosen(rules: tuple[AssignmentRule, ...], header: str | None, *, creating: bool) -> AssignmentRule | None:
    """The rule that a write goes through.

    Raises ApiError INVALID_CROSS_REFERENCE_KEY for a rule id that is none of the object's [K].
    """
    wanted = (header or ("TRUE" if creating else "FALSE")).strip()
    if wanted.upper() == "FALSE":
        return None
    if wanted.upper() != "TRUE":
        found = ids.to18(wanted)
        for rule in rules:
            if rule.id == found:
                return rule
        if found is not None or re.fullmatch(r"\w{15}(\w{3})?", wanted):
            raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", f"invalid assignment rule id: {wanted}", ())
    return next((rule for rule in rules if rule.active), None)
