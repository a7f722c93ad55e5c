"""Profiles: each owns a permission set, which holds what the profile gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from practice_org import ids
from practice_org.schema.access import has_permissions
from practice_org.schema.permission_sets import grant_all_fields, set_object_rights
from practice_org.schema.setup_rows import first_user, insert_row

if TYPE_CHECKING:
    from practice_org.org import Org


def create_profile(
    org: Org,
    name: str,
    *,
    system_permissions: Iterable[str] = ("ApiEnabled",),
    object_rights: Iterable[str] = ("Read", "Create", "Edit", "Delete"),
    description: str | None = None,
    field_rights: bool = True,
) -> str:
    """A profile with the permission set that it owns; returns the profile's id.

    `system_permissions` are names without `Permissions` ("ApiEnabled"), `object_rights` of RIGHTS are
    given on every object that has permissions, and `field_rights` opens every field.
    """
    chosen = tuple(system_permissions)
    with org.transaction() as tx:
        licence = tx.connection.execute('SELECT "Id" FROM "UserLicense"').fetchone()[0]
        creator = first_user(org)
        profile_id, set_id = ids.mint(tx.connection, "00e")[0], ids.mint(tx.connection, "0PS")[0]
        stamps = {"CreatedDate": tx.stamp, "LastModifiedDate": tx.stamp, "SystemModstamp": tx.stamp}
        people = {"CreatedById": creator, "LastModifiedById": creator}
        on = {f"Permissions{p}": 1 for p in chosen}
        insert_row(
            org,
            "Profile",
            {
                "Id": profile_id,
                "Name": name,
                "UserLicenseId": licence,
                "UserType": "Standard",
                "Description": description,
                **stamps,
                **people,
                **on,
            },
        )
        insert_row(
            org,
            "PermissionSet",
            {
                "Id": set_id,
                "Name": f"X{profile_id}",
                "Label": profile_id,
                "LicenseId": licence,
                "ProfileId": profile_id,
                "IsOwnedByProfile": 1,
                "IsCustom": 0,
                "Type": "Profile",
                **stamps,
                **people,
                **on,
            },
        )
        for obj in org.schema.objects:
            if not has_permissions(obj.name):
                continue
            set_object_rights(org, set_id, obj.name, object_rights)
        if field_rights:
            grant_all_fields(org, set_id)
    return profile_id


def permission_set_of_profile(org: Org, profile: str) -> str:
    """The id of the permission set that a profile (given by id or name) owns.

    Raises KeyError when there is no such profile.
    """
    row = (
        org.reader()
        .execute(
            'SELECT s."Id" FROM "PermissionSet" s JOIN "Profile" p ON p."Id" = s."ProfileId" '
            'WHERE (p."Id" = ? OR p."Name" = ?) AND s."IsOwnedByProfile" = 1',
            (ids.to18(profile) or profile, profile),
        )
        .fetchone()
    )
    if row is None:
        raise KeyError(profile)
    return str(row[0])


def own_permission_set(org: Org, user_id: str) -> str:
    """The permission set of a profile that this user alone has, so that rights can be taken from it.

    Made from the user's profile when it is shared (its name then bears the user's). Returns the set's id.
    Raises KeyError for an unknown user.
    """
    with org.transaction() as tx:
        connection = tx.connection
        row = connection.execute(
            'SELECT u."ProfileId", u."Username", p."Name", '
            '(SELECT count(*) FROM "User" o WHERE o."ProfileId" = u."ProfileId") '
            'FROM "User" u JOIN "Profile" p ON p."Id" = u."ProfileId" WHERE u."Id" = ?',
            (user_id,),
        ).fetchone()
        if row is None:
            raise KeyError(user_id)
        profile_id, username, name, users = row
        old_set = permission_set_of_profile(org, profile_id)
        if users == 1 and name.endswith(f"({username})"):
            return old_set
        new_profile, new_set = ids.mint(connection, "00e")[0], ids.mint(connection, "0PS")[0]
        _copy(org, "Profile", profile_id, {"Id": new_profile, "Name": f"{name} ({username})"})
        _copy(
            org,
            "PermissionSet",
            old_set,
            {"Id": new_set, "Name": f"X{new_profile}", "Label": new_profile, "ProfileId": new_profile},
        )
        for table, prefix in (("ObjectPermissions", "110"), ("FieldPermissions", "01k")):
            held = connection.execute(
                f'SELECT "Id" FROM "{table}" WHERE "ParentId" = ?', (old_set,)
            ).fetchall()
            for fresh, (old,) in zip(ids.mint(connection, prefix, len(held)), held, strict=True):
                _copy(org, table, old, {"Id": fresh, "ParentId": new_set})
        connection.execute(
            'UPDATE "User" SET "ProfileId" = ?, "SystemModstamp" = ? WHERE "Id" = ?',
            (new_profile, tx.stamp, user_id),
        )
        tx.changes.record(tx, "UPDATE", org.schema["User"], user_id, {"ProfileId": new_profile})
    org.access_cache.clear()
    return new_set


def _copy(org: Org, table: str, row_id: str, changes: Mapping[str, object]) -> None:
    with org.transaction() as tx:
        cursor = tx.connection.execute(f'SELECT * FROM "{table}" WHERE "Id" = ?', (row_id,))
        names = [column[0] for column in cursor.description]
        insert_row(org, table, {**dict(zip(names, cursor.fetchone(), strict=True)), **changes})
