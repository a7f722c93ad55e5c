"""`jobs/query`: the Bulk API 2.0's queries (spec 5.7)."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from practice_org.api.bodies import json_object
from practice_org.clock import wire
from practice_org.data import extract, jobs
from practice_org.data.jobs import DELIMITERS, LINE_ENDINGS, Job
from practice_org.errors import ApiError
from practice_org.http import Context, json_response

PAGE_ROWS = 50_000
PAGES_PER_ANSWER = 5
LIST_LENGTH = 1000


def create(ctx: Context, request: Request) -> Response:
    """POST jobs/query."""
    body = json_object(ctx)
    operation = body.get("operation")
    if operation not in ("query", "queryAll"):
        raise ApiError(400, "INVALIDJOB", f"Unsupported operation: {operation}: use query or queryAll")
    soql = body.get("query")
    if not isinstance(soql, str) or not soql.strip():
        raise ApiError(400, "INVALIDJOB", "The query parameter is required")
    line_ending, delimiter = csv_form(body)
    job = jobs.new(
        ctx.org,
        Job(
            id="",
            kind="query",
            operation=operation,
            object=extract.object_name(ctx.org, ctx.caller.id, soql, operation),
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
    return json_response(brief(job))


def csv_form(body: dict[str, Any]) -> tuple[str, str]:
    """Line ending and column delimiter of a job, with their defaults."""
    line_ending = body.get("lineEnding") or "LF"
    delimiter = body.get("columnDelimiter") or "COMMA"
    if line_ending not in LINE_ENDINGS:
        raise ApiError(400, "INVALIDJOB", f"Unsupported lineEnding: {line_ending}")
    if delimiter not in DELIMITERS:
        raise ApiError(400, "INVALIDJOB", f"Unsupported columnDelimiter: {delimiter}")
    if (body.get("contentType") or "CSV") != "CSV":
        raise ApiError(400, "INVALIDJOB", f"Unsupported contentType: {body['contentType']}")
    return line_ending, delimiter


def brief(job: Job) -> dict[str, Any]:
    """The job as its creation answers it."""
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.user_id,
        "createdDate": wire(job.created),
        "systemModstamp": wire(job.modified),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.api_version),
        "lineEnding": job.line_ending,
        "columnDelimiter": job.delimiter,
    }


def shown(job: Job) -> dict[str, Any]:
    """The job as a look at it answers it."""
    out = brief(job)
    form = {key: out.pop(key) for key in ("lineEnding", "columnDelimiter")}
    out["jobType"] = "V2Query"
    out.update(form)
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


def _looked_at(ctx: Context) -> Job:
    job = jobs.find(ctx.org, "query", ctx.params["id"])
    return jobs.advance(ctx.org, job, extract.work)


def listing(ctx: Context, request: Request) -> Response:
    """GET jobs/query."""
    start = int(ctx.query["queryLocator"]) if ctx.query.get("queryLocator", "").isdigit() else 0
    every = jobs.every(ctx.org, "query")
    some = every[start : start + LIST_LENGTH]
    done = start + LIST_LENGTH >= len(every)
    following = f"/services/data/v{ctx.version}/jobs/query?queryLocator={start + LIST_LENGTH}"
    keys = [k for k in shown(some[0]) if k not in _NOT_LISTED] if some else []
    return json_response(
        {
            "done": done,
            "records": [{k: v for k, v in shown(job).items() if k in keys} for job in some],
            "nextRecordsUrl": None if done else following,
        }
    )


_NOT_LISTED = frozenset(
    {
        "lineEnding",
        "columnDelimiter",
        "numberRecordsProcessed",
        "retries",
        "totalProcessingTime",
        "isPkChunkingSupported",
        "errorMessage",
    }
)


def change(ctx: Context, request: Request) -> Response:
    """PATCH jobs/query/ID with {"state": "Aborted"}."""
    state = json_object(ctx).get("state")
    job = jobs.find(ctx.org, "query", ctx.params["id"])
    if state != "Aborted":
        raise ApiError(400, "INVALIDJOBSTATE", f"A query job can only be Aborted, not {state}")
    if job.state in jobs.FINISHED:
        raise ApiError(400, "INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
    return json_response(brief(jobs.save(ctx.org, replace(job, state="Aborted"))))


def delete(ctx: Context, request: Request) -> Response:
    """DELETE jobs/query/ID."""
    job = jobs.find(ctx.org, "query", ctx.params["id"])
    if job.state not in jobs.FINISHED:
        raise ApiError(
            400, "INVALIDJOBSTATE", f"Job must be in a terminal state to be deleted: it is {job.state}"
        )
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
        raise ApiError(
            400, "INVALIDJOBSTATE", f"The job is {job.state}: its results are there when it is JobComplete"
        )
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
        raise ApiError(400, "INVALIDJOB", f"maxRecords must be a positive number, not {text}")
    return int(text)
