"""What could not be synced: listed, tried again, taken off the list, decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from fastapi import Path, Query, Request
from pydantic import BaseModel

from diptych.api.gate import Noun, workspace_of
from diptych.api.paging import Cursor, Limit, Page, number_of, page_of
from diptych.api.problems import Refusal, not_found
from diptych.domain.causes import IGNORED, OPEN, QUARANTINED
from diptych.domain.outcome import ErrorClass
from diptych.store import SqlStore
from diptych.store.queries import CauseRow, DeadLetterRow
from diptych.store.queries.causes import ANY
from diptych.sync.repair import dead_letter

noun = Noun("errors")
LetterId = Annotated[int, Path(ge=1, lt=2**53)]
_NEWEST = 2**62


class Decision(BaseModel):
    """Which value counts, of a conflict that waits for a person."""

    winner: Literal["ours", "salesforce"]


class Act(StrEnum):
    """What can be done with an error, or with all of one cause."""

    RETRY = "retry"
    IGNORE = "ignore"
    QUARANTINE = "quarantine"
    REOPEN = "reopen"


class Done(BaseModel):
    """How many errors it was done to."""

    count: int


# as `dead_letter.for_all` names them
_TO_ALL = {Act.RETRY: dead_letter.RETRY, Act.IGNORE: IGNORED, Act.QUARANTINE: QUARANTINED, Act.REOPEN: OPEN}
_Status = Annotated[
    Literal["open", "quarantined", "ignored", "held", "any"],
    Query(description="held: the three before it; any: closed ones too"),
]
_Name = Query(pattern=r"^\w*$", max_length=80)


@noun.read()
def list_errors(
    request: Request,
    status: _Status = "open",
    object: Annotated[str, _Name] = "",
    error_class: ErrorClass | None = None,
    field: Annotated[str, _Name] = "",
    cause: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$", description="Key of a cause.")] = "",
    person: Annotated[int | None, Query(ge=1, lt=2**53)] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[DeadLetterRow]:
    """What could not be synced, why, and what to do; newest first."""
    rows, _ = workspace_of(request).queries.dead_letters(
        limit + 1,
        status=status,
        object_name=object,
        error_class=error_class.value if error_class else "",
        field=field,
        key=cause,
        person_id=person,
        before=number_of(cursor) or _NEWEST,
    )
    return page_of(rows, limit, lambda letter: str(letter.id))


@noun.read("/causes")
def list_causes(
    request: Request,
    status: _Status = "open",
    object: Annotated[str, _Name] = "",
    error_class: ErrorClass | None = None,
) -> list[CauseRow]:
    """Errors by cause, the most frequent first, with plain cause and remedy, and since when."""
    return workspace_of(request).queries.causes(
        200, status=status, object_name=object, error_class=error_class.value if error_class else ""
    )


@noun.operate("POST", "/causes/{key}/{act}")
def act_on_cause(
    request: Request,
    key: Annotated[str, Path(max_length=200)],
    act: Act,
    status: Annotated[Literal["open", "quarantined", "ignored"], Query(description="Of these.")] = "open",
) -> Done:
    """Do something to all errors of one cause."""
    workspace = workspace_of(request)
    count = dead_letter.for_all(
        workspace.store, key.replace("\x00", ""), _TO_ALL[act], (status,), workspace.clock.now()
    )
    if act is Act.RETRY:
        workspace.sync_now()
    return Done(count=count)


@noun.read("/{letter_id}")
def get_error(request: Request, letter_id: LetterId) -> DeadLetterRow:
    """One of them, closed ones too."""
    return _one(request, letter_id)


@noun.operate("POST", "/{letter_id}/retry")
def retry_error(request: Request, letter_id: LetterId) -> DeadLetterRow:
    """Send what was parked again, with the next cycle."""
    answer = _do(request, letter_id, dead_letter.retry)
    workspace_of(request).sync_now()
    return answer


@noun.operate("POST", "/{letter_id}/ignore")
def ignore_error(request: Request, letter_id: LetterId) -> DeadLetterRow:
    """Take it off the list; both sides stay as they are."""
    return _do(request, letter_id, dead_letter.ignore)


@noun.operate("POST", "/{letter_id}/quarantine")
def quarantine_error(request: Request, letter_id: LetterId) -> DeadLetterRow:
    """Set it aside until its cause is gone."""
    return _do(request, letter_id, dead_letter.quarantine)


@noun.operate("POST", "/{letter_id}/reopen")
def reopen_error(request: Request, letter_id: LetterId) -> DeadLetterRow:
    """Put it on the list again."""
    return _do(request, letter_id, dead_letter.reopen)


@noun.operate("POST", "/{letter_id}/decide")
def decide_error(request: Request, letter_id: LetterId, wanted: Decision) -> DeadLetterRow:
    """Settle a conflict that waited for a person."""
    workspace = workspace_of(request)
    try:
        dead_letter.decide(workspace.store, letter_id, wanted.winner, workspace.clock.now())
    except ValueError as problem:
        raise Refusal(409, str(problem)) from None
    workspace.sync_now()
    return _one(request, letter_id)


def _do(request: Request, letter_id: int, act: Callable[[SqlStore, int, datetime], None]) -> DeadLetterRow:
    workspace = workspace_of(request)
    act(workspace.store, letter_id, workspace.clock.now())
    return _one(request, letter_id)


def _one(request: Request, letter_id: int) -> DeadLetterRow:
    found, _ = workspace_of(request).queries.dead_letters(1, status=ANY, letter_id=letter_id)
    if not found:
        raise not_found(f"There is no error {letter_id}.")
    return found[0]
