"""Custom objects: created at run time from one template, a table each, kept in the org's file.

The template's flags are those of recorded describes of custom objects.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from practice_org import ids
from practice_org.data import tables
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType, parse_object

if TYPE_CHECKING:
    from practice_org.org import Org

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class CustomObject:
    """What makes a custom object: `name` with `__c`, the labels, and its Name field.

    `name_format` is the display format of an auto-number name; None for a text. `setting` is List or
    Hierarchy for a custom setting.
    """

    name: str
    label: str
    plural: str
    prefix: str
    name_label: str
    name_format: str | None = None
    activities: bool = False
    feeds: bool = False
    search: bool = False
    setting: str | None = None


_NOT_OF_SETTINGS = frozenset({"compactLayoutable", "layoutable", "triggerable", "undeletable"})


@lru_cache(maxsize=1)
def _template() -> ObjectType:
    path = resources.files("practice_org.schema") / "custom_object.tsv"
    return parse_object(path.read_text("utf-8"))


def definitions(connection: sqlite3.Connection) -> list[CustomObject]:
    """All custom objects as they were ordered, by name."""
    rows = connection.execute("SELECT definition FROM _custom_object ORDER BY name")
    return [CustomObject(**json.loads(row[0])) for row in rows]


def definition(org: Org, name: str) -> CustomObject | None:
    """One custom object as it was ordered."""
    row = org.reader().execute("SELECT definition FROM _custom_object WHERE name = ?", (name,)).fetchone()
    return CustomObject(**json.loads(row[0])) if row else None


def load(connection: sqlite3.Connection) -> list[ObjectType]:
    """The object types of the org's custom objects, without their custom fields."""
    return [object_type(one) for one in definitions(connection)]


def object_type(one: CustomObject) -> ObjectType:
    """The object with its system fields."""
    template = _template()
    flags = set(template.flags)
    flags |= {"feedEnabled"} if one.feeds else set()
    flags |= {"searchable", "searchLayoutable"} if one.search else set()
    dropped = set() if one.activities else {"LastActivityDate"}
    if one.setting:
        flags = (flags - _NOT_OF_SETTINGS) | {"customSetting"}
        dropped |= {"OwnerId", "LastActivityDate", "LastViewedDate", "LastReferencedDate"}
    if one.setting != "Hierarchy":
        dropped |= {"SetupOwnerId"}
    return replace(
        template,
        name=one.name,
        prefix=one.prefix,
        label=one.label,
        plural=one.plural,
        flags=frozenset(flags),
        fields=tuple(_named(one, f) for f in template.fields if f.name not in dropped),
        custom=True,
        _by_name={},
    )


def _named(one: CustomObject, f: Field) -> Field:
    if not f.has("nameField"):
        return f
    if one.setting == "Hierarchy":
        return replace(f, label=one.name_label, length=80)
    if one.name_format is None:
        return replace(f, label=one.name_label)
    flags = (f.flags | {"autoNumber"}) - {"createable", "updateable", "nillable"}
    return replace(f, label=one.name_label, flags=flags, display_format=one.name_format, length=80)


def under_master(obj: ObjectType) -> ObjectType:
    """The object without an owner, when it is the detail of a master: it belongs to its master's owner."""
    if not obj.custom or not any(f.custom and f.has("cascadeDelete") and not f.nillable for f in obj.fields):
        return obj
    return replace(obj, fields=tuple(f for f in obj.fields if f.name != "OwnerId"), _by_name={})


def create(org: Org, one: CustomObject) -> ObjectType:
    """Create the object with a fresh key prefix and its table.

    Profiles with Modify All Data get every right on it, others none, as on the platform.
    Raises ApiError DUPLICATE_DEVELOPER_NAME when there is an object of that name.
    """
    from practice_org.schema import access, custom, permission_sets

    if org.schema.get(one.name):
        raise ApiError(
            400,
            "DUPLICATE_DEVELOPER_NAME",
            f"This object name, {one.name[:-3]}, is already in use",
            ("DeveloperName",),
        )
    with org.transaction() as tx:
        made = replace(one, prefix=_fresh_prefix(tx.connection))
        _store(tx.connection, made)
        tables.create_table(tx.connection, object_type(made))
        schema = custom.load_schema(tx.connection)
        org.replace_schema(schema)
        rows = tx.connection.execute(
            'SELECT "Id" FROM "PermissionSet" WHERE "IsOwnedByProfile" = 1 AND "PermissionsModifyAllData" = 1'
        ).fetchall()
        for (set_id,) in rows:
            permission_sets.set_object_rights(org, set_id, made.name, access.RIGHTS)
        permission_sets.note_change(org)
    return schema[made.name]


def change(org: Org, one: CustomObject) -> None:
    """Give an existing object new labels and switches; its prefix stays."""
    from practice_org.schema import custom, permission_sets

    with org.transaction() as tx:
        before = definition(org, one.name)
        assert before is not None
        _store(tx.connection, replace(one, prefix=before.prefix))
        schema = custom.load_schema(tx.connection)
        tables.create_table(tx.connection, schema[one.name])
        permission_sets.note_change(org)
    org.replace_schema(schema)


def remove(org: Org, name: str) -> None:
    """Delete the object with its records, its fields and all that refers to it in permissions."""
    from practice_org.schema import custom, permission_sets

    with org.transaction() as tx:
        connection = tx.connection
        connection.execute(f"DROP TABLE IF EXISTS {tables.quoted(name)}")
        connection.execute("DELETE FROM _custom_object WHERE name = ?", (name,))
        connection.execute("DELETE FROM _custom_field WHERE object = ?", (name,))
        connection.execute("DELETE FROM _deleted WHERE object = ?", (name,))
        for table in ("ObjectPermissions", "FieldPermissions"):
            connection.execute(f'DELETE FROM "{table}" WHERE "SobjectType" = ?', (name,))
        schema = custom.load_schema(connection)
        org.replace_schema(schema)
        permission_sets.note_change(org)
    org.replace_schema(schema)


def _store(connection: sqlite3.Connection, one: CustomObject) -> None:
    connection.execute(
        "INSERT INTO _custom_object VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET definition = excluded.definition",
        (one.name, json.dumps(asdict(one))),
    )


def _fresh_prefix(connection: sqlite3.Connection) -> str:
    """a00, a01, ...: never used again after the object is gone."""
    number = ids.take_number(connection, "custom object")
    return f"a{_DIGITS[number // 62 % 62]}{_DIGITS[number % 62]}"
