"""Who may see and do what: object permissions, field-level security and system permissions.

As in Salesforce, a profile's rights are held by a permission set that it owns, and further sets may be
assigned to a user; a user has the union. A field that is `permissionable` and has no FieldPermissions
row is hidden. Fields that are not permissionable follow the object.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from practice_org import ids
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType, Schema

if TYPE_CHECKING:
    from practice_org.data.sharing import Sharing
    from practice_org.org import Org

SETUP_OBJECTS = frozenset(
    {
        "AssignmentRule",
        "CaseStatus",
        "DuplicateRule",
        "FieldPermissions",
        "Group",
        "GroupMember",
        "LeadStatus",
        "MatchingRule",
        "MatchingRuleItem",
        "ObjectPermissions",
        "OpportunityStage",
        "Organization",
        "PermissionSet",
        "PermissionSetAssignment",
        "Profile",
        "QueueSobject",
        "RecordType",
        "TaskPriority",
        "TaskStatus",
        "User",
        "UserLicense",
        "UserRole",
    }
)
"""Objects that every user may read, and only one with Customize Application or Manage Users may write."""

FOLLOWED: Mapping[str, str] = MappingProxyType(
    {
        "CampaignMember": "Campaign",
        "CampaignMemberStatus": "Campaign",
        "OpportunityContactRole": "Opportunity",
        "OpportunityHistory": "Opportunity",
    }
)
"""Objects without permissions of their own: who reads the parent reads them, who edits it writes them."""

ACTIVITIES: Mapping[str, str] = MappingProxyType({"Task": "EditTask", "Event": "EditEvent"})
"""Objects that everybody reads, and the system permission that writing them needs."""

RIGHTS = ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")


@dataclass(frozen=True)
class Access:
    """What one user may do. `user_id` is None for the org itself, which may do everything."""

    user_id: str | None
    system: frozenset[str] = frozenset()
    objects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    hidden: Mapping[str, frozenset[str]] = field(default_factory=dict)
    readonly: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unlimited: bool = False
    sharing: Sharing | None = None
    """Which records the user sees of objects that are not public; None: all."""
    _writable: dict[tuple[str, bool], tuple[ObjectType, Mapping[str, Field]]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def row_filter(self, obj: ObjectType, alias: str) -> tuple[str, list[str]] | None:
        """The SQL test, with its parameters, of the records that the user sees; None: all of them."""
        return None if self.sharing is None else self.sharing.row_filter(obj, alias)

    def can(self, right: str, obj: ObjectType) -> bool:
        """Whether the user has Read, Create, Edit or Delete on the object."""
        if self.unlimited:
            return True
        if obj.name in SETUP_OBJECTS:
            return right == "Read" or bool(
                {"ManageUsers", "CustomizeApplication", "ModifyAllData"} & self.system
            )
        if obj.name in ACTIVITIES:
            return right == "Read" or ACTIVITIES[obj.name] in self.system
        parent = FOLLOWED.get(obj.name)
        if parent is not None:
            # "When using the API, the create() call only requires read access to campaigns."
            reads = right == "Read" or (obj.name == "CampaignMember" and right == "Create")
            return ("Read" if reads else "Edit") in self.objects.get(parent, frozenset())
        return right in self.objects.get(obj.name, frozenset())

    def sees(self, obj: ObjectType, f: Field) -> bool:
        return self.unlimited or f.name not in self.hidden.get(obj.name, frozenset())

    def writes(self, obj: ObjectType, f: Field) -> bool:
        """Whether field-level security lets the user write the field."""
        return self.unlimited or (
            self.sees(obj, f) and f.name not in self.readonly.get(obj.name, frozenset())
        )

    def writable(self, obj: ObjectType, *, creating: bool) -> Mapping[str, Field]:
        """The fields, but for Id, that the user may write, by their exact names; worked out once."""
        known = self._writable.get((obj.name, creating))
        if known is None or known[0] is not obj:
            flag = "createable" if creating else "updateable"
            fields = (f for f in obj.fields if f.has(flag) and f.type != "id" and self.writes(obj, f))
            known = self._writable[obj.name, creating] = (obj, {f.name: f for f in fields})
        return known[1]

    def visible_fields(self, obj: ObjectType) -> tuple[Field, ...]:
        return tuple(f for f in obj.fields if self.sees(obj, f))


def has_permissions(object_name: str) -> bool:
    """Whether profiles and permission sets give rights on the object itself."""
    return not (object_name in SETUP_OBJECTS or object_name in FOLLOWED or object_name in ACTIVITIES)


SYSTEM = Access(None, unlimited=True)


def for_user(org: Org, user_id: str | None) -> Access:
    """The user's rights as they stand; None stands for the org itself."""
    if user_id is None:
        return SYSTEM
    cached: Access | None = org.access_cache.get(user_id)
    if cached is None:
        version = org.access_cache.version
        cached = _work_out(org, user_id)
        if version == org.access_cache.version:
            org.access_cache[user_id] = cached
    return cached


