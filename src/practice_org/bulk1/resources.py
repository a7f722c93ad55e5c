"""The resources of the Bulk API 1.0: `job`, its batches, their requests and results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from starlette.responses import Response, StreamingResponse

from practice_org.api.bulk_ingest import is_key, target
from practice_org.api.bulk_jobs import require_bulk
from practice_org.bulk1 import batches, queries, wire, work
from practice_org.bulk1.batches import Batch
from practice_org.bulk1.door import Call, Handler, Route, answer
from practice_org.bulk1.refusal import BulkError
from practice_org.data import job_limits, jobs
from practice_org.data.jobs import Job
from practice_org.errors import ApiError, said
from practice_org.schema import access as rights

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete", *work.QUERIES)
CONTENT_TYPES = ("CSV", "JSON", "XML")
MODES = {"0": "Parallel", "1": "Serial", "parallel": "Parallel", "serial": "Serial", "": "Parallel"}
MOST_BATCH_BYTES = 10_000_000
CHUNK_SIZE, MOST_CHUNK_SIZE = 100_000, 250_000
NO_ROWS = b"Records not found for this query"
_PIECE = 1 << 20


# -- jobs -------------------------------------------------------------------------------------------


def create(call: Call) -> Response:
    """POST job."""
    fields = wire.fields_of(call.body, json_body=bool(call.json))
    operation = fields.get("operation")
    if operation not in OPERATIONS:
        raise BulkError("InvalidJob", f"Unsupported operation: {said(operation)}")
    content_type = str(fields.get("contentType") or ("JSON" if call.json else "XML")).upper()
    if content_type not in CONTENT_TYPES:
        raise BulkError("InvalidJob", f"Unsupported content type: {content_type}")
    mode = MODES.get(str(fields.get("concurrencyMode") or "").lower())
    if mode is None:
        raise BulkError("InvalidJob", f"Unsupported concurrencyMode: {fields['concurrencyMode']}")
    obj = target(call.org, call.user_id, fields.get("object"))
    if obj is None:
        raise BulkError("InvalidJob", f"Unable to find object: {said(fields.get('object'))}")
    try:
        require_bulk(obj.name)
    except ApiError as error:
        raise BulkError("InvalidEntity", error.message) from None
    key = fields.get("externalIdFieldName")
    if operation == "upsert" and not is_key(obj, key):
        raise BulkError("InvalidJob", f"Invalid external ID field name for an upsert: {said(key)}")
    access = rights.for_user(call.org, call.user_id)
    if operation == "hardDelete" and "BulkApiHardDelete" not in access.system:
        raise BulkError(
            "FeatureNotEnabled",
            "hardDelete operation requires special user profile permission, please contact your system administrator",
        )
    jobs.forget_old(call.org)
    made = jobs.new(
        call.org,
        Job(
            id="",
            kind="classic",
            operation=operation,
            object=obj.name,
            user_id=call.user_id,
            created="",
            modified="",
            state="Open",
            api_version=call.version,
            facts={
                "content_type": content_type,
                "concurrency": mode,
                "external_id_field": key if operation == "upsert" else None,
                "assignment_rule_id": fields.get("assignmentRuleId") or None,
                "client": _client(call),
                "pk_chunking": _pk_chunking(call, operation),
                "batches": 0,
            },
        ),
    )
    return _job(call, made, status=201)


def _pk_chunking(call: Call, operation: str) -> int | None:
    """Rows of a chunk, when the header `Sforce-Enable-PKChunking` asks for chunks."""
    text = call.headers.get("sforce-enable-pkchunking", "").strip()
    if not text or text.lower() == "false":
        return None
    if operation not in work.QUERIES:
        raise BulkError("InvalidJob", "PK chunking is for queries")
    given = re.search(r"chunksize\s*=\s*(\d+)", text, re.IGNORECASE)
    size = int(given[1]) if given else CHUNK_SIZE
    if not 0 < size <= MOST_CHUNK_SIZE:
        raise BulkError("InvalidJob", f"chunkSize must be from 1 to {MOST_CHUNK_SIZE}")
    return size


def _client(call: Call) -> str | None:
    """The client's own name, from `Sforce-Call-Options`."""
    found = re.search(r"\bclient\s*=\s*([^,;\s]+)", call.headers.get("sforce-call-options", ""))
    return found[1] if found else None


def _job(call: Call, job: Job, *, status: int = 200) -> Response:
    facts = wire.job_facts(job, batches.of(call.org, job))
    return answer(_formed(call, job), facts, wire.job_xml, status=status)


def _formed(call: Call, job: Job) -> Call:
    return replace(call, json=job.facts["content_type"] == "JSON") if call.json is None else call


