"""Permission sets: giving and taking rights on objects, fields and the system. What they come to for a user is `access`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from practice_org import ids
from practice_org.errors import ApiError
from practice_org.schema.access import RIGHTS
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.schema.setup_rows import first_user, insert_row

if TYPE_CHECKING:
    from practice_org.org import Org


def create_permission_set(org: Org, name: str, *, assign_to: Iterable[str] = ()) -> str:
    """An empty permission set, assigned to the given users; returns its id."""
    with org.transaction() as tx:
        creator = first_user(org)
        set_id = ids.mint(tx.connection, "0PS")[0]
        insert_row(
            org,
            "PermissionSet",
            {
                "Id": set_id,
                "Name": name,
                "Label": name.replace("_", " "),
                "IsCustom": 1,
                "Type": "Regular",
                "CreatedDate": tx.stamp,
                "LastModifiedDate": tx.stamp,
                "SystemModstamp": tx.stamp,
                "CreatedById": creator,
                "LastModifiedById": creator,
            },
        )
        for user_id in assign_to:
            insert_row(
                org,
                "PermissionSetAssignment",
                {
                    "Id": ids.mint(tx.connection, "0Pa")[0],
                    "PermissionSetId": set_id,
                    "AssigneeId": user_id,
                    "IsActive": 1,
                    "SystemModstamp": tx.stamp,
                },
            )
    org.access_cache.clear()
    return set_id


def set_system_permission(org: Org, set_id: str, name: str, on: bool) -> None:
    """Give or take a system permission ("ApiEnabled"); a profile's own row follows.

    Raises KeyError for a name that is no permission.
    """
    found = org.schema["PermissionSet"].get(f"Permissions{name}")
    if found is None:
        raise KeyError(name)
    column = found.name
    with org.transaction() as tx:
        tx.connection.execute(
            f'UPDATE "PermissionSet" SET "{column}" = ?, "SystemModstamp" = ? WHERE "Id" = ?',
            (int(on), tx.stamp, set_id),
        )
        tx.connection.execute(
            f'UPDATE "Profile" SET "{column}" = ?, "SystemModstamp" = ? '
            'WHERE "Id" = (SELECT "ProfileId" FROM "PermissionSet" WHERE "Id" = ?)',
            (int(on), tx.stamp, set_id),
        )
    org.access_cache.clear()


def set_object_rights(org: Org, set_id: str, object_name: str, rights: Iterable[str]) -> None:
    """The rights (of RIGHTS) that a permission set gives on an object, replacing those before."""
    chosen = set(rights)
    with org.transaction() as tx:
        _touch(tx.connection, set_id, tx.stamp)
        tx.connection.execute(
            'DELETE FROM "ObjectPermissions" WHERE "ParentId" = ? AND "SobjectType" = ?',
            (set_id, object_name),
        )
        if chosen:
            creator = first_user(org)
            insert_row(
                org,
                "ObjectPermissions",
                {
                    "Id": ids.mint(tx.connection, "110")[0],
                    "ParentId": set_id,
                    "SobjectType": object_name,
                    **{f"Permissions{right}": int(right in chosen) for right in RIGHTS},
                    "CreatedDate": tx.stamp,
                    "LastModifiedDate": tx.stamp,
                    "SystemModstamp": tx.stamp,
                    "CreatedById": creator,
                    "LastModifiedById": creator,
                },
            )
    org.access_cache.clear()


def grant_object(org: Org, object_name: str) -> None:
    """Give a new object to every profile: all rights to administrators, the plain four to the others."""
    rows = (
        org.reader()
        .execute('SELECT "Id", "PermissionsModifyAllData" FROM "PermissionSet" WHERE "IsOwnedByProfile" = 1')
        .fetchall()
    )
    for set_id, administrator in rows:
        set_object_rights(org, set_id, object_name, RIGHTS if administrator else RIGHTS[:4])


def set_field_rights(
    org: Org, set_id: str, object_name: str, field_name: str, *, read: bool, edit: bool
) -> None:
    """Field-level security of one field in one permission set; a compound field takes its parts along.

    Raises ApiError INVALID_FIELD for an unknown field, FIELD_INTEGRITY_EXCEPTION for one that has no
    field-level security.
    """
    obj = org.schema.get(object_name)
    found = obj.get(field_name) if obj else None
    if obj is None or found is None:
        raise ApiError(400, "INVALID_FIELD", f"No such column '{field_name}' on entity '{object_name}'.")
    if not found.has("permissionable"):
        raise ApiError(
            400,
            "FIELD_INTEGRITY_EXCEPTION",
            f"You cannot set field-level security of {obj.name}.{found.name}: it is always visible.",
        )
    parts = [f for f in obj.fields if f.compound == found.name and f.has("permissionable")]
    with org.transaction():
        for one in (found, *parts):
            _field_rights(org, set_id, obj, one, read, edit)
    org.access_cache.clear()


def grant_all_fields(org: Org, set_id: str) -> None:
    """Open every field of every object to a permission set."""
    with org.transaction():
        for obj in org.schema.objects:
            for f in obj.fields:
                if f.has("permissionable"):
                    _field_rights(org, set_id, obj, f, True, True)
    org.access_cache.clear()


def grant_new_field(
    org: Org, obj: ObjectType, f: Field, profiles: tuple[str, ...] | None, editable: bool
) -> None:
    """Give a new field to the profiles named (all, when None)."""
    if not f.has("permissionable"):
        return
    rows = org.reader().execute(
        'SELECT s."Id", p."Name" FROM "PermissionSet" s JOIN "Profile" p ON p."Id" = s."ProfileId" '
        'WHERE s."IsOwnedByProfile" = 1'
    )
    for set_id, name in rows.fetchall():
        if profiles is None or name in profiles:
            _field_rights(org, set_id, obj, f, True, editable)
    org.access_cache.clear()


def _field_rights(org: Org, set_id: str, obj: ObjectType, f: Field, read: bool, edit: bool) -> None:
    writable = edit and (f.has("updateable") or f.has("createable"))
    with org.transaction() as tx:
        _touch(tx.connection, set_id, tx.stamp)
        tx.connection.execute(
            'DELETE FROM "FieldPermissions" WHERE "ParentId" = ? AND "Field" = ?',
            (set_id, f"{obj.name}.{f.name}"),
        )
        if read or writable:
            insert_row(
                org,
                "FieldPermissions",
                {
                    "Id": ids.mint(tx.connection, "01k")[0],
                    "ParentId": set_id,
                    "SobjectType": obj.name,
                    "Field": f"{obj.name}.{f.name}",
                    "PermissionsEdit": int(writable),
                    "PermissionsRead": 1,
                    "SystemModstamp": tx.stamp,
                },
            )


def note_change(org: Org) -> None:
    """Note that objects or fields changed: what describes say was modified dates from here."""
    with org.transaction() as tx:
        tx.connection.execute(
            'UPDATE "PermissionSet" SET "SystemModstamp" = ? WHERE "IsOwnedByProfile" = 1', (tx.stamp,)
        )
    org.access_cache.clear()


def _touch(connection: sqlite3.Connection, set_id: str, stamp: str) -> None:
    connection.execute('UPDATE "PermissionSet" SET "SystemModstamp" = ? WHERE "Id" = ?', (stamp, set_id))
