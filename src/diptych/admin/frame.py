"""The frame of every page: templates, the state at the top right, notes carried over a redirect."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from diptych.admin import show
from diptych.admin.demo import demo_of
from diptych.admin.guard import access_of, cookie_name, principal_of, session_of
from diptych.admin.live import Live, summary
from diptych.admin.services import Workspace
from diptych.admin.views import Summary
from diptych.admin.words import LANGUAGES, _, language, ngettext
from diptych.domain.roles import Role

HERE = Path(__file__).parent
STATIC = HERE / "static"
_ADMINISTRATION = (
    "/settings",
    "/mapping",
    "/setup",
    "/start-over",
    "/access",
    "/alerts/rules",
    "/alerts/channels",
)


def workspace_of(request: Request) -> Workspace:
    workspace: Workspace = request.app.state.workspace
    return workspace


def live_of(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


def summary_of(request: Request) -> Summary | None:
    """The state at the top right; None when it cannot be read just now. Never fails a page."""
    status = live_of(request).status()
    return summary(status, live_of(request).alerts) if status else None


@cache
def _static_url(name: str) -> str:
    """The address of a static file; its content is part of it, so that it may be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?{digest}"


def _query_url(path: str, **parameters: object) -> str:
    given = {name: value for name, value in parameters.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(static=_static_url, url=_query_url)
    environment.filters.update(show.FILTERS)
    return environment


def fragment(template: str, **values: object) -> str:
    """A template without the page around it, for live updates."""
    return _environment().get_template(template).render(**values)


def page(request: Request, template: str, status: int = 200, /, **values: object) -> Response:
    """A whole page. `note` (a message to show once) is taken from the cookie that `go` left."""
    session = session_of(request) or ""
    who = principal_of(request)
    admitted = who is not None
    note = _note(request)
    html = fragment(
        template,
        request_path=request.url.path,
        language=language(),
        languages=LANGUAGES,
        form_token=access_of(request).form_token(session),
        admitted=admitted,
        who=who,
        looks_only=who is not None and not who.may(_role_of(request.url.path)),
        may_operate=who is not None and who.may(Role.OPERATOR),
        may_admin=who is not None and who.may(Role.ADMIN),
        note=note,
        summary=summary_of(request) if admitted else None,
        demo=demo_of(workspace_of(request), live_of(request).status()) if admitted else None,
        **values,
    )
    answer = HTMLResponse(html, status)
    if note:
        answer.delete_cookie(cookie_name(request, "note"), secure=request.url.scheme == "https")
    return answer


def _role_of(path: str) -> Role:
    """The role that the forms of a page take; the guard decides (`require`), this only hides buttons."""
    if path in ("/setup/start", "/setup/verify"):
        return Role.OPERATOR
    return Role.ADMIN if path.startswith(_ADMINISTRATION) else Role.OPERATOR


def go(
    request: Request, address: str, message: str = "", *, kind: str = "done", remedy: str = ""
) -> Response:
    """Redirect after a form, with a message for the page that follows. `kind`: done, warning, problem."""
    live_of(request).forget()
    answer = RedirectResponse(address, 303)
    if message:
        text = json.dumps({"kind": kind, "message": message[:1500], "remedy": remedy[:1000]})
        answer.set_cookie(
            cookie_name(request, "note"),
            access_of(request).seal(text.encode("utf-8").hex()),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
            max_age=120,
        )
    return answer


def _note(request: Request) -> Mapping[str, str] | None:
    sealed = request.cookies.get(cookie_name(request, "note"))
    text = access_of(request).unseal(sealed) if sealed else None
    if text is None:
        return None
    note: Mapping[str, str] = json.loads(bytes.fromhex(text))
    return note
