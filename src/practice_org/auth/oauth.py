"""The OAuth 2.0 token, revoke and introspect endpoints.

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

from starlette.responses import JSONResponse, Response

from practice_org.auth.apps import ConnectedApp, approved, find_app
from practice_org.auth.assertion import BadAssertion, take_apart, verify
from practice_org.auth.door import Door
from practice_org.auth.grants import (
    BadGrant,
    Grant,
    issue_refresh_token,
    redeem_code,
    redeem_refresh_token,
    refresh_token_grant,
    revoke_family,
)
from practice_org.auth.people import Caller, LoginRefused, caller_by_id, caller_by_username, check_password
from practice_org.auth.settings import read_settings

LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
NO_STORE = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}

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
        return JSONResponse(body, status_code=self.status, headers=NO_STORE)


def token(door: Door, form: Form, authorization: str, base: str) -> Response:
    """`POST /services/oauth2/token`."""
    try:
        grant = GRANTS.get(form.get("grant_type", ""))
        if grant is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        return JSONResponse(grant(door, _with_basic(form, authorization), base), headers=NO_STORE)
    except OAuthError as refusal:
        return refusal.response()
    except BadGrant as refusal:
        return OAuthError(refusal.error, str(refusal)).response()


def _with_basic(form: Form, authorization: str) -> Form:
    """Client id and secret may come in HTTP Basic instead of the form (simple-salesforce sends them so)."""
    if not authorization.lower().startswith("basic "):
        return form
    try:
        client_id, _, secret = base64.b64decode(authorization[6:].strip()).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthError("invalid_client_id", "client identifier invalid") from error
    return {"client_id": client_id, "client_secret": secret, **form}


def _app(door: Door, form: Form, *, secret: bool) -> ConnectedApp:
    app = find_app(door.org, form.get("client_id", ""))
    if app is None:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    given = form.get("client_secret")
    if (given is not None or secret) and not app.secret_matches(given or ""):
        raise OAuthError("invalid_client", "invalid client credentials")
    return app


def _authorization_code(door: Door, form: Form, base: str) -> dict[str, Any]:
    verifier = form.get("code_verifier")
    app = _app(door, form, secret=False)
    if "client_secret" not in form and app.secret_required and not verifier:
        raise OAuthError("invalid_client", "invalid client credentials")
    grant = redeem_code(
        door.org, door.sessions, form.get("code", ""), app.client_id, form.get("redirect_uri", ""), verifier
    )
    caller = _caller(door, grant.user_id)
    answer = _answer(door, app, caller, grant.scope, base, family=grant.family)
    if "refresh_token" in grant.scope.split():
        answer["refresh_token"] = issue_refresh_token(door.org, door.sessions, grant)
    return answer


def _refresh_token(door: Door, form: Form, base: str) -> dict[str, Any]:
    app = _app(door, form, secret=False)
    rotate = read_settings(door.org).refresh_rotation
    grant, successor = redeem_refresh_token(
        door.org, door.sessions, form.get("refresh_token", ""), app.client_id, rotate=rotate
    )
    answer = _answer(door, app, _caller(door, grant.user_id), grant.scope, base, family=grant.family)
    if successor is not None:
        answer["refresh_token"] = successor
    return answer


def _password(door: Door, form: Form, base: str) -> dict[str, Any]:
    app = _app(door, form, secret=True)
    try:
        caller = check_password(door.org, form.get("username", ""), form.get("password", ""), with_token=True)
    except LoginRefused as refusal:
        if refusal.reason == "inactive":
            raise OAuthError("inactive_user", "user is inactive") from refusal
        raise OAuthError("invalid_grant", "authentication failure") from refusal
    return _answer(door, app, caller, " ".join(s for s in app.scopes if s != "refresh_token"), base)


def _client_credentials(door: Door, form: Form, base: str) -> dict[str, Any]:
    app = _app(door, form, secret=True)
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
}


def _caller(door: Door, user_id: str) -> Caller:
    caller = caller_by_id(door.org, user_id)
    if caller is None or not caller.active:
        raise OAuthError("inactive_user", "user is inactive")
    return caller


def _answer(
    door: Door, app: ConnectedApp, caller: Caller, scope: str, base: str, family: str | None = None
) -> dict[str, Any]:
    access_token = door.sessions.open(caller.id, client_id=app.client_id, family=family, scope=scope)
    identity = f"{base}/id/{door.org.id}/{caller.id}"
    issued_at = str(int(door.org.clock.now().timestamp() * 1000))
    signature = hmac.new(app.secret.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
    return {
        "access_token": access_token,
        "signature": base64.b64encode(signature).decode(),
        "scope": scope,
        "instance_url": base,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued_at,
    }


def revoke(door: Door, form: Form) -> Response:
    """`POST|GET /services/oauth2/revoke`: an access token ends its session, a refresh token its grant."""
    secret = form.get("token", "")
    session = door.sessions.find(secret)
    if session is not None:
        door.sessions.end(secret)
        return Response(status_code=200, headers=NO_STORE)
    grant = refresh_token_grant(door.org, secret)
    if grant is None:
        return OAuthError("unsupported_token_type", "this type of token is not supported").response()
    revoke_family(door.org, door.sessions, grant.family)
    return Response(status_code=200, headers=NO_STORE)


def introspect(door: Door, form: Form, authorization: str, base: str) -> Response:
    """`POST /services/oauth2/introspect`: what a token is good for, asked by its own app (RFC 7662)."""
    try:
        given = _with_basic(form, authorization)
        app = _app(door, given, secret=True)
    except OAuthError as refusal:
        refusal.status = 401
        return refusal.response()
    answer = _introspected(door, app, given.get("token", ""), base)
    return JSONResponse(answer or {"active": False}, headers=NO_STORE)


def _introspected(door: Door, app: ConnectedApp, secret: str, base: str) -> dict[str, Any] | None:
    session = door.sessions.find(secret)
    source: Grant | Any = session or refresh_token_grant(door.org, secret)
    if source is None or source.client_id != app.client_id:
        return None
    caller = caller_by_id(door.org, source.user_id)
    if caller is None:
        return None
    answer = {
        "active": True,
        "scope": source.scope,
        "client_id": app.client_id,
        "username": caller.username,
        "sub": f"{base}/id/{door.org.id}/{caller.id}",
        "token_type": "access_token" if session else "refresh_token",
    }
    if session:
        answer["exp"] = int(session.expires)
    return answer
