"""The browser's side of the door: the session cookie, and proof that a form came from our own page."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from practice_org.auth.door import Door
from practice_org.auth.people import Caller, caller_by_id

COOKIE = "practice_session"


@dataclass(frozen=True)
class Visitor:
    """Somebody who is logged in with a browser. `form_token` must come back with every form."""

    caller: Caller
    token: str

    @property
    def form_token(self) -> str:
        """Derived from the session, so that another site cannot know it."""
        return hmac.new(self.token.encode(), b"form", hashlib.sha256).hexdigest()


def visitor(door: Door, request: Request) -> Visitor | None:
    """Who sent this request, by cookie; None when nobody is logged in."""
    token = request.cookies.get(COOKIE, "")
    session = door.sessions.find(token) if token else None
    if session is None or session.kind != "web":
        return None
    caller = caller_by_id(door.org, session.user_id)
    return Visitor(caller, token) if caller and caller.active else None


def log_in(door: Door, caller: Caller, request: Request, response: Response) -> None:
    """Open a browser session and hand its cookie over."""
    token = door.sessions.open(caller.id, kind="web", scope="web")
    response.set_cookie(
        COOKIE, token, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )


def log_out(door: Door, request: Request, response: Response) -> None:
    """End the browser session."""
    door.sessions.end(request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE, path="/")


def from_own_page(request: Request) -> bool:
    """True unless the browser says that another site sent this form (Sec-Fetch-Site, else Origin)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc == request.headers.get("host")


def form_is_ours(request: Request, who: Visitor, token: str) -> bool:
    """True when a form of a logged-in visitor was written by our own page."""
    return from_own_page(request) and hmac.compare_digest(token.encode(), who.form_token.encode())
