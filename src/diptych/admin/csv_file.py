"""A list as a file to save, sent as it is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.responses import StreamingResponse

from diptych.services.exports import csv_lines


def csv_answer(name: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingResponse:
    """The answer; `name` is what the file is called."""
    return StreamingResponse(
        csv_lines(headings, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
