"""What a write must satisfy before it is stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.data import sharing
from practice_org.data.tables import quoted
from practice_org.data.values import to_stored
from practice_org.errors import ApiError, entity_is_deleted
from practice_org.schema.access import Access
from practice_org.schema.catalogue import Field, ObjectType, Schema

if TYPE_CHECKING:
    from practice_org.org import Org


MASTER_RECORD_TYPE = "012000000000000AAA"


@dataclass(frozen=True)
class Writer:
    """Who writes, and how values are read: `typed` for JSON, untyped for CSV, forms and code.

    `made` are the ids of records that this call has created so far: they are no duplicates of each other.
    `automated` are the automations that have run, by name and record: each runs once.
    """

    org: Org
    connection: sqlite3.Connection
    access: Access
    typed: bool
    made: set[str] = field(default_factory=set)
    automated: set[tuple[str, str]] = field(default_factory=set)

    @property
    def schema(self) -> Schema:
        return self.org.schema


def stored_values(
    writer: Writer, obj: ObjectType, values: Mapping[str, Any], *, creating: bool
) -> dict[str, Any]:
    """The columns that a client's values set.

    Raises ApiError INVALID_FIELD for an unknown or hidden field, INVALID_FIELD_FOR_INSERT_UPDATE for one
    that may not be written, and what `to_stored` raises.
    """
    out: dict[str, Any] = {}
    refused: list[str] = []
    plain = {} if writer.access.unlimited else writer.access.writable(obj, creating=creating)
    for key, value in values.items():
        f = plain.get(key)
        if f is not None:
            out[key] = to_stored(f, value, typed=writer.typed)
            continue
        if key == "attributes":
            continue
        f = obj.get(key)
        if f is None or not writer.access.sees(obj, f):
            reference = obj.field_by_relationship(key)
            if reference is not None and isinstance(value, Mapping) and writer.access.sees(obj, reference):
                f, value = reference, _foreign_key(writer, obj, reference, value)
            else:
                raise no_such_column(obj, key)
        if f.type == "id" and not writer.access.unlimited:
            raise ApiError(
                400,
                "INVALID_FIELD" if not creating else "INVALID_FIELD_FOR_INSERT_UPDATE",
                "The Id field should not be specified in the sobject data."
                if not creating
                else "cannot specify Id in an insert call",
                ("Id",) if creating else None,
            )
        if not _writable(writer, obj, f, creating):
            refused.append(f.name)
            continue
        out[f.name] = to_stored(f, value, typed=writer.typed)
    if refused:
        raise ApiError(
            400,
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this "
            "field and verify that it is read/write for your profile or permission set.",
            tuple(refused),
        )
    return out


def check_columns(access: Access, obj: ObjectType, values: Mapping[str, Any]) -> None:
    """Raises ApiError INVALID_FIELD for the first field that the object has not, or the user does not see."""
    for key, value in values.items():
        f = obj.get(key) or (obj.field_by_relationship(key) if isinstance(value, Mapping) else None)
        if key != "attributes" and (f is None or not access.sees(obj, f)):
            raise no_such_column(obj, key)


def no_such_column(obj: ObjectType, name: str) -> ApiError:
    """A field that a record cannot have."""
    return ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {obj.name}")


def _writable(writer: Writer, obj: ObjectType, f: Field, creating: bool) -> bool:
    if writer.access.unlimited:
        return f.stored or (f.derived is not None and f.has("createable" if creating else "updateable"))
    return f.has("createable" if creating else "updateable") and writer.access.writes(obj, f)


def _foreign_key(writer: Writer, obj: ObjectType, reference: Field, value: Mapping[str, Any]) -> str | None:
    """The id of the record that `{"Ext__c": "1"}` names (spec 5.4)."""
    keys = {k: v for k, v in value.items() if k != "attributes"}
    for target_name in reference.refs:
        target = writer.schema.get(target_name)
        if target is None or len(keys) != 1:
            continue
        (key, wanted), *_ = keys.items()
        f = target.get(key)
        if f is None or not (f.has("externalId") or f.has("idLookup")):
            continue
        stored = to_stored(f, wanted, typed=False)
        live = ' AND "IsDeleted" = 0' if target.soft_deletes else ""
        row = writer.connection.execute(
            f'SELECT "Id" FROM {quoted(target.name)} WHERE {quoted(f.name)} = ?{live}', (stored,)
        ).fetchone()
        if row is None:
            raise ApiError(
                400,
                "INVALID_FIELD",
                f"Foreign key external ID: {str(wanted).lower()} not found for field {f.name} in entity "
                f"{target.name}",
                (),
            )
        return str(row[0])
    name = next(iter(keys), "")
    raise ApiError(
        400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {' or '.join(reference.refs)}"
    )


def entity_refused(verb: str, obj: ObjectType) -> ApiError:
    """The refusal of a write (`verb`: inserted, updated, deleted) that the object does not take."""
    return ApiError(
        400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be {verb}: {obj.label}", ()
    )


def check_required(obj: ObjectType, row: Mapping[str, Any], changed: Mapping[str, Any] | None) -> None:
    """Refuse missing required values; on an update only those that it would empty."""
    if changed is None:
        missing = [f.name for f in obj.required_fields if row.get(f.name) is None]
    else:
        empty = {name for name in changed if row.get(name) is None}
        missing = [f.name for f in obj.fields if f.name in empty and _never_empty(f)] if empty else []
    if missing:
        raise ApiError(
            400,
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{', '.join(missing)}]",
            tuple(missing),
        )


def _never_empty(f: Field) -> bool:
    return not f.nillable and f.has("updateable") and f.type != "boolean"


def check_references(writer: Writer, obj: ObjectType, changed: Mapping[str, Any]) -> None:
    """Refuse ids of the wrong object, of nothing, of deleted records, and owners that cannot own."""
    for name, value in changed.items():
        f = obj.get(name)
        if f is None or f.type != "reference" or value is None or value == MASTER_RECORD_TYPE:
            continue
        target = writer.schema.by_prefix(value)
        if target is None or target.name not in f.refs:
            raise ApiError(400, "MALFORMED_ID", f"{f.label}: id value of incorrect type: {value}", (f.name,))
        flag = '"IsDeleted"' if target.soft_deletes else "0"
        row = writer.connection.execute(
            f'SELECT {flag} FROM {quoted(target.name)} WHERE "Id" = ?', (value,)
        ).fetchone()
        if row is None and target.name == "RecordType":
            raise ApiError(
                400,
                "INVALID_CROSS_REFERENCE_KEY",
                f"{f.label}: this ID value isn't valid for the user: {value}",
                (f.name,),
            )
        if row is None:
            raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
        if row[0]:
            raise ApiError(400, "ENTITY_IS_DELETED", "entity is deleted", ())
        sharing.require_reference(writer, target, value)
        if f.name == "OwnerId" and not writer.access.unlimited:
            _check_owner(writer, obj, f, target, value)


def _check_owner(writer: Writer, obj: ObjectType, f: Field, target: ObjectType, owner: str) -> None:
    if target.name == "User":
        active = writer.connection.execute(
            'SELECT "IsActive" FROM "User" WHERE "Id" = ?', (owner,)
        ).fetchone()
        if not active[0]:
            raise ApiError(
                400,
                "INACTIVE_OWNER_OR_USER",
                f"operation performed with inactive user [{owner[:15]}] as owner of {obj.label.lower()}",
                (),
            )
    elif target.name == "Group":
        queue = writer.connection.execute(
            'SELECT 1 FROM "QueueSobject" WHERE "QueueId" = ? AND "SobjectType" = ?', (owner, obj.name)
        ).fetchone()
        if queue is None:
            raise ApiError(
                400,
                "INVALID_CROSS_REFERENCE_KEY",
                f"{f.label}: Queue not associated with this SObject type",
                (f.name,),
            )


def check_unique(writer: Writer, obj: ObjectType, changed: Mapping[str, Any], own_id: str | None) -> None:
    """Refuse a second record with the value of a unique field."""
    for name, value in changed.items():
        f = obj.get(name)
        if f is None or not f.has("unique") or value is None:
            continue
        live = ' AND "IsDeleted" = 0' if obj.soft_deletes else ""
        row = writer.connection.execute(
            f'SELECT "Id" FROM {quoted(obj.name)} WHERE {quoted(name)} = ? AND "Id" IS NOT ?{live}',
            (value, own_id),
        ).fetchone()
        if row is not None:
            raise ApiError(
                400,
                "DUPLICATE_VALUE",
                f"duplicate value found: {name} duplicates value on record with id: {row[0][:15]}",
                (),
            )


def current_row(connection: sqlite3.Connection, obj: ObjectType, record_id: str) -> dict[str, Any]:
    """The stored row of a live record.

    Raises ApiError 404 NOT_FOUND for an id that never was, 404 ENTITY_IS_DELETED for a deleted one.
    """
    row = connection.execute(
        f'SELECT {obj.columns_sql} FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,)
    ).fetchone()
    if row is None:
        purged = connection.execute(
            "SELECT 1 FROM _deleted WHERE object = ? AND id = ?", (obj.name, record_id)
        ).fetchone()
        if purged:
            raise entity_is_deleted()
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    out = dict(zip(obj.columns, row, strict=True))
    if out.get("IsDeleted"):
        raise entity_is_deleted()
    return out


def typed_id(obj: ObjectType, record_id: str) -> str:
    """The 18-character id of a record of this object.

    Raises ApiError MALFORMED_ID for anything else.
    """
    found = ids.to18(record_id)
    if found is None or not found.startswith(obj.prefix):
        raise ApiError(400, "MALFORMED_ID", f"Record ID: id value of incorrect type: {record_id}", ("Id",))
    return found
