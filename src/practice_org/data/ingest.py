"""Bulk API 2.0 ingest: a CSV file becomes writes, in chunks of 200, with a result for each row (spec 5.8).

Rows succeed and fail one by one. How far a job has come is stored in the transaction of each chunk, and
the result files are cut back to that point before work goes on, so that a restart repeats no write.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.data import dml, jobs, read
from practice_org.data.dml import Options, Outcome, Write
from practice_org.data.jobs import DELIMITERS, LINE_ENDINGS, Job
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org

CHUNK = 200
NULL = "#N/A"


@dataclass(frozen=True)
class Files:
    """Upload and results. Results hold rows without header."""

    upload: Path
    succeeded: Path
    failed: Path


def files(org: Org, job: Job) -> Files:
    """Where a job keeps its upload and its results."""
    return Files(*(org.file(f"job-{job.id}.{part}") for part in ("upload", "succeeded", "failed")))


def work(org: Org, job: Job) -> None:
    """Carry out the job's rows; then it is complete, or failed as a whole when its file is unusable."""
    begun = time.monotonic()
    paths = files(org, job)
    try:
        header, rows = _opened(paths.upload, job)
        obj = org.schema[job.object]
        _check_columns(org, job, obj, header)
    except ApiError as error:
        jobs.save(org, replace(job, state="Failed", error=error.message))
        return
    sizes = job.facts.get("sizes", [0, 0])
    with paths.succeeded.open("ab") as good, paths.failed.open("ab") as bad:
        good.truncate(sizes[0])
        bad.truncate(sizes[1])
        good.seek(0, io.SEEK_END)
        bad.seek(0, io.SEEK_END)
        for _ in range(job.records):
            next(rows)
        while chunk := [row for _, row in zip(range(CHUNK), rows, strict=False)]:
            if not jobs.still_wanted(org, job):
                return
            with org.transaction():
                outcomes = _carried_out(org, job, obj, header, chunk)
                for row, outcome in zip(chunk, outcomes, strict=True):
                    _note(job, good if outcome.error is None else bad, row, outcome)
                good.flush()
                bad.flush()
                job = replace(
                    job,
                    state="InProgress",
                    records=job.records + len(chunk),
                    failed=job.failed + sum(o.error is not None for o in outcomes),
                    facts={**job.facts, "header": header, "sizes": [good.tell(), bad.tell()]},
                )
                jobs.store(org, job)
    spent = int((time.monotonic() - begun) * 1000)
    jobs.save(
        org, replace(job, state="JobComplete", milliseconds=spent, facts={**job.facts, "header": header})
    )


def _opened(path: Path, job: Job) -> tuple[list[str], Iterator[list[str]]]:
    """The header and the rows of an upload.

    Raises ApiError, with the job's error message, when the file cannot be read as the job says.
    """
    raw = path.open("rb").readline()
    if (job.line_ending == "LF" and raw.endswith(b"\r\n")) or (
        job.line_ending == "CRLF" and not raw.endswith(b"\r\n")
    ):
        wrong = "CRLF" if job.line_ending == "LF" else "LF"
        raise ApiError(
            400,
            "InvalidBatch",
            f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is "
            f"{job.line_ending} but the data has {wrong}",
        )

    def rows() -> Iterator[list[str]]:
        with path.open(encoding="utf-8-sig", newline="") as text:
            yield from csv.reader(text, delimiter=DELIMITERS[job.delimiter], strict=False)

    source = (row for row in rows() if row)
    try:
        header = [name.strip() for name in next(source)]
    except StopIteration:
        raise ApiError(400, "InvalidBatch", "InvalidBatch : Failed to parse CSV header") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ApiError(400, "InvalidBatch", f"InvalidBatch : The CSV cannot be read: {error}") from None
    return header, source


def _check_columns(org: Org, job: Job, obj: ObjectType, header: list[str]) -> None:
    access = rights.for_user(org, job.user_id)
    for name in header:
        first, _, rest = name.partition(".")
        if rest:
            reference = obj.field_by_relationship(first)
            target = org.schema.get(reference.refs[0]) if reference else None
            known = target is not None and target.get(rest.split(".")[-1]) is not None
        else:
            f = obj.get(first)
            known = f is not None and access.sees(obj, f)
        if not known:
            raise ApiError(400, "InvalidBatch", f"InvalidBatch : Field name not found : {name}")
    lowered = [name.lower() for name in header]
    key = job.facts.get("external_id_field") if job.operation == "upsert" else "Id"
    if job.operation != "insert" and key and key.lower() not in lowered:
        raise ApiError(400, "InvalidBatch", f"InvalidBatch : Field name not found : {key}")


