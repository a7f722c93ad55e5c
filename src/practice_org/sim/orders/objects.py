"""Orders about custom objects, record types, and the option of person accounts."""

from __future__ import annotations

from typing import Any

from practice_org.schema import custom, custom_objects, permission_sets, person_accounts, record_types
from practice_org.schema.custom_objects import CustomObject
from practice_org.sim.orders.schema import fields
from practice_org.sim.plane import BadOrder, Control, Order


def objects(control: Control, order: Order) -> Any:
    """Create a custom object: `{name, label, plural, name_label, name_format, activities, feeds, search}`, or `{name, delete: true}`.

    `fields` lists orders of `fields` for it. Every profile may read and write the new object.
    """
    org = control.org
    stem = str(order["name"]).removesuffix("__c")
    custom.check_name(stem)
    name = f"{stem}__c"
    if order.get("delete"):
        found = org.schema.get(name)
        if found is None or not found.custom:
            raise BadOrder(f"there is no custom object {name}")
        custom_objects.remove(org, found.name)
        return {"deleted": found.name}
    label = str(order.get("label") or stem.replace("_", " "))
    made = custom_objects.create(
        org,
        CustomObject(
            name=name,
            label=label,
            plural=str(order.get("plural") or f"{label}s"),
            prefix="",
            name_label=str(order.get("name_label") or f"{label} Name"),
            name_format=order.get("name_format"),
            activities=bool(order.get("activities")),
            feeds=bool(order.get("feeds")),
            search=bool(order.get("search")),
        ),
    )
    permission_sets.grant_object(org, made.name)
    for one in order.get("fields", ()):
        fields(control, {**one, "object": made.name})
    return {"name": made.name, "label": made.label, "key_prefix": made.prefix}


def types(control: Control, order: Order) -> Any:
    """`{object, name, label, description, active, default, person}`: create a record type."""
    made = record_types.create(
        control.org,
        order["object"],
        order["name"],
        label=order.get("label"),
        description=order.get("description"),
        active=bool(order.get("active", True)),
        default=bool(order.get("default")),
        person=bool(order.get("person")),
    )
    return {"id": made, "object": order["object"], "name": order["name"]}


def persons(control: Control, order: Order) -> Any:
    """Switch person accounts on; they stay on, as on the platform."""
    person_accounts.enable(control.org)
    return {"person_accounts": True}
