"""`sobjects/User/ID/password`: whether it is expired, a new one, or one made by the org."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from practice_org import ids
from practice_org.api.bodies import json_object
from practice_org.auth.passwords import new_password
from practice_org.auth.people import Caller, caller_by_id, set_password
from practice_org.errors import ApiError, not_found
from practice_org.http import Context, json_response
from practice_org.schema import access as rights


def info(ctx: Context, request: Request) -> Response:
    """GET: `{"isExpired": false}`; passwords do not expire here."""
    _user(ctx)
    return json_response({"isExpired": False})


def change(ctx: Context, request: Request) -> Response:
    """POST `{"NewPassword": "..."}`."""
    caller = _user(ctx)
    password = json_object(ctx).get("NewPassword")
    if not isinstance(password, str) or len(password) < 8 or password.isalpha() or password.isdigit():
        raise ApiError(
            400,
            "INVALID_NEW_PASSWORD",
            "Your password must be at least 8 characters long and have a mix of letters and numbers.",
        )
    set_password(ctx.org, caller, password)
    return Response(status_code=204)


def reset(ctx: Context, request: Request) -> Response:
    """DELETE: the answer brings the new one."""
    caller = _user(ctx)
    password = new_password()
    set_password(ctx.org, caller, password)
    return json_response({"NewPassword": password})


def _user(ctx: Context) -> Caller:
    """The user of the path, of whom the caller may change the password."""
    found = ids.to18(ctx.params["id"])
    caller = caller_by_id(ctx.org, found) if found else None
    if ctx.params["object"].lower() != "user" or caller is None:
        raise not_found()
    mine = caller.id == ctx.caller.id
    if not mine and "ManageUsers" not in rights.for_user(ctx.org, ctx.caller.id).system:
        raise ApiError(403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id", ())
    return caller
