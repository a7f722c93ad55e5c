"""The OAuth 2.0 token endpoint.

Error words are Salesforce's; which are recorded and which are only quoted is said in the specification,
section 5.1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from starlette.responses import Response

from practice_org.auth import device, openid, policies
from practice_org.auth.apps import ConnectedApp, approved, find_app
from practice_org.auth.assertion import BadAssertion, take_apart, verify
from practice_org.auth.door import Door
from practice_org.auth.grants import (
    BadGrant,
    Grant,
    issue_refresh_token,
    redeem_code,
    redeem_refresh_token,
)
from practice_org.auth.people import Caller, LoginRefused, caller_by_id, caller_by_username, check_password
from practice_org.auth.policies import Barred
from practice_org.auth.settings import read_settings
from practice_org.dressing import json_response

LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
NO_STORE = {"Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private", "Pragma": "no-cache"}

Form = Mapping[str, str]


class OAuthError(Exception):
    """A refusal in OAuth's form."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status

    def response(self) -> Response:
        """The JSON body that every OAuth library reads."""
        body = {"error": self.error, "error_description": self.description}
        return json_response(body, self.status, NO_STORE)


def token(door: Door, form: Form, authorization: str, base: str, method: str = "POST") -> Response:
    """`POST /services/oauth2/token`."""
    shape = form.get("format", "json")
    try:
        if method != "POST":
            raise OAuthError("invalid_request", "must use HTTP POST")
        given = with_basic(form, authorization)
        if form.get("response_type") == "device_code":
            return formatted(_device_codes(door, given, base), shape)
        grant = GRANTS.get(form.get("grant_type", ""))
        if grant is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        return formatted(grant(door, given, base), shape)
    except OAuthError as refusal:
        return refusal.response()
    except (BadGrant, Barred) as refusal:
        return OAuthError(refusal.error, str(refusal)).response()


