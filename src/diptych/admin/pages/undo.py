"""Taking back what a run of the sync changed: all of it, one person's part, or one value. First shown, then done on a yes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, require
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _, ngettext
from diptych.domain.roles import Role
from diptych.sync.repair.undo import NoSuchRun, Undone

router = APIRouter(prefix="/runs", dependencies=[require(Role.OPERATOR)])

_SHOWN = 100
_MOST = 2000
"""Of a run that touched more than this nothing is looked up beforehand: that reads every record in Salesforce."""
_WAIT_SECONDS = 10
RunId = Annotated[int, Path(ge=1, lt=2**63)]
PersonId = Annotated[int | None, Query(ge=1, lt=2**63)]


@router.get("/{run_id}/undo")
def ask(request: Request, run_id: RunId, person: PersonId = None, field: str = "") -> Response:
    """What it would put back, and what is left because somebody has gone on from there."""
    workspace = workspace_of(request)
    if any(one.run_id == run_id for one in workspace.acting.ordered(_SHOWN)) and not person and not field:
        return RedirectResponse(f"/actions/undo/{run_id}", 303)
    return _page(request, run_id, person, field)


@router.post("/{run_id}/undo")
def undo(request: Request, run_id: RunId, form: Form) -> Response:
    """Do it; Salesforce gets it with the next sync."""
    workspace = workspace_of(request)
    person, field = _number(str(form.get("person", ""))), str(form.get("field", ""))
    if person is None and not field and _touched(request, run_id) > _MOST:
        workspace.undo_soon(run_id)
        return go(request, "/runs", _("It is being taken back; how far it got is listed here."))
    try:
        done = workspace.undo(run_id, person, field or None, carry_out=True, wait_seconds=_WAIT_SECONDS)
    except NoSuchRun as problem:
        return _page(request, run_id, person, field, Trouble(str(problem)))
    except EXPECTED as problem:
        return _page(request, run_id, person, field, trouble_of(problem))
    count = sum(item.does for item in done.items)
    words = ngettext(
        "%(num)d thing is put back by run %(run)s, which can be taken back too. Salesforce gets it with the next sync.",
        "%(num)d things are put back by run %(run)s, which can be taken back too. Salesforce gets it with the next sync.",
        count,
    ) % {"num": count, "run": done.run_id}
    if done.error:
        return go(request, f"/runs/{run_id}/undo", words, kind="warning", remedy=done.error)
    return go(request, f"/people/{person}" if person else f"/runs/{done.run_id}", words)


def _page(
    request: Request, run_id: int, person: int | None, field: str, trouble: Trouble | None = None
) -> Response:
    workspace = workspace_of(request)
    found: Undone | None = None
    large = 0
    if workspace.queries.run(run_id) is None:
        raise HTTPException(404, _("There is no such run; steps are kept as long as the settings say."))
    if field and field not in workspace.queries.columns():
        raise HTTPException(404, _("There is no such column."))
    if person is None and not field and _touched(request, run_id) > _MOST:
        large = _touched(request, run_id)
    elif trouble is None:
        try:
            found = workspace.undo(run_id, person, field or None)
        except NoSuchRun as problem:
            trouble = Trouble(str(problem))
        except EXPECTED as problem:
            trouble = trouble_of(problem)
    doing = [item for item in found.items if item.does] if found else []
    return page(
        request,
        "operate/undo.html",
        422 if trouble else 200,
        run_id=run_id,
        person=person,
        field=field,
        found=found,
        doing=doing,
        large=large,
        shown=_SHOWN,
        actions={
            "restore": _("put back"),
            "remove": _("remove here"),
            "bring_back": _("bring back"),
            "split": _("take apart"),
        },
        trouble=trouble,
    )


def _touched(request: Request, run_id: int) -> int:
    counts = workspace_of(request).queries.run_counts(run_id)
    return sum(counts.get(what, 0) for what in ("new", "updated", "sent"))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 18 else None
