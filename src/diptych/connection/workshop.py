"""Set-up's way to change an org: changes in the terms of `diptych.setup.preparation`, carried out with the Salesforce adapter."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree.ElementTree import Element

from diptych.salesforce import lead_mapping, page_layout, permission_sets
from diptych.salesforce.errors import Effect
from diptych.salesforce.metadata_api import MetadataApi, component
from diptych.salesforce.org import SalesforceOrg
from diptych.salesforce.permission_sets import among, rows
from diptych.salesforce.soql import query_url, text_literal
from diptych.setup.preparation import OBJECTS, PERMISSION_SET, SECTION, Act, Change, PreparationFacts
from diptych.setup.prepare import CONVERT_RIGHT, FIELDS_TO_CREATE, KEY, FieldToCreate

_BY_NAME = {field.api_name: field for field in (*FIELDS_TO_CREATE, KEY)}
_NEEDED = {
    "PermissionsCustomizeApplication": "Customize Application",
    "PermissionsModifyAllData": "Modify All Data",
}
_TYPES = {"Date/Time": "DateTime"}


class SalesforceWorkshop:
    """See `diptych.setup.ports.Workshop`."""

    def __init__(self, org: SalesforceOrg) -> None:
        self._org, self._client, self._metadata = org, org.client, MetadataApi(org.client)

    def facts(self, sync_user_id: str, sync_username: str) -> PreparationFacts:
        lacking = self._lacking()
        if lacking:
            return PreparationFacts(self._described(), sync_username, lacking=lacking)
        set_id = permission_sets.find(self._client, PERMISSION_SET)
        layouts = [name for name in self._metadata.names("Layout") if name.partition("-")[0] in OBJECTS]
        settings = self._metadata.read(lead_mapping.TYPE, [lead_mapping.TYPE])
        return PreparationFacts(
            {name: self._fields(name) for name in OBJECTS},
            sync_username,
            set_id is not None,
            self._granted_objects(set_id),
            self._granted_fields(set_id),
            self._assigned(set_id, sync_user_id),
            {
                page.findtext("{*}fullName") or "": page_layout.shown(page)
                for page in self._metadata.read("Layout", layouts)
            },
            lead_mapping.mapped(settings[0]) if settings else frozenset(),
            granted_system=self._granted_system(set_id),
        )

    def carry_out(self, change: Change, sync_username: str) -> None:
        _DO[change.act](self, change)

    def undo(self, change: Change, sync_username: str) -> None:
        _UNDO[change.act](self, change)

    # ------------------------------------------------------------ what is there

    def _lacking(self) -> tuple[str, ...]:
        """Rights that whoever is logged in would need; none when the org does not tell."""
        user = text_literal(self._org.identity().user_id)
        profile = text_literal(self._org.identity().profile_id)
        held: set[str] = set()
        for whose in (
            f"Id IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = {user})",
            f"IsOwnedByProfile = true AND ProfileId = {profile}",
        ):
            for row in rows(self._client, f"SELECT {', '.join(_NEEDED)} FROM PermissionSet WHERE {whose}"):
                held |= {name for name in _NEEDED if row[name]}
        return () if held else (" or ".join(_NEEDED.values()),)

    def _described(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(self._org.describe(name).fields) for name in OBJECTS}

    def _fields(self, object_name: str) -> frozenset[str]:
        """All fields of an object, also those that nobody has been allowed to see."""
        statement = (
            "SELECT QualifiedApiName FROM FieldDefinition "
            f"WHERE EntityDefinition.QualifiedApiName = {text_literal(object_name)}"
        )
        document = self._client.get("tooling/" + query_url(statement))
        return frozenset(str(row["QualifiedApiName"]) for row in document["records"])

    def _granted_objects(self, set_id: str | None) -> dict[str, frozenset[str]]:
        if set_id is None:
            return {}
        flags = ("Read", "Create", "Edit", "Delete")
        columns = ", ".join(f"Permissions{flag}" for flag in flags)
        statement = f"SELECT SobjectType, {columns} FROM ObjectPermissions WHERE ParentId = '{set_id}'"
        return {
            row["SobjectType"]: frozenset(flag for flag in flags if row[f"Permissions{flag}"])
            for row in rows(self._client, statement)
        }

    def _granted_system(self, set_id: str | None) -> frozenset[str]:
        if set_id is None:
            return frozenset()
        found = rows(
            self._client, f"SELECT Permissions{CONVERT_RIGHT} FROM PermissionSet WHERE Id = '{set_id}'"
        )
        return (
            frozenset([CONVERT_RIGHT]) if found and found[0][f"Permissions{CONVERT_RIGHT}"] else frozenset()
        )

    def _granted_fields(self, set_id: str | None) -> frozenset[str]:
        if set_id is None:
            return frozenset()
        statement = (
            f"SELECT Field FROM FieldPermissions WHERE ParentId = '{set_id}' AND PermissionsEdit = true"
        )
        return frozenset(str(row["Field"]) for row in rows(self._client, statement))

    def _assigned(self, set_id: str | None, user_id: str) -> bool:
        if set_id is None:
            return False
        where = f"PermissionSetId = '{set_id}' AND AssigneeId = {text_literal(user_id)}"
        return bool(rows(self._client, f"SELECT Id FROM PermissionSetAssignment WHERE {where}"))

    # ------------------------------------------------------------ doing and undoing

    def _create_fields(self, change: Change) -> None:
        self._metadata.create([_field(change.object_name, _BY_NAME[name]) for name in change.names])

    def _delete_fields(self, change: Change) -> None:
        self._metadata.delete("CustomField", [f"{change.object_name}.{name}" for name in change.names])

    def _create_set(self, change: Change) -> None:
        permission_sets.create(
            self._client,
            change.target,
            change.target.replace("_", " "),
            "What the sync of Diptych needs, no more.",
        )

    def _delete_set(self, change: Change) -> None:
        held = permission_sets.find(self._client, change.target)
        if held:
            assigned = permission_sets.records_of(
                self._client, "PermissionSetAssignment", f"PermissionSetId = '{held}'"
            )
            permission_sets.delete(self._client, [*assigned, f"sobjects/PermissionSet/{held}"])

    def _grant_object(self, change: Change) -> None:
        set_id = self._set_id()
        self._remove_rows(
            "ObjectPermissions", f"ParentId = '{set_id}' AND SobjectType = '{change.object_name}'"
        )
        given = {f"Permissions{right}": True for right in change.names}
        record = {"ParentId": set_id, "SobjectType": change.object_name, **given}
        permission_sets.insert(self._client, "ObjectPermissions", [record])

    def _revoke_object(self, change: Change) -> None:
        held = permission_sets.find(self._client, change.target)
        if held:
            self._remove_rows(
                "ObjectPermissions", f"ParentId = '{held}' AND SobjectType = '{change.object_name}'"
            )

    def _grant_system(self, change: Change) -> None:
        self._switch(self._set_id(), change, True)

    def _revoke_system(self, change: Change) -> None:
        held = permission_sets.find(self._client, change.target)
        if held:
            self._switch(held, change, False)

    def _switch(self, set_id: str, change: Change, on: bool) -> None:
        body = json.dumps({f"Permissions{name}": on for name in change.names})
        self._client.call("PATCH", f"sobjects/PermissionSet/{set_id}", body, effect=Effect.WRITE)

    def _grant_fields(self, change: Change) -> None:
        set_id = self._set_id()
        self._remove_rows("FieldPermissions", f"ParentId = '{set_id}' AND Field IN {_paths(change)}")
        permission_sets.insert(
            self._client, "FieldPermissions", [_permission(set_id, p, edit=True) for p in _each(change)]
        )

    def _revoke_fields(self, change: Change) -> None:
        held = permission_sets.find(self._client, change.target)
        if held:
            self._remove_rows("FieldPermissions", f"ParentId = '{held}' AND Field IN {_paths(change)}")

    def _assign(self, change: Change) -> None:
        record = {"PermissionSetId": self._set_id(), "AssigneeId": self._user_id(change.target)}
        permission_sets.insert(self._client, "PermissionSetAssignment", [record])

    def _unassign(self, change: Change) -> None:
        held = permission_sets.find(self._client, PERMISSION_SET)
        if held:
            who = self._user_id(change.target)
            self._remove_rows(
                "PermissionSetAssignment", f"PermissionSetId = '{held}' AND AssigneeId = '{who}'"
            )

    def _show_fields(self, change: Change) -> None:
        """A profile that may do more already (the permission row is there) is left as it is."""
        for set_id in permission_sets.of_profiles(self._client):
            permission_sets.insert(
                self._client,
                "FieldPermissions",
                [_permission(set_id, path, edit=False) for path in _each(change)],
            )

    def _hide_fields(self, change: Change) -> None:
        owners = permission_sets.of_profiles(self._client)
        where = f"ParentId IN {among(owners)} AND PermissionsEdit = false AND Field IN {_paths(change)}"
        self._remove_rows("FieldPermissions", where)

    def _place_fields(self, change: Change) -> None:
        for page in self._metadata.read("Layout", [change.target]):
            if page_layout.place(page, SECTION, change.names):
                self._metadata.update([page])

    def _remove_fields(self, change: Change) -> None:
        for page in self._metadata.read("Layout", [change.target]):
            if page_layout.remove(page, SECTION, change.names):
                self._metadata.update([page])

    def _map_fields(self, change: Change) -> None:
        found = self._metadata.read(lead_mapping.TYPE, [lead_mapping.TYPE])
        settings = found[0] if found else lead_mapping.empty()
        if lead_mapping.add(settings, change.names):
            self._metadata.update([settings])

    def _unmap_fields(self, change: Change) -> None:
        for settings in self._metadata.read(lead_mapping.TYPE, [lead_mapping.TYPE]):
            if lead_mapping.remove(settings, change.names):
                self._metadata.update([settings])

    def _set_id(self) -> str:
        return permission_sets.create(
            self._client,
            PERMISSION_SET,
            PERMISSION_SET.replace("_", " "),
            "What the sync of Diptych needs, no more.",
        )

    def _user_id(self, username: str) -> str:
        found = rows(self._client, f"SELECT Id FROM User WHERE Username = {text_literal(username)}")
        return str(found[0]["Id"]) if found else ""

    def _remove_rows(self, object_name: str, where: str) -> None:
        permission_sets.delete(self._client, permission_sets.records_of(self._client, object_name, where))


def _field(object_name: str, wanted: FieldToCreate) -> Element:
    kind = _TYPES.get(wanted.type, wanted.type)
    more: dict[str, str | int | bool] = {}
    if kind == "Text":
        more["length"] = wanted.length or 255
    elif kind == "Number":
        more["precision"], more["scale"] = (
            (wanted.length or 18) + (wanted.decimals or 0),
            wanted.decimals or 0,
        )
    if wanted.external_id:
        more |= {"externalId": True, "unique": True}
    return component(
        "CustomField",
        fullName=f"{object_name}.{wanted.api_name}",
        description="Filled by Diptych from the people database.",
        label=wanted.label,
        type=kind,
        **more,
    )


def _each(change: Change) -> list[str]:
    return [f"{change.object_name}.{name}" for name in change.names]


def _paths(change: Change) -> str:
    return "(" + ",".join(text_literal(path) for path in _each(change)) + ")"


def _permission(set_id: str, path: str, *, edit: bool) -> dict[str, object]:
    return {
        "ParentId": set_id,
        "SobjectType": path.partition(".")[0],
        "Field": path,
        "PermissionsRead": True,
        "PermissionsEdit": edit,
    }


_Step = Callable[[SalesforceWorkshop, Change], None]
_DO: dict[Act, _Step] = {
    Act.CREATE_FIELDS: SalesforceWorkshop._create_fields,
    Act.CREATE_PERMISSION_SET: SalesforceWorkshop._create_set,
    Act.GRANT_OBJECT: SalesforceWorkshop._grant_object,
    Act.GRANT_SYSTEM: SalesforceWorkshop._grant_system,
    Act.GRANT_FIELDS: SalesforceWorkshop._grant_fields,
    Act.ASSIGN: SalesforceWorkshop._assign,
    Act.SHOW_FIELDS: SalesforceWorkshop._show_fields,
    Act.PLACE_FIELDS: SalesforceWorkshop._place_fields,
    Act.MAP_FIELDS: SalesforceWorkshop._map_fields,
}
_UNDO: dict[Act, _Step] = {
    Act.CREATE_FIELDS: SalesforceWorkshop._delete_fields,
    Act.CREATE_PERMISSION_SET: SalesforceWorkshop._delete_set,
    Act.GRANT_OBJECT: SalesforceWorkshop._revoke_object,
    Act.GRANT_SYSTEM: SalesforceWorkshop._revoke_system,
    Act.GRANT_FIELDS: SalesforceWorkshop._revoke_fields,
    Act.ASSIGN: SalesforceWorkshop._unassign,
    Act.SHOW_FIELDS: SalesforceWorkshop._hide_fields,
    Act.PLACE_FIELDS: SalesforceWorkshop._remove_fields,
    Act.MAP_FIELDS: SalesforceWorkshop._unmap_fields,
}
