"""`/services/oauth2/authorize`: a login page, a consent page, and the redirect that carries the code.

The pages are plain HTML of the practice org's own; they work without JavaScript.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from practice_org.auth import policies
from practice_org.auth.apps import ConnectedApp, approve, approved, find_app
from practice_org.auth.browser import Visitor, form_is_ours, from_own_page, log_in, visitor
from practice_org.auth.door import Door
from practice_org.auth.grants import issue_code
from practice_org.auth.people import LoginRefused, check_password
from practice_org.auth.settings import read_settings
from practice_org.organization import organization
from practice_org.web.pages import page

PARAMETERS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "login_hint",
    "nonce",
)
SCOPES = {
    "api": "Read and change records through the API",
    "refresh_token": "Keep access while you are away",
    "offline_access": "Keep access while you are away",
    "id": "Know who you are",
    "profile": "Know who you are",
    "email": "Know your e-mail address",
    "address": "Know your address",
    "phone": "Know your phone number",
    "openid": "Know who you are",
    "web": "Use your login in a browser",
    "full": "Do everything you may do",
}
REFUSED = {
    "wrong": "Username or password is wrong.",
    "locked": "This user is locked after too many wrong passwords.",
    "inactive": "This user is not active.",
}


class Unauthorizable(Exception):
    """The request cannot be granted. With `redirect`, the client may be told; else only the person."""

    def __init__(self, error: str, description: str, redirect: bool = True) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.redirect = redirect


@dataclass(frozen=True)
class Asked:
    """One authorization request that has been checked."""

    app: ConnectedApp
    redirect_uri: str
    scope: str
    state: str | None
    challenge: str | None
    method: str | None
    prompt: frozenset[str]
    given: dict[str, str]

    @property
    def form_targets(self) -> str:
        """Browsers apply form-action to the redirect that follows a form: the client's origin must be in it."""
        parts = urlsplit(self.redirect_uri)
        return f"'self' {parts.scheme}://{parts.netloc}" if parts.netloc else f"'self' {parts.scheme}:"


def authorize(door: Door, request: Request, form: Mapping[str, str]) -> Response:
    """GET shows a page or redirects; POST is one of its forms."""
    given = {**request.query_params, **form}
    given = {name: given[name] for name in PARAMETERS if given.get(name)}
    try:
        asked = _check(door, given)
    except Unauthorizable as refusal:
        if refusal.redirect:
            return _back(
                given["redirect_uri"],
                {
                    "error": refusal.error,
                    "error_description": refusal.description,
                    "state": given.get("state"),
                },
            )
        return page(
            "error.html",
            400,
            title="This app cannot be let in",
            error=refusal.error,
            message=refusal.description,
        )
    if request.method == "POST":
        return _form(door, request, form, asked)
    who = visitor(door, request)
    if who is None or "login" in asked.prompt:
        return _login_page(door, asked)
    if "consent" not in asked.prompt and approved_by_hand(door, asked, who):
        return _grant(door, asked, who)
    return _consent_page(door, asked, who)


def approved_by_hand(door: Door, asked: Asked, who: Visitor) -> bool:
    """True when this user allowed the app before; an administrator's approval does not skip the page."""
    handmade = ConnectedApp(**{**vars(asked.app), "admin_approved": False})
    return approved(door.org, handmade, who.caller.id)


def _check(door: Door, given: Mapping[str, str]) -> Asked:
    app = find_app(door.org, given.get("client_id", ""))
    if app is None:
        raise Unauthorizable("invalid_client_id", "client identifier invalid", False)
    redirect_uri = given.get("redirect_uri", "")
    if not app.accepts_redirect(redirect_uri):
        raise Unauthorizable("redirect_uri_mismatch", "redirect_uri must match configuration", False)
    if given.get("response_type") != "code":
        raise Unauthorizable("unsupported_response_type", "response type not supported")
    scopes = given.get("scope", "").split() or list(app.scopes)
    if not set(scopes) <= set(SCOPES) | {"full"} or not set(scopes) <= {*app.scopes, "offline_access"}:
        raise Unauthorizable("invalid_scope", "the requested scope is not allowed")
    scopes = ["refresh_token" if scope == "offline_access" else scope for scope in scopes]
    challenge, method = given.get("code_challenge"), given.get("code_challenge_method")
    if challenge is None and read_settings(door.org).pkce_required:
        raise Unauthorizable("invalid_request", "missing required code challenge")
    if method not in (None, "S256", "plain"):
        raise Unauthorizable("invalid_request", "invalid code challenge method")
    return Asked(
        app,
        redirect_uri,
        " ".join(dict.fromkeys(scopes)),
        given.get("state"),
        challenge,
        method,
        frozenset(given.get("prompt", "").split()),
        dict(given),
    )


