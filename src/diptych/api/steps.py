"""Sync Status: every step of every run, with filters and sums; and how fast it goes, what waits, and what makes it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import BaseModel

from diptych.api.conflicts import in_utc
from diptych.api.gate import Noun, workspace_of
from diptych.api.given import Moment
from diptych.api.paging import Limit
from diptych.services.throughput import Throughput, read_throughput
from diptych.store.queries import StepRow, StepSums

noun = Noun("steps", prefix="")
_Word = Query(max_length=80, pattern=r"^[^\x00]*$")


class Steps(BaseModel):
    """`sums` are those of all steps that fit, not of the page alone."""

    items: list[StepRow]
    sums: StepSums


@noun.read("/steps")
def list_steps(
    request: Request,
    object: Annotated[str, _Word] = "",
    operation: Annotated[str, _Word] = "",
    status: Literal["", "Succeeded", "Failed", "Incomplete", "In Process", "Cleaned up"] = "",
    kind: Annotated[str, _Word] = "",
    since: Annotated[Moment | None, Query(description="Begun then or later.")] = None,
    until: Annotated[
        Moment | None, Query(description="Begun before then; give it to keep pages from shifting.")
    ] = None,
    limit: Limit = 100,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Steps:
    """Steps, the latest first."""
    rows, sums = workspace_of(request).queries.steps(
        limit,
        page,
        object_name=object,
        operation=operation,
        status=status,
        kind=kind,
        since=in_utc(since),
        until=in_utc(until),
    )
    return Steps(items=list(rows), sums=sums)


@noun.read("/throughput")
def get_throughput(request: Request) -> Throughput:
    """What waits and since when, how fast it goes, and what makes the backlog."""
    workspace = workspace_of(request)
    return read_throughput(workspace.store, workspace.clock.now())
