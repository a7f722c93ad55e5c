"""`jobs/query`: the Bulk API 2.0's queries (spec 5.7)."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from practice_org.api import bulk_jobs
from practice_org.api.bodies import json_object
from practice_org.api.bulk_jobs import (
    brief,
    csv_form,
    csv_words,
    invalid_job,
    require_bulk,
    require_version,
    still_open,
    wrong_state,
)
from practice_org.data import extract, job_limits, jobs
from practice_org.data.jobs import Job
from practice_org.errors import ApiError, said
from practice_org.http import Context, json_response

PAGE_ROWS = 50_000
PAGES_PER_ANSWER = 5
FIRST_VERSION, FIRST_WITH_PAGES = 47, 58


def create(ctx: Context, request: Request) -> Response:
    """POST jobs/query."""
    require_version(ctx, FIRST_VERSION)
    body = json_object(ctx)
    operation = body.get("operation")
    if operation not in ("query", "queryAll"):
        raise invalid_job(f"Unsupported operation: {said(operation)}")
    soql = body.get("query")
    if not isinstance(soql, str) or not soql.strip():
        raise invalid_job("The query parameter is required")
    line_ending, delimiter = csv_form(body)
    jobs.forget_old(ctx.org)
    object_name = extract.object_name(ctx.org, ctx.caller.id, soql, operation)
    require_bulk(object_name)
    job_limits.admit_query(ctx.org)
    job = jobs.new(
        ctx.org,
        Job(
            id="",
            kind="query",
            operation=operation,
            object=object_name,
            user_id=ctx.caller.id,
            created="",
            modified="",
            state="UploadComplete",
            api_version=ctx.version,
            line_ending=line_ending,
            delimiter=delimiter,
            facts={"query": soql},
        ),
    )
    if ctx.org.setting("job_speed", "instant") == "instant":
        jobs.start(ctx.org, job, extract.work)
    return json_response({**brief(job), **csv_words(job)})


def shown(job: Job) -> dict[str, Any]:
    """The job as a look at it answers it."""
    out = {**brief(job), "jobType": "V2Query", **csv_words(job)}
    if job.error is not None:
        out["errorMessage"] = job.error
    out["numberRecordsProcessed"] = job.records
    out["retries"] = 0
    out["totalProcessingTime"] = job.milliseconds
    out["isPkChunkingSupported"] = True
    return out


def info(ctx: Context, request: Request) -> Response:
    """GET jobs/query/ID."""
    return json_response(shown(_looked_at(ctx)))


def _found(ctx: Context) -> Job:
    require_version(ctx, FIRST_VERSION)
    return jobs.find(ctx.org, "query", ctx.params["id"])


def _looked_at(ctx: Context) -> Job:
    return jobs.advance(ctx.org, _found(ctx), extract.work)


def listing(ctx: Context, request: Request) -> Response:
    """GET jobs/query."""
    require_version(ctx, FIRST_VERSION)
    return bulk_jobs.listing(ctx, "query")


def change(ctx: Context, request: Request) -> Response:
    """PATCH jobs/query/ID with {"state": "Aborted"}."""
    state = json_object(ctx).get("state")
    job = _found(ctx)
    if state != "Aborted":
        raise wrong_state(f"Job state can only be changed to Aborted, not {state}")
    moved = jobs.change(ctx.org, job, still_open("Aborting"), state="Aborted")
    return json_response({**brief(moved), **csv_words(moved)})


def delete(ctx: Context, request: Request) -> Response:
    """DELETE jobs/query/ID."""
    job = _found(ctx)
    if job.state not in jobs.FINISHED:
        raise wrong_state(f"Deleting not completed Job not allowed: it is {job.state}")
    jobs.forget(ctx.org, job)
    return Response(status_code=204)


# -- results ----------------------------------------------------------------------------------------


def results(ctx: Context, request: Request) -> Response:
    """GET jobs/query/ID/results?maxRecords=N&locator=L: a page of CSV, its header row first."""
    job = _complete(ctx)
    start = _start(ctx, job)
    wanted = extract.page(ctx.org, job, start, _most(ctx))
    following = start + wanted.rows
    headers = {
        "Sforce-NumberOfRecords": str(wanted.rows),
        "Sforce-Locator": locator(job, following) if following < job.records else "null",
        "Content-Type": "text/csv; charset=UTF-8",
    }
    content: Iterator[bytes] = extract.chunks(ctx.org, job, wanted)
    if "gzip" in ctx.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        content = _gzipped(content)
    else:
        headers["Content-Length"] = str(wanted.size)
    return StreamingResponse(content, headers=headers)


def _gzipped(content: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in content:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()


def result_pages(ctx: Context, request: Request) -> Response:
    """GET jobs/query/ID/resultPages: up to five pages that may be fetched at the same time (v58)."""
    require_version(ctx, FIRST_WITH_PAGES)
    job = _complete(ctx)
    start = _start(ctx, job)
    most = _most(ctx)
    base = f"/services/data/v{ctx.version}/jobs/query/{job.id}"
    pages: list[dict[str, str]] = []
    while start < job.records and len(pages) < PAGES_PER_ANSWER:
        url = f"{base}/results?locator={locator(job, start)}"
        pages.append({"resultUrl": url + (f"&maxRecords={most}" if "maxRecords" in ctx.query else "")})
        start += most
    done = start >= job.records
    more = f"&maxRecords={most}" if "maxRecords" in ctx.query else ""
    return json_response(
        {
            "resultPages": pages,
            "nextRecordsUrl": None if done else f"{base}/resultPages?locator={locator(job, start)}{more}",
            "done": done,
        }
    )


def _complete(ctx: Context) -> Job:
    job = _looked_at(ctx)
    if float(job.api_version) != float(ctx.version):
        raise ApiError(
            409,
            "API_VERSION_MISMATCH",
            f"The job was created with API version {job.api_version}: use that version for its results",
        )
    if job.state != "JobComplete":
        raise wrong_state(f"Job is not completed: it is {job.state}")
    return job


def locator(job: Job, start: int) -> str:
    """An opaque name for the rows from `start` on; it stays valid as long as the job does."""
    return base64.urlsafe_b64encode(f"{start}:{job.id}:1".encode()).decode().rstrip("=")


def _start(ctx: Context, job: Job) -> int:
    text = ctx.query.get("locator")
    if not text or text == "null":
        return 0
    try:
        start, job_id, _ = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(":")
        if job_id == job.id and start.isdecimal() and int(start) <= job.records:
            return int(start)
    except (binascii.Error, ValueError):
        pass
    raise ApiError(400, "INVALID_QUERY_LOCATOR", f"invalid query locator: {text}")


def _most(ctx: Context) -> int:
    text = ctx.query.get("maxRecords")
    if text is None:
        return int(ctx.org.setting("bulk_page_rows", PAGE_ROWS))
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise invalid_job(f"maxRecords must be a positive number, not {text}")
    return int(text)
