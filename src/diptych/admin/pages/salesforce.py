"""Salesforce: the connection, each object with its counts, the switches (S-61, S-62), the latest comparison."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import require
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.roles import Role

router = APIRouter(prefix="/salesforce")


@router.get("")
def show(request: Request) -> Response:
    return _page(request, None)


@router.post("/sync", dependencies=[require(Role.OPERATOR)])
def sync_now(request: Request) -> Response:
    return _do(request, workspace_of(request).sync_now, _("A cycle begins at once."))


@router.post("/pause", dependencies=[require(Role.OPERATOR)])
def pause(request: Request) -> Response:
    message = _("Paused: no further cycle begins. Edits made meanwhile are kept and go out afterwards.")
    return _do(request, workspace_of(request).setup.pause, message)


@router.post("/resume", dependencies=[require(Role.OPERATOR)])
def resume(request: Request) -> Response:
    return _do(request, workspace_of(request).setup.resume, _("The sync goes on."))


@router.post("/verify", dependencies=[require(Role.OPERATOR)])
def verify(request: Request) -> Response:
    message = _("Both sides are being compared; the result appears here when it is done.")
    return _do(request, workspace_of(request).verify_soon, message)


@router.post("/repair", dependencies=[require(Role.OPERATOR)])
def repair(request: Request) -> Response:
    message = _("Both sides are being compared, and records that differ are brought up to date.")
    return _do(request, lambda: workspace_of(request).verify_soon(repair=True), message)


@router.post("/reconcile", dependencies=[require(Role.OPERATOR)])
def reconcile(request: Request) -> Response:
    message = _("Records that are not shown any more are looked for; what became of them appears here.")
    return _do(request, workspace_of(request).reconcile_soon, message)


@router.post("/reconcile/{name}", dependencies=[require(Role.ADMIN)])
def allow_disappearance(request: Request, name: str) -> Response:
    if name not in {known.name for known in SYNCED_OBJECTS}:
        return _page(request, Trouble(_("That is not an object that is synced.")))
    message = _("What became of the records of %s that are not shown any more is taken over, once.") % name
    return _do(request, lambda: workspace_of(request).reconcile_soon(name, allowed=True), message)


def _do(request: Request, act: Callable[[], None], message: str) -> Response:
    try:
        act()
    except EXPECTED as problem:
        return _page(request, trouble_of(problem))
    return go(request, "/salesforce", message)


def _page(request: Request, trouble: Trouble | None) -> Response:
    workspace = workspace_of(request)
    found = workspace.status()
    return page(
        request,
        "operate/salesforce.html",
        422 if trouble else 200,
        trouble=trouble,
        whole=found,
        started=workspace.setup.state().started_at is not None,
        proofs={proof["object"]: proof for proof in (found.verified or {}).get("objects", ())},
    )
