"""The endpoints `/services/Soap/u/XX.0[/ORG]` and `/services/Soap/c/XX.0[/ORG]`.

The frame around a call: version, session, API access, limits, faults on order, the limit header. A refusal
of one record is part of an answer with status 200; what ends the call is a fault with status 500.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from practice_org.auth.door import Door, base_url
from practice_org.auth.people import caller_by_id
from practice_org.auth.settings import read_settings
from practice_org.data import recycle_bin
from practice_org.dressing import compressed
from practice_org.errors import ApiError
from practice_org.events.origin import act
from practice_org.http import FIRST_VERSION, LAST_VERSION, UserInfo
from practice_org.intake import decoded
from practice_org.schema import access
from practice_org.sim.request_state import CURRENT, AnswerOrdered, met
from practice_org.soap import (
    describe_calls,
    duplicate_calls,
    feed_calls,
    lifecycle_calls,
    login,
    query_calls,
    record_calls,
    user_calls,
)
from practice_org.soap.caller import SoapCall
from practice_org.soap.envelope import Envelope, read
from practice_org.soap.faults import (
    SoapFault,
    fault_of,
    illegal_session,
    no_operation,
    unsupported_version,
)
from practice_org.soap.markup import APIS, answer, element, wrap
from practice_org.traffic import Traffic

Handler = Callable[[SoapCall], str]
CALLS: dict[str, tuple[str, Handler]] = {
    "query": ("query", query_calls.query),
    "queryAll": ("query", query_calls.query_all),
    "queryMore": ("query", query_calls.query_more),
    "search": ("search", query_calls.search),
    "findDuplicates": ("any", duplicate_calls.find_duplicates),
    "findDuplicatesByIds": ("any", duplicate_calls.find_duplicates_by_ids),
    "retrieve": ("any", query_calls.retrieve),
    "create": ("any", record_calls.create),
    "update": ("any", record_calls.update),
    "upsert": ("any", record_calls.upsert),
    "delete": ("any", record_calls.delete),
    "undelete": ("any", record_calls.undelete),
    "emptyRecycleBin": ("any", record_calls.empty_recycle_bin),
    "convertLead": ("any", lifecycle_calls.convert_lead),
    "merge": ("any", lifecycle_calls.merge_records),
    "describeGlobal": ("describe", describe_calls.describe_global),
    "describeSObject": ("describe", describe_calls.describe_sobject),
    "describeSObjects": ("describe", describe_calls.describe_sobjects),
    "describeTabs": ("describe", describe_calls.describe_tabs),
    "getUpdated": ("any", feed_calls.updated),
    "getDeleted": ("any", feed_calls.deleted),
    "getServerTimestamp": ("any", feed_calls.server_timestamp),
    "getUserInfo": ("any", user_calls.get_user_info),
    "logout": ("any", user_calls.logout),
    "invalidateSessions": ("any", user_calls.invalidate_sessions),
    "setPassword": ("any", user_calls.user_password),
    "resetPassword": ("any", user_calls.reset_password),
}
"""Each call with the trigger that faults on order know it by, and its handler."""
_OBJECT_NAMED = re.compile(
    rb"<(?:\w+:)?(?:sObjectType|type)[^>]*>\s*(?:\w+:)?(\w+)\s*<|\bfrom\s+(\w+)", re.IGNORECASE
)


class Service:
    """Answers SOAP requests; `answer` is synchronous and runs in a worker thread."""

    def __init__(self, door: Door, traffic: Traffic) -> None:
        self._door = door
        self._org = door.org
        self._traffic = traffic

    def answer(self, api: str, request: Request, body: bytes) -> Response:
        """The response to one request to an endpoint of `api` (u or c)."""
        version = request.path_params["version"]
        try:
            body = decoded(body, request.headers.get("content-encoding", ""))
            envelope = read(body)
            with self._traffic.call():
                response = self._call(api, version, envelope, body, base_url(request))
        except SoapFault as fault:
            response = fault.response(api)
        except ApiError as error:
            response = fault_of(error).response(api)
        except AnswerOrdered as order:
            response = _ordered(order).response(api)
        return compressed(response, request.headers.get("accept-encoding", ""))

    def _call(self, api: str, version: str, envelope: Envelope, body: bytes, base: str) -> Response:
        call = envelope.call
        other = next(f"urn:{kind}.soap.sforce.com" for key, kind in APIS.items() if key != api)
        if call.namespace == other or (call.name != "login" and call.name not in CALLS):
            raise no_operation(call.namespace, call.name)
        if call.name == "login":
            self._org.faults.check("token", None)
            return login.login(self._door, api, version, call, base)
        if not re.fullmatch(r"\d{1,3}\.0", version) or not FIRST_VERSION <= float(version) <= LAST_VERSION:
            raise unsupported_version()
        self._org.late.settle()
        recycle_bin.sweep(self._org)
        made = self._session(api, version, envelope, base)
        trigger, handler = CALLS[call.name]
        met(made.user.username)
        for one in ("soap", "query", trigger) if trigger == "search" else ("soap", trigger):
            self._org.faults.check(one, _object_named(body))
        self._admit(made.user)
        self._org.limits.count()
        act(made.user.id, "soap", version, made.client)
        inner = handler(made)
        return answer(api, call.name, inner, self._limits())

    def _session(self, api: str, version: str, envelope: Envelope, base: str) -> SoapCall:
        session = self._door.sessions.find(envelope.header("SessionHeader", "sessionId") or "")
        caller = caller_by_id(self._org, session.user_id) if session else None
        if session is None or caller is None or not caller.active:
            raise illegal_session()
        rights = access.for_user(self._org, caller.id)
        user = UserInfo(caller.id, caller.username, caller.profile_id, "ModifyAllData" in rights.system)
        return SoapCall(self._door, user, session, api, version, base, envelope)

    def _admit(self, user: UserInfo) -> None:
        state = CURRENT.get()
        if state is not None:
            state.username = user.username
        settings = read_settings(self._org)
        if not settings.api_enabled or "ApiEnabled" not in access.for_user(self._org, user.id).system:
            raise SoapFault("API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner")

    def _limits(self) -> str:
        limits = self._org.limits
        told = element("current", limits.used) + element("limit", limits.maximum)
        return wrap("LimitInfoHeader", wrap("limitInfo", told + element("type", "API REQUESTS")))


def _object_named(body: bytes) -> str | None:
    """The object that a call is about, as far as its text tells; for faults on order."""
    found = _OBJECT_NAMED.search(body[:20_000])
    return (found[1] or found[2]).decode() if found else None


def _ordered(order: AnswerOrdered) -> SoapFault:
    """An error that was ordered for whole calls, in SOAP's form; other bodies are left to the edge."""
    if not order.content_type.startswith("application/json"):
        raise order
    told = json.loads(order.body)
    first = told[0] if isinstance(told, list) else told
    code = first.get("errorCode") or first.get("error") or "UNKNOWN_EXCEPTION"
    message = first.get("message") or first.get("error_description") or ""
    return SoapFault(code, message, status=max(order.status, 500))
