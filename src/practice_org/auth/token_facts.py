"""What becomes of a token, and what it is good for: the revoke and introspect endpoints."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from practice_org.auth.apps import ConnectedApp
from practice_org.auth.door import Door
from practice_org.auth.grants import Grant, refresh_token_grant, revoke_family
from practice_org.auth.oauth import NO_STORE, Form, OAuthError, app_of, with_basic
from practice_org.auth.people import caller_by_id
from practice_org.dressing import json_response


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
        given = with_basic(form, authorization)
        app = app_of(door, given, secret=True)
    except OAuthError as refusal:
        refusal.status = 401
        return refusal.response()
    answer = _introspected(door, app, given.get("token", ""), base)
    return json_response(answer or {"active": False}, headers=NO_STORE)


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
        answer["iat"] = answer["nbf"] = int(session.created)
    return answer
