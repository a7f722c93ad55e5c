"""The frame of the Bulk API 1.0: version, session, limits and faults, and the two forms of an answer.

The answer is JSON when the request says JSON or, when it says nothing, the job is of JSON; else XML.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.auth.door import Door
from practice_org.auth.identity import bearer
from practice_org.auth.people import caller_by_id
from practice_org.auth.settings import read_settings
from practice_org.bulk1 import wire
from practice_org.bulk1.refusal import BulkError
from practice_org.data import recycle_bin
from practice_org.dressing import dress
from practice_org.errors import ApiError
from practice_org.http import FIRST_VERSION, LAST_VERSION, raw_path
from practice_org.intake import decoded, overlong
from practice_org.org import Org
from practice_org.pretty import compact
from practice_org.schema import access
from practice_org.sim.request_state import CURRENT

_PATH = re.compile(r"^/services/async/(\d{1,3})\.(\d)(/.*)?$")


@dataclass(frozen=True)
class Call:
    """One request, its session known and its body unpacked. `json` is the wanted form, None: not said."""

    org: Org
    user_id: str
    version: str
    method: str
    body: bytes
    content_type: str
    headers: dict[str, str]
    json: bool | None
    params: tuple[str, ...] = ()


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Route:
    """A path below the version, its variable segments as groups, and the handler of each verb."""

    pattern: re.Pattern[str]
    handlers: dict[str, Handler]


def answer(call: Call, facts: Any, as_xml: Callable[[Any], str], *, status: int = 200) -> Response:
    """Facts as JSON or XML, as the call wants them."""
    if call.json:
        return Response(compact(facts), status, {"Content-Type": wire.JSON_TYPE})
    return Response(as_xml(facts).encode(), status, {"Content-Type": wire.XML_TYPE})


class BulkDoor:
    """Answers everything below `/services/async`; synchronous, runs in a worker thread."""

    def __init__(self, door: Door, routes: list[Route]) -> None:
        self._door = door
        self._org = door.org
        self._routes = routes

    def answer(self, request: Request, body: bytes) -> Response:
        """The response to one request, complete with headers."""
        refused = overlong(request)
        if refused is not None:
            return refused
        try:
            response = self._route(request, body)
        except BulkError as error:
            response = self._refused(request, error)
        except ApiError as error:
            response = self._refused(request, _in_bulk_words(error))
        return dress(response, request, limit_info=None, now=self._org.clock.now())

    def _route(self, request: Request, body: bytes) -> Response:
        org = self._org
        org.late.settle()
        recycle_bin.sweep(org)
        match = _PATH.match(raw_path(request))
        if match is None or match[2] != "0":
            raise BulkError(
                "InvalidUrl", "Destination URL not reset. The URL returned from login must be set"
            )
        number = int(match[1])
        if not FIRST_VERSION <= number <= LAST_VERSION:
            raise BulkError("InvalidVersion", f"unknown version: {number}.0")
        user_id = self._user(request)
        org.faults.check("bulk", None)
        org.limits.count()
        call = Call(
            org=org,
            user_id=user_id,
            version=f"{number}.0",
            method=request.method,
            body=decoded(body, request.headers.get("content-encoding", "")),
            content_type=request.headers.get("content-type", "").partition(";")[0].strip().lower(),
            headers=dict(request.headers),
            json=_json_said(request),
        )
        path = (match[3] or "").rstrip("/")
        for route in self._routes:
            found = route.pattern.fullmatch(path)
            if found is None:
                continue
            handler = route.handlers.get(request.method)
            if handler is None:
                raise BulkError("InvalidOperation", f"HTTP method {request.method} is not allowed", 405)
            return handler(replace(call, params=found.groups()))
        raise BulkError("InvalidUrl", f"Unable to find the resource {raw_path(request)}", 404)

    def _user(self, request: Request) -> str:
        token = request.headers.get("x-sfdc-session") or bearer(request.headers.get("authorization", ""), "")
        session = self._door.sessions.find(token) if token else None
        caller = caller_by_id(self._org, session.user_id) if session else None
        if caller is None or not caller.active:
            raise BulkError("InvalidSessionId", "Invalid session id")
        state = CURRENT.get()
        if state is not None:
            state.username = caller.username
        enabled = "ApiEnabled" in access.for_user(self._org, caller.id).system
        if not read_settings(self._org).api_enabled or not enabled:
            raise BulkError("FeatureNotEnabled", "Async API not enabled")
        return caller.id

    def _refused(self, request: Request, error: BulkError) -> Response:
        if _json_said(request):
            body = {"exceptionCode": error.code, "exceptionMessage": error.message}
            return Response(compact(body), error.status, {"Content-Type": wire.JSON_TYPE})
        return Response(wire.error_xml(error).encode(), error.status, {"Content-Type": wire.XML_TYPE})


def _json_said(request: Request) -> bool | None:
    said = f"{request.headers.get('content-type', '')} {request.headers.get('accept', '')}".lower()
    if "json" in said:
        return True
    return False if "xml" in said or "csv" in said else None


def _in_bulk_words(error: ApiError) -> BulkError:
    codes = {"REQUEST_LIMIT_EXCEEDED": "ExceededQuota", "UNKNOWN_EXCEPTION": "InvalidBatch"}
    return BulkError(codes.get(error.code, error.code), error.message)