def _work_out(org: Org, user_id: str) -> Access:
    from practice_org.data.sharing import sharing_of

    reader = org.reader()
    sets = [
        row[0]
        for row in reader.execute(
            'SELECT s."Id" FROM "PermissionSet" s JOIN "User" u ON u."ProfileId" = s."ProfileId" '
            'WHERE u."Id" = ? AND s."IsOwnedByProfile" = 1 '
            'UNION SELECT "PermissionSetId" FROM "PermissionSetAssignment" WHERE "AssigneeId" = ?',
            (user_id, user_id),
        )
    ]
    marks = ",".join("?" * len(sets))
    system: set[str] = set()
    granted = [f.name for f in org.schema["PermissionSet"].fields if f.name.startswith("Permissions")]
    listed = ", ".join(f'"{name}"' for name in granted)
    for row in reader.execute(f'SELECT {listed} FROM "PermissionSet" WHERE "Id" IN ({marks})', sets):
        system.update(name[len("Permissions") :] for name, on in zip(granted, row, strict=True) if on)
    objects: dict[str, set[str]] = {}
    columns = ", ".join(f'"Permissions{right}"' for right in RIGHTS)
    for name, *flags in reader.execute(
        f'SELECT "SobjectType", {columns} FROM "ObjectPermissions" WHERE "ParentId" IN ({marks})', sets
    ):
        objects.setdefault(name, set()).update(r for r, on in zip(RIGHTS, flags, strict=True) if on)
    readable: set[str] = set()
    editable: set[str] = set()
    for name, edit, read in reader.execute(
        'SELECT "Field", "PermissionsEdit", "PermissionsRead" FROM "FieldPermissions" '
        f'WHERE "ParentId" IN ({marks})',
        sets,
    ):
        if read or edit:
            readable.add(name)
        if edit:
            editable.add(name)
    hidden: dict[str, frozenset[str]] = {}
    readonly: dict[str, frozenset[str]] = {}
    for obj in org.schema.objects:
        governed = [f.name for f in obj.fields if f.has("permissionable")]
        hidden[obj.name] = frozenset(n for n in governed if f"{obj.name}.{n}" not in readable)
        readonly[obj.name] = frozenset(n for n in governed if f"{obj.name}.{n}" not in editable)
    return Access(
        user_id,
        frozenset(system),
        {name: frozenset(rights) for name, rights in objects.items()},
        hidden,
        readonly,
        sharing=sharing_of(org, user_id, system, objects),
    )


# -- giving and taking ------------------------------------------------------------------------------


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


def insert_row(org: Org, table: str, row: Mapping[str, object]) -> None:
    """Store a row as it is."""
    columns = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    with org.transaction() as tx:
        tx.connection.execute(f'INSERT INTO "{table}"({columns}) VALUES({marks})', tuple(row.values()))
        tx.changes.record(tx, "CREATE", org.schema[table], str(row["Id"]), row)


def _touch(connection: sqlite3.Connection, set_id: str, stamp: str) -> None:
    connection.execute('UPDATE "PermissionSet" SET "SystemModstamp" = ? WHERE "Id" = ?', (stamp, set_id))


def note_change(org: Org) -> None:
    """Note that objects or fields changed: what describes say was modified dates from here."""
    with org.transaction() as tx:
        tx.connection.execute(
            'UPDATE "PermissionSet" SET "SystemModstamp" = ? WHERE "IsOwnedByProfile" = 1', (tx.stamp,)
        )
    org.access_cache.clear()


def first_user(org: Org) -> str:
    """The user that the org itself acts as when nobody else does: its first."""
    row = org.reader().execute('SELECT "Id" FROM "User" ORDER BY "Id" LIMIT 1').fetchone()
    return str(row[0])


def require(access: Access, right: str, obj: ObjectType) -> None:
    """Raise the refusal that an object right's absence causes."""
    if access.can("Read", obj) and access.can(right, obj):
        return
    if right == "Read" or not access.can("Read", obj):
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    raise ApiError(
        400 if right == "Create" else 403,
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" if right == "Create" else "INSUFFICIENT_ACCESS_OR_READONLY",
        f"entity type cannot be inserted: {obj.label}"
        if right == "Create"
        else "insufficient access rights on object id",
        (),
    )


def schema_seen(schema: Schema, access: Access) -> tuple[ObjectType, ...]:
    """The objects that a user may read."""
    return tuple(o for o in schema.objects if access.can("Read", o))
