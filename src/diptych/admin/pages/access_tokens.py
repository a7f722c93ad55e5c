"""Access: API tokens, made (shown once) and revoked."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.access.tokens import Token, TokenRefused, Tokens
from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, principal_of, require
from diptych.admin.trouble import Trouble
from diptych.admin.words import _
from diptych.domain.roles import Role, Scope

router = APIRouter(prefix="/access/tokens", dependencies=[require(Role.ADMIN)])
DAYS = ("30", "90", "365", "")


@router.get("")
def show(request: Request) -> Response:
    return _page(request, None)


@router.post("")
def create(request: Request, form: Form) -> Response:
    """Make one. Its text is on this one answer, and nowhere afterwards."""
    name, days = str(form.get("name", "")), str(form.get("days", ""))
    try:
        scope = Scope(str(form.get("scope", "")))
        wanted = int(days) if days else None
    except ValueError:
        return _page(request, Trouble(_("Choose a scope, and how long the token is good.")), name)
    try:
        text, token = Tokens(workspace_of(request).store).create(name, scope, wanted, principal_of(request))
    except TokenRefused as problem:
        return _page(request, Trouble(str(problem)), name)
    return _page(request, None, made=(text, token))


@router.post("/revoke")
def revoke(request: Request, form: Form) -> Response:
    number = str(form.get("token", ""))
    try:
        Tokens(workspace_of(request).store).revoke(
            int(number) if number.isascii() and number.isdecimal() and len(number) < 18 else 0
        )
    except TokenRefused as problem:
        return _page(request, Trouble(str(problem)))
    return go(request, "/access/tokens", _("The token is refused from now on."))


def _page(
    request: Request, trouble: Trouble | None, typed: str = "", made: tuple[str, Token] | None = None
) -> Response:
    return page(
        request,
        "access/tokens.html",
        422 if trouble else 200,
        trouble=trouble,
        tokens=Tokens(workspace_of(request).store).all(),
        typed=typed[:100],
        made=made,
        scopes={
            Scope.READ.value: _("read: see everything"),
            Scope.OPERATE.value: _("operate: also run, retry, edit people"),
            Scope.ADMIN.value: _("admin: also settings, mappings, users"),
        },
        days={"30": _("30 days"), "90": _("90 days"), "365": _("a year"), "": _("without end")},
        states={"usable": _("usable"), "expired": _("expired"), "revoked": _("revoked")},
    )
