"""The start page: where the person most likely wants to go."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from diptych.admin.frame import workspace_of
from diptych.setup.state import Step

router = APIRouter()


@router.get("/")
def home(request: Request) -> Response:
    """The set-up while it is not done, the people afterwards."""
    step = workspace_of(request).setup.state().step
    return RedirectResponse("/people" if step is Step.RUNNING else "/setup", 303)
