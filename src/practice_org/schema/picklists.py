"""Picklist values of fields, changed at run time: added, relabelled, deactivated, replaced in records."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType, PicklistEntry

if TYPE_CHECKING:
    import sqlite3

    from practice_org.org import Org

SETTING = "standard_picklists"
"""The org's setting with the values of standard picklists that were changed, by `Object.Field`."""


def store(org: Org, obj: ObjectType, f: Field, entries: tuple[PicklistEntry, ...]) -> None:
    """Give a picklist these entries, in this order."""
    from practice_org.schema import custom, permission_sets

    listed = [[e.value, e.label, e.default, e.active] for e in entries]
    with org.transaction() as tx:
        if f.custom:
            row = tx.connection.execute(
                "SELECT definition FROM _custom_field WHERE object = ? AND name = ?", (obj.name, f.name)
            ).fetchone()
            definition = json.loads(row[0])
            definition["picklist"] = listed
            definition["default"] = next((e.value for e in entries if e.default), None)
            tx.connection.execute(
                "UPDATE _custom_field SET definition = ? WHERE object = ? AND name = ?",
                (json.dumps(definition), obj.name, f.name),
            )
        else:
            changed = dict(org.setting(SETTING, {}))
            changed[f"{obj.name}.{f.name}"] = listed
            org.set_setting(SETTING, changed)
        schema = custom.load_schema(tx.connection)
        org.replace_schema(schema)
        permission_sets.note_change(org)
    org.replace_schema(schema)


def changed(connection: sqlite3.Connection) -> dict[str, tuple[PicklistEntry, ...]]:
    """The entries of standard picklists that were changed, by `Object.Field`."""
    row = connection.execute("SELECT value FROM _setting WHERE key = ?", (SETTING,)).fetchone()
    found = json.loads(row[0]) if row else {}
    return {path: tuple(PicklistEntry(*entry) for entry in listed) for path, listed in found.items()}


def applied(obj: ObjectType, entries: dict[str, tuple[PicklistEntry, ...]]) -> ObjectType:
    """The object with changed picklists."""
    mine = {
        path.partition(".")[2]: new for path, new in entries.items() if path.partition(".")[0] == obj.name
    }
    if not mine:
        return obj
    fields = tuple(
        replace(f, picklist=mine[f.name], default=_default(f, mine[f.name])) if f.name in mine else f
        for f in obj.fields
    )
    return replace(obj, fields=fields, _by_name={})


def _default(f: Field, entries: tuple[PicklistEntry, ...]) -> str | None:
    chosen = next((e.value for e in entries if e.default), None)
    return chosen if f.default is not None else None


def replace_value(org: Org, obj: ObjectType, f: Field, old: str, new: str) -> int:
    """Let records with one value have another, as Setup's Replace does; returns how many they were.

    Raises ApiError INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST for a new value that the picklist does not have.
    """
    wanted = next((e.value for e in f.picklist if e.value.lower() == new.lower()), None)
    if wanted is None:
        raise ApiError(
            400,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{f.label}: bad value for restricted picklist field: {new}",
            (f.name,),
        )
    with org.transaction() as tx:
        stamps = ', "SystemModstamp" = ?' if obj.get("SystemModstamp") else ""
        return int(
            tx.connection.execute(
                f"UPDATE {quoted(obj.name)} SET {quoted(f.name)} = ?{stamps} WHERE {quoted(f.name)} = ?",
                (wanted, *((tx.stamp,) if stamps else ()), old),
            ).rowcount
        )
