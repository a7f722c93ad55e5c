"""`jobs/ingest`: the Bulk API 2.0's writes (spec 5.8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from practice_org.api import bulk_query
from practice_org.api.bodies import json_object
from practice_org.clock import stamp
from practice_org.data import ingest, jobs
from practice_org.data.jobs import Job
from practice_org.errors import ApiError, not_found
from practice_org.http import Context, json_response
from practice_org.schema import access as rights

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
RESULTS = {
    "successfulresults": "successfulResults",
    "failedresults": "failedResults",
    "unprocessedrecords": "unprocessedrecords",
}


def create(ctx: Context, request: Request) -> Response:
    """POST jobs/ingest."""
    body = json_object(ctx)
    operation, name = body.get("operation"), body.get("object")
    if operation not in OPERATIONS:
        raise ApiError(400, "INVALIDJOB", f"Unsupported operation: {operation}")
    obj = ctx.org.schema.get(name) if isinstance(name, str) else None
    if obj is None or not rights.for_user(ctx.org, ctx.caller.id).can("Read", obj):
        raise ApiError(400, "INVALIDJOB", f"InvalidJob : Unable to find object: {name}")
    key = body.get("externalIdFieldName")
    if operation == "upsert":
        f = obj.get(key) if isinstance(key, str) else None
        if f is None or not (f.has("externalId") or f.has("idLookup") or f.type == "id"):
            raise ApiError(
                400, "INVALIDJOB", f"InvalidJob : Invalid external ID field name for an upsert: {key}"
            )
    line_ending, delimiter = bulk_query.csv_form(body)
    job = jobs.new(
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
                "external_id_field": key,
                "assignment_rule_id": body.get("assignmentRuleId"),
            },
        ),
    )
    return json_response(_shown(job, full=False))


def _shown(job: Job, *, full: bool, short: bool = False) -> dict[str, Any]:
    """Key order and presence as recorded: `short` after a change of state, `full` on a look."""
    out = bulk_query.brief(job)
    form = {key: out.pop(key) for key in ("lineEnding", "columnDelimiter")}
    if job.facts.get("external_id_field"):
        items = list(out.items())
        place = [k for k, _ in items].index("state") + 1
        items.insert(place, ("externalIdFieldName", job.facts["external_id_field"]))
        out = dict(items)
    if full:
        out["jobType"] = "V2Ingest"
    if not short:
        if job.state == "Open":
            version = f"v{float(job.api_version):.1f}"
            out["contentUrl"] = f"services/data/{version}/jobs/ingest/{job.id}/batches"
        out.update(form)
    if full:
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


def upload(ctx: Context, request: Request) -> Response:
    """PUT jobs/ingest/ID/batches: the job's one CSV file."""
    job = jobs.find(ctx.org, "ingest", ctx.params["id"])
    if job.facts.get("uploaded"):
        raise ApiError(
            400,
            "BULK_API_ERROR",
            f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job "
            "then create a new Job and make sure you only do 'PUT' once on a given Job.",
        )
    if job.state != "Open":
        raise ApiError(400, "INVALIDJOBSTATE", f"The job is {job.state}: content is taken while it is Open")
    ingest.files(ctx.org, job).upload.write_bytes(ctx.body)
    jobs.save(ctx.org, replace(job, facts={**job.facts, "uploaded": True}))
    return Response(status_code=201)


def change(ctx: Context, request: Request) -> Response:
    """PATCH jobs/ingest/ID with {"state": "UploadComplete" | "Aborted"}."""
    state = json_object(ctx).get("state")
    job = jobs.find(ctx.org, "ingest", ctx.params["id"])
    if state == "Aborted":
        if job.state in jobs.FINISHED:
            raise ApiError(400, "INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
        return json_response(
            _shown(jobs.save(ctx.org, replace(job, state="Aborted")), full=False, short=True)
        )
    if state != "UploadComplete":
        raise ApiError(400, "INVALIDJOBSTATE", f"A job can become UploadComplete or Aborted, not {state}")
    if job.state != "Open":
        raise ApiError(400, "INVALIDJOBSTATE", f"Closing already {job.state} Job not allowed")
    if not job.facts.get("uploaded"):
        ingest.files(ctx.org, job).upload.write_bytes(b"")
    queued = {**job.facts, "queued": stamp(ctx.org.clock.now())}
    job = jobs.save(ctx.org, replace(job, state="UploadComplete", facts=queued))
    if ctx.org.setting("job_speed", "instant") == "instant":
        jobs.start(ctx.org, job, ingest.work)
    return json_response(_shown(job, full=False, short=True))


def info(ctx: Context, request: Request) -> Response:
    """GET jobs/ingest/ID."""
    job = jobs.find(ctx.org, "ingest", ctx.params["id"])
    return json_response(_shown(jobs.advance(ctx.org, job, ingest.work), full=True))


def listing(ctx: Context, request: Request) -> Response:
    """GET jobs/ingest."""
    every = jobs.every(ctx.org, "ingest")[: bulk_query.LIST_LENGTH]
    return json_response(
        {
            "done": True,
            "records": [
                {
                    k: v
                    for k, v in _shown(job, full=True).items()
                    if k in bulk_query.brief(job) or k in ("jobType", "contentUrl")
                }
                for job in every
            ],
            "nextRecordsUrl": None,
        }
    )


def delete(ctx: Context, request: Request) -> Response:
    """DELETE jobs/ingest/ID."""
    job = jobs.find(ctx.org, "ingest", ctx.params["id"])
    if job.state in ("UploadComplete", "InProgress"):
        raise ApiError(400, "INVALIDJOBSTATE", f"The job is {job.state}: abort it before deleting it")
    jobs.forget(ctx.org, job)
    return Response(status_code=204)


def results(ctx: Context, request: Request) -> Response:
    """GET jobs/ingest/ID/successfulResults, failedResults, unprocessedrecords."""
    kind = RESULTS.get(ctx.params["kind"].lower())
    if kind is None:
        raise not_found()
    job = jobs.advance(ctx.org, jobs.find(ctx.org, "ingest", ctx.params["id"]), ingest.work)
    if job.state not in jobs.FINISHED:
        raise ApiError(
            400, "INVALIDJOBSTATE", f"The job is {job.state}: its results are there when it has ended"
        )
    return StreamingResponse(
        ingest.result(ctx.org, job, kind), headers={"Content-Type": "text/csv; charset=UTF-8"}
    )