def _found(call: Call) -> Job:
    try:
        return jobs.find(call.org, "classic", call.params[0])
    except ApiError:
        raise BulkError("InvalidJob", f"Unable to find job for id: {call.params[0]}") from None


def _looked_at(call: Call) -> Job:
    job = _found(call)
    work.advance(call.org, job)
    return job


def job_info(call: Call) -> Response:
    """GET job/ID."""
    return _job(call, _looked_at(call))


def change(call: Call) -> Response:
    """POST job/ID with a state: Closed or Aborted."""
    job = _found(call)
    state = wire.fields_of(call.body, json_body=bool(call.json)).get("state")
    if state not in ("Closed", "Aborted"):
        raise BulkError("InvalidJobState", f"Invalid job state: {state}")
    verb = "Closing" if state == "Closed" else "Aborting"

    def check(current: Job) -> None:
        if current.state == "Aborted" or (current.state == "Closed" and state == "Closed"):
            raise BulkError("InvalidJobState", f"{verb} already {current.state} Job not allowed")

    with call.org.transaction():
        moved = jobs.change(call.org, job, check, state=state)
        if state == "Aborted":
            for batch in batches.of(call.org, moved):
                if batch.state not in batches.ENDED:
                    batches.change(call.org, batch, state="NotProcessed")
    return _job(call, moved)


# -- batches ----------------------------------------------------------------------------------------


def add_batch(call: Call) -> Response:
    """POST job/ID/batch: records, or the query."""
    job = _found(call)
    if call.content_type.startswith("zip/") or call.content_type == "application/zip":
        raise BulkError("InvalidBatch", f"Unsupported content type: {call.content_type}")
    form = {"text/csv": "CSV", "application/json": "JSON", "application/xml": "XML"}.get(call.content_type)
    if form is not None and form != job.facts["content_type"] and job.operation not in work.QUERIES:
        raise BulkError(
            "InvalidBatch",
            f"Content type of the batch ({form}) must be the job's: {job.facts['content_type']}",
        )
    if len(call.body) > MOST_BATCH_BYTES:
        raise BulkError(
            "InvalidBatch", f"Exceeded max file size: {len(call.body)}. It is {MOST_BATCH_BYTES} bytes"
        )
    if not call.body.strip():
        # Quoted by users of a client that sends nothing for no records.
        raise BulkError("ClientInputError", "Unable to find any data to create batch")
    if job_limits.batches(call.org) >= call.org.limits.maximum_of("DailyBulkApiBatches"):
        raise BulkError("ExceededQuota", "ApiBatchItems Limit exceeded.")
    with call.org.transaction():
        current = _found(call)
        if current.state != "Open":
            raise BulkError("InvalidJobState", f"Unable to add batches to a job that is {current.state}")
        made = batches.new(call.org, job, call.body, {})
        count = current.facts["batches"] + 1 + _chunked(call, current, made)
        jobs.save(call.org, replace(current, facts={**current.facts, "batches": count}))
        made = batches.find(call.org, job, made.id)
    if call.org.setting("job_speed", "instant") == "instant":
        jobs.start(call.org, job, work.work)
    return answer(_formed(call, job), wire.batch_facts(made), wire.batch_xml, status=201)


def _chunked(call: Call, job: Job, batch: Batch) -> int:
    """With PK chunking the batch itself is not processed; one batch for each chunk of ids follows it."""
    size = job.facts["pk_chunking"]
    if not size:
        return 0
    bounds = queries.chunk_bounds(call.org, call.org.schema[job.object], size)
    for pair in bounds:
        batches.new(call.org, job, call.body, {"bounds": list(pair)})
    batches.change(call.org, batch, state="NotProcessed")
    return len(bounds)


def batch_list(call: Call) -> Response:
    """GET job/ID/batch."""
    job = _looked_at(call)
    every = [wire.batch_facts(batch) for batch in batches.of(call.org, job)]
    call = _formed(call, job)
    return answer(call, {"batchInfo": every}, lambda facts: wire.batches_xml(facts["batchInfo"]))


def batch_info(call: Call) -> Response:
    """GET job/ID/batch/BATCH."""
    job = _looked_at(call)
    batch = batches.find(call.org, job, call.params[1])
    return answer(_formed(call, job), wire.batch_facts(batch), wire.batch_xml)


def batch_request(call: Call) -> Response:
    """GET job/ID/batch/BATCH/request: what was sent."""
    job = _found(call)
    batch = batches.find(call.org, job, call.params[1])
    content_type = wire.CSV_TYPE if job.operation in work.QUERIES else _content_type(job)
    return _file(batches.request(call.org, batch), content_type)


# -- results ----------------------------------------------------------------------------------------


