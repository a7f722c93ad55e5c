"""What the sync user may do, as the org's own permission records tell it (for pre-flight, S-12..S-23)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.domain.outcome import OrgRefused
from diptych.salesforce.client import Client, SubAnswer
from diptych.salesforce.query import first_rows
from diptych.salesforce.soql import id_list, text_literal

SYSTEM_PERMISSIONS = (
    "PermissionsApiEnabled",
    "PermissionsPasswordNeverExpires",
    "PermissionsConvertLeads",
    "PermissionsEditTask",
    "PermissionsEditEvent",
    "PermissionsViewAllData",
    "PermissionsModifyAllData",
)
_OBJECT_RIGHTS = (
    "PermissionsRead",
    "PermissionsCreate",
    "PermissionsEdit",
    "PermissionsDelete",
    "PermissionsViewAllRecords",
    "PermissionsModifyAllRecords",
)


@dataclass(frozen=True)
class ObjectRights:
    """Rights on one object, summed up over the profile and all permission sets of the user."""

    read: bool = False
    create: bool = False
    edit: bool = False
    delete: bool = False
    view_all: bool = False
    modify_all: bool = False


@dataclass(frozen=True)
class PermissionFacts:
    """None: the org did not tell (the sync user may not see it). `system` by API name (S-12, S-13)."""

    system: Mapping[str, bool] | None
    objects: Mapping[str, ObjectRights] | None


@dataclass(frozen=True)
class RecordRights:
    """Rights on one record, sharing included."""

    read: bool
    edit: bool


def permissions(
    client: Client, user_id: str, profile_id: str, object_names: Sequence[str]
) -> PermissionFacts:
    """System and object rights of the user; one call, a few more where a right is unknown to this org's edition."""
    assigned = (
        f"(SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = {text_literal(user_id)})"
    )
    profile = text_literal(profile_id)
    # a profile is a permission set too; asked for by itself, because not every user may read the assignments
    system_of = (f"WHERE Id IN {assigned}", f"WHERE IsOwnedByProfile = true AND ProfileId = {profile}")
    objects_of = (f"WHERE ParentId IN {assigned}", f"WHERE Parent.ProfileId = {profile}")
    wanted = f"AND SobjectType IN {id_list(object_names)}"
    answers = first_rows(
        client,
        [
            *(f"SELECT {','.join(SYSTEM_PERMISSIONS)} FROM PermissionSet {whose}" for whose in system_of),
            *(
                f"SELECT SobjectType,{','.join(_OBJECT_RIGHTS)} FROM ObjectPermissions {whose} {wanted}"
                for whose in objects_of
            ),
        ],
    )
    system = _system_rights(client, answers[:2], system_of)
    told = [answer.document["records"] for answer in answers[2:] if not answer.faults]
    if not told:
        return PermissionFacts(system, None)
    by_object: dict[str, list[Mapping[str, Any]]] = {name: [] for name in object_names}
    for row in (row for rows in told for row in rows):
        by_object.setdefault(row["SobjectType"], []).append(row)
    return PermissionFacts(system, {name: _rights(rows) for name, rows in by_object.items()})


def _system_rights(
    client: Client, answers: Sequence[SubAnswer], whose: Sequence[str]
) -> dict[str, bool] | None:
    rows = [row for answer in answers if not answer.faults for row in answer.document["records"]]
    if not all(answer.faults for answer in answers):
        return _any_of(rows, SYSTEM_PERMISSIONS)
    # one permission that this edition does not have spoils the query: ask for each alone
    singly = first_rows(
        client, [f"SELECT {right} FROM PermissionSet {w}" for right in SYSTEM_PERMISSIONS for w in whose]
    )
    told: dict[str, bool] = {}
    for number, right in enumerate(SYSTEM_PERMISSIONS):
        found = [answer for answer in singly[2 * number : 2 * number + 2] if not answer.faults]
        if found:
            told |= _any_of([row for answer in found for row in answer.document["records"]], (right,))
    return told or None


def record_rights(client: Client, user_id: str, ids: Sequence[str]) -> dict[str, RecordRights]:
    """What the user may do with these records (up to 200), sharing included."""
    statement = (
        "SELECT RecordId, HasReadAccess, HasEditAccess FROM UserRecordAccess "
        f"WHERE UserId = {text_literal(user_id)} AND RecordId IN {id_list(ids)}"
    )
    (answer,) = first_rows(client, (statement,))
    rows = [] if answer.faults else answer.document["records"]
    return {
        row["RecordId"]: RecordRights(bool(row["HasReadAccess"]), bool(row["HasEditAccess"])) for row in rows
    }


def record_counts(client: Client, object_names: Sequence[str]) -> dict[str, int]:
    """About how many records the whole org has, whatever the sync user sees (S-20)."""
    try:
        document = client.get("limits/recordCount", {"sObjects": ",".join(object_names)})
    except OrgRefused:
        return {}
    return {entry["name"]: int(entry["count"]) for entry in document["sObjects"]}


def api_limits(client: Client) -> dict[str, tuple[int, int]]:
    """Every limit of the org: allowed and remaining."""
    document = client.get("limits")
    return {name: (int(entry["Max"]), int(entry["Remaining"])) for name, entry in document.items()}


def _any_of(rows: Sequence[Mapping[str, Any]], rights: Sequence[str]) -> dict[str, bool]:
    return {right: any(bool(row.get(right)) for row in rows) for right in rights}


def _rights(rows: Sequence[Mapping[str, Any]]) -> ObjectRights:
    return ObjectRights(*_any_of(rows, _OBJECT_RIGHTS).values())
