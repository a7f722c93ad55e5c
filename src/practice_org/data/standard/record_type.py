"""Which record type a record has: the one given, or the object's default."""

from __future__ import annotations

from practice_org.data.standard.change import Change
from practice_org.errors import ApiError
from practice_org.schema import record_types


def fill(change: Change) -> None:
    """Fill in the default of a new record, and refuse a record type of another object or an inactive one."""
    row, obj = change.row, change.obj
    if not obj.get("RecordTypeId"):
        return
    if row.get("RecordTypeId") == record_types.MASTER:
        row["RecordTypeId"] = None
    elif change.creating and row.get("RecordTypeId") is None:
        row["RecordTypeId"] = change.org.setting(record_types.DEFAULTS, {}).get(obj.name)
    chosen = change.given.get("RecordTypeId")
    if not chosen or chosen == record_types.MASTER:
        return
    found = change.one('SELECT "SobjectType", "IsActive" FROM "RecordType" WHERE "Id" = ?', chosen)
    if found is None or found[0] != obj.name or not found[1]:
        raise ApiError(
            400,
            "INVALID_CROSS_REFERENCE_KEY",
            f"Record Type ID: this ID value isn't valid for the user: {chosen}",
            ("RecordTypeId",),
        )
