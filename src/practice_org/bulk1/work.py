"""Working on the batches of a job, one after the other, in a thread of the job.

A batch of writes goes in chunks of 200; its progress is stored in the transaction of each chunk.
"""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from practice_org.bulk1 import batches, queries
from practice_org.bulk1.batches import ENDED, Batch
from practice_org.bulk1.refusal import BulkError, invalid_batch
from practice_org.bulk1.wire import parsed_json, records_of_xml
from practice_org.clock import parse_stamp
from practice_org.data import jobs
from practice_org.data.csv_reader import CsvError, CsvReader
from practice_org.data.dml import Outcome, Write
from practice_org.data.ingest_results import row_error
from practice_org.data.ingest_rows import CHUNK, Plan, carried_out, finish, plan, record_values, write_of
from practice_org.data.jobs import Job
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Org

QUERIES = ("query", "queryAll")
MOST_RECORDS = 10_000


def advance(org: Org, job: Job) -> None:
    """A look at a job moves its batches on as the org's job speed has it; see `jobs.advance`."""
    waiting = [batch for batch in batches.of(org, job) if batch.state not in ENDED]
    if not waiting:
        return
    speed = org.setting("job_speed", "instant")
    if speed != "instant" and job.id not in org.jobs:
        queued = [batch for batch in waiting if batch.state == "Queued"]
        for batch in queued:
            batches.change(org, batch, state="InProgress")
        if queued or speed == "stuck":
            return
        if speed == "slow":
            seconds = float(org.setting("job_slow_seconds", jobs.SLOW_SECONDS))
            begun = min(parse_stamp(batch.created) for batch in waiting)
            if org.clock.now() - begun < timedelta(seconds=seconds):
                return
    jobs.start(org, job, work).join(jobs.INSTANT_WAIT_SECONDS)


def resume(org: Org) -> None:
    """Go on with the batches that were not finished when the process ended."""
    if org.setting("job_speed", "instant") != "instant":
        return
    for job in jobs.every(org, "classic"):
        if any(batch.state not in ENDED for batch in batches.of(org, job)):
            jobs.start(org, job, work)


def work(org: Org, job: Job) -> None:
    """Do all batches of a job that wait, also those that come meanwhile."""
    while not org.closing.is_set():
        waiting = [batch for batch in batches.of(org, job) if batch.state not in ENDED]
        if not waiting:
            return
        _work_on(org, job, waiting[0])


def _work_on(org: Org, job: Job, batch: Batch) -> None:
    begun = time.monotonic() - batch.milliseconds / 1000
    try:
        if job.operation in QUERIES:
            _query(org, job, batch, begun)
        else:
            _write(org, job, batch, begun)
    except CsvError as error:
        _failed(org, job, batch, f"InvalidBatch : {error}")
    except BulkError as error:
        _failed(org, job, batch, f"{error.code} : {error.message}")
    except ApiError as error:
        _failed(org, job, batch, error.message)


def _failed(org: Org, job: Job, batch: Batch, message: str) -> None:
    with org.transaction():
        current = _current(org, job, batch)
        if current is not None:
            batches.change(org, current, state="Failed", message=message)


def _current(org: Org, job: Job, batch: Batch) -> Batch | None:
    """The batch as it is now, inside a transaction; None when its job was aborted or it has ended."""
    try:
        found = batches.find(org, jobs.find(org, "classic", job.id), batch.id)
    except (ApiError, BulkError):
        return None
    return None if found.state in ENDED else found


# -- queries ----------------------------------------------------------------------------------------


def _query(org: Org, job: Job, batch: Batch, begun: float) -> None:
    soql = batches.request(org, batch).read_bytes().decode("utf-8", "replace")
    try:
        found = queries.plan_of(org, job, soql, batch.facts.get("bounds"))
    except ApiError as error:
        raise invalid_batch(f"Failed to process query: {error.code}: {error.message}") from None
    if found.obj.name != job.object:
        raise invalid_batch(
            f"Failed to process query: the query is of {found.obj.name}, the job of {job.object}"
        )
    count = queries.write(org, job, found, batches.outcome(org, batch))
    with org.transaction():
        current = _current(org, job, batch)
        if current is not None:
            batches.change(org, current, state="Completed", records=count, milliseconds=_since(begun))


