"""The audit log as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime

from diptych.domain.values import instant_text
from diptych.store.auditing import AuditLine
from diptych.store.queries import Queries

COLUMNS = ("at", "actor", "source", "what", "old", "new")
_STEP = 500


def every_line(queries: Queries, actor: str, what: str, since: datetime | None) -> Iterator[AuditLine]:
    """The log in steps, newest first."""
    last: int | None = None
    while True:
        lines = queries.audit(_STEP, last, actor, what, since)
        yield from lines
        if len(lines) < _STEP:
            return
        last = lines[-1].id


def as_csv(lines: Iterable[AuditLine]) -> Iterator[str]:
    """Rows of a CSV file. A value that a spreadsheet would take for a formula gets an apostrophe."""
    yield _row(COLUMNS)
    for line in lines:
        yield _row(
            [instant_text(line.at), line.actor, line.source, line.what, line.old or "", line.new or ""]
        )


def _row(values: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([f"'{v}" if v.startswith(("=", "+", "-", "@", "\t")) else v for v in values])
    return text.getvalue()
