"""PermissionSet and Profile components: the rights that `schema.access` enforces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from practice_org import ids
from practice_org.errors import ApiError
from practice_org.metadata import store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, integrity, no_such, required
from practice_org.metadata.store import Stored
from practice_org.schema import access, permission_sets, profiles

if TYPE_CHECKING:
    from practice_org.org import Org

OVERWRITES_FROM = 40.0
"""The API version from which a deployed permission set replaces the one that is there."""
_OBJECT_RIGHTS = {
    "allowCreate": "Create",
    "allowDelete": "Delete",
    "allowEdit": "Edit",
    "allowRead": "Read",
    "modifyAllRecords": "ModifyAllRecords",
    "viewAllRecords": "ViewAllRecords",
}
_SHOWN = {
    "Create": "Create",
    "Delete": "Delete",
    "Edit": "Edit",
    "ViewAllRecords": "Read All",
    "ModifyAllRecords": "Modify All",
}
_NEEDS = {
    "Create": ("Read",),
    "Edit": ("Read",),
    "Delete": ("Read", "Edit"),
    "ViewAllRecords": ("Read",),
    "ModifyAllRecords": ("Read", "Edit", "Delete", "ViewAllRecords"),
}
_FILED_NAMES = {"System Administrator": "Admin", "Standard User": "Standard"}
"""Standard profiles bear other names in the Metadata API than in Setup."""


@dataclass(frozen=True)
class Rights:
    """What a component gives: rights by object, (read, edit) by field path, user permissions."""

    objects: dict[str, frozenset[str]]
    fields: dict[str, tuple[bool, bool]]
    system: dict[str, bool]


def check_rights(
    object_name: str, rights: frozenset[str], given: dict[str, frozenset[str]], org: Org
) -> None:
    """Refuse rights without those that they rest on; a detail's rest on its master's.

    The sentence is quoted from deployments; also the data API's writes of ObjectPermissions obey it.
    """
    for right, needed in _NEEDS.items():
        missing = [one for one in needed if one not in rights] if right in rights else []
        if missing:
            words = ", ".join(f"{_SHOWN.get(one, one)} {object_name}" for one in missing)
            raise integrity(f"Permission {_SHOWN[right]} {object_name} depends on permission(s): {words}")
    obj = org.schema.get(object_name)
    for f in obj.fields if obj and "Read" in rights else ():
        if f.custom and f.setup_type == "MasterDetail" and "Read" not in given.get(f.refs[0], frozenset()):
            raise integrity(f"Permission Read {object_name} depends on permission(s): Read {f.refs[0]}")


def rights_of(org: Org, value: Value) -> Rights:
    """The rights that a value names. Raises ApiError for what is not there or cannot be given."""
    objects: dict[str, frozenset[str]] = {}
    for one in value.get("objectPermissions", []):
        obj = org.schema.get(str(one["object"]))
        if obj is None or obj.name in access.SETUP_OBJECTS:
            raise ApiError(
                400,
                "INVALID_CROSS_REFERENCE_KEY",
                f"In field: field - no CustomObject named {one['object']} found",
                (),
            )
        objects[obj.name] = frozenset(right for name, right in _OBJECT_RIGHTS.items() if one.get(name))
    fields: dict[str, tuple[bool, bool]] = {}
    for one in value.get("fieldPermissions", []):
        owner, _, name = str(one["field"]).partition(".")
        obj = org.schema.get(owner)
        f = obj.get(name) if obj else None
        if obj is None or f is None:
            raise ApiError(
                400,
                "INVALID_CROSS_REFERENCE_KEY",
                f"In field: field - no CustomField named {one['field']} found",
                (),
            )
        if not f.has("permissionable"):
            raise integrity(f"You cannot deploy to a required field: {obj.name}.{f.name}")
        edit = bool(one.get("editable"))
        fields[f"{obj.name}.{f.name}"] = (edit or bool(one.get("readable")), edit)
    system: dict[str, bool] = {}
    known = org.schema["PermissionSet"]
    for one in value.get("userPermissions", []):
        found = known.get(f"Permissions{one['name']}")
        if found is None:
            raise integrity(f"Unknown user permission: {one['name']}", "name")
        system[found.name[len("Permissions") :]] = bool(one.get("enabled"))
    return Rights(objects, fields, system)


def grant(org: Org, set_id: str, rights: Rights, *, overwrite: bool) -> None:
    """Give a permission set these rights; with `overwrite` it loses all others."""
    before = current(org, set_id)
    given = {**({} if overwrite else before.objects), **rights.objects}
    for name, some in given.items():
        check_rights(name, some, given, org)
    with org.transaction():
        for name in set(given) | (set(before.objects) if overwrite else set()):
            if given.get(name, frozenset()) != before.objects.get(name, frozenset()):
                permission_sets.set_object_rights(org, set_id, name, given.get(name, frozenset()))
        gone = set(before.fields) - set(rights.fields) if overwrite else set()
        for path, (read, edit) in [*rights.fields.items(), *((p, (False, False)) for p in gone)]:
            if before.fields.get(path, (False, False)) != (read, edit):
                owner, _, name = path.partition(".")
                permission_sets.set_field_rights(org, set_id, owner, name, read=read, edit=edit)
        off = {name: False for name in before.system if overwrite and name not in rights.system}
        for name, on in {**off, **rights.system}.items():
            if before.system.get(name, False) != on:
                permission_sets.set_system_permission(org, set_id, name, on)


def current(org: Org, set_id: str) -> Rights:
    """What a permission set gives now."""
    reader = org.reader()
    columns = ", ".join(f'"Permissions{right}"' for right in access.RIGHTS)
    objects = {
        name: frozenset(right for right, on in zip(access.RIGHTS, flags, strict=True) if on)
        for name, *flags in reader.execute(
            f'SELECT "SobjectType", {columns} FROM "ObjectPermissions" WHERE "ParentId" = ?', (set_id,)
        )
    }
    fields = {
        path: (bool(read), bool(edit))
        for path, read, edit in reader.execute(
            'SELECT "Field", "PermissionsRead", "PermissionsEdit" FROM "FieldPermissions" WHERE "ParentId" = ?',
            (set_id,),
        )
    }
    names = [f.name for f in org.schema["PermissionSet"].fields if f.name.startswith("Permissions")]
    listed = ", ".join(f'"{name}"' for name in names)
    row = reader.execute(f'SELECT {listed} FROM "PermissionSet" WHERE "Id" = ?', (set_id,)).fetchone()
    system = {name[len("Permissions") :]: True for name, on in zip(names, row, strict=True) if on}
    return Rights(objects, fields, system)


def value_of(rights: Rights, *, every_flag: bool) -> Value:
    """Rights as a component lists them, by name."""
    return {
        "fieldPermissions": [
            {"editable": edit, "field": path, "readable": read}
            for path, (read, edit) in sorted(rights.fields.items())
        ],
        "objectPermissions": [
            {**{key: right in some for key, right in _OBJECT_RIGHTS.items()}, "object": name}
            for name, some in sorted(rights.objects.items())
            if some or every_flag
        ],
        "userPermissions": [{"enabled": True, "name": name} for name in sorted(rights.system)],
    }


class PermissionSetKind(Kind):
    """Full names are the sets' API names."""

    name = "PermissionSet"
    directory = "permissionsets"
    suffix = "permissionset"

    def names(self, org: Org) -> list[str]:
        rows = org.reader().execute(
            'SELECT "Name" FROM "PermissionSet" WHERE "IsOwnedByProfile" = 0 ORDER BY "Name"'
        )
        return [row[0] for row in rows]

    def read(self, org: Org, full_name: str) -> Value | None:
        row = self._row(org, full_name)
        if row is None:
            return None
        set_id, name, label, description = row
        kept = store.find(org, self.name, name)
        out: Value = {"fullName": name, **(kept.definition if kept else {}), "label": label}
        if description:
            out["description"] = description
        out["hasActivationRequired"] = bool(out.get("hasActivationRequired", False))
        return {**out, **value_of(current(org, set_id), every_flag=False)}

    def create(self, work: Work, full_name: str, value: Value) -> None:
        required(value, "label", self.name)
        org = work.org
        if self._row(org, full_name):
            raise ApiError(
                400,
                "DUPLICATE_DEVELOPER_NAME",
                f"The developer name you entered is already in use on another permission set: {full_name}",
                ("Name",),
            )
        rights = rights_of(org, value)
        with org.transaction():
            set_id = permission_sets.create_permission_set(org, full_name)
            self._put(work, set_id, full_name, value)
            grant(org, set_id, rights, overwrite=True)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        required(value, "label", self.name)
        row = self._row(work.org, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        rights = rights_of(work.org, value)
        with work.org.transaction():
            self._put(work, row[0], row[1], value)
            grant(work.org, row[0], rights, overwrite=work.version >= OVERWRITES_FROM)

    def delete(self, work: Work, full_name: str) -> None:
        row = self._row(work.org, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        with work.org.transaction() as tx:
            assigned = tx.connection.execute(
                'SELECT 1 FROM "PermissionSetAssignment" WHERE "PermissionSetId" = ?', (row[0],)
            ).fetchone()
            if assigned:
                raise ApiError(
                    400,
                    "DELETE_FAILED",
                    "You can't delete this permission set because it's assigned to users. Remove the assignments first.",
                    (),
                )
            drop_set(work.org, row[0])
            store.drop(work.org, self.name, row[1])

    def stored(self, org: Org, full_name: str) -> Stored:
        row = self._row(org, full_name)
        assert row is not None
        return _stamped(org, self.name, "PermissionSet", row[0], row[1])

    def _put(self, work: Work, set_id: str, name: str, value: Value) -> None:
        org = work.org
        with org.transaction() as tx:
            tx.connection.execute(
                'UPDATE "PermissionSet" SET "Label" = ?, "Description" = ?, "HasActivationRequired" = ? WHERE "Id" = ?',
                (
                    value["label"],
                    value.get("description"),
                    int(bool(value.get("hasActivationRequired"))),
                    set_id,
                ),
            )
            _touch(org, "PermissionSet", set_id, work.user_id)
        kept = {
            k: v
            for k, v in value.items()
            if k
            in (
                "license",
                "hasActivationRequired",
                "tabSettings",
                "recordTypeVisibilities",
                "applicationVisibilities",
            )
        }
        store.put(org, work.user_id, self.name, name, kept, set_id)

    def _row(self, org: Org, name: str) -> tuple[str, str, str, str | None] | None:
        found: tuple[str, str, str, str | None] | None = (
            org.reader()
            .execute(
                'SELECT "Id", "Name", "Label", "Description" FROM "PermissionSet" WHERE "Name" = ? AND "IsOwnedByProfile" = 0',
                (name,),
            )
            .fetchone()
        )
        return found


class ProfileKind(Kind):
    """Full names are the profiles' names; the standard ones have other names here (`Admin`)."""

    name = "Profile"
    directory = "profiles"
    suffix = "profile"

    def names(self, org: Org) -> list[str]:
        rows = org.reader().execute('SELECT "Name" FROM "Profile" ORDER BY "Name"')
        return [_FILED_NAMES.get(row[0], row[0]) for row in rows]

    def read(self, org: Org, full_name: str) -> Value | None:
        row = self._row(org, full_name)
        if row is None:
            return None
        profile_id, name, description = row
        filed = _FILED_NAMES.get(name, name)
        kept = store.find(org, self.name, filed)
        out: Value = {"fullName": filed, **(kept.definition if kept else {})}
        out["custom"] = name not in _FILED_NAMES
        if description:
            out["description"] = description
        out["userLicense"] = "Salesforce"
        return {
            **out,
            **value_of(current(org, profiles.permission_set_of_profile(org, profile_id)), every_flag=False),
        }

    def create(self, work: Work, full_name: str, value: Value) -> None:
        org = work.org
        if self._row(org, full_name):
            raise ApiError(
                400, "DUPLICATE_DEVELOPER_NAME", f"The profile name is already in use: {full_name}", ("Name",)
            )
        rights = rights_of(org, value)
        with org.transaction():
            profile_id = profiles.create_profile(
                org,
                full_name,
                system_permissions=(),
                object_rights=(),
                description=value.get("description"),
                field_rights=False,
            )
            grant(org, profiles.permission_set_of_profile(org, profile_id), rights, overwrite=False)
            self._put(work, profile_id, full_name, value)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        row = self._row(work.org, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        rights = rights_of(work.org, value)
        with work.org.transaction():
            set_id = profiles.permission_set_of_profile(work.org, row[0])
            grant(work.org, set_id, rights, overwrite=False)
            self._put(work, row[0], _FILED_NAMES.get(row[1], row[1]), value)

    def delete(self, work: Work, full_name: str) -> None:
        row = self._row(work.org, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        org = work.org
        with org.transaction() as tx:
            if row[1] in _FILED_NAMES:
                raise ApiError(400, "DELETE_FAILED", "You cannot delete a standard profile", ())
            if tx.connection.execute('SELECT 1 FROM "User" WHERE "ProfileId" = ?', (row[0],)).fetchone():
                raise ApiError(
                    400,
                    "DELETE_FAILED",
                    "You cannot delete this profile because users are assigned to it",
                    (),
                )
            drop_set(org, profiles.permission_set_of_profile(org, row[0]))
            tx.connection.execute('DELETE FROM "Profile" WHERE "Id" = ?', (row[0],))
            store.drop(org, self.name, row[1])

    def stored(self, org: Org, full_name: str) -> Stored:
        row = self._row(org, full_name)
        assert row is not None
        return _stamped(org, self.name, "Profile", row[0], _FILED_NAMES.get(row[1], row[1]))

    def _put(self, work: Work, profile_id: str, name: str, value: Value) -> None:
        before = store.find(work.org, self.name, name)
        kept = dict(before.definition) if before else {}
        for key in (
            "layoutAssignments",
            "recordTypeVisibilities",
            "tabVisibilities",
            "applicationVisibilities",
        ):
            if value.get(key):
                kept[key] = value[key]
        store.put(work.org, work.user_id, self.name, name, kept, profile_id)
        with work.org.transaction() as tx:
            if "description" in value:
                tx.connection.execute(
                    'UPDATE "Profile" SET "Description" = ? WHERE "Id" = ?',
                    (value["description"], profile_id),
                )
            _touch(work.org, "Profile", profile_id, work.user_id)

    def _row(self, org: Org, name: str) -> tuple[str, str, str | None] | None:
        plain = {filed.lower(): shown for shown, filed in _FILED_NAMES.items()}.get(name.lower(), name)
        found: tuple[str, str, str | None] | None = (
            org.reader()
            .execute('SELECT "Id", "Name", "Description" FROM "Profile" WHERE "Name" = ?', (plain,))
            .fetchone()
        )
        return found


def drop_set(org: Org, set_id: str) -> None:
    """Delete a permission set with all that it gives."""
    with org.transaction() as tx:
        for table in ("ObjectPermissions", "FieldPermissions"):
            tx.connection.execute(f'DELETE FROM "{table}" WHERE "ParentId" = ?', (set_id,))
        tx.connection.execute('DELETE FROM "PermissionSetAssignment" WHERE "PermissionSetId" = ?', (set_id,))
        tx.connection.execute('DELETE FROM "PermissionSet" WHERE "Id" = ?', (set_id,))
        permission_sets.note_change(org)


def _touch(org: Org, table: str, row_id: str, user_id: str) -> None:
    with org.transaction() as tx:
        tx.connection.execute(
            f'UPDATE "{table}" SET "LastModifiedDate" = ?, "SystemModstamp" = ?, "LastModifiedById" = ? WHERE "Id" = ?',
            (tx.stamp, tx.stamp, user_id, row_id),
        )


def _stamped(org: Org, kind: str, table: str, row_id: str, name: str) -> Stored:
    row = (
        org.reader()
        .execute(
            f'SELECT "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById" FROM "{table}" WHERE "Id" = ?',
            (row_id,),
        )
        .fetchone()
    )
    return Stored(kind, name, ids.to18(row_id) or row_id, *row)
