"""The way in: a one-time link becomes a session."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.access import SESSION_SECONDS
from diptych.admin.frame import go, page
from diptych.admin.guard import Form, access_of, cookie_name, session_of
from diptych.admin.trouble import Trouble
from diptych.admin.words import _

router = APIRouter()


@router.get("/enter")
def enter(request: Request, token: str = "") -> Response:
    """Open the link. A second use of it by the browser that it let in does no harm."""
    if session_of(request):
        return go(request, "/")
    return _admit(request, token) if token else page(request, "enter.html", trouble=None)


@router.post("/enter")
def enter_by_hand(request: Request, form: Form) -> Response:
    """The link or its token, pasted."""
    pasted = str(form.get("token", "")).strip()
    query = parse_qs(urlsplit(pasted).query) if "://" in pasted else {}
    return _admit(request, query.get("token", [pasted])[0])


def _admit(request: Request, token: str) -> Response:
    session = access_of(request).redeem(token)
    if session is None:
        trouble = Trouble(
            _(
                "This link does not open Diptych: it was used already, is more than a day old, or is not complete."
            )
        )
        return page(request, "enter.html", 403, trouble=trouble)
    answer = go(request, "/")
    answer.set_cookie(
        cookie_name(request, "session"),
        session,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer
