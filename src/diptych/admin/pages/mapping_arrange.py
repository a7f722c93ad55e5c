"""Fields moved to columns: dragged with the pointer, carried with the keyboard, or chosen from two lists."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import page, workspace_of
from diptych.admin.pages.mapping_frame import too_early
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.setup.mapping_board import Board

router = APIRouter(prefix="/mapping")
_OBJECTS = sorted((known.name for known in SYNCED_OBJECTS), key=["Lead", "Contact", "Account", "User"].index)


@router.get("/arrange")
def show(request: Request) -> Response:
    """One object's fields beside our columns."""
    setup, given = workspace_of(request).setup, request.query_params
    early = too_early(setup)
    if early is not None:
        return early
    object_name = given.get("object", "")
    if object_name not in _OBJECTS:
        object_name = _OBJECTS[0]
    search, column = given.get("search", "")[:80], given.get("column", "")[:80]
    found: Board | None = None
    trouble: Trouble | None = None
    try:
        found = setup.editor.board(object_name, setup.fields(object_name), search, column)
    except EXPECTED as problem:
        trouble = trouble_of(problem)
    return page(
        request,
        "mapping/arrange.html",
        trouble=trouble,
        board=found,
        objects=_OBJECTS,
        object_name=object_name,
        search=search,
        column=column,
        chosen=given.get("move", "")[:200],
    )
