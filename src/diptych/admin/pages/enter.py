"""The ways in and out: a one-time link or a name with its password becomes a session; logging out ends it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from diptych.access.sessions import LASTS, Sessions
from diptych.access.throttle import TooMany
from diptych.access.users import Users
from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import (
    Form,
    access_of,
    admitted,
    cookie_name,
    look_who,
    principal_of,
    require,
)
from diptych.admin.trouble import Trouble
from diptych.admin.words import _
from diptych.domain.roles import Role

router = APIRouter(dependencies=[Depends(look_who)])
leaving = APIRouter()


@router.get("/enter")
def enter(request: Request, token: str = "") -> Response:
    """Open the link. A second use of it by the browser that it let in does no harm."""
    if principal_of(request):
        return go(request, "/")
    return _by_link(request, token) if token else closed(request)


@router.post("/enter")
def enter_by_hand(request: Request, form: Form) -> Response:
    """The link or its token, pasted."""
    pasted = str(form.get("token", "")).strip()
    query = parse_qs(urlsplit(pasted).query) if "://" in pasted else {}
    return _by_link(request, query.get("token", [pasted])[0])


@router.get("/login")
def login_form(request: Request) -> Response:
    return go(request, "/") if principal_of(request) else closed(request)


@router.post("/login")
def login(request: Request, form: Form) -> Response:
    """A name and its password. What is wrong of the two is not said; too many failures make everybody wait."""
    users, name = Users(workspace_of(request).store), str(form.get("name", ""))
    try:
        user = users.check_password(name, str(form.get("password", "")), address_of(request))
    except TooMany as problem:
        answer = closed(request, 429, Trouble(str(problem)), name)
        answer.headers["Retry-After"] = str(max(1, round(problem.wait.total_seconds())))
        return answer
    if user is None:
        return closed(request, 403, Trouble(_("That is not a name with its password.")), name)
    return admit(request, user.id, "password")


@leaving.post("/logout", dependencies=[Depends(admitted), require(Role.VIEWER)])
def logout(request: Request) -> Response:
    """End this browser's session."""
    who = principal_of(request)
    if who is not None and who.session_id is not None:
        Sessions(workspace_of(request).store).end(who.session_id)
    answer = go(request, "/enter")
    answer.delete_cookie(cookie_name(request, "session"), secure=request.url.scheme == "https")
    return answer


def closed(request: Request, status: int = 200, trouble: Trouble | None = None, name: str = "") -> Response:
    """The page that says how to get in."""
    users, settings = Users(workspace_of(request).store).all(), workspace_of(request).settings
    return page(
        request,
        "enter.html",
        status,
        trouble=trouble,
        name=name[:100],
        with_password=any(user.active and user.has_password for user in users),
        provider=settings.oidc_label if settings.oidc_issuer is not None else "",
    )


def admit(request: Request, user_id: int | None, how: str) -> Response:
    """A new session, and on to the start page."""
    agent = request.headers.get("user-agent", "")
    session = Sessions(workspace_of(request).store).begin(user_id, how, address_of(request), agent)
    answer = go(request, "/")
    answer.set_cookie(
        cookie_name(request, "session"),
        session,
        max_age=int(LASTS.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


def address_of(request: Request) -> str:
    """Where the request comes from, as far as the server knows (a proxy on this machine may say so)."""
    return request.client.host if request.client else ""


def _by_link(request: Request, token: str) -> Response:
    if not access_of(request).redeem(token):
        trouble = Trouble(
            _(
                "This link does not open Diptych: it was used already, is more than a day old, or is not complete."
            )
        )
        return closed(request, 403, trouble)
    return admit(request, None, "link")
