"""Set-up, Confirm Credentials: the warning and the plan, read before anything is copied (S-47, S-56)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.pages.stepper import ADDRESSES, stepper
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.domain.plan import Plan

router = APIRouter(prefix="/setup/confirm")


@router.get("")
def show(request: Request) -> Response:
    return _page(request, None)


@router.post("")
def confirm(request: Request) -> Response:
    """The person has read it."""
    try:
        workspace_of(request).setup.confirm()
    except EXPECTED as problem:
        return _page(request, trouble_of(problem))
    return go(request, ADDRESSES["mapping"])


def _page(request: Request, trouble: Trouble | None) -> Response:
    setup = workspace_of(request).setup
    state, connection = setup.state(), setup.connection()
    if connection is None:
        return RedirectResponse(ADDRESSES["credentials"], 303)
    if state.fields_synced_at is None:
        return RedirectResponse(ADDRESSES["fields"], 303)
    plan: Plan | None = None
    try:
        plan = setup.plan(samples=1)
    except EXPECTED as problem:
        trouble = trouble or trouble_of(problem)
    return page(
        request,
        "setup/confirm.html",
        422 if trouble else 200,
        steps=stepper(state.step, "confirm"),
        trouble=trouble,
        identity=connection.identity,
        plan=plan,
        confirmed_at=state.confirmed_at,
    )
