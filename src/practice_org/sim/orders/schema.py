"""Orders about fields: making them, and changing them while others are at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.org import Org
from practice_org.schema import custom, permission_sets, picklists, profiles
from practice_org.schema.catalogue import Field, ObjectType, PicklistEntry
from practice_org.schema.field_spec import FieldSpec, setup_type
from practice_org.schema.retype import change_field
from practice_org.sim.plane import BadOrder, Control, Order


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


def schema_change(control: Control, order: Any) -> Any:
    """`{object, field, change, ...}` or a list of such: what an administrator does meanwhile.

    `change` is drop; rename (`to`); retype (`type`, `length`); length (`length`); require, unrequire; picklist
    (`values`); label (`label`); formula (`formula`); or hide, read, edit: field-level security in all
    profiles and permission sets, or in the `profiles` named. What loses data loses it, as with Setup's pages.
    """
    orders = order if isinstance(order, list) else [order]
    return [_changed(control.org, one) for one in orders]


def formula_drift(control: Control, order: Order) -> Any:
    """`{object, field, formula}`: edit a formula, or `{object, values, ids}`: set fields without any stamp."""
    org = control.org
    obj = org.schema[order["object"]]
    if "formula" in order:
        return _changed(org, {**order, "change": "formula"})
    values = dict(order["values"])
    for name in values:
        found = obj.get(name)
        if found is None or not found.stored:
            raise BadOrder(f"no stored field {name!r} on {obj.name}")
    listed = ", ".join(f"{quoted(obj.get(name).name)} = ?" for name in values)  # type: ignore[union-attr]
    marks = ",".join("?" * len(order["ids"]))
    with org.transaction() as tx:
        count = tx.connection.execute(
            f'UPDATE {quoted(obj.name)} SET {listed} WHERE "Id" IN ({marks})',
            (*values.values(), *order["ids"]),
        ).rowcount
    return {"changed": count}


def _changed(org: Org, order: Any) -> dict[str, Any]:
    if not isinstance(order, dict):
        raise BadOrder("a schema change is an object with object, field and change")
    obj = org.schema[order["object"]]
    found = obj.get(str(order["field"]))
    if found is None:
        raise BadOrder(f"no field {order['field']!r} on {obj.name}")
    change = order.get("change")
    carry = CHANGES.get(str(change))
    if carry is None:
        raise BadOrder(f"change must be one of {', '.join(CHANGES)}, not {change!r}")
    carry(org, obj, found, order)
    return {"object": obj.name, "field": found.name, "change": change}


def _custom(f: Field) -> Field:
    if not f.custom:
        raise BadOrder(f"{f.name} is a standard field: its definition cannot be changed")
    return f


def _spec(f: Field) -> FieldSpec:
    """The order that would make the field as it is."""
    numeric = f.type in ("double", "currency", "percent")
    return FieldSpec(
        name=_custom(f).name,
        type=setup_type(f),
        label=f.label,
        length=None if numeric else f.length or None,
        precision=f.precision or 18,
        scale=f.scale,
        required=not f.nillable and f.type != "boolean",
        unique=f.has("unique"),
        external_id=f.has("externalId"),
        case_sensitive=f.has("caseSensitive"),
        default=f.default,
        formula=f.formula,
        refers_to=f.refs,
        child_name=f.child_relationship,
        picklist=f.picklist,
        restricted=f.has("restrictedPicklist"),
        help_text=f.help_text,
        summary=f.summary,
    )


def _drop(org: Org, obj: ObjectType, f: Field, order: Order) -> None:
    custom.delete_field(org, obj.name, f.name)


def _rename(org: Org, obj: ObjectType, f: Field, order: Order) -> None:
    name = str(order["to"])
    name = name if name.endswith("__c") else f"{name}__c"
    custom.check_name(name[:-3])
    if obj.get(name) is not None:
        raise BadOrder(f"{obj.name} has a field {name} already")
    custom.rename_field(org, obj, _custom(f), name)


def _retype(org: Org, obj: ObjectType, f: Field, order: Order) -> None:
    kind = custom.TYPES.get(str(order["type"]).lower())
    if kind is None:
        raise BadOrder(f"{order['type']!r} is no type of custom field")
    _force(org, obj, f, replace(_spec(f), type=kind, length=order.get("length"), default=None))


def _force(org: Org, obj: ObjectType, f: Field, spec: FieldSpec) -> None:
    """Change a field; where its values are in the way, they go."""
    try:
        change_field(org, obj, f, spec)
    except ApiError:
        with org.transaction() as tx:
            tx.connection.execute(f"UPDATE {quoted(obj.name)} SET {quoted(f.name)} = NULL")
            change_field(org, obj, f, spec)


def _length(org: Org, obj: ObjectType, f: Field, order: Order) -> None:
    length = order["length"]
    if isinstance(length, bool) or not isinstance(length, int) or length < 1 or f.type != "string":
        raise BadOrder("length must be a whole number from 1, of a text field")
    spec = replace(_spec(f), length=length)
    with org.transaction() as tx:
        tx.connection.execute(
            f"UPDATE {quoted(obj.name)} SET {quoted(f.name)} = substr({quoted(f.name)}, 1, ?) "
            f"WHERE length({quoted(f.name)}) > ?",
            (length, length),
        )
        change_field(org, obj, f, spec)


def _require(org: Org, obj: ObjectType, f: Field, order: Order) -> None:
    change_field(org, obj, f, replace(_spec(f), required=order["change"] == "require"))


def _label(org: Org, obj: ObjectType, f: Field, order: Order) -> None:
    change_field(org, obj, f, replace(_spec(f), label=str(order["label"])))


def _formula(org: Org, obj: ObjectType, f: Field, order: Order) -> None:
    if f.formula is None:
        raise BadOrder(f"{f.name} is no formula field")
    custom.replace_field(org, obj, replace(_spec(f), formula=str(order["formula"])))


def _picklist(org: Org, obj: ObjectType, f: Field, order: Order) -> None:
    if f.type not in ("picklist", "multipicklist", "combobox"):
        raise BadOrder(f"{f.name} is no picklist")
    default = next((e.value for e in f.picklist if e.default), None)
    entries = tuple(PicklistEntry(str(v), str(v), v == default) for v in order["values"])
    picklists.store(org, obj, f, entries)


def _security(org: Org, obj: ObjectType, f: Field, order: Order) -> None:
    read, edit = {"hide": (False, False), "read": (True, False), "edit": (True, True)}[order["change"]]
    if order.get("profiles"):
        sets = [profiles.permission_set_of_profile(org, name) for name in order["profiles"]]
    else:
        sets = [str(row[0]) for row in org.reader().execute('SELECT "Id" FROM "PermissionSet"').fetchall()]
    for set_id in sets:
        permission_sets.set_field_rights(org, set_id, obj.name, f.name, read=read, edit=edit)


CHANGES: dict[str, Callable[[Org, ObjectType, Field, Order], None]] = {
    "drop": _drop,
    "rename": _rename,
    "retype": _retype,
    "length": _length,
    "require": _require,
    "unrequire": _require,
    "label": _label,
    "formula": _formula,
    "picklist": _picklist,
    "hide": _security,
    "read": _security,
    "edit": _security,
}
