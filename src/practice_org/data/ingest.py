"""Bulk API 2.0 ingest: a CSV file becomes writes, in chunks of 200, with a result for each row (spec 5.8).

The file is read through once before anything is written: what makes it unusable fails the job as a
whole. Then rows succeed and fail one by one. How far a job has come is stored in the transaction of each
chunk, and the result files are cut back to that point before work goes on, so that a process that was
killed repeats no write and forgets none.
"""

from __future__ import annotations

import io
import time
from dataclasses import replace
from itertools import islice
from typing import IO, TYPE_CHECKING

from practice_org.data import jobs
from practice_org.data.csv_reader import CsvError, CsvReader, Row, wrong_line_end
from practice_org.data.ingest_results import Files, files, result_row
from practice_org.data.ingest_rows import CHUNK, Plan, carried_out, plan
from practice_org.data.jobs import DELIMITERS, Job
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Org


def work(org: Org, job: Job) -> None:
    """Carry out the job's rows; then it is complete, or failed as a whole when its file is unusable."""
    current = jobs.working(org, job)
    if current is None:
        return
    paths = files(org, current)
    try:
        if "rows" not in current.facts:
            facts = {**current.facts, **_looked_through(paths, current)}
            current = jobs.change(org, current, jobs.still_working, state="InProgress", facts=facts)
        columns = _plan(org, current) if current.facts["rows"] or current.facts["header"] else None
    except CsvError as error:
        jobs.fail(org, job, f"InvalidBatch : {error}")
        return
    except ApiError as error:
        jobs.fail(org, job, error.message)
        return
    _carry_out(org, current, columns, paths)


def _looked_through(paths: Files, job: Job) -> dict[str, object]:
    """The facts of an upload: its header, as names and as it was sent, and the number of its rows.

    Raises CsvError when it cannot be read, ApiError when its lines end otherwise than the job said.
    """
    with paths.upload.open("rb") as source:
        if wrong_line_end(source, job.line_ending):
            raise ApiError(
                400,
                "ClientInputError",
                "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is "
                f"{job.line_ending}",
            )
    with paths.upload.open("rb") as source:
        reader = CsvReader(source, DELIMITERS[job.delimiter])
        header = next(reader, None)
        if header is None:  # not even a header: the job is complete with nothing done (a client's own tests)
            return {"header": [], "header_text": "", "rows": 0}
        return {
            "header": header.values,
            "header_text": header.text.rstrip("\r\n"),
            "rows": sum(1 for _ in reader),
        }


def _plan(org: Org, job: Job) -> Plan:
    return plan(
        org,
        job.user_id,
        org.schema[job.object],
        job.operation,
        job.facts["header"],
        key_name=job.facts.get("external_id_field"),
        assignment_rule=job.facts.get("assignment_rule_id"),
    )


def _carry_out(org: Org, job: Job, columns: Plan | None, paths: Files) -> None:
    begun = time.monotonic() - job.milliseconds / 1000
    sizes = job.facts.get("sizes", [0, 0])
    with (
        paths.upload.open("rb") as source,
        paths.succeeded.open("ab") as good,
        paths.failed.open("ab") as bad,
    ):
        for target, size in zip((good, bad), sizes, strict=True):
            target.truncate(size)
            target.seek(0, io.SEEK_END)
        reader = CsvReader(source, DELIMITERS[job.delimiter])
        for _ in islice(reader, job.records + 1):  # the header, and what was done before a restart
            pass
        while columns is not None and (chunk := list(islice(reader, CHUNK))):
            if org.closing.is_set() or not _chunk(org, job, columns, chunk, (good, bad), begun):
                return
    with org.transaction():
        current = jobs.working(org, job)
        if current is not None:
            jobs.save(org, replace(current, state="JobComplete", milliseconds=_since(begun)))


def _chunk(
    org: Org, job: Job, columns: Plan, chunk: list[Row], results: tuple[IO[bytes], IO[bytes]], begun: float
) -> bool:
    """Write a chunk, its results and the job's progress together; False when the job was ended."""
    good, bad = results
    with org.transaction():
        current = jobs.working(org, job)
        if current is None:
            return False
        outcomes = carried_out(org, columns, [row.values for row in chunk])
        for row, outcome in zip(chunk, outcomes, strict=True):
            target = good if outcome.error is None else bad
            target.write(result_row(job, row.values, outcome))
        good.flush()
        bad.flush()
        jobs.save(
            org,
            replace(
                current,
                state="InProgress",
                records=current.records + len(chunk),
                failed=current.failed + sum(outcome.error is not None for outcome in outcomes),
                milliseconds=_since(begun),
                facts={**current.facts, "sizes": [good.tell(), bad.tell()]},
            ),
        )
    return True


def _since(begun: float) -> int:
    return int((time.monotonic() - begun) * 1000)
