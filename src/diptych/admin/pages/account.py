"""One's own account: role, password, sessions."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.access.passwords import UnfitPassword
from diptych.access.sessions import Sessions
from diptych.access.throttle import TooMany
from diptych.access.users import UserRefused, Users
from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, principal_of, require
from diptych.admin.pages.access_users import role_words, ways
from diptych.admin.pages.enter import address_of, admit
from diptych.admin.trouble import Trouble
from diptych.admin.words import _
from diptych.domain.roles import Role

router = APIRouter(prefix="/account", dependencies=[require(Role.VIEWER)])


@router.get("")
def show(request: Request) -> Response:
    return _page(request, None)


@router.post("/password")
def change_password(request: Request, form: Form) -> Response:
    """Another password, given the one that holds now. All sessions end but this browser's, which gets a new one."""
    who, users = principal_of(request), Users(workspace_of(request).store)
    if who is None or who.user_id is None:
        return _page(request, Trouble(_("Whoever came by the link of the terminal has no password.")))
    try:
        if users.check_password(who.name, str(form.get("old", "")), address_of(request)) is None:
            return _page(request, Trouble(_("That is not your password; nothing was changed.")))
        users.set_password(who.name, str(form.get("new", "")))
    except (UnfitPassword, UserRefused, TooMany) as problem:
        return _page(request, Trouble(str(problem)))
    answer = admit(request, who.user_id, "password")
    answer.headers["location"] = "/account"
    return answer


@router.post("/end-session")
def end(request: Request, form: Form) -> Response:
    """End one of the own sessions."""
    who, sessions = principal_of(request), Sessions(workspace_of(request).store)
    number = str(form.get("session", ""))
    own = {str(s.id) for s in sessions.all() if who is not None and s.user_id == who.user_id}
    if number in own:
        sessions.end(int(number))
    return go(request, "/account", _("That session has ended."))


def _page(request: Request, trouble: Trouble | None) -> Response:
    who, workspace = principal_of(request), workspace_of(request)
    user = Users(workspace.store).get(who.name) if who is not None and who.user_id is not None else None
    everyone = Sessions(workspace.store).all()
    return page(
        request,
        "access/account.html",
        422 if trouble else 200,
        trouble=trouble,
        user=user,
        role=role_words()[who.role.value] if who else "",
        sessions=[s for s in everyone if who is not None and s.user_id == who.user_id],
        mine=who.session_id if who else None,
        ways=ways(),
    )
