"""Orders about the org's business rules."""

from __future__ import annotations

from typing import Any

from practice_org import ids
from practice_org.sim import rules as checked
from practice_org.sim.plane import BadOrder, Control, Order


def rules(control: Control, order: Any) -> Any:
    """`[rule, ...]` or `{validation: [...], assignment: {Lead: owner id}}`: replaces what there was.

    See `sim.rules` for validation rules; an assignment rule gives new records their owner.
    """
    org = control.org
    if not isinstance(order, dict):
        return checked.store_rules(org, order)
    if "assignment" in order:
        owners = {org.schema[name].name: ids.to18(str(owner)) for name, owner in order["assignment"].items()}
        if None in owners.values():
            raise BadOrder("an assignment rule names the id of a user or queue")
        org.set_setting("assignment_rules", owners)
    if "validation" in order:
        checked.store_rules(org, order["validation"])
    return {"validation": org.setting(checked.SETTING, []), "assignment": org.setting("assignment_rules", {})}


def rules_in_force(control: Control, order: Order) -> Any:
    """The validation rules."""
    return control.org.setting(checked.SETTING, [])
