"""Bulk query results: materialised once to a file, pages are slices of it.

The file holds the rows without header, every value quoted; beside it lies the offset of each row's end,
eight bytes a row, so that a page is found without reading what comes before it. Nothing larger than a
chunk is in memory at any time.
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from practice_org.data import jobs
from practice_org.data import query as queries
from practice_org.data.jobs import DELIMITERS, LINE_ENDINGS, Job
from practice_org.errors import ApiError
from practice_org.soql.compiler import Plan
from practice_org.soql.tree import Child, TypeOf

if TYPE_CHECKING:
    from practice_org.org import Org

CHUNK_BYTES = 1 << 20
_FLUSH_ROWS = 2_000
_OFFSET_BYTES = 8
_MOST_ARGUMENTS = 90


def check(plan: Plan) -> None:
    """Refuse what the Bulk API does not take: compound fields, sub-selects, aggregates, OFFSET."""
    query = plan.query
    if any(kind in ("address", "location") for _, kind, _ in plan.header):
        raise ApiError(
            400, "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query"
        )
    if plan.count_only or plan.aggregate is not None or query.group_by:
        raise ApiError(400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query")
    if any(isinstance(item, Child) for item in query.items):
        raise ApiError(
            400, "API_ERROR", "Nested Queries (Parent-to-Child Relationships) not supported in Bulk Query"
        )
    if any(isinstance(item, TypeOf) for item in query.items):
        raise ApiError(400, "API_ERROR", "TYPEOF is not supported in Bulk Query")
    if query.offset:
        raise ApiError(400, "API_ERROR", "OFFSET is not supported in Bulk Query")


def object_name(org: Org, user_id: str, soql: str, operation: str) -> str:
    """The object of a bulk query that can be run; raises ApiError when it cannot."""
    plan = queries.plan_of(org, user_id, soql, include_deleted=operation == "queryAll")
    check(plan)
    return plan.obj.name


def row_sql(plan: Plan, delimiter: str, line_ending: str) -> str:
    """The SQL expression that gives a whole CSV row as bytes.

    SQLite's format() writes it, whose %w doubles the quotes in a value: several times faster than to
    hand each value to a CSV writer.
    """
    values = []
    for _, kind, index in plan.header:
        sql = plan.columns[index]
        if kind == "datetime":
            sql = f"{sql} || '.000Z'"
        elif kind == "boolean":
            sql = f"CASE {sql} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
        elif kind in ("double", "currency", "percent"):
            sql = f"CASE WHEN {sql} IS NOT NULL THEN sf_double({sql}) END"
        values.append(f"coalesce({sql}, '')")
    parts = []
    for start in range(0, len(values), _MOST_ARGUMENTS):
        some = values[start : start + _MOST_ARGUMENTS]
        template = delimiter.join(['"%w"'] * len(some))
        template = (delimiter if start else "") + template
        parts.append(f"format('{template}', {', '.join(some)})")
    ending = "||".join(f"char({ord(char)})" for char in line_ending)
    return f"CAST({' || '.join(parts)} || {ending} AS BLOB)"


def _write(
    cursor: sqlite3.Cursor, data: IO[bytes], ends: IO[bytes], stopped: Callable[[], bool]
) -> int | None:
    """Write the rows and where each ends; returns their number, or None when stopped midway."""
    position = count = 0
    while some := cursor.fetchmany(_FLUSH_ROWS):
        rows = [row[0] for row in some]
        offsets = array("Q", islice(accumulate(map(len, rows), initial=position), 1, None))
        data.write(b"".join(rows))
        ends.write(offsets.tobytes())
        position = offsets[-1]
        count += len(rows)
        if stopped():
            return None
    return count


def paths(org: Org, job: Job) -> tuple[Path, Path]:
    """The files of rows and of offsets."""
    return org.file(f"job-{job.id}.csv"), org.file(f"job-{job.id}.ends")


def work(org: Org, job: Job) -> None:
    """Run the query on one snapshot and write its result; then the job is complete."""
    begun = time.monotonic()
    if jobs.working(org, job) is None:
        return
    job = jobs.change(org, job, jobs.still_working, state="InProgress")
    plan = queries.plan_of(org, job.user_id, job.facts["query"], include_deleted=job.operation == "queryAll")
    data_path, ends_path = paths(org, job)
    sql = plan.sql_of(row_sql(plan, DELIMITERS[job.delimiter], LINE_ENDINGS[job.line_ending]))
    with (
        org.snapshot() as reader,
        data_path.open("wb") as data,
        ends_path.open("wb") as ends,
    ):
        count = _write(reader.execute(sql, plan.params), data, ends, org.closing.is_set)
    if count is None:
        return
    header = [name for name, _, _ in plan.header]
    with org.transaction():
        current = jobs.working(org, job)
        if current is not None:
            jobs.save(
                org,
                replace(
                    current,
                    state="JobComplete",
                    records=count,
                    milliseconds=int((time.monotonic() - begun) * 1000),
                    facts={**current.facts, "header": header},
                ),
            )


@dataclass(frozen=True)
class Page:
    """Rows from `start` on: how many, and where they lie in the file."""

    start: int
    rows: int
    first_byte: int
    last_byte: int
    header: bytes

    @property
    def size(self) -> int:
        return len(self.header) + self.last_byte - self.first_byte


def page(org: Org, job: Job, start: int, most: int) -> Page:
    """The page of at most `most` rows from row `start` on."""
    _, ends_path = paths(org, job)
    rows = max(0, min(most, job.records - start))
    first = last = 0
    with ends_path.open("rb") as ends:
        if start:
            ends.seek((start - 1) * _OFFSET_BYTES)
            first = _offset(ends.read(_OFFSET_BYTES))
        if rows:
            ends.seek((start + rows - 1) * _OFFSET_BYTES)
            last = _offset(ends.read(_OFFSET_BYTES))
        else:
            last = first
    delimiter = DELIMITERS[job.delimiter]
    names = delimiter.join(f'"{name}"' for name in job.facts["header"])
    header = (names + LINE_ENDINGS[job.line_ending]).encode()
    return Page(start, rows, first, last, header)


def _offset(data: bytes) -> int:
    found = array("Q")
    found.frombytes(data)
    return found[0]


def chunks(org: Org, job: Job, wanted: Page) -> Iterator[bytes]:
    """The bytes of a page, header first."""
    data_path, _ = paths(org, job)
    yield wanted.header
    left = wanted.last_byte - wanted.first_byte
    with data_path.open("rb") as data:
        data.seek(wanted.first_byte)
        while left > 0:
            piece = data.read(min(CHUNK_BYTES, left))
            if not piece:
                return
            left -= len(piece)
            yield piece
