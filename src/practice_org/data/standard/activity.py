"""Tasks and events: what they derive, and the last activity that their people and parents show.

LastActivityDate is the latest due date of an event or of a closed task (Salesforce help, "Last Activity").
It moves without stamps: nothing else of the record changes [K].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from practice_org.clock import parse_stamp, stamp
from practice_org.data.rows import update_row
from practice_org.data.standard.change import Change, value_of
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Transaction
    from practice_org.schema.catalogue import Schema

_OWN = ("WhoId", "WhatId", "AccountId")
_LATEST = "SELECT max(day) FROM ({})".format(
    " UNION ALL ".join(
        f'SELECT max("ActivityDate") AS day FROM "{name}" WHERE "{column}" = ?1 AND "IsDeleted" = 0{test}'
        for name, test in (("Event", ""), ("Task", ' AND "IsClosed" = 1'))
        for column in _OWN
    )
)


def fill_task(change: Change) -> None:
    """Closed and high priority follow status and priority; the account follows person and parent."""
    row = change.row
    _fill_parents(change)
    if change.altered("Status"):
        found = change.one('SELECT "IsClosed" FROM "TaskStatus" WHERE "ApiName" = ?', row.get("Status"))
        closed = int(bool(found and found[0]))
        if closed and not row.get("IsClosed"):
            row["CompletedDateTime"] = change.tx.stamp
        elif not closed:
            row["CompletedDateTime"] = None
        row["IsClosed"] = closed
    if change.altered("Priority"):
        found = change.one(
            'SELECT "IsHighPriority" FROM "TaskPriority" WHERE "ApiName" = ?', row.get("Priority")
        )
        row["IsHighPriority"] = int(bool(found and found[0]))
    if change.creating and row.get("TaskSubtype") is None:
        row["TaskSubtype"] = "Task"


def fill_event(change: Change) -> None:
    """Start, end and duration complete each other.

    Raises ApiError REQUIRED_FIELD_MISSING when an event has no start or no length.
    """
    row, given = change.row, change.given
    _fill_parents(change)
    if change.creating:
        row.setdefault("EventSubtype", "Event")
    if row.get("IsAllDayEvent") and row.get("ActivityDate"):
        _whole_day(change)
        return
    start = given.get("StartDateTime") or given.get("ActivityDateTime") or row.get("StartDateTime")
    minutes, end = row.get("DurationInMinutes"), row.get("EndDateTime")
    if "EndDateTime" in given and end:
        minutes = None
    elif "DurationInMinutes" in given or "StartDateTime" in given or "ActivityDateTime" in given:
        end = None if minutes is not None else end
    missing = [] if start else ["ActivityDateTime"]
    missing += [] if minutes is not None or end else ["DurationInMinutes"]
    if missing:
        listed = ", ".join(missing)
        raise ApiError(
            400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{listed}]", tuple(missing)
        )
    begun = parse_stamp(str(start))
    if end is None:
        end = stamp(begun + timedelta(minutes=int(minutes or 0)))
    length = int((parse_stamp(str(end)) - begun).total_seconds() // 60)
    if length < 0:
        raise ApiError(
            400, "FIELD_INTEGRITY_EXCEPTION", "End Date must be after Start Date.", ("EndDateTime",)
        )
    row.update(
        StartDateTime=start,
        ActivityDateTime=start,
        EndDateTime=end,
        DurationInMinutes=length,
        ActivityDate=str(start)[:10],
        EndDate=str(end)[:10],
    )


def _whole_day(change: Change) -> None:
    row = change.row
    day = row["ActivityDate"]
    minutes = row.get("DurationInMinutes") or 1440
    last = parse_stamp(f"{day}T00:00:00") + timedelta(minutes=int(minutes) - 1440)
    row.update(
        StartDateTime=f"{day}T00:00:00",
        ActivityDateTime=f"{day}T00:00:00",
        EndDateTime=stamp(last),
        DurationInMinutes=minutes,
        EndDate=stamp(last)[:10],
    )


def _fill_parents(change: Change) -> None:
    """The account of what an activity is about, or of its contact.

    Raises ApiError FIELD_INTEGRITY_EXCEPTION for a lead together with a parent (the documented rule; its
    wording is platform knowledge).
    """
    row = change.row
    who, what = row.get("WhoId"), row.get("WhatId")
    if who and what and who.startswith("00Q"):
        raise ApiError(
            400,
            "FIELD_INTEGRITY_EXCEPTION",
            "Related To ID: you can't specify a Related To ID when the Name ID refers to a lead",
            ("WhatId",),
        )
    if not (change.altered("WhoId") or change.altered("WhatId")):
        return
    account = _account(change, what) if what else None
    if account is None and who and who.startswith("003"):
        account = value_of(change.connection, "Contact", who, "AccountId")
    row["AccountId"] = account


def _account(change: Change, what: str) -> Any:
    if what.startswith("001"):
        return what
    parent = change.org.schema.by_prefix(what)
    if parent is not None and parent.name in ("Opportunity", "Case"):
        return value_of(change.connection, parent.name, what, "AccountId")
    return None


# -- last activity ------------------------------------------------------------------------------------


def follow(change: Change) -> None:
    """Bring the last activity of everything that the activity hangs on, or hung on, up to date."""
    rows = [change.row] if change.before is None else [change.row, change.before]
    if change.before is not None and not any(
        change.altered(name) for name in (*_OWN, "ActivityDate", "IsClosed")
    ):
        return
    _refresh(change.tx, change.org.schema, _around(rows))


def gone(tx: Transaction, schema: Schema, object_name: str, record_id: str) -> None:
    """The same when an activity was deleted or came back."""
    row = tx.connection.execute(
        f'SELECT "WhoId", "WhatId", "AccountId" FROM "{object_name}" WHERE "Id" = ?', (record_id,)
    ).fetchone()
    if row is not None:
        _refresh(tx, schema, _around([dict(zip(_OWN, row, strict=True))]))


def _around(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(row[name]) for row in rows for name in _OWN if row.get(name)))


def _refresh(tx: Transaction, schema: Schema, record_ids: Iterable[str]) -> None:
    for record_id in record_ids:
        obj = schema.by_prefix(record_id)
        if obj is None or obj.get("LastActivityDate") is None:
            continue
        last = tx.connection.execute(_LATEST, (record_id,)).fetchone()[0]
        if last != value_of(tx.connection, obj.name, record_id, "LastActivityDate"):
            update_row(tx, obj, record_id, {"LastActivityDate": last})
