"""Orders about fields."""

from __future__ import annotations

from typing import Any

from practice_org.schema import custom
from practice_org.sim.plane import Control, Order


def fields(control: Control, order: Order) -> Any:
    """Create a custom field (`schema.custom.create_field`'s arguments), or `{delete: true}` one."""
    order = dict(order)
    object_name, name = order.pop("object"), order.pop("name")
    if order.pop("delete", False):
        custom.delete_field(control.org, object_name, name)
        return {"deleted": f"{object_name}.{name}"}
    for key in ("picklist", "visible_to"):
        if order.get(key) is not None:
            order[key] = tuple(order[key])
    made = custom.create_field(control.org, object_name, name, order.pop("type"), **order)
    return {"object": object_name, "name": made.name, "type": made.type, "label": made.label}
