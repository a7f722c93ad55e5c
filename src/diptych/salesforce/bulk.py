"""Bulk queries (Bulk API 2.0): start a job, watch it, read its result, throw it away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

from diptych.domain.outcome import ErrorClass, OrgRefused, Problem
from diptych.salesforce.bulk_parts import Result, in_order
from diptych.salesforce.client import CallFailed, Client, Document, as_document
from diptych.salesforce.error_table import Next
from diptych.salesforce.errors import Effect
from diptych.salesforce.soql import select, system_fields
from diptych.sync.ports import SnapshotJob, SnapshotPage

_STATES = {
    "Open": "waiting",
    "UploadComplete": "waiting",
    "InProgress": "running",
    "JobComplete": "complete",
    "Aborted": "failed",
    "Failed": "failed",
}


def start(client: Client, object_name: str, fields: tuple[str, ...]) -> str:
    """Start a query of all live records; its job id. A lost answer leaves at most an unused job behind (C-06)."""
    columns = tuple(dict.fromkeys((*system_fields(object_name), *fields)))
    body = json.dumps({"operation": "query", "query": select(columns, object_name)})
    document = as_document(client.call("POST", "jobs/query", body, effect=Effect.HARMLESS))
    return str(document["id"])


def job(client: Client, job_id: str) -> SnapshotJob:
    """The job as the org tells it; 'gone' when it does not know it (any more)."""
    facts = _facts(client, job_id)
    if facts is None:
        return SnapshotJob(job_id, "gone", error="Salesforce does not know the job any more.")
    state = str(facts.get("state"))
    error = None
    if state == "Aborted":
        error = "The job was aborted in Salesforce."
    elif state == "Failed":
        error = str(facts.get("errorMessage") or "Salesforce gave no reason.")
    total = facts.get("numberRecordsProcessed")
    return SnapshotJob(
        job_id,
        _STATES.get(state, "running"),
        int(total) if state == "JobComplete" and total is not None else None,
        error,
    )


def pages(client: Client, job_id: str, locator: str | None, max_rows: int) -> Iterator[SnapshotPage]:
    """See `Org.snapshot_pages`. Raises OrgRefused (class GONE) when the job is gone or not complete."""
    facts = _facts(client, job_id)
    if facts is None:
        raise OrgRefused(
            Problem(
                "JOB_GONE",
                f"The bulk job {job_id} does not exist any more.",
                ErrorClass.GONE,
                remedy="Diptych starts a new one.",
            )
        )
    # results are only given under the version that made the job; an upgrade of ours may come in between
    version = float(facts.get("apiVersion") or client.api_version)
    result = Result(str(facts["object"]), f"/services/data/v{version:.1f}", quote(job_id), version)
    yield from in_order(client, result, locator, max_rows)


def end(client: Client, job_id: str) -> None:
    """Delete the job, aborting it first if it still runs. Never raises for one that is gone."""
    path = f"jobs/query/{quote(job_id)}"
    facts = _facts(client, job_id)
    if facts is None:
        return
    try:
        if _STATES.get(str(facts.get("state"))) in ("waiting", "running"):
            client.call("PATCH", path, '{"state":"Aborted"}', effect=Effect.HARMLESS)
        client.request("DELETE", path, effect=Effect.HARMLESS)
    except OrgRefused:
        return  # finished or deleted by somebody else meanwhile; the org throws it away in seven days


def _facts(client: Client, job_id: str) -> Document | None:
    try:
        document = client.try_request("GET", f"jobs/query/{quote(job_id)}").document
    except CallFailed as failed:
        if failed.status in (400, 404, 410) and failed.faults[0].meaning.next in (Next.GONE, Next.REFUSE):
            return None
        raise failed.error from failed
    return as_document(document)
