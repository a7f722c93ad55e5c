"""Which fields of an object are worth syncing, which the engine cannot do without, and which never make sense."""

from __future__ import annotations

from enum import StrEnum

from diptych.domain.objects import SYSTEM_FIELDS, SyncedObject
from diptych.domain.schema import FieldDescription, ObjectDescription
from diptych.domain.standard_pairs import STANDARD_COLUMN


class Use(StrEnum):
    """What may be done with a field. `always`: the engine needs it, so it cannot be left out."""

    ALWAYS = "always"
    SUGGESTED = "suggested"
    OPTIONAL = "optional"
    NEVER = "never"


_NEVER_TYPES = {
    "address": "a compound: its parts are synced one by one",
    "location": "a compound: its parts are synced one by one",
    "base64": "file contents are not synced",
    "complexvalue": "a value without a type that a column could have",
    "anyType": "a value without a type that a column could have",
    "json": "a value without a type that a column could have",
}
# read by the engine with every record and kept in columns of their own (salesforce_id, salesforce_deleted ...)
_KEPT_APART = frozenset((*SYSTEM_FIELDS, "MasterRecordId"))
_RARELY_USEFUL = {
    "LastViewedDate": "who looked at the record last; different for each user and no change of the record",
    "LastReferencedDate": "who looked at the record last; different for each user and no change of the record",
    "PhotoUrl": "an address inside Salesforce",
    "Jigsaw": "a key of a service that no longer exists",
    "JigsawContactId": "a key of a service that no longer exists",
    "JigsawCompanyId": "a key of a service that no longer exists",
    "CleanStatus": "a status of a service that no longer exists",
    "LastCURequestDate": "stay-in-touch requests",
    "LastCUUpdateDate": "stay-in-touch requests",
}
_USER_FIELDS = frozenset(
    [
        "Username",
        "Name",
        "FirstName",
        "LastName",
        "Email",
        "Title",
        "Department",
        "Phone",
        "MobilePhone",
        "IsActive",
        "UserType",
        "ManagerId",
        "CreatedDate",
        "TimeZoneSidKey",
        "LanguageLocaleKey",
        "ProfileId",
        "UserRoleId",
        "Alias",
        "CompanyName",
        "City",
        "Country",
    ]
)


def use_of(known: SyncedObject, described: ObjectDescription, name: str) -> tuple[Use, str]:
    """How field `name` may be used, and why. Only fields for which this is not `never` can be mapped."""
    field = described.fields[name]
    if name in _KEPT_APART:
        return Use.NEVER, "read with every record and kept in a column of its own"
    if field.type in _NEVER_TYPES:
        return Use.NEVER, _NEVER_TYPES[field.type]
    if name in known.required_fields:
        if name == "Name" and {"FirstName", "LastName"} <= described.fields.keys() and known.two_way:
            return Use.NEVER, "made of the first and the last name, which are synced"
        return Use.ALWAYS, "needed for the sync itself"
    if name in known.required_writable:
        return Use.ALWAYS, "needed for the sync itself"
    return _usefulness(known, field)


def _usefulness(known: SyncedObject, field: FieldDescription) -> tuple[Use, str]:
    if field.type == "encryptedstring":
        return Use.OPTIONAL, "encrypted: the sync user may see a masked value"
    if field.name in _RARELY_USEFUL:
        return Use.OPTIONAL, _RARELY_USEFUL[field.name]
    if field.custom or (known.name, field.name) in STANDARD_COLUMN:
        return Use.SUGGESTED, ""
    if field.name.endswith(("GeocodeAccuracy", "Latitude", "Longitude")):
        return Use.OPTIONAL, "where Salesforce puts the address on a map"
    if known.name == "User" and field.name not in _USER_FIELDS:
        return Use.OPTIONAL, "a preference of the user"
    return Use.SUGGESTED, ""


def default_selection(known: SyncedObject, described: ObjectDescription) -> tuple[str, ...]:
    """The fields chosen before anyone has chosen: all visible ones that are useful, in describe order (D-7)."""
    return tuple(
        name for name in described.fields if use_of(known, described, name)[0] in (Use.ALWAYS, Use.SUGGESTED)
    )


def missing_fields(known: SyncedObject, described: ObjectDescription) -> tuple[str, ...]:
    """Fields the engine reads that the sync user does not see (S-23, D-24); the sync cannot run without them."""
    needed = dict.fromkeys((*known.system_fields, *known.required_fields))
    return tuple(name for name in needed if name not in described.fields)


def unwritable_fields(known: SyncedObject, described: ObjectDescription) -> tuple[str, ...]:
    """Fields write-back needs that the sync user may see but not edit."""
    return tuple(
        name
        for name in known.required_writable
        if name in described.fields and not described.fields[name].updateable
    )
