"""What the org tells about records that it does not show: its log of deletes, and whether sharing can hide any (D-75, D-77).

Sources: sObject Get Deleted (REST; at most 15 days back), ObjectPermissions and PermissionSet (View All), the default access
in Organization, and UserRecordAccess, which shows existing records that the user may read, restriction rules aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from diptych.domain.values import full_id
from diptych.salesforce import metadata
from diptych.salesforce.client import Client, Sub, SubAnswer
from diptych.salesforce.query import first_rows
from diptych.salesforce.soql import id_list, name, query_url, text_literal
from diptych.sync.ports import Traces

_LOG = timedelta(days=14)
_PUBLIC = ("Read", "Edit", "ReadEdit", "ReadEditTransfer", "All")
_DEFAULTS = ("Lead", "Contact", "Account")
"""Objects whose default access Organization tells."""


def trace(
    client: Client, user_id: str, profile_id: str, object_name: str, ids: Sequence[str], now: datetime
) -> Traces:
    """See `Org.trace`; two calls, or three. What the sync user may not ask counts as not told."""
    minute = now.replace(second=0)
    span = "&".join(
        f"{key}={moment:%Y-%m-%dT%H:%M:%SZ}"
        for key, moment in (("start", minute - _LOG), ("end", minute + timedelta(minutes=1)))
    )
    access = (
        f"SELECT RecordId, HasReadAccess FROM UserRecordAccess WHERE UserId = {text_literal(user_id)} "
        f"AND RecordId IN {id_list(ids)}"
    )
    log, shared = client.composite(
        [Sub(f"sobjects/{quote(object_name, safe='')}/deleted?{span}"), Sub(query_url(access))]
    )
    wanted = {full_id(one) for one in ids}
    return Traces(
        frozenset(_logged(log) & wanted),
        frozenset(_readable(shared) & wanted),
        _sees_all(client, user_id, profile_id, object_name),
    )


def _logged(answer: SubAnswer) -> set[str]:
    return set() if answer.faults else {full_id(one["id"]) for one in answer.document["deletedRecords"]}


def _readable(answer: SubAnswer) -> set[str]:
    rows = [] if answer.faults else answer.document["records"]
    return {full_id(row["RecordId"]) for row in rows if row["HasReadAccess"]}


def sees_all(
    client: Client, told: metadata.PermissionFacts, object_names: Sequence[str]
) -> dict[str, bool | None]:
    """Whether the user with these permissions is shown every record of an object; None: the org did not say. One call, or none."""
    system, objects = told.system or {}, told.objects or {}
    if any(system.get(right) for right in ("PermissionsViewAllData", "PermissionsModifyAllData")):
        return dict.fromkeys(object_names, True)
    found: dict[str, bool | None] = {
        each: True
        if (rights := objects.get(each)) is not None and (rights.view_all or rights.modify_all)
        else None
        for each in object_names
    }
    open_ones = [each for each, whole in found.items() if whole is None and each in _DEFAULTS]
    if open_ones:
        columns = {each: name(f"Default{each}Access") for each in open_ones}
        (answer,) = first_rows(client, [f"SELECT {','.join(columns.values())} FROM Organization"])
        for row in [] if answer.faults else answer.document["records"][:1]:
            found |= {each: row[column] in _PUBLIC for each, column in columns.items()}
    return found


def _sees_all(client: Client, user_id: str, profile_id: str, object_name: str) -> bool | None:
    told = metadata.permissions(client, user_id, profile_id, [object_name])
    return sees_all(client, told, [object_name])[object_name]
