"""getUserInfo, logout, invalidateSessions, setPassword and resetPassword."""

from __future__ import annotations

from practice_org import ids
from practice_org.auth.passwords import new_password
from practice_org.auth.people import Caller, caller_by_id, set_password
from practice_org.auth.settings import read_settings
from practice_org.organization import organization
from practice_org.soap.caller import SoapCall
from practice_org.soap.faults import SoapFault
from practice_org.soap.login import user_info
from practice_org.soap.markup import element, wrap


def get_user_info(call: SoapCall) -> str:
    """getUserInfo()."""
    caller = caller_by_id(call.org, call.user.id)
    assert caller is not None
    return wrap("result", user_info(organization(call.org), caller, read_settings(call.org)))


def logout(call: SoapCall) -> str:
    """logout(): the session of the header ends."""
    call.door.sessions.end(call.envelope.header("SessionHeader", "sessionId") or "")
    return ""


def invalidate_sessions(call: SoapCall) -> str:
    """invalidateSessions(sessionIds)."""
    results = []
    for text in call.body.values("sessionIds"):
        session = call.door.sessions.find(text)
        own = session is not None and session.user_id == call.user.id
        ended = (own or "ManageUsers" in call.access.system) and call.door.sessions.end(text)
        refusal = element("message", "invalid session id") + element("statusCode", "INVALID_SESSION_ID")
        results.append(wrap("result", ("" if ended else wrap("errors", refusal)) + element("success", ended)))
    return "".join(results)


def user_password(call: SoapCall) -> str:
    """setPassword(userId, password). The security token stays as it is, other than in a real org."""
    password = call.body.value("password")
    if not password or len(password) < 8 or password.isalpha() or password.isdigit():
        raise SoapFault(
            "INVALID_NEW_PASSWORD",
            "Your password must be at least 8 characters long and have a mix of letters and numbers.",
            "InvalidNewPasswordFault",
        )
    set_password(call.org, _user(call), password)
    return "<result/>"


def reset_password(call: SoapCall) -> str:
    """resetPassword(userId): the answer brings the new one."""
    password = new_password()
    set_password(call.org, _user(call), password)
    return wrap("result", element("password", password))


def _user(call: SoapCall) -> Caller:
    text = call.body.value("userId") or ""
    found = ids.to18(text)
    caller = caller_by_id(call.org, found) if found else None
    if caller is None:
        raise SoapFault("INVALID_ID_FIELD", f"bad id {text}")
    if caller.id != call.user.id and "ManageUsers" not in call.access.system:
        raise SoapFault("INSUFFICIENT_ACCESS", "insufficient access rights on object id")
    return caller
