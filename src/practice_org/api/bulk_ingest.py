"""`jobs/ingest`: the Bulk API 2.0's writes (spec 5.8)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from practice_org.api import bulk_jobs, multipart
from practice_org.api.bodies import json_object, parsed
from practice_org.api.bulk_jobs import (
    brief,
    content_url,
    csv_form,
    csv_words,
    invalid_job,
    require_bulk,
    require_version,
    still_open,
    wrong_state,
)
from practice_org.clock import stamp
from practice_org.data import ingest, ingest_results, job_limits, jobs
from practice_org.data.jobs import Job
from practice_org.errors import ApiError, json_parser_error, not_found, said
from practice_org.http import Context, json_response
from practice_org.intake import too_large
from practice_org.schema import access as rights
from practice_org.schema.catalogue import ObjectType

FIRST_VERSION = 41
OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
RESULTS = {kind.lower(): kind for kind in ingest_results.KINDS}
MOST_BYTES = 150_000_000
"""Of an upload, counted as base64, as the service stores it (its documentation advises 100 MB of data)."""
MOST_MULTIPART_CHARACTERS = 100_000


def create(ctx: Context, request: Request) -> Response:
    """POST jobs/ingest: JSON, or a multipart body with the job and its CSV in one."""
    require_version(ctx, FIRST_VERSION)
    content_type = ctx.headers.get("content-type", "")
    content: bytes | None = None
    if content_type.lower().startswith("multipart/"):
        body, content = _both(ctx, content_type)
    else:
        body = json_object(ctx)
    job = _created(ctx, body)
    if content is None:
        return json_response(_made(job))
    ingest_results.files(ctx.org, job).upload.write_bytes(content)
    return json_response(_made(_closed(ctx, job, uploaded=True)))


def _both(ctx: Context, content_type: str) -> tuple[dict[str, Any], bytes]:
    """The two parts of a multipart body: the job, and its content."""
    parts = multipart.parts(ctx.body, content_type)
    if "job" not in parts or "content" not in parts:
        raise invalid_job("A multipart request has the parts job and content")
    if len(parts["content"]) > MOST_MULTIPART_CHARACTERS:
        raise invalid_job(
            f"The content of a multipart request has at most {MOST_MULTIPART_CHARACTERS} characters"
        )
    body = parsed(parts["job"])
    if not isinstance(body, dict):
        raise json_parser_error("Cannot deserialize instance of job from START_ARRAY")
    return body, parts["content"]


def _created(ctx: Context, body: dict[str, Any]) -> Job:
    operation = body.get("operation")
    if operation not in OPERATIONS:
        raise invalid_job(f"Unsupported operation: {said(operation)}")
    obj = target(ctx.org, ctx.caller.id, body.get("object"))
    if obj is None:
        raise invalid_job(f"Unable to find object: {said(body.get('object'))}")
    require_bulk(obj.name)
    key = body.get("externalIdFieldName")
    if operation == "upsert" and not is_key(obj, key):
        raise invalid_job(f"Invalid external ID field name for an upsert: {said(key)}")
    may_hard_delete(ctx, operation)
    line_ending, delimiter = csv_form(body)
    jobs.forget_old(ctx.org)
    job_limits.admit_ingest(ctx.org)
    return jobs.new(
        ctx.org,
        Job(
            id="",
            kind="ingest",
            operation=operation,
            object=obj.name,
            user_id=ctx.caller.id,
            created="",
            modified="",
            state="Open",
            api_version=ctx.version,
            line_ending=line_ending,
            delimiter=delimiter,
            facts={
                "external_id_field": key if operation == "upsert" else None,
                "assignment_rule_id": body.get("assignmentRuleId"),
                "client": ctx.client,
            },
        ),
    )


def target(org: Any, user_id: str, name: Any) -> ObjectType | None:
    """The object of a job, if the user sees one of that name."""
    obj: ObjectType | None = org.schema.get(name) if isinstance(name, str) else None
    return obj if obj is not None and rights.for_user(org, user_id).can("Read", obj) else None


def is_key(obj: ObjectType, name: Any) -> bool:
    """Whether a field can tell the records of an upsert."""
    f = obj.get(name) if isinstance(name, str) else None
    return f is not None and (f.has("externalId") or f.has("idLookup") or f.type == "id")


def may_hard_delete(ctx: Context, operation: str) -> None:
    """Raises ApiError FEATURENOTENABLED when a user without Bulk API Hard Delete asks for it."""
    access = rights.for_user(ctx.org, ctx.caller.id)
    if operation == "hardDelete" and not access.unlimited and "BulkApiHardDelete" not in access.system:
        raise ApiError(
            400,
            "FEATURENOTENABLED",
            "FeatureNotEnabled : hardDelete operation requires special user profile permission, please contact your "
            "system administrator",
            code_first=True,
        )


def _made(job: Job) -> dict[str, Any]:
    """The job as its creation answers it (recorded)."""
    where = {"contentUrl": content_url(job)} if job.state == "Open" else {}
    return {**brief(job), **where, **csv_words(job)}


def _shown(job: Job) -> dict[str, Any]:
    """The job as a look at it answers it (recorded)."""
    out = {**brief(job), "jobType": "V2Ingest"}
    if job.state == "Open":
        out["contentUrl"] = content_url(job)
    out.update(csv_words(job))
    if job.state != "Open":
        out["numberRecordsProcessed"] = job.records
        out["numberRecordsFailed"] = job.failed
    out["retries"] = 0
    out["totalProcessingTime"] = job.milliseconds
    out["apiActiveProcessingTime"] = job.milliseconds
    out["apexProcessingTime"] = 0
    if job.error is not None:
        out["errorMessage"] = job.error
    return out


def _found(ctx: Context) -> Job:
    require_version(ctx, FIRST_VERSION)
    return jobs.find(ctx.org, "ingest", ctx.params["id"])


def upload(ctx: Context, request: Request) -> Response:
    """PUT jobs/ingest/ID/batches: the job's one CSV file."""
    job = _found(ctx)
    most = int(ctx.org.setting("bulk_upload_bytes", MOST_BYTES))
    if len(ctx.body) * 4 / 3 > most:
        raise too_large(most)
    with ctx.org.transaction():
        jobs.change(ctx.org, job, _takes_content, facts={**job.facts, "uploaded": True})
        ingest_results.files(ctx.org, job).upload.write_bytes(ctx.body)
    return Response(status_code=201)


