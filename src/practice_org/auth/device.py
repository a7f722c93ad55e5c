"""The device flow: a device shows a code, its user types the code into a browser, the device asks until
they have. Words and shapes are the documented ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from practice_org.auth.apps import find_app
from practice_org.auth.browser import form_is_ours, from_own_page, log_in, visitor
from practice_org.auth.door import Door
from practice_org.auth.grants import BadGrant, Grant
from practice_org.auth.people import LoginRefused, check_password
from practice_org.auth.sessions import digest
from practice_org.auth.tables import writing
from practice_org.org import Org
from practice_org.organization import organization
from practice_org.web.pages import page

SECONDS = 600
INTERVAL = 5
PATH = "/setup/connect"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True)
class DeviceCodes:
    """What a device is told: `device` to ask with, `user` to show."""

    device: str
    user: str


def issue(org: Org, client_id: str, scope: str) -> DeviceCodes:
    """A new pair of codes, good for ten minutes."""
    codes = DeviceCodes(secrets.token_urlsafe(48), "".join(secrets.choice(_LETTERS) for _ in range(8)))
    with writing(org) as connection:
        connection.execute(
            "INSERT INTO _device_code (digest, user_code, client_id, scope, expires, state)"
            " VALUES (?, ?, ?, ?, ?, 'pending')",
            (digest(codes.device), codes.user, client_id, scope, org.clock.now().timestamp() + SECONDS),
        )
    return codes


def redeem(org: Org, device_code: str, client_id: str) -> Grant:
    """The grant of a device whose user said yes, once. Raises BadGrant, also while nobody answered."""
    key = digest(device_code)
    with writing(org) as connection:
        row = connection.execute(
            "SELECT client_id, scope, expires, state, user_id FROM _device_code WHERE digest = ?", (key,)
        ).fetchone()
        if row is None or row[0] != client_id or row[3] == "used":
            raise BadGrant("invalid device code")
        if row[2] <= org.clock.now().timestamp():
            raise BadGrant("expired device code")
        if row[3] == "pending":
            raise BadGrant("authorization pending", "authorization_pending")
        if row[3] == "denied":
            raise BadGrant("end-user denied authorization", "access_denied")
        connection.execute("UPDATE _device_code SET state = 'used' WHERE digest = ?", (key,))
    return Grant(secrets.token_hex(12), client_id, row[4], row[1])


def connect(door: Door, request: Request, form: Mapping[str, str]) -> Response:
    """The page where a user types a device's code in: log in, type, allow."""
    if request.method == "POST" and not from_own_page(request):
        return _error(403, "Not from this page", "This form came from another site.")
    typed = form.get("user_code", "").strip().upper().replace("-", "")
    if form.get("step") == "login":
        return _logged_in(door, request, form, typed)
    who = visitor(door, request)
    if who is None:
        return _login_page(door, typed)
    if request.method != "POST" or not form_is_ours(request, who, form.get("form_token", "")):
        return _code_page(door, who.form_token, typed)
    row = door.org.reader().execute(
        "SELECT digest, client_id FROM _device_code WHERE user_code = ? AND state = 'pending' AND expires > ?",
        (typed, door.org.clock.now().timestamp()),
    ).fetchone()  # fmt: skip
    if row is None:
        return _code_page(door, who.form_token, typed, "There is no such code, or it is too old.")
    state = "allowed" if form.get("step") == "allow" else "denied"
    with writing(door.org) as connection:
        connection.execute(
            "UPDATE _device_code SET state = ?, user_id = ? WHERE digest = ?", (state, who.caller.id, row[0])
        )
    app = find_app(door.org, row[1])
    name = app.name if app else "The device"
    said = f"{name} is let in." if state == "allowed" else f"{name} stays out."
    return _code_page(door, who.form_token, "", said)


def _logged_in(door: Door, request: Request, form: Mapping[str, str], typed: str) -> Response:
    try:
        caller = check_password(
            door.org, form.get("username", ""), form.get("password", ""), with_token=False
        )
    except LoginRefused:
        return _login_page(door, typed, "Username or password is wrong.")
    response = Response(
        status_code=303, headers={"Location": f"{PATH}?user_code={typed}" if typed.isalnum() else PATH}
    )
    log_in(door, caller, request, response)
    return response


def _login_page(door: Door, typed: str, problem: str = "") -> Response:
    return page(
        "login.html",
        401 if problem else 200,
        org=organization(door.org),
        action=PATH,
        hidden={"user_code": typed} if typed else {},
        username="",
        problem=problem,
        purpose="to connect a device",
    )


def _code_page(door: Door, form_token: str, typed: str, said: str = "") -> Response:
    return page(
        "device.html",
        org=organization(door.org),
        form_token=form_token,
        user_code=typed,
        said=said,
        action=PATH,
    )


def _error(status: int, title: str, message: str) -> Response:
    return page("error.html", status, title=title, error="", message=message)
