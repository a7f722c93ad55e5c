"""What every request passes: headers that confine the page, refusal of other sites' requests, and the session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from diptych.access.sessions import TERMINAL, Sessions
from diptych.admin.access import Access
from diptych.admin.services import Workspace
from diptych.admin.words import _, preferred, speak
from diptych.api import problems
from diptych.domain.roles import Principal, Role
from diptych.store.auditing import Actor, act_as

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


class NotAllowed(Exception):
    """The role of whoever asks does not suffice; `needed` would."""

    def __init__(self, needed: Role) -> None:
        super().__init__(needed)
        self.needed = needed


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
        request = Request(scope)
        chosen = request.cookies.get(cookie_name(request, "language"))
        speak(chosen or preferred(request.headers.get("accept-language", "")))

        async def send_confined(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                confine(headers)
                headers.setdefault("Cache-Control", "max-age=31536000, immutable" if static else "no-store")
            await send(message)

        if scope["method"] not in SAFE_METHODS and not is_same_site(Headers(scope=scope)):
            words = _("Refused: this request was made by another site's page.")
            of_api = scope["path"].startswith("/api/")
            refusal = problems.answer(403, words) if of_api else PlainTextResponse(words, 403)
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
    secure = request.url.scheme == "https"
    return f"{'__Host-' if secure else ''}diptych_{purpose}_{request.url.port or (443 if secure else 80)}"


def access_of(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


def session_of(request: Request) -> str | None:
    """The token of the request's session, if it has one that was found good."""
    return request.cookies.get(cookie_name(request, "session")) if principal_of(request) else None


def principal_of(request: Request) -> Principal | None:
    """Who makes the request; None before anybody is admitted."""
    found: Principal | None = getattr(request.state, "principal", None)
    return found


def actor_of(request: Request) -> str:
    """The name under which edits of people are kept: `admin` for the person of the link, `admin:alice` for a user."""
    who = principal_of(request)
    return TERMINAL if who is None or who.user_id is None else f"{TERMINAL}:{who.name}"


async def look_who(request: Request) -> Principal | None:
    """Find out who makes the request, and say so for the audit log."""
    workspace: Workspace = request.app.state.workspace
    token = request.cookies.get(cookie_name(request, "session"))
    who = await run_in_threadpool(Sessions(workspace.store).principal, token) if token else None
    if who is None and request.app.state.open_access:
        who = Principal(TERMINAL, Role.ADMIN)
    request.state.principal = who
    act_as(Actor(who.name, "page") if who else None)
    return who


async def admitted(request: Request) -> None:
    """Dependency of every page: a session, a role that suffices, and the form token with whatever changes something.

    A page that changes something and names no role of its own (`require`) is for administrators.
    Raises NotAdmitted, NotAllowed, ForgedForm.
    """
    who = await look_who(request)
    if who is None:
        raise NotAdmitted
    if request.method in SAFE_METHODS:
        return
    if not _names_a_role(request) and not who.may(Role.ADMIN):
        raise NotAllowed(Role.ADMIN)
    form = await request.form()
    if not access_of(request).is_form_token(session_of(request) or "", str(form.get("form_token", ""))):
        raise ForgedForm


class Require:
    """See `require`."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> None:
        who = principal_of(request)
        if who is None:
            raise NotAdmitted
        if not who.may(self.role):
            raise NotAllowed(self.role)


def require(role: Role) -> Any:
    """A dependency of a router or a page: at least this role. `APIRouter(dependencies=[require(Role.OPERATOR)])`,
    `@router.post("/retry", dependencies=[require(Role.OPERATOR)])`. Raises NotAllowed."""
    return Depends(Require(role))


def _names_a_role(request: Request) -> bool:
    route = request.scope.get("route")
    return any(isinstance(d.dependency, Require) for d in getattr(route, "dependencies", ()))


async def _read_form(request: Request) -> FormData:
    return await request.form()


# what was sent, for handlers that are plain functions and so run in a thread of their own
Form = Annotated[FormData, Depends(_read_form)]