def _takes_content(job: Job) -> None:
    if job.facts.get("uploaded"):
        raise ApiError(
            400,
            "BULK_API_ERROR",
            f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job "
            "then create a new Job and make sure you only do 'PUT' once on a given Job.",
        )
    if job.state != "Open":
        raise wrong_state(f"Uploading to already {job.state} Job not allowed")


def change(ctx: Context, request: Request) -> Response:
    """PATCH jobs/ingest/ID with {"state": "UploadComplete" | "Aborted"}."""
    state = json_object(ctx).get("state")
    job = _found(ctx)
    if state == "Aborted":
        return json_response(brief(jobs.change(ctx.org, job, still_open("Aborting"), state="Aborted")))
    if state != "UploadComplete":
        raise wrong_state(f"Job state can only be changed to UploadComplete or Aborted, not {state}")
    return json_response(brief(_closed(ctx, job)))


def _closed(ctx: Context, job: Job, *, uploaded: bool = False) -> Job:
    """The upload is complete: the work may begin."""

    def is_open(current: Job) -> None:
        still_open("Closing")(current)
        if current.state != "Open":
            raise wrong_state(f"Closing already {current.state} Job not allowed")

    with ctx.org.transaction():
        facts = {**jobs.find(ctx.org, "ingest", job.id).facts, "queued": stamp(ctx.org.clock.now())}
        if not uploaded and not facts.get("uploaded"):
            is_open(job)
            ingest_results.files(ctx.org, job).upload.write_bytes(b"")
        closed = jobs.change(ctx.org, job, is_open, state="UploadComplete", facts={**facts, "uploaded": True})
    if ctx.org.setting("job_speed", "instant") == "instant":
        jobs.start(ctx.org, closed, ingest.work)
    return closed


def info(ctx: Context, request: Request) -> Response:
    """GET jobs/ingest/ID."""
    return json_response(_shown(jobs.advance(ctx.org, _found(ctx), ingest.work)))


def listing(ctx: Context, request: Request) -> Response:
    """GET jobs/ingest."""
    require_version(ctx, FIRST_VERSION)
    return bulk_jobs.listing(ctx, "ingest")


def delete(ctx: Context, request: Request) -> Response:
    """DELETE jobs/ingest/ID."""
    job = _found(ctx)
    if job.state in jobs.WORKING:
        raise wrong_state(f"Deleting not completed Job not allowed: it is {job.state}")
    jobs.forget(ctx.org, job)
    return Response(status_code=204)


def results(ctx: Context, request: Request) -> Response:
    """GET jobs/ingest/ID/successfulResults, failedResults, unprocessedrecords."""
    kind = RESULTS.get(ctx.params["kind"].lower())
    if kind is None:
        raise not_found()
    job = jobs.advance(ctx.org, _found(ctx), ingest.work)
    if job.state not in jobs.FINISHED:
        raise wrong_state(f"Job is not completed: it is {job.state}")
    content = ingest_results.result(ctx.org, job, kind)
    return StreamingResponse(content, headers={"Content-Type": "text/csv; charset=UTF-8"})
