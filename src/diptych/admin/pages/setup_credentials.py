"""Set-up, Credentials: three ways in, the card that asks whether it is the right org, and only then saving (S-24..S-33).

What was entered waits in the server's memory until the person says yes; a restart forgets it.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.demo import demo_org
from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, require
from diptych.admin.pages.stepper import ADDRESSES, stepper
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _
from diptych.domain.roles import Role
from diptych.setup.ports import (
    PRODUCTION_LOGIN,
    SANDBOX_LOGIN,
    AuthKind,
    Authorization,
    ConnectionCard,
    Credentials,
)
from diptych.setup.preparation import Wishes

router = APIRouter(prefix="/setup/credentials", dependencies=[require(Role.ADMIN)])

_WAIT_SECONDS = 20 * 60
_WAIT_ENTRIES = 50
_REQUIRED = {
    AuthKind.PASSWORD: ("username", "password"),
    AuthKind.OAUTH: ("client_id",),
    AuthKind.CLIENT_CREDENTIALS: ("client_id", "client_secret"),
    AuthKind.JWT: ("client_id", "username", "private_key"),
}
_SECRET = ("password", "security_token", "client_secret", "private_key")
_OPEN = ("username", "client_id")

T = TypeVar("T")


@dataclass
class Waiting(Generic[T]):
    """Things that wait for the browser to come back, by an unguessable token; few, and not for long."""

    _kept: dict[str, tuple[float, T]] = field(default_factory=dict)

    def put(self, token: str, thing: T) -> str:
        oldest = time.monotonic() - _WAIT_SECONDS
        for old in [name for name, (at, _thing) in self._kept.items() if at < oldest]:
            del self._kept[old]
        while len(self._kept) >= _WAIT_ENTRIES:
            del self._kept[next(iter(self._kept))]
        self._kept[token] = (time.monotonic(), thing)
        return token

    def take(self, token: str) -> T | None:
        """The thing, once; None when it is not there (any more)."""
        at, thing = self._kept.pop(token, (0.0, None))
        return thing if at >= time.monotonic() - _WAIT_SECONDS else None


@dataclass(frozen=True)
class Order:
    """A change of the org that was shown and waits for a yes; `administrator` does it, and is then forgotten."""

    wishes: Wishes
    undo: bool
    administrator: Credentials | None = field(default=None, repr=False)


@dataclass
class Entered:
    """What the pages of the set-up keep between two requests of one server."""

    cards: Waiting[ConnectionCard] = field(default_factory=Waiting)
    logins: Waiting[Authorization] = field(default_factory=Waiting)
    orders: Waiting[Order] = field(default_factory=Waiting)


def entered(request: Request) -> Entered:
    """What waits in this server."""
    found: Entered = request.app.state.entered
    return found


@router.get("")
def show(request: Request) -> Response:
    return _form(request, {}, None)


@router.post("")
def connect(request: Request, form: Form) -> Response:
    """Try the credentials and show the card; nothing is saved."""
    typed = {name: str(value).strip() for name, value in form.items()}
    try:
        kind = AuthKind(typed.get("kind", ""))
    except ValueError:
        return _form(request, typed, Trouble(_("Choose how to log in.")))
    wrong = _what_is_wrong(kind, typed)
    if wrong:
        return _form(request, typed, Trouble(_("Something is missing below.")), wrong)
    given = {name: typed.get(f"{kind.value}.{name}", "") for name in (*_OPEN, *_SECRET)}
    login_url = _login_url(typed)
    setup = workspace_of(request).setup
    try:
        if kind is AuthKind.OAUTH:
            leave = setup.authorize(login_url, given["client_id"], given["client_secret"], _callback(request))
            entered(request).logins.put(leave.state, leave)
            return page(request, "setup/leave.html", address=leave.url, host=urlsplit(leave.url).netloc)
        card = setup.check(Credentials(kind=kind, login_url=login_url, **given))
    except EXPECTED as problem:
        return _form(request, typed, trouble_of(problem))
    return _card(request, card)


@router.get("/callback")
def back_from_login(
    request: Request, state: str = "", code: str = "", error: str = "", error_description: str = ""
) -> Response:
    """The way back from 'Login with Salesforce'."""
    login = entered(request).logins.take(state)
    if login is None:
        return _form(
            request,
            {"kind": "oauth"},
            Trouble(
                _(
                    "This login does not belong to a login that was started here, or it took more than 20 minutes."
                ),
                remedy=_("Start again with Connect."),
            ),
        )
    typed = {
        "kind": "oauth",
        "environment": _environment_of(login.login_url),
        "login_url": login.login_url,
        "oauth.client_id": login.client_id,
    }
    if error or not code:
        said = {"access_denied": _("Access was not allowed on the login page.")}.get(
            error, error_description or error or _("The login page sent no code.")
        )
        return _form(request, typed, Trouble(said, remedy=_("Connect again, and choose Allow."), code=error))
    setup = workspace_of(request).setup
    try:
        card = setup.authorized(login, state, code)
    except EXPECTED as problem:
        return _form(request, typed, trouble_of(problem))
    return _card(request, card)


@router.post("/save")
def save(request: Request, form: Form) -> Response:
    """Yes, this is right: keep the connection."""
    card = entered(request).cards.take(str(form.get("card", "")))
    if card is None:
        return go(
            request,
            ADDRESSES["credentials"],
            _("The credentials were no longer at hand, so nothing was saved."),
            kind="problem",
            remedy=_("Enter them again; they wait 20 minutes for your answer."),
        )
    try:
        workspace_of(request).setup.save(card.credentials, card)
    except EXPECTED as problem:
        return _form(request, {"kind": card.kind.value}, trouble_of(problem))
    return go(request, ADDRESSES["prepare"], _("Connected. The org was checked: see below."))


@router.post("/discard")
def discard(request: Request) -> Response:
    return go(request, ADDRESSES["credentials"], _("Nothing was saved."))


def _what_is_wrong(kind: AuthKind, typed: dict[str, str]) -> dict[str, str]:
    wrong = {
        f"{kind.value}.{name}": _("This is needed.")
        for name in _REQUIRED[kind]
        if not typed.get(f"{kind.value}.{name}")
    }
    if typed.get("environment") == "custom":
        parts = urlsplit(typed.get("login_url", ""))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            wrong["login_url"] = _("Give a whole address, such as https://yourcompany.my.salesforce.com")
        elif parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            wrong["login_url"] = _("Only an address on this machine may be http; use https.")
    return wrong


def _login_url(typed: dict[str, str]) -> str:
    environment = typed.get("environment")
    if environment == "custom":
        return typed["login_url"].rstrip("/")
    return SANDBOX_LOGIN if environment == "sandbox" else PRODUCTION_LOGIN


def _environment_of(login_url: str) -> str:
    return {PRODUCTION_LOGIN: "production", SANDBOX_LOGIN: "sandbox"}.get(login_url, "custom")


def _callback(request: Request) -> str:
    return str(request.url_for("back_from_login"))


def _kinds() -> list[tuple[str, str]]:
    return [
        (AuthKind.PASSWORD.value, _("User name, password and security token")),
        (AuthKind.OAUTH.value, _("Login with Salesforce")),
        (AuthKind.CLIENT_CREDENTIALS.value, _("Client credentials")),
        (AuthKind.JWT.value, _("JWT certificate")),
    ]


class _Typed(dict[str, str]):
    """What was typed; blank where nothing was."""

    def __missing__(self, name: str) -> str:
        return ""

    def __getattr__(self, name: str) -> str:
        return self[name]


def _form(
    request: Request, typed: dict[str, str], trouble: Trouble | None, wrong: dict[str, str] | None = None
) -> Response:
    """The form with what was typed (no secrets), and what is wrong with it."""
    setup = workspace_of(request).setup
    state, connection = setup.state(), setup.connection()
    shown = {name: value for name, value in typed.items() if name.rpartition(".")[2] not in _SECRET}
    if connection and not typed:
        kept = connection.credentials
        shown |= {
            "kind": kept.kind.value,
            "environment": _environment_of(kept.login_url),
            "login_url": kept.login_url,
            f"{kept.kind.value}.username": kept.username,
            f"{kept.kind.value}.client_id": kept.client_id,
        }
    shown.setdefault("kind", AuthKind.PASSWORD.value)
    demo = demo_org(workspace_of(request))
    if demo:
        shown.setdefault("login_url", demo.address)
        shown.setdefault("environment", "custom")
        shown.setdefault("password.username", demo.username)
    shown.setdefault("environment", "production")
    return page(
        request,
        "setup/credentials.html",
        422 if trouble else 200,
        steps=stepper(state.step, "credentials"),
        trouble=trouble,
        typed=_Typed(shown),
        wrong=_Typed(wrong or {}),
        connection=connection,
        onward=ADDRESSES["prepare"],
        kinds=_kinds(),
        environments=[
            ("production", _("Production"), PRODUCTION_LOGIN.removeprefix("https://")),
            ("sandbox", _("Sandbox"), SANDBOX_LOGIN.removeprefix("https://")),
            ("custom", _("Another login address"), ""),
        ],
        callback=_callback(request),
        demo_org=demo,
    )


def _card(request: Request, card: ConnectionCard) -> Response:
    token = entered(request).cards.put(secrets.token_urlsafe(18), card)
    return page(
        request,
        "setup/card.html",
        steps=stepper(workspace_of(request).setup.state().step, "credentials"),
        card=card,
        identity=card.identity,
        token=token,
        kind_label=dict(_kinds())[card.kind.value],
    )
