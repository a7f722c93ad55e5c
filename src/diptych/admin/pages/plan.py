"""What the next cycle would do: the values that would be sent, and what keeps the rest back."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import live_of, page, workspace_of
from diptych.admin.views import PageOf
from diptych.admin.words import _
from diptych.services.planning import Fate, next_cycle
from diptych.setup.state import Step

router = APIRouter(prefix="/plan")
_PAGE_SIZE = 50


@router.get("")
def show(request: Request) -> Response:
    workspace = workspace_of(request)
    asked = request.query_params.get("page", "1")
    number = max(1, int(asked)) if asked.isascii() and asked.isdecimal() and len(asked) < 9 else 1
    found = next_cycle(workspace.store, workspace.clock.now(), _PAGE_SIZE, number)
    return page(
        request,
        "operate/plan.html",
        found=found,
        pages=PageOf(
            list({(v.person_id, v.object_name) for v in found.values}), found.records, number, _PAGE_SIZE
        ),
        running=workspace.setup.state().step is Step.RUNNING,
        status=live_of(request).status(),
        fates={
            Fate.SENT: _("is sent"),
            Fate.IN_FLIGHT: _("was sent; whether it arrived is looked up first"),
            Fate.ERROR: _("an error holds it"),
            Fate.REFUSED: _("Salesforce takes no such value: it becomes an error"),
            Fate.HELD: _("its field is held"),
            Fate.LATER: _("tried again later"),
            Fate.KEPT: _("a blank that does not overwrite stays here"),
        },
        wishes={
            "asked": _("to be created, asked for"),
            "waiting": _("to be created, wait for data"),
            "review": _("to be created, for review"),
            "link": _("to be linked"),
            "create": _("to be created"),
        },
    )
