"""Set-up, Start Sync with its bars, and Verify (S-55, S-56, S-61)."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import require
from diptych.admin.load_bars import everything_loaded, load_bars, overall_share
from diptych.admin.pages.stepper import ADDRESSES, stepper
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _
from diptych.domain.roles import Role

router = APIRouter(prefix="/setup")


@router.get("/start")
def show(request: Request) -> Response:
    return _start_page(request, None)


@router.post("/start")
def start(request: Request) -> Response:
    """Start Sync."""
    return _do(request, workspace_of(request).setup.start, _("The sync has started."))


@router.post("/pause", dependencies=[require(Role.OPERATOR)])
def pause(request: Request) -> Response:
    return _do(
        request, workspace_of(request).setup.pause, _("Paused. A load stops after the page under way.")
    )


@router.post("/resume", dependencies=[require(Role.OPERATOR)])
def resume(request: Request) -> Response:
    return _do(request, workspace_of(request).setup.resume, _("It goes on."))


@router.get("/verify")
def verify(request: Request) -> Response:
    """Last sync, Sync in progress or Failed; and the proof that both sides are equal."""
    workspace = workspace_of(request)
    state = workspace.setup.state()
    if not state.started_at:
        return RedirectResponse("/setup", 303)
    status = workspace.status()
    return page(
        request,
        "setup/verify.html",
        steps=stepper(state.step, "running"),
        proofs={proof["object"]: proof for proof in (status.verified or {}).get("objects", ())},
        whole=status,
        loaded=everything_loaded(status),
    )


@router.post("/verify", dependencies=[require(Role.OPERATOR)])
def verify_now(request: Request) -> Response:
    """Ask the worker for a full comparison."""
    workspace_of(request).verify_soon()
    return go(
        request,
        ADDRESSES["running"],
        _("Both sides are being compared; the result appears here in a moment."),
    )


def _do(request: Request, act: Callable[[], None], message: str) -> Response:
    try:
        act()
    except EXPECTED as problem:
        return _start_page(request, trouble_of(problem))
    return go(request, ADDRESSES["start"], message)


def _start_page(request: Request, trouble: Trouble | None) -> Response:
    workspace = workspace_of(request)
    state, connection = workspace.setup.state(), workspace.setup.connection()
    if connection is None or state.confirmed_at is None:
        return RedirectResponse("/setup", 303)
    status = workspace.status()
    bars = load_bars(status, workspace.clock.now())
    return page(
        request,
        "setup/start.html",
        422 if trouble else 200,
        steps=stepper(state.step, "start"),
        trouble=trouble,
        identity=connection.identity,
        started_at=state.started_at,
        whole=status,
        bars=bars,
        share=overall_share(bars),
        paused=state.paused,
        loaded=everything_loaded(status),
        pause_seconds=workspace.setup.pause_seconds(),
    )
