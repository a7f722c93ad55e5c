"""Conflicts: both sides changed a value; who won, by which rule, and what was given up."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import page, workspace_of
from diptych.admin.views import PageOf
from diptych.admin.words import _

router = APIRouter(prefix="/conflicts")

_PAGE_SIZE = 50


@router.get("")
def show(request: Request) -> Response:
    asked = request.query_params.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdecimal() and 0 < len(asked) < 9 else 1
    rows, total = workspace_of(request).queries.conflicts(_PAGE_SIZE, max(number, 1))
    return page(
        request,
        "operate/conflicts.html",
        conflicts=PageOf(rows, total, max(number, 1), _PAGE_SIZE),
        reasons={
            "policy": _("policy of the field"),
            "inbound_only": _("the field comes from Salesforce only"),
            "outbound_only": _("the field goes to Salesforce only"),
            "outcome_unknown": _("a write of ours was not yet answered: perhaps no conflict"),
            "decided": _("decided by a person"),
        },
    )
