"""Merges, conversions and deletes that were ordered: how they stand, taken back; and who is kept from coming back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, actor_of, require
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _
from diptych.domain.actions import ActionKind, ActionState, CannotAct
from diptych.domain.roles import Role
from diptych.domain.suppression import PERSON

router = APIRouter(prefix="/actions")

_EXPECTED: tuple[type[Exception], ...] = (CannotAct, *EXPECTED)
_MOST = 100
_WAIT_SECONDS = 10
RunId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("")
def listed(request: Request) -> Response:
    """The latest actions, and the suppression list."""
    return _page(request)


@router.post("/cancel", dependencies=[require(Role.OPERATOR)])
def cancel(request: Request, form: Form) -> Response:
    """Give up an open action of which nothing is under way."""
    try:
        workspace_of(request).acting.cancel(_number(form))
    except KeyError:
        return _page(request, Trouble(_("There is no such action.")))
    except ValueError as problem:
        return _page(request, Trouble(str(problem)))
    return go(request, "/actions", _("Given up."))


@router.post("/release", dependencies=[require(Role.OPERATOR)])
def release(request: Request, form: Form) -> Response:
    """Let a person come back."""
    if not workspace_of(request).acting.release(_number(form)):
        return _page(request, Trouble(_("That person is not on the list.")))
    words = _("Released. It comes back when its record next changes in Salesforce.")
    return go(request, "/actions", words)


@router.get("/undo/{run_id}", dependencies=[require(Role.OPERATOR)])
def ask_to_undo(request: Request, run_id: RunId) -> Response:
    """What taking an action back would do, here alone and with the records in Salesforce."""
    return _undo_page(request, run_id)


@router.post("/undo/{run_id}", dependencies=[require(Role.OPERATOR)])
def undo(request: Request, run_id: RunId, form: Form) -> Response:
    """Take it back."""
    acting = workspace_of(request).acting
    try:
        found = acting.undo(run_id, bool(form.get("undelete")))
    except _EXPECTED as problem:
        return _undo_page(request, run_id, _trouble(problem))
    if found is None or not found.does:
        return _undo_page(request, run_id, Trouble(_("There is nothing to take back (any more).")))
    done = acting.carry_out(found, actor_of(request), _WAIT_SECONDS)
    if done.state is ActionState.FAILED:
        return _undo_page(request, run_id, Trouble(done.error or _("It failed.")))
    if done.state is ActionState.OPEN:
        waiting = _("It is ordered and not done yet: %s") % (done.error or "")
        return go(request, "/actions", waiting, kind="warning")
    return go(request, f"/people/{found.action.person_id}", _("Taken back."))


def _page(request: Request, trouble: Trouble | None = None) -> Response:
    acting = workspace_of(request).acting
    return page(
        request,
        "people/actions.html",
        422 if trouble else 200,
        actions=acting.ordered(_MOST),
        suppressed=_by_person(request),
        kinds=_kinds(),
        states=_states(),
        most=_MOST,
        trouble=trouble,
    )


@dataclass
class KeptAway:
    """A person on the suppression list, with all that it is known by."""

    reason: str
    at: datetime
    records: list[str] = field(default_factory=list)
    address: bool = False


def _by_person(request: Request) -> dict[int, KeptAway]:
    found: dict[int, KeptAway] = {}
    for one in workspace_of(request).acting.suppressed(1000):
        kept = found.setdefault(one.former_id, KeptAway(one.reason.value, one.at))
        kept.address = kept.address or one.by_address
        if one.object_name != PERSON:
            kept.records.append(f"{one.object_name} {one.sf_id}")
    return found


def _undo_page(request: Request, run_id: int, trouble: Trouble | None = None) -> Response:
    acting, here, there = workspace_of(request).acting, None, None
    if trouble is None:
        try:
            here, there = acting.undo(run_id, False), acting.undo(run_id, True)
        except _EXPECTED as problem:
            trouble = _trouble(problem)
        else:
            if here is None:
                trouble = Trouble(_("Run %d merged, converted or deleted nobody.") % run_id)
    return page(
        request,
        "people/undo.html",
        422 if trouble else 200,
        run_id=run_id,
        here=here,
        there=there,
        kinds=_kinds(),
        trouble=trouble,
    )


def _trouble(problem: Exception) -> Trouble:
    return Trouble(str(problem)) if isinstance(problem, CannotAct) else trouble_of(problem)


def _number(form: Form) -> int:
    text = str(form.get("number", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _kinds() -> dict[str, str]:
    return {
        ActionKind.MERGE: _("merge"),
        ActionKind.CONVERT: _("conversion"),
        ActionKind.DELETE: _("delete"),
        ActionKind.UNDELETE: _("taken back"),
    }


def _states() -> dict[str, str]:
    return {
        ActionState.OPEN: _("open"),
        ActionState.DONE: _("done"),
        ActionState.FAILED: _("failed"),
        ActionState.CANCELLED: _("given up"),
    }