def _form(door: Door, request: Request, form: Mapping[str, str], asked: Asked) -> Response:
    if not from_own_page(request):
        return page(
            "error.html",
            403,
            title="Not from this page",
            error="",
            message="This form came from another site.",
        )
    if form.get("step") == "login":
        try:
            caller = check_password(
                door.org, form.get("username", ""), form.get("password", ""), with_token=False
            )
        except LoginRefused as refusal:
            return _login_page(door, asked, form.get("username", ""), REFUSED[refusal.reason])
        rest = {name: value for name, value in asked.given.items() if name != "prompt"}
        if prompt := asked.prompt - {"login"}:
            rest["prompt"] = " ".join(sorted(prompt))
        response = RedirectResponse(f"/services/oauth2/authorize?{urlencode(rest)}", 303)
        log_in(door, caller, request, response)
        return response
    who = visitor(door, request)
    if who is None:
        return _login_page(door, asked)
    if not form_is_ours(request, who, form.get("form_token", "")):
        return page(
            "error.html",
            403,
            title="Too old",
            error="",
            message="This form is out of date. Go back and try again.",
        )
    if form.get("step") == "other":
        return _login_page(door, asked)
    if form.get("step") != "allow":
        return _back(
            asked.redirect_uri,
            {
                "error": "access_denied",
                "error_description": "end-user denied authorization",
                "state": asked.state,
            },
        )
    approve(door.org, asked.app.client_id, who.caller.id)
    return _grant(door, asked, who)


def _grant(door: Door, asked: Asked, who: Visitor) -> Response:
    try:
        policies.check(door.org, asked.app.client_id, who.caller.profile_id)
    except policies.Barred as barred:
        error = "OAUTH_EC_APP_NOT_FOUND" if barred.error == "app_not_found" else "OAUTH_APP_ACCESS_DENIED"
        return _back(
            asked.redirect_uri,
            {"error": error, "error_description": str(barred), "state": asked.state},
        )
    code = issue_code(
        door.org,
        asked.app.client_id,
        who.caller.id,
        asked.redirect_uri,
        asked.scope,
        read_settings(door.org).code_seconds,
        asked.challenge,
        asked.method,
        asked.given.get("nonce"),
    )
    return _back(asked.redirect_uri, {"code": code, "state": asked.state})


def _back(redirect_uri: str, values: Mapping[str, str | None]) -> Response:
    query = urlencode({name: value for name, value in values.items() if value is not None})
    joint = "&" if "?" in redirect_uri else "?"
    return RedirectResponse(f"{redirect_uri}{joint}{query}", 302)


def _login_page(door: Door, asked: Asked, username: str = "", problem: str = "") -> Response:
    return page(
        "login.html",
        401 if problem else 200,
        form_targets=asked.form_targets,
        org=organization(door.org),
        action="/services/oauth2/authorize",
        hidden=asked.given,
        username=username or asked.given.get("login_hint", ""),
        problem=problem,
        purpose=f"to let {asked.app.name} in",
    )


def _consent_page(door: Door, asked: Asked, who: Visitor) -> Response:
    wanted = list(dict.fromkeys(SCOPES[scope] for scope in asked.scope.split()))
    return page(
        "consent.html",
        form_targets=asked.form_targets,
        org=organization(door.org),
        app=asked.app,
        caller=who.caller,
        wanted=wanted,
        hidden=asked.given,
        form_token=who.form_token,
        target=urlsplit(asked.redirect_uri).netloc,
    )
