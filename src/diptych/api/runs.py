"""Runs with their steps, and undoing one: looked at first, then done."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query, Request

from diptych.api.gate import Noun, workspace_of
from diptych.api.paging import Cursor, Limit, Page, number_of, page_of
from diptych.api.problems import Refusal, not_found
from diptych.store.queries import RunRow
from diptych.store.queries.run_lines import RunLine
from diptych.sync.repair.undo import Undone

noun = Noun("runs")
RunId = Annotated[int, Path(ge=1, lt=2**53)]
_Person = Annotated[int | None, Query(ge=1, lt=2**53, description="Only this person.")]
_Column = Annotated[str | None, Query(max_length=100, description="Only this column of people.")]


@noun.read()
def list_runs(
    request: Request,
    kind: Annotated[str, Query(max_length=50, pattern=r"^[^\x00]*$", description="Only of this kind.")] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[RunRow]:
    """The latest runs with their steps, newest first."""
    rows = workspace_of(request).queries.runs(limit + 1, number_of(cursor), kind)
    return page_of(rows, limit, lambda run: str(run.id))


@noun.read("/{run_id}")
def get_run(request: Request, run_id: RunId) -> RunRow:
    """One run."""
    found = workspace_of(request).queries.run(run_id)
    if found is None:
        raise not_found(f"There is no run {run_id}.")
    return found


@noun.read("/{run_id}/undo")
def preview_undo(request: Request, run_id: RunId, person: _Person = None, column: _Column = None) -> Undone:
    """What undoing it would put back here and write there, and what is left as it is, with the reason. Asks Salesforce."""
    _known(request, column)
    return workspace_of(request).undo(run_id, person, column)


@noun.operate("POST", "/{run_id}/undo")
def undo(request: Request, run_id: RunId, person: _Person = None, column: _Column = None) -> Undone:
    """Put back what the run changed; what somebody has edited since is left. An undo is a run too, and can be undone."""
    _known(request, column)
    return workspace_of(request).undo(run_id, person, column, carry_out=True)


@noun.read("/{run_id}/lines")
def list_lines(
    request: Request,
    run_id: RunId,
    what: Annotated[
        Literal["new", "updated", "sent", "created", "deleted", "failed", "conflicts"],
        Query(description="Which lines."),
    ],
    limit: Limit = 50,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> list[RunLine]:
    """What a run did to whom, line by line. A run that has ended does not change, so its lines go by page."""
    get_run(request, run_id)
    return workspace_of(request).queries.run_lines(run_id, what, limit, page)[0]


def _known(request: Request, column: str | None) -> None:
    if column is not None and column not in workspace_of(request).queries.columns():
        raise Refusal(422, f"There is no column {column} of people.", "See GET /mapping.")
