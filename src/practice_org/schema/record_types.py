"""Record types: rows of RecordType, and what they bring to their object.

An object has the field RecordTypeId as soon as it has a record type (Account always: recorded so). A
describe lists them by name before the master. Every user may use every active one: record types are not
assigned to profiles here. The default of an object is that of all profiles.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from practice_org import ids
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org

MASTER = "012000000000000AAA"
DEFAULTS = "record_type_defaults"
"""The setting that holds the default record type of each object that has one."""
TYPED = frozenset(
    {"Account", "Campaign", "CampaignMember", "Case", "Contact", "Event", "Individual", "Lead", "Opportunity", "Task"}
)  # fmt: skip
"""Standard objects that can have record types; custom ones can."""
_AFTER = {
    "Campaign": "CampaignMemberRecordTypeId",
    "Case": "Type",
    "Contact": "Name",
    "Event": "Id",
    "Lead": "Name",
    "Opportunity": "AccountId",
    "Task": "Id",
}
_FIELD = Field(
    "RecordTypeId",
    "Record Type ID",
    "reference",
    length=18,
    flags=frozenset(
        {"nillable", "createable", "updateable", "filterable", "sortable", "groupable", "aggregatable"}
    ),
    refs=("RecordType",),
    relationship="RecordType",
)


@dataclass(frozen=True)
class RecordType:
    """One record type of an object; `default` is what new records get that name none."""

    id: str
    name: str
    developer_name: str
    active: bool
    default: bool
    person: bool = False


def can_have(obj: ObjectType) -> bool:
    """Whether an object can have record types."""
    return obj.name in TYPED or (obj.custom and not obj.has("customSetting"))


def with_field(connection: sqlite3.Connection, objects: Iterable[ObjectType]) -> list[ObjectType]:
    """The objects, those with record types having their RecordTypeId."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'RecordType'").fetchone()
    rows = connection.execute('SELECT DISTINCT "SobjectType" FROM "RecordType"') if known else ()
    typed = {row[0] for row in rows}
    return [_with_field(o) if o.name in typed and o.get("RecordTypeId") is None else o for o in objects]


def _with_field(obj: ObjectType) -> ObjectType:
    names = [f.name for f in obj.fields]
    after = _AFTER.get(obj.name, "Name" if "Name" in names else "Id")
    at = names.index(after) + 1 if after in names else len(names)
    return replace(obj, fields=(*obj.fields[:at], _FIELD, *obj.fields[at:]), _by_name={})


def of(org: Org, object_name: str) -> list[RecordType]:
    """The record types of an object, by name; the master is not among them."""
    person = '"IsPersonType"' if org.schema["RecordType"].get("IsPersonType") else "0"
    rows = org.reader().execute(
        f'SELECT "Id", "Name", "DeveloperName", "IsActive", {person} FROM "RecordType" '
        'WHERE "SobjectType" = ? ORDER BY "Name", "Id"',
        (object_name,),
    )
    chosen = org.setting(DEFAULTS, {}).get(object_name)
    return [RecordType(i, n, d, bool(a), i == chosen, bool(p)) for i, n, d, a, p in rows.fetchall()]


def create(
    org: Org,
    object_name: str,
    developer_name: str,
    *,
    label: str | None = None,
    description: str | None = None,
    active: bool = True,
    default: bool = False,
    person: bool = False,
) -> str:
    """Create a record type; returns its id.

    Raises ApiError INVALID_TYPE for an object that cannot have any, DUPLICATE_DEVELOPER_NAME.
    """
    from practice_org.schema import setup_rows

    obj = org.schema.get(object_name)
    if obj is None or not can_have(obj):
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{object_name}' is not supported.")
    if any(one.developer_name.lower() == developer_name.lower() for one in of(org, obj.name)):
        raise ApiError(
            400,
            "DUPLICATE_DEVELOPER_NAME",
            f"There is already a record type named {developer_name} on {obj.label}.",
            ("DeveloperName",),
        )
    with org.transaction() as tx:
        creator = setup_rows.first_user(org)
        made = ids.mint(tx.connection, "012")[0]
        row: dict[str, object] = {
            "Id": made,
            "Name": label or developer_name.replace("_", " "),
            "DeveloperName": developer_name,
            "Description": description,
            "SobjectType": obj.name,
            "IsActive": int(active),
            "CreatedDate": tx.stamp,
            "LastModifiedDate": tx.stamp,
            "SystemModstamp": tx.stamp,
            "CreatedById": creator,
            "LastModifiedById": creator,
        }
        if org.schema["RecordType"].get("IsPersonType"):
            row["IsPersonType"] = int(person)
        setup_rows.insert_row(org, "RecordType", row)
        publish(org)
        if default:
            set_default(org, obj.name, made)
    return made


def set_default(org: Org, object_name: str, record_type_id: str | None) -> None:
    """Choose the record type of new records that name none; None stands for the master."""
    chosen = {**org.setting(DEFAULTS, {}), object_name: record_type_id}
    org.set_setting(DEFAULTS, {name: one for name, one in chosen.items() if one})


def publish(org: Org) -> None:
    """Let the objects whose record types changed gain their field."""
    from practice_org.data import tables
    from practice_org.schema import custom, permission_sets

    with org.transaction() as tx:
        schema = custom.load_schema(tx.connection)
        for obj in schema.objects:
            known = org.schema.get(obj.name)
            if known is not None and known.get("RecordTypeId") is None and obj.get("RecordTypeId"):
                tables.create_table(tx.connection, obj)
        org.replace_schema(schema)
        permission_sets.note_change(org)
