"""Lists as CSV files: UTF-8, one header, times in UTC, and no cell that a spreadsheet would take for a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from diptych.domain.values import instant_text, to_text
from diptych.store.queries import DeadLetterRow, StepRow

_LINES = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

ERROR_HEADINGS = (
    *("number", "status", "object", "salesforce_id", "person_id", "field"),
    *("class", "code", "message", "cause", "remedy", "ours", "salesforces"),
    *("times", "first_at", "last_at", "run", "cause_key"),
)


def error_row(row: DeadLetterRow) -> tuple[object, ...]:
    """One error as a line of the file; of a whole record, all its values as JSON."""
    ours, theirs = (
        values.get(row.column) if row.column else json.dumps({c: to_text(v) for c, v in values.items()})
        for values in (row.ours, row.theirs)
    )
    about = (row.id, row.status, row.object_name, row.sf_id, row.person_id, row.field or row.column)
    why = (row.error_class, row.code, row.message, row.cause, row.remedy)
    return (*about, *why, ours, theirs, row.times, row.first_at, row.last_at, row.run_id, row.cause_key)


STEP_HEADINGS = (
    *("step", "run", "kind", "started_at", "ended_at", "object", "operation", "status"),
    *(
        "new",
        "updated",
        "deleted",
        "failed",
        "skipped",
        "conflicts",
        "api_calls",
        "rows_per_second",
        "detail",
    ),
)


def step_row(row: StepRow) -> tuple[object, ...]:
    """One step as a line of the file; a run without steps has no step number."""
    when = (row.started_at, row.ended_at)
    what = (row.object_name, row.operation, row.status)
    counts = (row.new, row.updated, row.deleted, row.failed, row.skipped, row.conflicts, row.api_calls)
    number = row.id if row.id > 0 else None
    rate = None if row.rate is None else round(row.rate, 2)
    return (number, row.run_id, row.kind, *when, *what, *counts, rate, row.detail)


def csv_lines(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The file, some hundred lines at a time, header first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(headings)
    for number, line in enumerate(rows, 1):
        writer.writerow([cell(one) for one in line])
        if number % _LINES == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def cell(value: object) -> object:
    """A value as a cell. Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
