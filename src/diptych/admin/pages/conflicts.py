"""Conflicts: both sides changed a value; who won, by which rule, what was given up; search them, take one back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, actor_of, require
from diptych.admin.trouble import Trouble
from diptych.admin.views import PageOf
from diptych.admin.words import _
from diptych.domain.reversal import ReversalRefused
from diptych.domain.roles import Role
from diptych.services import reversing

router = APIRouter(prefix="/conflicts")

_PAGE_SIZE = 50


@router.get("")
def show(request: Request) -> Response:
    return _page(request, None)


@router.post("/reverse", dependencies=[require(Role.OPERATOR)])
def reverse(request: Request, form: Form) -> Response:
    """Put the value that was given up in place again."""
    workspace, number = workspace_of(request), _number(str(form.get("conflict", "")))
    try:
        done = reversing.reverse(workspace.store, number or 0, actor_of(request))
    except ReversalRefused as problem:
        return _page(request, Trouble(str(problem)))
    if done.reversal is None:
        return go(request, "/conflicts", _("That value stands already."))
    workspace.sync_now()
    return go(request, "/conflicts", _("It is in place again, and goes to Salesforce with the next cycle."))


def _page(request: Request, trouble: Trouble | None) -> Response:
    given = {name: request.query_params.get(name, "") for name in ("person", "column", "winner", "since")}
    wanted: dict[str, Any] = {"column": given["column"].strip(), "winner": given["winner"]}
    if given["person"]:
        wanted["person_id"] = _number(given["person"]) or 0
    if given["since"]:
        try:
            wanted["since"] = datetime.fromisoformat(given["since"]).replace(tzinfo=UTC)
        except ValueError:
            trouble = trouble or Trouble(_("Write the day as 2026-01-31."))
    number = max(_number(request.query_params.get("page", "1")) or 1, 1)
    rows, total = workspace_of(request).queries.conflicts(_PAGE_SIZE, number, **wanted)
    return page(
        request,
        "operate/conflicts.html",
        422 if trouble else 200,
        trouble=trouble,
        conflicts=PageOf(rows, total, number, _PAGE_SIZE),
        filter=given,
        searched=any(given.values()),
        reasons={
            "policy": _("policy of the field"),
            "most_recent": _("the later edit"),
            "most_complete": _("the fuller value"),
            "write_once": _("written once: a value that is there stays"),
            "most_restrictive": _("most restrictive: a refusal of consent stands"),
            "blank": _("a blank may not overwrite here"),
            "inbound_only": _("the field comes from Salesforce only"),
            "outbound_only": _("the field goes to Salesforce only"),
            "outcome_unknown": _("a write of ours was not yet answered: perhaps no conflict"),
            "decided": _("decided by a person"),
            "restored": _("after a restore: Salesforce had gone on from there"),
        },
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 9 else None
