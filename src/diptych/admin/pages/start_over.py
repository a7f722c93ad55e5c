"""Start over, step by step: in a demo, the set-up again from its first step."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _

router = APIRouter(prefix="/start-over")


@router.get("")
def ask(request: Request) -> Response:
    """The question; nothing happens by looking at it."""
    _only_in_a_demo(request)
    return _page(request, None)


@router.post("")
def start_over(request: Request) -> Response:
    _only_in_a_demo(request)
    try:
        workspace_of(request).start_over()
    except EXPECTED as problem:
        return _page(request, trouble_of(problem))
    return go(request, "/setup", _("A new people database. Here is the first step."))


def _only_in_a_demo(request: Request) -> None:
    if not workspace_of(request).demo:
        raise HTTPException(404, _("Only a demo can be started over."))


def _page(request: Request, trouble: Trouble | None) -> Response:
    return page(request, "start_over.html", 422 if trouble else 200, trouble=trouble)
