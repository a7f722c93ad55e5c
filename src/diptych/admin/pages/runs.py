"""Sync status: every run with its steps, in Marketo's columns (S-63..S-65)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import page, workspace_of
from diptych.admin.words import _

router = APIRouter(prefix="/runs")

_PAGE_SIZE = 25


@router.get("")
def show(request: Request, kind: str = "", before: str = "") -> Response:
    """The latest runs; `before` is the number of the last one of the page before."""
    kinds = [("", _("all")), ("cycle", _("cycles")), ("initial load", _("initial sync"))]
    kind = kind if kind in dict(kinds) else ""
    last = int(before) if before.isascii() and before.isdecimal() and len(before) < 18 else None
    runs = workspace_of(request).queries.runs(_PAGE_SIZE, last, kind)
    return page(
        request,
        "operate/runs.html",
        runs=runs,
        kinds=kinds,
        kind=kind,
        older=runs[-1].id if len(runs) == _PAGE_SIZE else None,
        first_page=last is None,
    )
