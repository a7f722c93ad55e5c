"""The files of a bulk ingest job: its upload, and the results that can be fetched (spec 5.8).

Header rows repeat the uploaded header as it was sent; the two columns before it, and all values, are
quoted. Unprocessed records come back as they were uploaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from practice_org.data.csv_reader import CsvError, CsvReader
from practice_org.data.dml import Outcome
from practice_org.data.jobs import DELIMITERS, LINE_ENDINGS, Job
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Org

KINDS = ("successfulResults", "failedResults", "unprocessedrecords")
FIRST_WITH_IDS = 53
"""From this API version on, a failed row bears the id of the record that it was about."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class Files:
    """Upload and results. Results hold rows without header."""

    upload: Path
    succeeded: Path
    failed: Path


def files(org: Org, job: Job) -> Files:
    """Where a job keeps its upload and its results."""
    return Files(*(org.file(f"job-{job.id}.{part}") for part in ("upload", "succeeded", "failed")))


def result_row(job: Job, values: list[str], outcome: Outcome) -> bytes:
    """The row of `successfulResults` or `failedResults` for an uploaded one."""
    if outcome.error is None:
        first = [str(outcome.id), "true" if outcome.created else "false"]
    else:
        known = outcome.id if float(job.api_version) >= FIRST_WITH_IDS else None
        first = [known or "", row_error(outcome.error).bulk_error()]
    quoted = ('"' + value.replace('"', '""') + '"' for value in (*first, *values))
    return (DELIMITERS[job.delimiter].join(quoted) + LINE_ENDINGS[job.line_ending]).encode()


def row_error(error: ApiError) -> ApiError:
    """A refusal as a row words it: a record that never was is a wrong reference there."""
    if error.code == "NOT_FOUND":
        return ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return error


def result(org: Org, job: Job, kind: str) -> Iterator[bytes]:
    """The bytes of one of KINDS."""
    paths = files(org, job)
    ending = LINE_ENDINGS[job.line_ending]
    header = _header(job, paths.upload)
    if kind == "unprocessedrecords":
        yield (header + ending).encode()
        yield from _unprocessed(job, paths.upload)
        return
    second = "sf__Created" if kind == "successfulResults" else "sf__Error"
    names = ['"sf__Id"', f'"{second}"', *([header] if header else [])]
    yield (DELIMITERS[job.delimiter].join(names) + ending).encode()
    path = paths.succeeded if kind == "successfulResults" else paths.failed
    left = job.facts.get("sizes", [0, 0])[0 if kind == "successfulResults" else 1]
    if left:
        with path.open("rb") as data:
            while left > 0 and (piece := data.read(min(_PIECE, left))):
                left -= len(piece)
                yield piece


def _header(job: Job, upload: Path) -> str:
    """The header as it was sent, also of a job whose work never began."""
    known: str | None = job.facts.get("header_text")
    if known is not None:
        return known
    if not upload.exists():
        return ""
    with upload.open("rb") as source:
        line = source.readline(_PIECE).decode("utf-8", "replace")
    return line.rstrip("\r\n")


def _unprocessed(job: Job, upload: Path) -> Iterator[bytes]:
    """What follows the rows that were done, to the byte."""
    if job.state == "JobComplete" or not upload.exists():
        return
    with upload.open("rb") as source:
        reader, number = CsvReader(source, DELIMITERS[job.delimiter]), -1
        try:
            for number, row in enumerate(reader):
                if number > job.records:
                    text = row.text
                    yield (text if text[-1] in "\r\n" else text + LINE_ENDINGS[job.line_ending]).encode()
        except CsvError:
            # The file is unusable from here on: what is left of it is given back unread.
            rest = reader.rest()
            yield (rest.partition("\n")[2] if number < 0 else rest).encode()
            while piece := source.read(_PIECE):
                yield piece
