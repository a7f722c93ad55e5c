"""Set-up, Prepare: Diptych changes the org itself: choose, see what will be done, say yes; or take it back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, require
from diptych.admin.pages.setup_credentials import Order, entered
from diptych.admin.pages.stepper import ADDRESSES, stepper
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _, ngettext
from diptych.domain.roles import Role
from diptych.setup.ports import Credentials
from diptych.setup.preparation import Part, Wishes
from diptych.setup.preparing import administrator_of
from diptych.sync.outbound.create_rule import read_rule

router = APIRouter(prefix="/setup/prepare/org", dependencies=[require(Role.ADMIN)])


@router.get("")
def show(request: Request) -> Response:
    """What can be chosen, and what would be done as it stands."""
    if workspace_of(request).setup.connection() is None:
        return RedirectResponse(ADDRESSES["credentials"], 303)
    with workspace_of(request).store.looking() as unit:
        creating = bool(read_rule(unit).filter)
    return _preview(request, Order(Wishes(creating=creating), undo=False))


@router.post("")
def choose(request: Request, form: Form) -> Response:
    """What would be done with these choices, by this user. Changes nothing."""
    if workspace_of(request).setup.connection() is None:
        return RedirectResponse(ADDRESSES["credentials"], 303)
    left_out = frozenset(part for part, _label in _parts() if not form.get(f"part.{part.value}"))
    wishes = Wishes(
        bool(form.get("optional")), left_out, bool(form.get("creating")), bool(form.get("acting"))
    )
    return _preview(request, Order(wishes, bool(form.get("undo")), _administrator(request, form)))


@router.post("/do")
def do(request: Request, form: Form) -> Response:
    """Yes: do, or take back, what was shown."""
    order = entered(request).orders.take(str(form.get("order", "")))
    if order is None:
        return go(
            request,
            "/setup/prepare/org",
            _("What was shown was no longer at hand, so nothing was changed."),
            kind="problem",
            remedy=_("Look at it again; it waits 20 minutes for your answer."),
        )
    preparing = workspace_of(request).setup.preparing
    request.app.state.report = None
    try:
        if order.undo:
            done = preparing.undo(order.administrator)
        else:
            done = preparing.carry_out(order.wishes, order.administrator)
    except EXPECTED as problem:
        return _shown(request, order, [], trouble_of(problem))
    count = len(done)
    said = ngettext("%(num)d change was made.", "%(num)d changes were made.", count) % {"num": count}
    if order.undo:
        said = ngettext("%(num)d change was taken back.", "%(num)d changes were taken back.", count) % {
            "num": count
        }
    return go(request, ADDRESSES["prepare"], said)


def _administrator(request: Request, form: Form) -> Credentials | None:
    """Who does it, if not the connected user; at the login address of the connection."""
    username = str(form.get("admin.username", "")).strip()
    connection = workspace_of(request).setup.connection()
    if not username or connection is None:
        return None
    return administrator_of(
        connection.credentials,
        username,
        str(form.get("admin.password", "")),
        str(form.get("admin.security_token", "")),
    )


def _preview(request: Request, order: Order) -> Response:
    preparing = workspace_of(request).setup.preparing
    try:
        if order.undo:
            return _shown(request, order, [change.undoing for change in reversed(preparing.noted())], None)
        preview = preparing.preview(order.wishes, order.administrator)
    except EXPECTED as problem:
        return _shown(request, order, [], trouble_of(problem))
    trouble = None
    if preview.lacking:
        trouble = Trouble(
            _("%(user)s may not change the set-up of this org.") % {"user": preview.actor.username},
            _("It lacks %(rights)s.") % {"rights": ", ".join(preview.lacking)},
            _(
                "Give an administrator's login below (it is used for this alone), or follow the instructions by hand."
            ),
        )
    return _shown(request, order, [change.text for change in preview.changes], trouble)


def _shown(request: Request, order: Order, lines: Sequence[str], trouble: Trouble | None) -> Response:
    setup = workspace_of(request).setup
    connection = setup.connection()
    assert connection is not None
    token = ""
    if lines and trouble is None:
        token = entered(request).orders.put(secrets.token_urlsafe(18), order)
    return page(
        request,
        "setup/prepare_org.html",
        422 if trouble else 200,
        steps=stepper(setup.state().step, "prepare"),
        lines=lines,
        order=token,
        undo=order.undo,
        optional=order.wishes.optional,
        creating=order.wishes.creating,
        acting=order.wishes.acting,
        parts=[(part.value, label, part not in order.wishes.without) for part, label in _parts()],
        actor=order.administrator.username if order.administrator else connection.identity.username,
        noted=len(setup.preparing.noted()),
        trouble=trouble,
    )


def _parts() -> list[tuple[Part, str]]:
    return [
        (Part.FIELDS, _("Custom fields on Lead and on Contact")),
        (Part.PERMISSIONS, _("A permission set for the sync user")),
        (Part.VISIBILITY, _("All profiles see the new fields, and cannot change them")),
        (Part.LAYOUTS, _("The fields on the page layouts")),
        (Part.LEAD_MAPPING, _("Values kept when a lead is converted")),
    ]
