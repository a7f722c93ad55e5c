"""Settings: the pause between cycles, and allowing a large delete that the guard has stopped."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _
from diptych.domain.objects import TWO_WAY_OBJECTS
from diptych.services.keeping import LEAST_DAYS, MOST_DAYS, BadDays, keep_days, set_keep_days
from diptych.sync.inbound.tombstones import allow_mass_delete
from diptych.telemetry.choice import shown_address

router = APIRouter(prefix="/settings")


@router.get("")
def show(request: Request) -> Response:
    return _page(request, None)


@router.post("/pause")
def set_pause(request: Request, form: Form) -> Response:
    text = str(form.get("seconds", "")).strip()
    try:
        workspace_of(request).setup.set_pause_seconds(float(text))
    except ValueError:
        return _page(request, Trouble(_("The pause is a number of seconds.")), text)
    except EXPECTED as problem:
        return _page(request, trouble_of(problem), text)
    return go(request, "/settings", _("The pause between cycles is changed."))


@router.post("/keep")
def set_keep(request: Request, form: Form) -> Response:
    text = str(form.get("days", "")).strip()
    try:
        set_keep_days(workspace_of(request).store, int(text))
    except BadDays as problem:
        return _page(request, Trouble(str(problem)))
    except ValueError:
        return _page(request, Trouble(_("That is not a number of days.")))
    return go(request, "/settings", _("What happened is kept for %s days.") % text)


@router.post("/allow-deletes")
def allow_deletes(request: Request, form: Form) -> Response:
    workspace, name = workspace_of(request), str(form.get("object", ""))
    if name not in {known.name for known in TWO_WAY_OBJECTS}:
        return _page(request, Trouble(_("That is not an object whose deletes are guarded.")))
    allow_mass_delete(workspace.store, name)
    workspace.sync_now()
    return go(request, "/settings", _("The deletes of %s are taken over once, with the next cycle.") % name)


def _page(request: Request, trouble: Trouble | None, typed: str | None = None) -> Response:
    workspace = workspace_of(request)
    shown = f"{workspace.setup.pause_seconds():g}" if typed is None else typed
    return page(
        request,
        "operate/settings.html",
        422 if trouble else 200,
        trouble=trouble,
        pause=shown,
        days=keep_days(workspace.store),
        least_days=LEAST_DAYS,
        most_days=MOST_DAYS,
        guarded=TWO_WAY_OBJECTS,
        told=workspace.telemetry.choice,
        shown_address=shown_address,
        database=str(
            workspace.settings.printable().get("DIPTYCH_DATABASE_URL") or workspace.settings.data_dir
        ),
    )
