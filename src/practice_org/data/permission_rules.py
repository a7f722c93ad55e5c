"""What rows of the permission objects must satisfy, which the data API checks as Setup does.

Recorded: the refusal of a second assignment. Quoted from deployments: which right rests on which. That a
field must be one with field-level security follows from its picklist, which lists no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from practice_org.errors import ApiError
from practice_org.schema.access import RIGHTS, SETUP_OBJECTS

if TYPE_CHECKING:
    from practice_org.data.checks import Writer
    from practice_org.schema.catalogue import ObjectType

CHECKED = frozenset({"PermissionSetAssignment", "ObjectPermissions", "FieldPermissions", "PermissionSet"})


def check(writer: Writer, obj: ObjectType, row: Mapping[str, Any], own_id: str | None) -> None:
    """Refuse a row that the platform would not take; `own_id` is the row's own when it exists already."""
    if obj.name not in CHECKED:
        return
    if obj.name == "PermissionSetAssignment":
        _assignment(writer, row, own_id)
    elif obj.name == "ObjectPermissions":
        _object(writer, row, own_id)
    elif obj.name == "FieldPermissions":
        _field(writer, row, own_id)
    else:
        _permission_set(writer, row, own_id)


def _assignment(writer: Writer, row: Mapping[str, Any], own_id: str | None) -> None:
    pair = (row.get("AssigneeId"), row.get("PermissionSetId"))
    if _twin(writer, "PermissionSetAssignment", {"AssigneeId": pair[0], "PermissionSetId": pair[1]}, own_id):
        raise ApiError(
            400,
            "DUPLICATE_VALUE",
            f"Duplicate PermissionSetAssignment.  Assignee: {str(pair[0])[:15]}; "
            f"Permission Set: {str(pair[1])[:15]}",
            ("AssigneeId", "PermissionSetId"),
        )


def _object(writer: Writer, row: Mapping[str, Any], own_id: str | None) -> None:
    from practice_org.metadata.permissions import check_rights, current

    target = writer.schema.get(str(row.get("SobjectType")))
    if target is None or target.name in SETUP_OBJECTS:
        raise _bad_value("Sobject Type Name", row.get("SobjectType"), "SobjectType")
    if _twin(
        writer, "ObjectPermissions", {"ParentId": row.get("ParentId"), "SobjectType": target.name}, own_id
    ):
        raise _twice()
    rights = frozenset(right for right in RIGHTS if row.get(f"Permissions{right}"))
    given = current(writer.org, str(row["ParentId"])).objects
    check_rights(target.name, rights, {**given, target.name: rights}, writer.org)


def _field(writer: Writer, row: Mapping[str, Any], own_id: str | None) -> None:
    owner, _, name = str(row.get("Field")).partition(".")
    target = writer.schema.get(owner)
    f = target.get(name) if target else None
    if target is None or f is None or not f.has("permissionable"):
        raise _bad_value("Field Name", row.get("Field"), "Field")
    if str(row.get("SobjectType")).lower() != target.name.lower():
        raise _bad_value("Sobject Type Name", row.get("SobjectType"), "SobjectType")
    path = f"{target.name}.{f.name}"
    if _twin(writer, "FieldPermissions", {"ParentId": row.get("ParentId"), "Field": path}, own_id):
        raise _twice()
    if row.get("PermissionsEdit") and not row.get("PermissionsRead"):
        raise ApiError(
            400,
            "FIELD_INTEGRITY_EXCEPTION",
            f"Permission Edit {path} depends on permission(s): Read {path}",
            ("PermissionsEdit",),
        )


def _permission_set(writer: Writer, row: Mapping[str, Any], own_id: str | None) -> None:
    if not row.get("IsOwnedByProfile") and _twin(writer, "PermissionSet", {"Name": row.get("Name")}, own_id):
        raise ApiError(
            400,
            "DUPLICATE_DEVELOPER_NAME",
            "The API name you entered is already in use on another permission set: " + str(row.get("Name")),
            ("Name",),
        )


def _twin(writer: Writer, table: str, values: Mapping[str, Any], own_id: str | None) -> bool:
    tests = " AND ".join(f'"{name}" = ?' for name in values)
    row = writer.connection.execute(
        f'SELECT 1 FROM "{table}" WHERE {tests} AND "Id" IS NOT ?', (*values.values(), own_id)
    ).fetchone()
    return row is not None


def _bad_value(label: str, value: Any, field: str) -> ApiError:
    return ApiError(
        400,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        f"{label}: bad value for restricted picklist field: {value}",
        (field,),
    )


def _twice() -> ApiError:
    return ApiError(
        400,
        "DUPLICATE_VALUE",
        "duplicate value found: <unknown> duplicates value on record with id: <unknown>",
        (),
    )