def formatted(answer: Mapping[str, Any], shape: str) -> Response:
    """An answer as `format` wants it: json, urlencoded or xml."""
    if shape == "urlencoded":
        text = urlencode(answer)
        return Response(
            text, 200, {**NO_STORE, "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        )
    if shape == "xml":
        inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in answer.items())
        text = f'<?xml version="1.0" encoding="UTF-8"?><OAuth>{inner}</OAuth>'
        return Response(text, 200, {**NO_STORE, "Content-Type": "application/xml;charset=UTF-8"})
    return json_response(answer, 200, NO_STORE)


def with_basic(form: Form, authorization: str) -> Form:
    """Client id and secret may come in HTTP Basic instead of the form (simple-salesforce sends them so)."""
    if not authorization.lower().startswith("basic "):
        return form
    try:
        client_id, _, secret = base64.b64decode(authorization[6:].strip()).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthError("invalid_client_id", "client identifier invalid") from error
    return {"client_id": client_id, "client_secret": secret, **form}


def app_of(door: Door, form: Form, *, secret: bool) -> ConnectedApp:
    """The app of a request, by id and secret (`secret`: it must be there). Raises OAuthError."""
    app = find_app(door.org, form.get("client_id", ""))
    if app is None:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    given = form.get("client_secret")
    if (given is not None or secret) and not app.secret_matches(given or ""):
        raise OAuthError("invalid_client", "invalid client credentials")
    return app


def _authorization_code(door: Door, form: Form, base: str) -> dict[str, Any]:
    verifier = form.get("code_verifier")
    app = app_of(door, form, secret=False)
    if "client_secret" not in form and app.secret_required and not verifier:
        raise OAuthError("invalid_client", "invalid client credentials")
    grant = redeem_code(
        door.org, door.sessions, form.get("code", ""), app.client_id, form.get("redirect_uri", ""), verifier
    )
    return _granted(door, app, grant, base)


def _granted(door: Door, app: ConnectedApp, grant: Grant, base: str) -> dict[str, Any]:
    """The answer to a user's own yes: with a refresh token and an identity token, if they were asked for."""
    caller = _caller(door, grant.user_id)
    answer = _answer(door, app, caller, grant.scope, base, family=grant.family, nonce=grant.nonce)
    if "refresh_token" in grant.scope.split():
        refresh = issue_refresh_token(door.org, door.sessions, grant)
        answer = {"access_token": answer.pop("access_token"), "refresh_token": refresh, **answer}
    return answer


def _device_codes(door: Door, form: Form, base: str) -> dict[str, Any]:
    """The first step of the device flow."""
    app = app_of(door, form, secret=False)
    scopes = form.get("scope", "").split() or list(app.scopes)
    if not set(scopes) <= set(app.scopes):
        raise OAuthError("invalid_scope", "the requested scope is not allowed")
    codes = device.issue(door.org, app.client_id, " ".join(dict.fromkeys(scopes)))
    return {
        "device_code": codes.device,
        "user_code": codes.user,
        "verification_uri": f"{base}{device.PATH}",
        "interval": device.INTERVAL,
    }


def _device(door: Door, form: Form, base: str) -> dict[str, Any]:
    app = app_of(door, form, secret=False)
    return _granted(door, app, device.redeem(door.org, form.get("code", ""), app.client_id), base)


def _refresh_token(door: Door, form: Form, base: str) -> dict[str, Any]:
    app = app_of(door, form, secret=False)
    rotate = read_settings(door.org).refresh_rotation
    grant, successor = redeem_refresh_token(
        door.org, door.sessions, form.get("refresh_token", ""), app.client_id, rotate=rotate
    )
    answer = _answer(door, app, _caller(door, grant.user_id), grant.scope, base, family=grant.family)
    if successor is not None:
        answer["refresh_token"] = successor
    return answer


def _password(door: Door, form: Form, base: str) -> dict[str, Any]:
    app = app_of(door, form, secret=True)
    if not read_settings(door.org).password_flow_enabled:
        raise OAuthError("invalid_grant", "authentication failure")
    try:
        caller = check_password(door.org, form.get("username", ""), form.get("password", ""), with_token=True)
    except LoginRefused as refusal:
        if refusal.reason == "inactive":
            raise OAuthError("inactive_user", "user is inactive") from refusal
        raise OAuthError("invalid_grant", "authentication failure") from refusal
    return _answer(door, app, caller, " ".join(s for s in app.scopes if s != "refresh_token"), base)


def _client_credentials(door: Door, form: Form, base: str) -> dict[str, Any]:
    app = app_of(door, form, secret=True)
    if app.run_as is None:
        raise OAuthError("invalid_grant", "no client credentials user enabled")
    caller = _caller(door, app.run_as)
    return _answer(door, app, caller, " ".join(s for s in app.scopes if s != "refresh_token"), base)


def _jwt_bearer(door: Door, form: Form, base: str) -> dict[str, Any]:
    try:
        assertion = take_apart(form.get("assertion", ""))
        app = find_app(door.org, assertion.claims.issuer)
        if app is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if app.certificate is None:
            raise OAuthError("invalid_grant", "invalid assertion")
        verify(assertion, app.certificate, door.org.clock.now().timestamp())
    except BadAssertion as refusal:
        raise OAuthError("invalid_grant", str(refusal)) from refusal
    hosts = {*LOGIN_HOSTS, base}
    if not any(
        one.rstrip("/").removesuffix("/services/oauth2/token") in hosts for one in assertion.claims.audience
    ):
        raise OAuthError("invalid_grant", "audience is invalid")
    caller = caller_by_username(door.org, assertion.claims.subject)
    if caller is None or not approved(door.org, app, caller.id):
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    if not caller.active:
        raise OAuthError("inactive_user", "user is inactive")
    return _answer(door, app, caller, " ".join(s for s in app.scopes if s != "refresh_token"), base)


GRANTS: dict[str, Callable[[Door, Form, str], dict[str, Any]]] = {
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
    "password": _password,
    "client_credentials": _client_credentials,
    JWT_GRANT: _jwt_bearer,
    "device": _device,
}


def _caller(door: Door, user_id: str) -> Caller:
    caller = caller_by_id(door.org, user_id)
    if caller is None or not caller.active:
        raise OAuthError("inactive_user", "user is inactive")
    return caller


def _answer(
    door: Door,
    app: ConnectedApp,
    caller: Caller,
    scope: str,
    base: str,
    family: str | None = None,
    nonce: str | None = None,
) -> dict[str, Any]:
    policies.check(door.org, app.client_id, caller.profile_id)
    access_token = door.sessions.open(caller.id, client_id=app.client_id, family=family, scope=scope)
    identity = f"{base}/id/{door.org.id}/{caller.id}"
    issued_at = str(int(door.org.clock.now().timestamp() * 1000))
    signature = hmac.new(app.secret.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
    answer = {
        "access_token": access_token,
        "signature": base64.b64encode(signature).decode(),
        "scope": scope,
    }
    if "openid" in scope.split():
        answer["id_token"] = openid.identity_token(
            door.org,
            issuer=base,
            subject=identity,
            client_id=app.client_id,
            access_token=access_token,
            nonce=nonce,
        )
    return {**answer, "instance_url": base, "id": identity, "token_type": "Bearer", "issued_at": issued_at}