def _carried_out(
    org: Org, job: Job, obj: ObjectType, header: list[str], chunk: list[list[str]]
) -> list[Outcome]:
    planned: list[Write | ApiError] = []
    taken: set[str] = set()
    for row in chunk:
        try:
            planned.append(_planned(org, job, obj, header, row, taken))
        except ApiError as error:
            planned.append(error)
    writes = [one for one in planned if isinstance(one, Write)]
    options = Options(upsert=job.operation == "upsert", auto_assign=job.facts.get("assignment_rule_id"))
    done = iter(dml.apply(org, job.user_id, writes, options))
    return [Outcome(None, one) if isinstance(one, ApiError) else next(done) for one in planned]


def _planned(
    org: Org, job: Job, obj: ObjectType, header: list[str], row: list[str], taken: set[str]
) -> Write:
    if len(row) != len(header):
        raise ApiError(
            400,
            "MALFORMED_CSV",
            f"The row has {len(row)} values, the header {len(header)} columns",
            (),
        )
    values = _values(header, row)
    if job.operation == "insert":
        return Write("insert", obj, None, values)
    key_name = str(job.facts.get("external_id_field") or "Id") if job.operation == "upsert" else "Id"
    key = next((k for k in values if k.lower() == key_name.lower()), None)
    text = values.pop(key) if key else None
    if job.operation != "upsert":
        if not text:
            raise ApiError(400, "MISSING_ARGUMENT", "Id not specified in an update call", ())
        return Write(job.operation, obj, _existing(obj, str(text)), values)
    f = obj.get(key_name)
    assert f is not None
    if not text:
        raise ApiError(400, "MISSING_ARGUMENT", f"{f.name} not specified", ())
    if str(text).casefold() in taken:
        raise ApiError(400, "DUPLICATE_VALUE", f"Duplicate external id specified: {text}", (f.name,))
    taken.add(str(text).casefold())
    found = read.matching_ids(org, obj, f, str(text))
    if len(found) > 1:
        raise ApiError(
            400,
            "DUPLICATE_EXTERNAL_ID",
            f"{f.name}: more than one record found for external id field: [{', '.join(found)}]",
            (f.name,),
        )
    if found:
        return Write("update", obj, found[0], values)
    if f.type == "id":
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return Write("insert", obj, None, {**values, f.name: text})


def _existing(obj: ObjectType, text: str) -> str:
    found = ids.to18(text)
    if found is None:
        raise ApiError(400, "MALFORMED_ID", f"malformed id {text}", ("Id",))
    if not found.startswith(obj.prefix):
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return found


def _values(header: list[str], row: list[str]) -> dict[str, Any]:
    """Empty means untouched, `#N/A` means null; `Account.Ext__c` names a parent by external id."""
    out: dict[str, Any] = {}
    for name, text in zip(header, row, strict=True):
        if text == "":
            continue
        first, _, rest = name.partition(".")
        if rest and text != NULL:
            out[first] = {rest.split(".")[-1]: text}
        elif not rest:
            out[name] = None if text == NULL else text
    return out


def _note(job: Job, target: Any, row: list[str], outcome: Outcome) -> None:
    buffer = io.StringIO()
    writer = csv.writer(
        buffer,
        delimiter=DELIMITERS[job.delimiter],
        lineterminator=LINE_ENDINGS[job.line_ending],
        quoting=csv.QUOTE_ALL,
    )
    if outcome.error is None:
        writer.writerow([outcome.id, "true" if outcome.created else "false", *row])
    else:
        error = outcome.error
        if error.code == "NOT_FOUND":
            error = ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
        writer.writerow(["", error.bulk_error(), *row])
    target.write(buffer.getvalue().encode())


def result(org: Org, job: Job, kind: str) -> Iterator[bytes]:
    """The bytes of `successfulResults`, `failedResults` or `unprocessedrecords`."""
    paths = files(org, job)
    delimiter, ending = DELIMITERS[job.delimiter], LINE_ENDINGS[job.line_ending]
    header: list[str] = job.facts.get("header") or _header(paths.upload, job)
    if kind == "unprocessedrecords":
        yield (delimiter.join(header) + ending).encode()
        yield from _unprocessed(job, paths.upload)
        return
    second = "sf__Created" if kind == "successfulResults" else "sf__Error"
    yield (delimiter.join(['"sf__Id"', f'"{second}"', *header]) + ending).encode()
    path = paths.succeeded if kind == "successfulResults" else paths.failed
    if path.exists():
        with path.open("rb") as data:
            while piece := data.read(1 << 20):
                yield piece


def _header(upload: Path, job: Job) -> list[str]:
    if not upload.exists():
        return []
    try:
        return _opened(upload, job)[0]
    except ApiError:
        return []


def _unprocessed(job: Job, upload: Path) -> Iterator[bytes]:
    if job.state == "JobComplete" or not upload.exists():
        return
    try:
        _, rows = _opened(upload, job)
    except ApiError:
        return
    for number, row in enumerate(rows):
        if number >= job.records:
            buffer = io.StringIO()
            csv.writer(
                buffer,
                delimiter=DELIMITERS[job.delimiter],
                lineterminator=LINE_ENDINGS[job.line_ending],
                quoting=csv.QUOTE_ALL,
            ).writerow(row)
            yield buffer.getvalue().encode()
