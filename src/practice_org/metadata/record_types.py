"""RecordType components: rows of the object RecordType, with the picklist values that each offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from practice_org import ids
from practice_org.errors import ApiError
from practice_org.metadata import store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, integrity, no_such, required
from practice_org.schema import custom, permission_sets, record_types, setup_rows

if TYPE_CHECKING:
    from practice_org.org import Org


class RecordTypeKind(Kind):
    """Full names are `Object.Developer_Name`."""

    name = "RecordType"
    directory = "objects"
    suffix = "object"
    part_of = "CustomObject"
    element = "recordTypes"

    def names(self, org: Org) -> list[str]:
        rows = org.reader().execute(
            'SELECT "SobjectType" || \'.\' || "DeveloperName" FROM "RecordType" ORDER BY "SobjectType", "DeveloperName"'
        )
        return [row[0] for row in rows]

    def read(self, org: Org, full_name: str) -> Value | None:
        row = _row(org, full_name)
        if row is None:
            return None
        _, owner, developer_name, label, active, description = row
        kept = store.find(org, self.name, f"{owner}.{developer_name}")
        out: Value = {"fullName": f"{owner}.{developer_name}", **(kept.definition if kept else {})}
        out |= {"active": bool(active), "label": label}
        return {**out, "description": description} if description else out

    def create(self, work: Work, full_name: str, value: Value) -> None:
        org = work.org
        required(value, "label", self.name)
        owner, _, developer_name = full_name.partition(".")
        obj = org.schema.get(owner)
        if obj is None:
            raise ApiError(
                400,
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}",
                ("SobjectType",),
            )
        custom.check_name(developer_name)
        if _row(org, full_name):
            raise ApiError(
                400,
                "DUPLICATE_DEVELOPER_NAME",
                f"The record type name is already in use on this object: {developer_name}",
                ("DeveloperName",),
            )
        _check_values(org, obj.name, value)
        with org.transaction() as tx:
            made = ids.mint(tx.connection, "012")[0]
            setup_rows.insert_row(
                org,
                "RecordType",
                {
                    "Id": made,
                    "DeveloperName": developer_name,
                    "SobjectType": obj.name,
                    "CreatedDate": tx.stamp,
                    "CreatedById": work.user_id,
                    **_columns(work, tx.stamp, value),
                },
            )
            store.put(org, work.user_id, self.name, f"{obj.name}.{developer_name}", _kept(value), made)
            record_types.publish(org)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        row = _row(work.org, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        required(value, "label", self.name)
        _check_values(work.org, row[1], value)
        with work.org.transaction() as tx:
            columns = _columns(work, tx.stamp, value)
            listed = ", ".join(f'"{name}" = ?' for name in columns)
            tx.connection.execute(
                f'UPDATE "RecordType" SET {listed} WHERE "Id" = ?', (*columns.values(), row[0])
            )
            store.put(work.org, work.user_id, self.name, f"{row[1]}.{row[2]}", _kept(value), row[0])
            permission_sets.note_change(work.org)

    def delete(self, work: Work, full_name: str) -> None:
        row = _row(work.org, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        if row[4]:
            raise ApiError(
                400, "DELETE_FAILED", "Cannot delete an active record type: deactivate it first", ()
            )
        with work.org.transaction() as tx:
            tx.connection.execute('DELETE FROM "RecordType" WHERE "Id" = ?', (row[0],))
            store.drop(work.org, self.name, f"{row[1]}.{row[2]}")
            record_types.publish(work.org)

    def file_name(self, full_name: str) -> str:
        return f"objects/{full_name.partition('.')[0]}.object"


def _row(org: Org, full_name: str) -> tuple[str, str, str, str, int, str | None] | None:
    owner, _, developer_name = full_name.partition(".")
    found: tuple[str, str, str, str, int, str | None] | None = (
        org.reader()
        .execute(
            'SELECT "Id", "SobjectType", "DeveloperName", "Name", "IsActive", "Description" FROM "RecordType" '
            'WHERE "SobjectType" = ? AND "DeveloperName" = ?',
            (owner, developer_name),
        )
        .fetchone()
    )
    return found


def _columns(work: Work, stamp: str, value: Value) -> dict[str, object]:
    return {
        "Name": str(value["label"]),
        "IsActive": int(bool(value.get("active"))),
        "Description": value.get("description"),
        "LastModifiedDate": stamp,
        "LastModifiedById": work.user_id,
        "SystemModstamp": stamp,
    }


def _kept(value: Value) -> Value:
    return {
        k: value[k] for k in ("businessProcess", "compactLayoutAssignment", "picklistValues") if value.get(k)
    }


def _check_values(org: Org, object_name: str, value: Value) -> None:
    obj = org.schema[object_name]
    for group in value.get("picklistValues", []):
        f = obj.get(str(group["picklist"]))
        if f is None or f.type not in ("picklist", "multipicklist"):
            raise integrity(f"Picklist {group['picklist']} not found", "picklist")
        known = {entry.value.lower() for entry in f.picklist}
        for one in group.get("values", []):
            if str(one.get("fullName")).lower() not in known:
                raise integrity(
                    f"Picklist value: {one.get('fullName')} in picklist: {f.name} not found", "picklist"
                )
