"""What a day has of bulk work, and how much of it is used: counted from the jobs of the last 24 hours."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from practice_org.clock import stamp
from practice_org.data import jobs
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Org

BATCH_ROWS = 10_000
"""The service cuts an upload into batches of so many rows; each counts against the day's batches."""
OPEN_JOBS = 100_000


def admit_query(org: Org) -> None:
    """Refuse a query job when the day has none left: ApiError LIMIT_EXCEEDED."""
    most = org.limits.maximum_of("DailyBulkV2QueryJobs")
    if query_jobs(org) >= most:
        raise ApiError(
            400, "LIMIT_EXCEEDED", f"Max bulk v2 query jobs ({most}) per 24 hrs has been reached", None
        )


def admit_ingest(org: Org) -> None:
    """Refuse an ingest job when too many are open or the day has no batch left: ApiError LIMIT_EXCEEDED."""
    most = int(org.setting("bulk_open_jobs", OPEN_JOBS))
    if jobs.counted(org, "ingest", state="Open") >= most:
        raise ApiError(400, "LIMIT_EXCEEDED", f"Max number of open ingest jobs ({most}) has been reached")
    most = org.limits.maximum_of("DailyBulkApiBatches")
    if batches(org) >= most:
        raise ApiError(400, "LIMIT_EXCEEDED", f"Max batches ({most}) per 24 hrs has been reached")


def query_jobs(org: Org) -> int:
    """Query jobs of the last 24 hours."""
    return jobs.counted(org, "query", since=_a_day_ago(org))


def batches(org: Org) -> int:
    """Batches of the last 24 hours, of both Bulk APIs."""
    row = (
        org.reader()
        .execute(
            "SELECT coalesce(sum(CASE kind WHEN 'classic' "
            "THEN coalesce(json_extract(definition, '$.facts.batches'), 0) "
            f"ELSE (json_extract(definition, '$.records') + {BATCH_ROWS - 1}) / {BATCH_ROWS} END), 0) "
            "FROM _job WHERE kind IN ('ingest', 'classic') AND created >= ?",
            (_a_day_ago(org),),
        )
        .fetchone()
    )
    return int(row[0])


def used(org: Org) -> dict[str, int]:
    """The entries of the limits table that bulk work uses up."""
    return {"DailyBulkV2QueryJobs": query_jobs(org), "DailyBulkApiBatches": batches(org)}


def _a_day_ago(org: Org) -> str:
    return stamp(org.clock.now() - timedelta(days=1))
