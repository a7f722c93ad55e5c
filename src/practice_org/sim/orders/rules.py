"""Orders about the org's business rules: each kind that is named replaces what there was of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from practice_org.org import Org
from practice_org.rules import (
    assignment,
    automation,
    comparing,
    duplicates,
    matching,
    rows,
    standard,
    validation,
)
from practice_org.rules.settings import ASSIGNMENT, AUTOMATION, DUPLICATE, MATCHING, VALIDATION
from practice_org.sim.plane import BadOrder, Control, Order


def rules(control: Control, order: Any) -> Any:
    """`{validation: [...], duplicate: [...], matching: [...], assignment: [...], automation: [...]}`.

    Replaces the kinds that are named; a list alone are validation rules.
    """
    org = control.org
    kinds = order if isinstance(order, dict) else {"validation": order}
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise BadOrder(f"unknown kind of rule {unknown[0]!r}; there are {', '.join(KINDS)}")
    # What the same order brings of matching rules, duplicate rules may name.
    fresh = kinds.get("matching")
    stores = [
        _duplicate(org, kinds[kind], fresh) if kind == "duplicate" else KINDS[kind](org, kinds[kind])
        for kind in KINDS
        if kind in kinds
    ]
    for store in stores:
        store()
    return shown(org) if isinstance(order, dict) else org.setting(VALIDATION, [])


def rules_in_force(control: Control, order: Order) -> Any:
    """All rules by kind."""
    return shown(control.org)


def shown(org: Org) -> dict[str, Any]:
    """The rules of the org by kind."""
    return {
        "validation": org.setting(VALIDATION) or [],
        "matching": org.setting(MATCHING) or [],
        "duplicate": org.setting(DUPLICATE) or [],
        "automation": org.setting(AUTOMATION) or [],
        "assignment": assignment.stored(org.setting(ASSIGNMENT)),
    }


def clear_rules(org: Org) -> None:
    """An org without rules, as it was made."""
    for kind, read in KINDS.items():
        if shown(org)[kind]:
            read(org, [])()


def _validation(org: Org, given: Any) -> Store:
    checked = [validation.checked_rule(org.schema, rule) for rule in _listed(given, "validation rules")]
    return lambda: org.set_setting(VALIDATION, checked)


def _automation(org: Org, given: Any) -> Store:
    checked = [automation.checked_rule(org.schema, rule) for rule in _listed(given, "automations")]

    def store() -> None:
        org.set_setting(AUTOMATION, checked)
        if not checked:
            org.background.clear()

    return store


def _listed(given: Any, what: str) -> list[Any]:
    if not isinstance(given, list):
        raise BadOrder(f"{what} come as a list")
    return given


def _assignment(org: Org, given: Any) -> Store:
    owners = {
        str(row[0])
        for row in org.reader().execute(
            'SELECT "Id" FROM "User" UNION ALL SELECT "Id" FROM "Group" WHERE "Type" = \'Queue\''
        )
    }
    checked = assignment.checked_rules(org.schema, given, owners)
    wanted = [
        {"Name": rule["name"], "SobjectType": rule["object"], "Active": int(rule["active"])}
        for rule in checked
    ]

    def store() -> None:
        made = rows.mirror(org, "AssignmentRule", wanted, ("SobjectType", "Name"))
        org.set_setting(
            ASSIGNMENT, [{**rule, "id": row_id} for rule, row_id in zip(checked, made, strict=True)]
        )

    return store


def _matching(org: Org, given: Any) -> Store:
    checked = [matching.checked_rule(org.schema, rule) for rule in _listed(given, "matching rules")]
    return lambda: comparing.store_matching(org, checked)


def _duplicate(org: Org, given: Any, fresh: Any = None) -> Store:
    own = org.setting(MATCHING) or []
    if fresh is not None:
        own = [matching.checked_rule(org.schema, rule) for rule in fresh]
    known = {rule["name"]: rule for rule in (*standard.MATCHING, *own)}
    listed = _listed(given, "duplicate rules")
    checked = [duplicates.checked_rule(org.schema, rule, known) for rule in listed]
    return lambda: comparing.store_duplicate(org, checked)


Store = Callable[[], None]
"""Stores rules that were checked."""
KINDS: dict[str, Callable[[Org, Any], Store]] = {
    "validation": _validation,
    "matching": _matching,
    "duplicate": _duplicate,
    "assignment": _assignment,
    "automation": _automation,
}
