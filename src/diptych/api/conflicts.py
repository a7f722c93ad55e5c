"""Decided conflicts: searched, and one reversed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Request

from diptych.api.gate import Noun, actor_of, workspace_of
from diptych.api.given import Moment
from diptych.api.paging import Cursor, Limit, Page, number_of, page_of
from diptych.api.problems import not_found
from diptych.services import reversing
from diptych.store.queries import ConflictRow

noun = Noun("conflicts")
ConflictId = Annotated[int, Path(ge=1, lt=2**53)]
_Keep = Annotated[
    Literal["ours", "salesforce"] | None,
    Query(description="Whose value is to stand; default: the one that was given up."),
]
_Word = Query(pattern=r"^\w*$", max_length=80)


@noun.read()
def list_conflicts(
    request: Request,
    person: Annotated[int | None, Query(ge=1, lt=2**53)] = None,
    object: Annotated[str, _Word] = "",
    column: Annotated[str, _Word] = "",
    winner: Annotated[Literal["", "ours", "salesforce"], Query()] = "",
    reason: Annotated[str, _Word] = "",
    since: Annotated[Moment | None, Query(description="Decided then or later; without a zone: UTC.")] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[ConflictRow]:
    """Conflicts with both values, winner and reason, newest first."""
    rows, _ = workspace_of(request).queries.conflicts(
        limit + 1,
        person_id=person,
        object_name=object,
        column=column,
        winner=winner,
        reason=reason,
        since=in_utc(since),
        before=number_of(cursor),
    )
    return page_of(rows, limit, lambda conflict: str(conflict.id))


@noun.read("/{conflict_id}")
def get_conflict(request: Request, conflict_id: ConflictId) -> ConflictRow:
    """One conflict."""
    return _one(request, conflict_id)


@noun.read("/{conflict_id}/reverse")
def preview_reversal(request: Request, conflict_id: ConflictId, keep: _Keep = None) -> reversing.Preview:
    """What reversing it would write; `reversal` null: that value stands already."""
    _one(request, conflict_id)
    return reversing.preview(workspace_of(request).store, conflict_id, keep)


@noun.operate("POST", "/{conflict_id}/reverse")
def reverse_conflict(request: Request, conflict_id: ConflictId, keep: _Keep = None) -> reversing.Preview:
    """Put the value that was given up in place again: here at once, in Salesforce with the next cycle."""
    _one(request, conflict_id)
    workspace = workspace_of(request)
    done = reversing.reverse(workspace.store, conflict_id, actor_of(request), keep)
    workspace.sync_now()
    return done


def in_utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is UTC. Times that no calendar has in UTC are brought to its edge."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if moment.year > 5000 else datetime.min.replace(tzinfo=UTC)


def _one(request: Request, conflict_id: int) -> ConflictRow:
    found = workspace_of(request).queries.conflict(conflict_id)
    if found is None:
        raise not_found(f"There is no conflict {conflict_id}.")
    return found
