"""`updated` and `deleted`: what changed in a span of time, as far as it is certain (spec 5.6).

`latestDateCovered` never passes the start of the oldest open write: what that writes will bear an
earlier stamp than now, and a client that went on from now would miss it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api.describe import object_for
from practice_org.clock import stamp, wire
from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.http import Context, json_response
from practice_org.schema import access as rights
from practice_org.schema.catalogue import ObjectType

MOST_IDS = 600_000
MOST_DAYS = 30
DELETED_DAYS = 15


def updated(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/updated?start=&end=."""
    obj, start, end, covered = _span(ctx)
    column = next(n for n in ("SystemModstamp", "LastModifiedDate", "CreatedDate") if obj.get(n))
    live = ' AND "IsDeleted" = 0' if obj.soft_deletes else ""
    shared, whose = _shared(ctx, obj)
    rows = (
        ctx.org.reader()
        .execute(
            f'SELECT t."Id" FROM {quoted(obj.name)} t WHERE "{column}" >= ? AND "{column}" < ?{live}{shared} '
            f'ORDER BY "{column}", "Id" LIMIT ?',
            (stamp(start), stamp(end), *whose, MOST_IDS + 1),
        )
        .fetchall()
    )
    _bounded(len(rows))
    return json_response({"ids": [row[0] for row in rows], "latestDateCovered": wire(stamp(covered))})


def deleted(ctx: Context, request: Request) -> Response:
    """GET sobjects/X/deleted?start=&end=."""
    obj, start, end, covered = _span(ctx)
    earliest = _earliest(ctx)
    if start < earliest:
        raise _invalid(f"startDate before org replication enabled date ({wire(stamp(earliest))})")
    shared, whose = _shared(ctx, obj)
    if shared:
        # Of what was purged nobody knows the owner any more: it is told to all.
        shared = f' AND (purged = 1 OR EXISTS(SELECT 1 FROM {quoted(obj.name)} t WHERE t."Id" = _deleted.id{shared}))'
    rows = (
        ctx.org.reader()
        .execute(
            "SELECT id, deleted_at FROM _deleted WHERE object = ? AND deleted_at >= ? AND deleted_at < ?"
            f"{shared} ORDER BY deleted_at, id LIMIT ?",
            (obj.name, stamp(start), stamp(end), *whose, MOST_IDS + 1),
        )
        .fetchall()
    )
    _bounded(len(rows))
    return json_response(
        {
            "deletedRecords": [{"id": row[0], "deletedDate": wire(row[1])} for row in rows],
            "earliestDateAvailable": wire(stamp(earliest)),
            "latestDateCovered": wire(stamp(covered)),
        }
    )


def _shared(ctx: Context, obj: ObjectType) -> tuple[str, list[str]]:
    """What sharing adds to a WHERE over the object's table `t`."""
    found = rights.for_user(ctx.org, ctx.caller.id).row_filter(obj, "t")
    return ("", []) if found is None else (f" AND {found[0]}", found[1])


def _span(ctx: Context) -> tuple[ObjectType, datetime, datetime, datetime]:
    """Object, start, end, and up to when the answer is complete; seconds are ignored."""
    obj = object_for(ctx, ctx.params["object"])
    if not obj.has("replicateable"):
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    start, end = (_moment(ctx, name) for name in ("start", "end"))
    if start >= end:
        raise _invalid("endDate must be at least one minute greater than startDate")
    now = ctx.org.clock.now()
    if start < now - timedelta(days=MOST_DAYS, minutes=1):
        raise _invalid("startDate cannot be more than 30 days ago")
    covered = min(end, ctx.org.certain_until())
    return obj, start, end, covered


def _moment(ctx: Context, name: str) -> datetime:
    text = ctx.query.get(name)
    if not text:
        raise ApiError(400, "MISSING_ARGUMENT", f"{name}: missing required parameter")
    shaped = text.strip().replace(" ", "+").upper().replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(shaped)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ApiError(
            400, "INVALID_REPLICATION_DATE", f"{name}: invalid date or time value: {text}"
        ) from None
    return moment.replace(second=0, microsecond=0)


def _earliest(ctx: Context) -> datetime:
    """Deletes are known since the org was made, and for 15 days at most."""
    row = ctx.org.reader().execute('SELECT "CreatedDate" FROM "Organization"').fetchone()
    made = datetime.fromisoformat(row[0]).replace(tzinfo=UTC, second=0)
    limit = (ctx.org.clock.now() - timedelta(days=DELETED_DAYS)).replace(second=0, microsecond=0)
    return max(limit, min(made, limit))


def _bounded(count: int) -> None:
    if count > MOST_IDS:
        raise ApiError(400, "EXCEEDED_ID_LIMIT", f"more than {MOST_IDS} ids: use a shorter span of time")


def _invalid(message: str) -> ApiError:
    return ApiError(400, "INVALID_REPLICATION_DATE", message)
