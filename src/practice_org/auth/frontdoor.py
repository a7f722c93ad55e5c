"""From an access token to a browser session and back out: frontdoor, single access, logout.

`/services/oauth2/singleaccess` gives an address that works once, for a minute; `frontdoor.jsp` takes its
code, or a session id as older tools send it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from practice_org.auth.browser import COOKIE, log_in, log_out
from practice_org.auth.door import Door, base_url
from practice_org.auth.grants import BadGrant, issue_code, redeem_code
from practice_org.auth.people import caller_by_id
from practice_org.dressing import json_response
from practice_org.web.pages import page

CLIENT = "single access"
SECONDS = 60


def single_access(door: Door, request: Request, token: str, wanted: str = "") -> Response:
    """`/services/oauth2/singleaccess`: a one-time address of the browser session of a token's user.

    GET, as the Salesforce CLI has it, or POST. `wanted` is the `redirect_uri`: where the address leads to.
    A token that is not valid is answered 403 (told in the source of Salesforce's own core library).
    """
    session = door.sessions.find(token) if token else None
    if session is None:
        return json_response({"error": "invalid_token", "error_description": "token is not valid"}, 403)
    code = issue_code(door.org, CLIENT, session.user_id, "", session.scope, SECONDS, None, None)
    base = base_url(request)
    path = wanted.removeprefix(base)
    more = f"&startURL={quote('/' + path.lstrip('/'), safe='')}" if path else ""
    return json_response({"frontdoor_uri": f"{base}/secur/frontdoor.jsp?otp={quote(code)}{more}"})


def enter(door: Door, request: Request, form: Mapping[str, str]) -> Response:
    """`/secur/frontdoor.jsp?otp=` or `?sid=`, then on to `retURL`, an address of this org."""
    user_id = _user(door, form)
    caller = caller_by_id(door.org, user_id) if user_id else None
    if caller is None or not caller.active:
        return page(
            "error.html", 401, title="Not let in", error="", message="This address was used, or is too old."
        )
    wanted = form.get("retURL") or form.get("startURL") or "/"
    if not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        wanted = "/"
    response = RedirectResponse(wanted, 302)
    log_in(door, caller, request, response)
    return response


def _user(door: Door, form: Mapping[str, str]) -> str | None:
    if form.get("otp"):
        try:
            return redeem_code(door.org, door.sessions, form["otp"], CLIENT, "", None).user_id
        except BadGrant:
            return None
    session = door.sessions.find(form.get("sid", "")) if form.get("sid") else None
    return session.user_id if session else None


def leave(door: Door, request: Request) -> Response:
    """`/secur/logout.jsp` and `/services/oauth2/logout`: the browser's session is over."""
    response = RedirectResponse("/login", 302)
    if request.cookies.get(COOKIE):
        log_out(door, request, response)
    return response
