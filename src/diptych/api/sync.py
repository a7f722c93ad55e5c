"""The switches of the sync: run now, pause, resume, start; and the comparison of both sides."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import Body, Query, Request
from pydantic import BaseModel, Field

from diptych.api.gate import Noun, workspace_of
from diptych.api.given import YesNo
from diptych.api.paging import Limit
from diptych.api.problems import Refusal
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.services.planning import NextCycle, next_cycle

noun = Noun("sync")
_SyncedName = StrEnum("_SyncedName", {known.name: known.name for known in SYNCED_OBJECTS})  # type: ignore[misc]


class Asked(BaseModel):
    """`state` as in the status."""

    state: str


class Verify(BaseModel):
    """`repair`: also bring records that differ up to date."""

    repair: YesNo = False


class Reconcile(BaseModel):
    """`object`: this one only."""

    object: _SyncedName | None = None


class Refresh(BaseModel):
    """`fields`: these (Object.Field); left out: all whose values change without a trace in the record, such as formulas."""

    fields: list[str] | None = Field(None, min_length=1, max_length=500, examples=[["Lead.Score__c"]])


class Comparison(BaseModel):
    """The last comparison of each object; `equal` None: there was none yet."""

    equal: bool | None
    at: str | None = None
    objects: list[dict[str, Any]] = []


@noun.operate("POST", "/run", status_code=202)
def run_now(request: Request) -> Asked:
    """Ask the worker for a cycle at once."""
    started(request)
    workspace_of(request).sync_now()
    return asked(request)


@noun.operate("POST", "/pause")
def pause(request: Request) -> Asked:
    """Begin no further cycle; a load stops after the page under way."""
    workspace_of(request).setup.pause()
    return asked(request)


@noun.operate("POST", "/resume")
def resume(request: Request) -> Asked:
    """Go on after a pause."""
    workspace_of(request).setup.resume()
    return asked(request)


@noun.admin("POST", "/start")
def start(request: Request) -> Asked:
    """Start Sync: from now on both sides are kept in sync, and only this org can be connected."""
    workspace_of(request).setup.start()
    return asked(request)


@noun.read("/plan")
def get_next_cycle(
    request: Request, limit: Limit = 50, page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> NextCycle:
    """What the next cycle would do: the values that would be sent and what keeps the others back, `limit` records a page."""
    workspace = workspace_of(request)
    return next_cycle(workspace.store, workspace.clock.now(), limit, page)


@noun.read("/verify")
def get_comparison(request: Request) -> Comparison:
    """The last full comparison of both sides."""
    found = workspace_of(request).status().verified
    if found is None:
        return Comparison(equal=None)
    return Comparison(equal=found["equal"], at=found["at"], objects=list(found["objects"]))


@noun.operate("POST", "/verify", status_code=202)
def verify(request: Request, wanted: Verify = Body(default=Verify())) -> Asked:
    """Ask the worker to compare both sides in full; the result is at GET /sync/verify when it is done."""
    started(request)
    workspace_of(request).verify_soon(wanted.repair)
    return asked(request)


@noun.operate("POST", "/reconcile", status_code=202)
def reconcile(request: Request, wanted: Reconcile = Body(default=Reconcile())) -> Asked:
    """Ask the worker to tell apart the records that only we hold: deleted, merged, converted, purged or hidden. What came of it
    is in GET /status, by object: `hidden`, `reconciled_at`, and in `missing` why nothing was concluded."""
    return _reconcile(request, wanted.object, allowed=False)


@noun.admin("POST", "/reconcile/{name}/allow", status_code=202)
def allow_disappearance(request: Request, name: _SyncedName) -> Asked:
    """The same for one object, although so many of its records are gone that it may be a mistake."""
    return _reconcile(request, name, allowed=True)


@noun.operate("POST", "/refresh", status_code=202)
def refresh(request: Request, wanted: Refresh = Body(default=Refresh(fields=None))) -> Asked:
    """Ask the worker to read fields again; when they were is in GET /status, by object, as `refreshed_at`."""
    started(request)
    workspace_of(request).refresh_soon(wanted.fields)
    return asked(request)


def _reconcile(request: Request, name: StrEnum | None, allowed: bool) -> Asked:
    started(request)
    workspace_of(request).reconcile_soon(name.value if name else None, allowed)
    return asked(request)


def started(request: Request) -> None:
    """Raises Refusal while the sync has not been started."""
    if workspace_of(request).setup.state().started_at is None:
        raise Refusal(409, "The sync has not been started.", "POST /sync/start, or diptych start.")


def asked(request: Request) -> Asked:
    """The answer to what the worker was asked for."""
    return Asked(state=workspace_of(request).status().state)
