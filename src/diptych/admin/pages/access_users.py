"""Access: users with their roles, added, changed, disabled; sessions of everybody, ended."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from diptych.access.passwords import UnfitPassword
from diptych.access.sessions import Sessions
from diptych.access.users import UserRefused, Users
from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, principal_of, require
from diptych.admin.trouble import Trouble
from diptych.admin.words import _
from diptych.domain.roles import Role

router = APIRouter(prefix="/access", dependencies=[require(Role.ADMIN)])


@router.get("")
def first(request: Request) -> Response:
    return RedirectResponse("/access/users", 303)


@router.get("/users")
def users(request: Request) -> Response:
    return _users_page(request, None)


@router.post("/users")
def add(request: Request, form: Form) -> Response:
    """A new user with a first password, which the user changes under the own name."""
    name, password = str(form.get("name", "")), str(form.get("password", ""))

    def act(of: Users) -> None:
        of.add(name, _role(form), password)

    return _change(request, act, _("%s can log in now.") % name.strip(), name)


@router.post("/users/role")
def set_role(request: Request, form: Form) -> Response:
    name = str(form.get("name", ""))
    return _change(
        request, lambda of: of.set_role(_not_me(request, name), _role(form)), _("The role is changed.")
    )


@router.post("/users/password")
def set_password(request: Request, form: Form) -> Response:
    name, password = str(form.get("name", "")), str(form.get("password", ""))
    said = _("%s has another password; the sessions have ended.") % name
    return _change(request, lambda of: of.set_password(_not_me(request, name), password), said)


@router.post("/users/disable")
def disable(request: Request, form: Form) -> Response:
    name = str(form.get("name", ""))
    said = _("%s is not let in any more; sessions have ended, tokens are refused.") % name
    return _change(request, lambda of: of.disable(_not_me(request, name)), said)


@router.post("/users/enable")
def enable(request: Request, form: Form) -> Response:
    name = str(form.get("name", ""))
    return _change(request, lambda of: of.enable(name), _("%s is let in again.") % name)


@router.get("/sessions")
def sessions(request: Request) -> Response:
    who = principal_of(request)
    return page(
        request,
        "access/sessions.html",
        sessions=Sessions(workspace_of(request).store).all(),
        mine=who.session_id if who else None,
        ways=ways(),
    )


@router.post("/sessions/end")
def end(request: Request, form: Form) -> Response:
    number = str(form.get("session", ""))
    if number.isascii() and number.isdecimal() and len(number) < 18:
        Sessions(workspace_of(request).store).end(int(number))
    return go(request, "/access/sessions", _("That session has ended."))


def ways() -> dict[str, str]:
    """How a session began."""
    return {
        "link": _("link from the terminal"),
        "password": _("password"),
        "provider": _("identity provider"),
    }


def role_words() -> dict[str, str]:
    return {
        Role.VIEWER.value: _("Viewer: sees"),
        Role.OPERATOR.value: _("Operator: runs, retries, edits people"),
        Role.ADMIN.value: _("Administrator: changes everything"),
    }


def _role(form: Form) -> Role:
    try:
        return Role(str(form.get("role", "")))
    except ValueError:
        raise UserRefused(_("Choose one of the roles.")) from None


def _not_me(request: Request, name: str) -> str:
    who = principal_of(request)
    if who is not None and who.user_id is not None and who.name == name.strip().lower():
        raise UserRefused(
            _("That is you: another administrator has to do it (or diptych user, in the terminal).")
        )
    return name


def _change(request: Request, act: Callable[[Users], object], said: str, typed: str = "") -> Response:
    try:
        act(Users(workspace_of(request).store))
    except (UserRefused, UnfitPassword) as problem:
        return _users_page(request, Trouble(str(problem)), typed)
    return go(request, "/access/users", said)


def _users_page(request: Request, trouble: Trouble | None, typed: str = "") -> Response:
    return page(
        request,
        "access/users.html",
        422 if trouble else 200,
        trouble=trouble,
        users=Users(workspace_of(request).store).all(),
        roles=role_words(),
        typed=typed[:100],
    )
