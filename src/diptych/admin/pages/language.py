"""The language of the pages, by a cookie of the browser; before anybody is admitted too."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from diptych.admin.guard import cookie_name
from diptych.admin.words import LANGUAGES, _

router = APIRouter()

_YEAR = 365 * 86_400


@router.get("/language/{code}")
def choose(request: Request, code: str, back: str = "/") -> Response:
    """From now on the pages are in that language; then back to the page that was open."""
    if code not in LANGUAGES:
        raise HTTPException(404, _("The pages do not speak that language."))
    parts = urlsplit(back)
    ours = back.startswith("/") and not back.startswith(("//", "/\\")) and not parts.netloc
    answer = RedirectResponse(back if ours else "/", 303)
    answer.set_cookie(
        cookie_name(request, "language"),
        code,
        max_age=_YEAR,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/",
    )
    return answer
