"""The Avro schemas of events, as GetSchema gives them: JSON text, and the id that is its fingerprint.

The field order is that of describe, without what change events never carry. Types, compound records and
the `doc` texts (`role:type[:field id]`) follow schemas of real orgs as other projects quote them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable
from typing import Any

from practice_org import ids
from practice_org.schema.catalogue import Field, ObjectType

NAMESPACE = "com.sforce.eventbus"
CHANGE_TYPES = (
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
)
NAME_PARTS = ("Salutation", "FirstName", "LastName", "MiddleName", "InformalName", "Suffix")
ADDRESS_PARTS = (
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "StateCode",
    "CountryCode",
    "Latitude",
    "Longitude",
    "Xyz",
    "GeocodeAccuracy",
)
LOCATION_PARTS = ("Latitude", "Longitude")
LEFT_OUT = frozenset(
    {
        "Id",
        "IsDeleted",
        "MasterRecordId",
        "SystemModstamp",
        "LastActivityDate",
        "LastViewedDate",
        "LastReferencedDate",
    }
)
# What change events of an object lack although describe has it: by the fields of the classes
# TaskChangeEvent, EventChangeEvent and so on that Apex knows, as other projects list them.
LEFT_OUT_OF: dict[str, frozenset[str]] = {
    "Opportunity": frozenset(
        {"FiscalQuarter", "FiscalYear", "Fiscal", "HasOpenActivity", "HasOverdueTask", "PushCount"}
    ),
    "Task": frozenset({"IsHighPriority", "IsArchived", "TaskSubtype"}),
    "Event": frozenset(
        {
            "StartDateTime",
            "EndDateTime",
            "EndDate",
            "IsArchived",
            "EventSubtype",
            "IsRecurrence2",
            "IsRecurrence2Exception",
            "Recurrence2PatternStartDate",
            "Recurrence2PatternTimeZone",
        }
    ),
    "User": frozenset(
        {
            "BadgeText",
            "OutOfOfficeMessage",
            "IsExtIndicatorVisible",
            "IsPortalEnabled",
            "IsPortalSelfRegistered",
            "PortalRole",
        }
    ),
}
ONLY_OF: dict[str, frozenset[str]] = {
    "CampaignMember": frozenset(
        {
            "CampaignId",
            "LeadId",
            "ContactId",
            "Status",
            "HasResponded",
            "FirstRespondedDate",
            "CreatedDate",
            "CreatedById",
            "LastModifiedDate",
            "LastModifiedById",
        }
    )
}
"""Standard fields of objects whose other fields are only shown, not stored (a member's name and address)."""

_TYPES = {
    "string": ("string", "Text"),
    "textarea": ("string", "MultiLineText"),
    "picklist": ("string", "DynamicEnum"),
    "multipicklist": ("string", "MultiEnum"),
    "combobox": ("string", "TextEnum"),
    "encryptedstring": ("string", "EncryptedText"),
    "phone": ("string", "Phone"),
    "email": ("string", "Email"),
    "url": ("string", "Url"),
    "id": ("string", "EntityId"),
    "reference": ("string", "EntityId"),
    "boolean": ("boolean", "Boolean"),
    "int": ("int", "Integer"),
    "double": ("double", "Double"),
    "currency": ("double", "Currency"),
    "percent": ("double", "Percent"),
    "date": ("long", "DateOnly"),
    "datetime": ("long", "DateTime"),
    "time": ("long", "TimeOnly"),
}
_ROLES = {
    "CreatedDate": "CreatedDate",
    "CreatedById": "CreatedBy",
    "LastModifiedDate": "LastModifiedDate",
    "LastModifiedById": "LastModifiedBy",
}


def change_event_name(entity: str) -> str:
    """`LeadChangeEvent`, `Invoice__ChangeEvent`."""
    return f"{entity[:-3]}__ChangeEvent" if entity.endswith("__c") else f"{entity}ChangeEvent"


def in_events(obj: ObjectType, f: Field) -> bool:
    """Whether a field takes part in change events; formulas, roll-ups and what only the platform keeps do not."""
    if f.name in LEFT_OUT or f.name.endswith("PhotoUrl") or f.formula or f.summary or f.has("calculated"):
        return False
    if f.name in LEFT_OUT_OF.get(obj.name, frozenset()):
        return False
    only = ONLY_OF.get(obj.name)
    return only is None or f.custom or f.name in only


def captured(obj: ObjectType) -> frozenset[str]:
    """The columns whose values go into change events of an object; a person's Name is made of its parts."""
    fields = obj.stored_fields
    person = obj.is_person
    return frozenset(f.name for f in fields if in_events(obj, f) and not (person and f.name == "Name"))


def schema_id(definition: str) -> str:
    """The id of a schema: 22 characters of its fingerprint, the form of a real one."""
    digest = hashlib.md5(definition.encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def schema_number(definition: str) -> int:
    """A short form of the fingerprint, under which the org's file keeps the schema."""
    return int.from_bytes(hashlib.md5(definition.encode(), usedforsecurity=False).digest()[:7], "big")


def change_event_schema(obj: ObjectType) -> str:
    """The schema of an object's change events: the header, then every field as `["null", type]`."""
    seen: set[str] = set()
    fields: list[dict[str, Any]] = [{"name": "ChangeEventHeader", "type": _header()}]
    for f in obj.fields:
        if not in_events(obj, f):
            continue
        compound = _compound_of(obj, f)
        name = compound or f.name
        if name in seen:
            continue
        seen.add(name)
        fields.append(_compound(obj, name, seen) if compound else _field(f))
    return _text(change_event_name(obj.name), fields)


def _text(name: str, fields: list[dict[str, Any]]) -> str:
    schema = {"type": "record", "name": name, "namespace": NAMESPACE, "fields": fields}
    return json.dumps(schema, separators=(",", ":"))


def _compound_of(obj: ObjectType, f: Field) -> str | None:
    """The compound field that carries this one in events: a person's Name, an address."""
    if f.type in ("address", "location"):
        return f.name
    if f.name in NAME_PARTS or f.name == "Name":
        switchable = obj.name == "Account" and f.name == "Name"
        return "Name" if obj.is_person or switchable or f.compound == "Name" else None
    compound = obj.get(f.compound) if f.compound else None
    if compound is None or compound.type not in ("address", "location"):
        return None
    return compound.name


def _compound(obj: ObjectType, name: str, seen: set[str]) -> dict[str, Any]:
    """A compound field; Avro names a record type once and refers to it by name from then on."""
    if name != "Name":
        place = (found := obj.get(name)) is not None and found.type == "location"
        parts: tuple[str, ...] = LOCATION_PARTS if place else ADDRESS_PARTS
        kind = token = "Location" if place else "Address"
        union: list[Any] = ["null"]
    else:
        switchable = not obj.is_person
        kind = "Switchable_PersonName" if switchable else "PersonName"
        token, parts = kind, NAME_PARTS
        union = ["null", "string"] if switchable else ["null"]
    if f"type {kind}" in seen:
        union.append(kind)
    else:
        seen.add(f"type {kind}")
        union.append(_record(kind, parts, seen))
    own = obj.get(name)
    ending = f":{_field_id(own)}" if own is not None and own.custom else ""
    return {"name": name, "type": union, "doc": f"Data:{token}{ending}", "default": None}


def _record(kind: str, parts: tuple[str, ...], seen: set[str]) -> dict[str, Any]:
    return {"type": "record", "name": kind, "fields": [_part(part, seen) for part in parts]}


def _part(name: str, seen: set[str]) -> dict[str, Any]:
    if name == "Xyz":
        location: Any = "Location"
        if "type Location" not in seen:
            seen.add("type Location")
            location = _record("Location", LOCATION_PARTS, seen)
        return {"name": name, "type": ["null", location], "default": None}
    kind = "double" if name in ("Latitude", "Longitude") else "string"
    return {"name": name, "type": ["null", kind], "default": None}


def _field(f: Field) -> dict[str, Any]:
    kind, token = _TYPES.get(f.type, ("string", "Text"))
    role = _ROLES.get(f.name, "ForeignKey" if f.type == "reference" else "Data")
    doc = f"{role}:{_token(f, token)}"
    if f.custom:
        doc += f":{_field_id(f)}"
    return {"name": f.name, "type": ["null", kind], "doc": doc, "default": None}


def _token(f: Field, token: str) -> str:
    if f.type == "textarea" and f.length > 255:
        return "StringPlusClob"
    if f.type == "picklist" and f.has("restrictedPicklist") and not f.custom:
        return "StaticEnum"
    if f.type == "phone" and f.name.endswith("Fax"):
        return "Fax"
    return "ExternalId" if f.name == "Jigsaw" else token


def _field_id(f: Field) -> str:
    """Fifteen characters in the form of a custom field's id; the same name has the same."""
    return ids.encode("00N", zlib.crc32(f.name.encode()))[:15]


def _header() -> dict[str, Any]:
    strings = {"type": "array", "items": "string"}
    types: dict[str, Any] = {
        "entityName": "string",
        "recordIds": strings,
        "changeType": {"type": "enum", "name": "ChangeType", "symbols": list(CHANGE_TYPES)},
        "changeOrigin": "string",
        "transactionKey": "string",
        "sequenceNumber": "int",
        "commitTimestamp": "long",
        "commitNumber": "long",
        "commitUser": "string",
        "nulledFields": strings,
        "diffFields": strings,
        "changedFields": strings,
    }
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    return {"type": "record", "name": "ChangeEventHeader", "fields": fields}


def platform_event_schema(name: str, fields: Iterable[Field]) -> str:
    """The schema of a platform event: when and by whom it was made, then its own fields."""
    own: list[dict[str, Any]] = [
        {"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"},
        {"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"},
    ]
    return _text(name, own + [_field(f) for f in fields])
