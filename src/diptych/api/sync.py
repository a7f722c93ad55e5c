"""The switches of the sync: run now, pause, resume, start; and the comparison of both sides."""

from __future__ import annotations

from typing import Any

from fastapi import Body, Request
from pydantic import BaseModel

from diptych.api.gate import Noun, workspace_of
from diptych.api.problems import Refusal
from diptych.domain.objects import SYNCED_OBJECTS

noun = Noun("sync")


class Asked(BaseModel):
    """`state` as in the status."""

    state: str


class Verify(BaseModel):
    """`repair`: also bring records that differ up to date."""

    repair: bool = False


class Reconcile(BaseModel):
    """`object`: this one only."""

    object: str | None = None


class Comparison(BaseModel):
    """The last comparison of each object; `equal` None: there was none yet."""

    equal: bool | None
    at: str | None = None
    objects: list[dict[str, Any]] = []


@noun.operate("POST", "/run", status_code=202)
def run_now(request: Request) -> Asked:
    """Ask the worker for a cycle at once."""
    _started(request)
    workspace_of(request).sync_now()
    return _asked(request)


@noun.operate("POST", "/pause")
def pause(request: Request) -> Asked:
    """Begin no further cycle; a load stops after the page under way."""
    workspace_of(request).setup.pause()
    return _asked(request)


@noun.operate("POST", "/resume")
def resume(request: Request) -> Asked:
    """Go on after a pause."""
    workspace_of(request).setup.resume()
    return _asked(request)


@noun.admin("POST", "/start")
def start(request: Request) -> Asked:
    """Start Sync: from now on both sides are kept in sync, and only this org can be connected."""
    workspace_of(request).setup.start()
    return _asked(request)


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
    _started(request)
    workspace_of(request).verify_soon(wanted.repair)
    return _asked(request)


@noun.operate("POST", "/reconcile", status_code=202)
def reconcile(request: Request, wanted: Reconcile = Body(default=Reconcile())) -> Asked:
    """Ask the worker to tell apart the records that only we hold: deleted, merged, converted, purged or hidden. What came of it
    is in GET /status, by object: `hidden`, `reconciled_at`, and in `missing` why nothing was concluded."""
    return _reconcile(request, wanted.object, allowed=False)


@noun.admin("POST", "/reconcile/{name}/allow", status_code=202)
def allow_disappearance(request: Request, name: str) -> Asked:
    """The same for one object, although so many of its records are gone that it may be a mistake."""
    return _reconcile(request, name, allowed=True)


def _reconcile(request: Request, name: str | None, allowed: bool) -> Asked:
    _started(request)
    if name is not None and name not in {known.name for known in SYNCED_OBJECTS}:
        raise Refusal(422, f"{name} is not synced.", "See the objects in GET /status.")
    workspace_of(request).reconcile_soon(name, allowed)
    return _asked(request)


def _started(request: Request) -> None:
    if workspace_of(request).setup.state().started_at is None:
        raise Refusal(409, "The sync has not been started.", "POST /sync/start, or diptych start.")


def _asked(request: Request) -> Asked:
    return Asked(state=workspace_of(request).status().state)
