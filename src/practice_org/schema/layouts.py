"""Page layouts: which fields an object's page shows, in sections of columns.

A layout is held as its Metadata value (sections, columns, items). An object that nobody has laid out has
one layout, `Object-Label Layout`, with its writable fields in an information section and the system
fields in another, as a fresh org has.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from practice_org.schema.catalogue import Field, ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org

Layout = dict[str, Any]
_TYPE = "Layout"
_SYSTEM = ("CreatedById", "LastModifiedById")
_NEVER = frozenset(
    {
        "Id",
        "IsDeleted",
        "SystemModstamp",
        "CreatedDate",
        "LastModifiedDate",
        "LastViewedDate",
        "LastReferencedDate",
        "MasterRecordId",
        "RecordTypeId",
        "LastActivityDate",
        "PhotoUrl",
        "IndividualId",
    }
)


def default_name(obj: ObjectType) -> str:
    """The full name of the layout that an object is born with."""
    return f"{obj.name}-{quote(obj.label, safe=' ')} Layout"


def names(org: Org) -> list[str]:
    """The full names of all layouts."""
    stored: dict[str, list[str]] = {}
    rows = org.reader().execute("SELECT name FROM _component WHERE type = ? ORDER BY name", (_TYPE,))
    for (name,) in rows:
        stored.setdefault(object_name(name), []).append(name)
    return [
        name
        for obj in org.schema.objects
        if obj.has("layoutable")
        for name in stored.get(obj.name, [default_name(obj)])
    ]


def object_name(full_name: str) -> str:
    """The object that a layout's full name begins with."""
    return full_name.partition("-")[0]


def of_object(org: Org, obj: ObjectType) -> list[tuple[str, Layout]]:
    """The layouts of an object by full name."""
    found = [name for name in names(org) if object_name(name) == obj.name]
    return [(name, layout) for name in found if (layout := read(org, name)) is not None]


def read(org: Org, full_name: str) -> Layout | None:
    """A layout by its full name (the part behind the object may be percent-encoded or plain)."""
    row = (
        org.reader()
        .execute(
            "SELECT definition FROM _component WHERE type = ? AND name IN (?, ?, ?)",
            (_TYPE, full_name, unquote(full_name), encoded(full_name)),
        )
        .fetchone()
    )
    if row is not None:
        layout: Layout = json.loads(row[0])
        if layout.get("layoutSections"):
            return layout
    obj = org.schema.get(object_name(full_name))
    if obj is None or not obj.has("layoutable"):
        return None
    if row is None and full_name.lower() not in (
        default_name(obj).lower(),
        unquote(default_name(obj)).lower(),
    ):
        return None
    return born(obj)


def encoded(full_name: str) -> str:
    """A full name as the Metadata API spells it: what is special in the layout's own name percent-encoded."""
    first, _, rest = full_name.partition("-")
    return f"{first}-{quote(unquote(rest), safe=' ')}"


def born(obj: ObjectType) -> Layout:
    """The layout that an object is born with."""
    shown = [f for f in obj.fields if _shown(f)]
    half = (len(shown) + 1) // 2
    return {
        "layoutSections": [
            _section(f"{obj.label} Information", shown[:half], shown[half:]),
            _section(
                "System Information",
                [f for f in obj.fields if f.name == _SYSTEM[0]],
                [f for f in obj.fields if f.name == _SYSTEM[1]],
            ),
        ]
    }


def _shown(f: Field) -> bool:
    if f.name in _NEVER or f.name in _SYSTEM or f.compound not in (None, f.name) or f.custom:
        return False
    return (
        f.has("createable") or f.has("updateable") or f.type in ("address", "location") or f.has("nameField")
    )


def _section(label: str, left: list[Field], right: list[Field]) -> dict[str, Any]:
    return {
        "customLabel": False,
        "detailHeading": label == "System Information",
        "editHeading": True,
        "label": label,
        "layoutColumns": [{"layoutItems": [_item(f) for f in side]} for side in (left, right)],
        "style": "TwoColumnsTopToBottom",
    }


def _item(f: Field) -> dict[str, Any]:
    if f.name in _SYSTEM or f.has("calculated"):
        behavior = "Readonly"
    else:
        behavior = "Required" if f.required or f.has("nameField") else "Edit"
    return {"behavior": behavior, "field": f.name}


def fields(layout: Layout) -> dict[str, str]:
    """The fields that a layout shows, and how each behaves there: Edit, Required or Readonly."""
    return {
        item["field"]: item.get("behavior", "Edit")
        for section in layout.get("layoutSections", [])
        for column in section.get("layoutColumns", [])
        for item in column.get("layoutItems", [])
        if item.get("field")
    }


def drop_field(org: Org, object_name_: str, field_name: str) -> None:
    """Take a field off the stored layouts of its object."""
    _each_item(org, object_name_, field_name, None)


def rename_field(org: Org, object_name_: str, old: str, new: str) -> None:
    """Let the stored layouts of an object follow a field's new name."""
    _each_item(org, object_name_, old, new)


def _each_item(org: Org, owner: str, field_name: str, new: str | None) -> None:
    with org.transaction() as tx:
        rows = tx.connection.execute(
            "SELECT name, definition FROM _component WHERE type = ?", (_TYPE,)
        ).fetchall()
        for name, definition in rows:
            layout = json.loads(definition)
            if object_name(name) != owner or field_name not in fields(layout):
                continue
            for section in layout["layoutSections"]:
                for column in section.get("layoutColumns", []):
                    items = column.get("layoutItems", [])
                    for item in items:
                        if item.get("field") == field_name and new is not None:
                            item["field"] = new
                    column["layoutItems"] = [i for i in items if i.get("field") != field_name]
            tx.connection.execute(
                "UPDATE _component SET definition = ?, modified = ? WHERE type = ? AND name = ?",
                (json.dumps(layout), tx.stamp, _TYPE, name),
            )
