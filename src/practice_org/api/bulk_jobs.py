"""What query and ingest jobs of the Bulk API 2.0 share: how they are described, listed, and refused."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from practice_org.clock import wire
from practice_org.data import jobs
from practice_org.data.jobs import DELIMITERS, LINE_ENDINGS, Job
from practice_org.errors import ApiError, not_found
from practice_org.http import Context, json_response

LIST_LENGTH = 1000
JOB_TYPES = {"query": "V2Query", "ingest": "V2Ingest", "classic": "Classic"}
_KINDS = {word.lower(): kind for kind, word in JOB_TYPES.items()}


def require_version(ctx: Context, first: int) -> None:
    """Resources exist from some API version on.

    Raises ApiError 404 NOT_FOUND before it.
    """
    if float(ctx.version) < first:
        raise not_found()


def csv_form(body: dict[str, Any]) -> tuple[str, str]:
    """Line ending and column delimiter of a job, with their defaults.

    Raises ApiError INVALIDJOB for others than there are.
    """
    line_ending = body.get("lineEnding") or "LF"
    delimiter = body.get("columnDelimiter") or "COMMA"
    if not isinstance(line_ending, str) or line_ending not in LINE_ENDINGS:
        raise invalid_job(f"Unsupported lineEnding: {line_ending}")
    if not isinstance(delimiter, str) or delimiter not in DELIMITERS:
        raise invalid_job(f"Unsupported columnDelimiter: {delimiter}")
    if (body.get("contentType") or "CSV") != "CSV":
        raise invalid_job(f"Unsupported contentType: {body['contentType']}")
    return line_ending, delimiter


def invalid_job(message: str) -> ApiError:
    return ApiError(400, "INVALIDJOB", f"InvalidJob : {message}", code_first=True)


def wrong_state(message: str) -> ApiError:
    """Quoted from the real service: `{"errorCode": "INVALIDJOBSTATE", "message": "Aborting already ..."}`."""
    return ApiError(400, "INVALIDJOBSTATE", message, code_first=True)


def still_open(doing: str) -> Any:
    """A check for `jobs.change`: a job that has ended can be neither closed nor aborted."""

    def check(job: Job) -> None:
        if job.state in jobs.FINISHED:
            word = {"JobComplete": "Completed"}.get(job.state, job.state)
            raise wrong_state(f"{doing} already {word} Job not allowed")

    return check


NOT_IN_BULK = frozenset(
    [
        "AcceptedEventRelation",
        "AttachedContentDocument",
        "AttachedContentNote",
        "CaseStatus",
        "ContractStatus",
        "DeclinedEventRelation",
        "EventWhoRelation",
        "OrderStatus",
        "PartnerRole",
        "RecentlyViewed",
        "SolutionStatus",
        "TaskPriority",
        "TaskStatus",
        "TaskWhoRelation",
        "UndecidedEventRelation",
        "UserRecordAccess",
    ]
)
"""Objects that clients were seen to leave out, because the Bulk API refuses them."""


def require_bulk(object_name: str) -> None:
    """Raises ApiError INVALIDENTITY for an object that the Bulk API does not serve."""
    if object_name in NOT_IN_BULK or object_name.endswith(("Feed", "History", "Share")):
        raise ApiError(
            400, "INVALIDENTITY", f"Entity '{object_name}' is not supported by the Bulk API.", code_first=True
        )


def brief(job: Job) -> dict[str, Any]:
    """The job as its creation answers it (recorded)."""
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.user_id,
        "createdDate": wire(job.created),
        "systemModstamp": wire(job.modified),
        "state": job.state,
        **_external_id(job),
        "concurrencyMode": job.facts.get("concurrency", "Parallel"),
        "contentType": job.facts.get("content_type", "CSV"),
        "apiVersion": float(job.api_version),
    }


def _external_id(job: Job) -> dict[str, str]:
    name = job.facts.get("external_id_field")
    return {"externalIdFieldName": name} if name else {}


def csv_words(job: Job) -> dict[str, str]:
    return {"lineEnding": job.line_ending, "columnDelimiter": job.delimiter}


def listing(ctx: Context, kind: str) -> Response:
    """The jobs of a kind and those of the Bulk API 1.0, at most 1000 an answer."""
    jobs.forget_old(ctx.org)
    wanted = ctx.query.get("jobType")
    kinds = [kind, "classic"] if not wanted else [_KINDS.get(wanted.lower(), "none")]
    found = jobs.every(ctx.org, *kinds)
    if ctx.query.get("isPkChunkingEnabled", "").lower() == "true":
        found = [job for job in found if job.facts.get("pk_chunking")]
    mode = ctx.query.get("concurrencyMode", "").lower()
    if mode:
        found = [job for job in found if job.facts.get("concurrency", "Parallel").lower() == mode]
    locator = ctx.query.get("queryLocator")
    if locator:
        last = _after(locator)
        found = [job for job in found if job.id < last]
    page = found[:LIST_LENGTH]
    done = len(found) == len(page)
    following = None
    if not done:
        kept = "".join(
            f"&{name}={ctx.query[name]}"
            for name in ("jobType", "concurrencyMode", "isPkChunkingEnabled")
            if name in ctx.query
        )
        locator = f"01g{page[-1].id[3:]}-{LIST_LENGTH}"
        following = f"/services/data/v{ctx.version}/jobs/{kind}?queryLocator={locator}{kept}"
    records = [_listed(job) for job in page]
    return json_response({"done": done, "records": records, "nextRecordsUrl": following})


def _after(locator: str) -> str:
    key, _, number = locator.partition("-")
    if not key.startswith("01g") or not number.isdecimal():
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return "750" + key[3:]


def _listed(job: Job) -> dict[str, Any]:
    out = {**brief(job), "jobType": JOB_TYPES[job.kind]}
    if job.kind == "classic":
        return out
    if job.kind == "ingest" and job.state == "Open":
        out["contentUrl"] = content_url(job)
    return {**out, **csv_words(job)}


def content_url(job: Job) -> str:
    """Where an ingest job takes its upload; the real one has no slash at its start (recorded)."""
    return f"services/data/v{float(job.api_version):.1f}/jobs/ingest/{job.id}/batches"
