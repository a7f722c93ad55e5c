"""What every request passes: headers that confine the page, refusal of other sites' requests, and the session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from diptych.admin.access import Access
from diptych.admin.words import _

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class NotAdmitted(Exception):
    """The request has no session."""


class ForgedForm(Exception):
    """A form came without this session's form token: another site's, or one left open since before the last login."""


class Confine:
    """ASGI layer: a strict content policy on every answer, and no unsafe request from another site's page."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        static = scope["path"].startswith("/static/")

        async def send_confined(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                confine(headers)
                headers.setdefault("Cache-Control", "max-age=31536000, immutable" if static else "no-store")
            await send(message)

        if scope["method"] not in SAFE_METHODS and not is_same_site(Headers(scope=scope)):
            refusal = PlainTextResponse(_("Refused: this request was made by another site's page."), 403)
            await refusal(scope, receive, send_confined)
            return
        await self._app(scope, receive, send_confined)


def confine(headers: MutableHeaders) -> None:
    """Set what keeps a page to itself."""
    headers["Content-Security-Policy"] = CONTENT_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


def is_same_site(headers: Headers) -> bool:
    """Whether the browser says that our own page (or the person at the address bar) made the request.

    `Sec-Fetch-Site` decides where the browser sends it, `Origin` otherwise. A client that sends neither is no browser,
    and carries no cookie that somebody else's page could abuse.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def cookie_name(request: Request, purpose: str) -> str:
    """Cookies do not tell ports apart, and several servers of one machine share a host name."""
    return f"diptych_{purpose}_{request.url.port or (443 if request.url.scheme == 'https' else 80)}"


def access_of(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


def session_of(request: Request) -> str | None:
    """The session of the request if it is a valid one."""
    session = request.cookies.get(cookie_name(request, "session"))
    return session if access_of(request).is_session(session) else None


async def admitted(request: Request) -> None:
    """Dependency of every page: a session, and the form token with whatever changes something.

    Raises NotAdmitted, ForgedForm.
    """
    open_to_all: bool = request.app.state.open_access
    session = session_of(request) or ("" if open_to_all else None)
    if session is None:
        raise NotAdmitted
    if request.method not in SAFE_METHODS:
        form = await request.form()
        if not access_of(request).is_form_token(session, str(form.get("form_token", ""))):
            raise ForgedForm


async def _read_form(request: Request) -> FormData:
    return await request.form()


# what was sent, for handlers that are plain functions and so run in a thread of their own
Form = Annotated[FormData, Depends(_read_form)]
