"""Signing in with an identity provider: there, and back."""

from __future__ import annotations

import json
import logging

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from diptych.access.users import UserRefused, Users
from diptych.admin.frame import workspace_of
from diptych.admin.guard import cookie_name
from diptych.admin.pages.enter import admit, closed
from diptych.admin.trouble import Trouble
from diptych.openid.flow import Attempt, Flow
from diptych.openid.issuer import SignInFailed

router = APIRouter(prefix="/login/provider")
_log = logging.getLogger(__name__)
_WAIT_SECONDS = 600


@router.get("")
def there(request: Request) -> Response:
    """Send the browser to the provider, and remember that we did."""
    try:
        address, attempt = _flow(request).begin(_back(request))
    except SignInFailed as problem:
        return _failed(request, problem, 502)
    answer = RedirectResponse(address, 303)
    kept = json.dumps([attempt.state, attempt.nonce, attempt.verifier]).encode().hex()
    answer.set_cookie(
        cookie_name(request, "signin"),
        kept,
        max_age=_WAIT_SECONDS,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


@router.get("/back")
def back(request: Request) -> Response:
    """The provider's answer becomes a session."""
    workspace = workspace_of(request)
    try:
        attempt = _attempt(request)
        found = _flow(request).finish(
            attempt, dict(request.query_params), _back(request), workspace.clock.now()
        )
        user = Users(workspace.store).from_provider(found.subject, found.name, found.role)
    except (SignInFailed, UserRefused) as problem:
        answer = _failed(request, problem, 403)
    else:
        answer = admit(request, user.id, "provider")
    answer.delete_cookie(cookie_name(request, "signin"), secure=request.url.scheme == "https")
    return answer


def _flow(request: Request) -> Flow:
    flow: Flow | None = request.app.state.sign_in
    if flow is None:
        raise HTTPException(404, "Not Found")
    return flow


def _back(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/login/provider/back"


def _attempt(request: Request) -> Attempt:
    kept = request.cookies.get(cookie_name(request, "signin"), "")
    try:
        state, nonce, verifier = json.loads(bytes.fromhex(kept))
        return Attempt(str(state), str(nonce), str(verifier))
    except (ValueError, TypeError):
        raise SignInFailed("This browser has not begun to sign in, or more than ten minutes ago.") from None


def _failed(request: Request, problem: Exception, status: int) -> Response:
    _log.warning("nobody was signed in: %s", problem)
    request.state.principal = None
    return closed(request, status, Trouble(str(problem)))