# -- writes -----------------------------------------------------------------------------------------


def _write(org: Org, job: Job, batch: Batch, begun: float) -> None:
    columns, rows = _opened(org, job, batch)
    with batches.outcome(org, batch).open("ab") as target:
        target.truncate(batch.facts.get("size", 0))
        target.seek(0, io.SEEK_END)
        rows = itertools.islice(rows, batch.records, None)
        while chunk := list(itertools.islice(rows, CHUNK)):
            if org.closing.is_set():
                return
            with org.transaction():
                current = _current(org, job, batch)
                if current is None:
                    return
                outcomes = _outcomes(org, columns, chunk)
                target.write(b"".join(_line(outcome) for outcome in outcomes))
                target.flush()
                batches.change(
                    org,
                    current,
                    state="InProgress",
                    records=current.records + len(chunk),
                    failed=current.failed + sum(o.error is not None for o in outcomes),
                    milliseconds=_since(begun),
                    facts={**current.facts, "size": target.tell()},
                )
    with org.transaction():
        current = _current(org, job, batch)
        if current is not None:
            batches.change(org, current, state="Completed", milliseconds=_since(begun))


def _opened(org: Org, job: Job, batch: Batch) -> tuple[Plan, Iterator[Any]]:
    """How a batch's records are to be read, and the records: rows of CSV, or mappings.

    Raises CsvError, BulkError or ApiError when the batch as a whole cannot be taken.
    """
    content = batches.request(org, batch).read_bytes()
    rows: list[Any]
    if job.facts["content_type"] == "CSV":
        reader = CsvReader(io.BytesIO(content), ",")
        header = next(reader, None)
        names = header.values if header else []
        rows = [row.values for row in reader]
    else:
        rows = records_of_xml(content) if job.facts["content_type"] == "XML" else _objects(content)
        names = list(dict.fromkeys(_name(key, value) for row in rows for key, value in row.items()))
        names = [name for name in names if name != "attributes"]
    if not rows:
        raise invalid_batch("Records not found")
    if len(rows) > MOST_RECORDS:
        raise invalid_batch(
            f"Exceeded number of records : {len(rows)}. Number of records should be less than or equal to "
            f"{MOST_RECORDS}"
        )
    columns = plan(
        org,
        job.user_id,
        org.schema[job.object],
        job.operation,
        names,
        key_name=job.facts.get("external_id_field"),
        assignment_rule=job.facts.get("assignment_rule_id"),
    )
    return columns, iter(rows)


def _objects(content: bytes) -> list[dict[str, Any]]:
    value = parsed_json(content)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise invalid_batch("Records not processed: the batch must be an array of records")
    return value


def _name(key: str, value: Any) -> str:
    """The column that a key of a record stands for: a parent is named by its own key."""
    if isinstance(value, dict):
        inner = [name for name in value if name != "attributes"]
        return f"{key}.{inner[0]}" if inner else key
    return key


def _outcomes(org: Org, columns: Plan, chunk: list[Any]) -> list[Outcome]:
    if isinstance(chunk[0], list):
        return carried_out(org, columns, chunk)
    taken: set[str] = set()
    planned: list[Write | ApiError] = []
    for record in chunk:
        try:
            planned.append(write_of(org, columns, record_values(columns, record), taken))
        except ApiError as error:
            planned.append(error)
    return finish(org, columns, planned)


def _line(outcome: Outcome) -> bytes:
    error = row_error(outcome.error) if outcome.error else None
    shown: dict[str, Any] = {
        "success": error is None,
        "created": outcome.created and error is None,
        "id": outcome.id if error is None else None,
        "errors": [],
    }
    if error is not None:
        shown["errors"] = [
            {
                "message": error.message,
                "fields": list(error.fields or ()),
                "statusCode": error.code,
                "extendedErrorDetails": None,
            }
        ]
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _since(begun: float) -> int:
    return int((time.monotonic() - begun) * 1000)