def batch_result(call: Call) -> Response:
    """GET job/ID/batch/BATCH/result: an entry for each record, or the ids of a query's results."""
    job, batch = _completed(call)
    if job.operation in work.QUERIES:
        # Of no rows there is no result in JSON; in CSV there is one that says so (both quoted by users).
        ids = [] if not batch.records and job.facts["content_type"] == "JSON" else [_result_id(batch)]
        inner = "".join(f"<result>{one}</result>" for one in ids)
        xml = f'<result-list xmlns="{wire.NAMESPACE}">{inner}</result-list>'
        return answer(_formed(call, job), ids, lambda _: xml)
    lines = batches.outcome(call.org, batch)
    render = {"JSON": _json_results, "CSV": _csv_results, "XML": _xml_results}[job.facts["content_type"]]
    return Response(b"".join(render(lines)), headers={"Content-Type": _content_type(job)})


def query_result(call: Call) -> Response:
    """GET job/ID/batch/BATCH/result/RESULT: the rows of a query."""
    job, batch = _completed(call)
    if job.operation not in work.QUERIES or call.params[2] != _result_id(batch):
        raise BulkError("InvalidBatch", f"Unable to find result for id: {call.params[2]}")
    if not batch.records and job.facts["content_type"] == "CSV":
        return Response(NO_ROWS, headers={"Content-Type": wire.CSV_TYPE})
    return _file(batches.outcome(call.org, batch), _content_type(job))


def _completed(call: Call) -> tuple[Job, Batch]:
    job = _looked_at(call)
    batch = batches.find(call.org, job, call.params[1])
    if batch.state == "Failed" or (batch.state == "NotProcessed"):
        raise BulkError("InvalidBatch", "Records not processed")
    if batch.state != "Completed":
        raise BulkError("InvalidBatch", "Batch not completed")
    return job, batch


def _result_id(batch: Batch) -> str:
    """A batch of a query has one result, named after it."""
    return "752" + batch.id[3:15]


def _content_type(job: Job) -> str:
    return {"JSON": wire.JSON_TYPE, "CSV": wire.CSV_TYPE, "XML": wire.XML_TYPE}[job.facts["content_type"]]


def _file(path: Path, content_type: str) -> Response:
    def pieces() -> Iterator[bytes]:
        with path.open("rb") as source:
            while piece := source.read(_PIECE):
                yield piece

    headers = {"Content-Type": content_type, "Content-Length": str(path.stat().st_size)}
    return StreamingResponse(pieces(), headers=headers)


def _json_results(lines: Path) -> Iterator[bytes]:
    yield b"[" + b",".join(lines.read_bytes().splitlines()) + b"]"


def _csv_results(lines: Path) -> Iterator[bytes]:
    yield b'"Id","Success","Created","Error"\n'
    for entry in _entries(lines):
        errors = "\n".join(
            ApiError(400, e["statusCode"], e["message"], tuple(e["fields"])).bulk_error()
            for e in entry["errors"]
        )
        cells = (entry["id"] or "", _word(entry["success"]), _word(entry["created"]), errors)
        yield (",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n").encode()


def _xml_results(lines: Path) -> Iterator[bytes]:
    yield f'{wire.HEAD}<results xmlns="{wire.NAMESPACE}">'.encode()
    for entry in _entries(lines):
        errors = "".join(
            "<errors>"
            + "".join(f"<fields>{escape(name)}</fields>" for name in e["fields"])
            + f"<message>{wire.text(e['message'])}</message><statusCode>{e['statusCode']}</statusCode></errors>"
            for e in entry["errors"]
        )
        known = f"<id>{entry['id']}</id>" if entry["id"] else ""
        yield (
            f"<result>{errors}{known}<success>{_word(entry['success'])}</success>"
            f"<created>{_word(entry['created'])}</created></result>"
        ).encode()
    yield b"</results>"


def _entries(lines: Path) -> Iterator[dict[str, Any]]:
    for line in lines.read_bytes().split(b"\n"):
        if line:
            yield json.loads(line)


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _route(pattern: str, **handlers: Handler) -> Route:
    return Route(re.compile(pattern), handlers)


_ID = r"([^/]+)"
ROUTES = [
    _route("/job", POST=create),
    _route(f"/job/{_ID}", GET=job_info, POST=change),
    _route(f"/job/{_ID}/batch", GET=batch_list, POST=add_batch),
    _route(f"/job/{_ID}/batch/{_ID}", GET=batch_info),
    _route(f"/job/{_ID}/batch/{_ID}/request", GET=batch_request),
    _route(f"/job/{_ID}/batch/{_ID}/result", GET=batch_result),
    _route(f"/job/{_ID}/batch/{_ID}/result/{_ID}", GET=query_result),
]
