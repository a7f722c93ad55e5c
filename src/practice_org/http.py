"""What a handler of the REST API is given, and the frame around every handler.

The frame does for each call below `/services/data` what no handler should have to think of: version,
session, API access, limits, faults on order, Salesforce's headers and its two ways of writing JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from practice_org.auth.apps import find_app
from practice_org.auth.door import Door, base_url
from practice_org.auth.identity import bearer
from practice_org.auth.people import caller_by_id
from practice_org.auth.settings import read_settings
from practice_org.data import recycle_bin
from practice_org.dressing import dress, is_json, json_response
from practice_org.errors import ApiError, method_not_allowed, not_found
from practice_org.events.origin import act
from practice_org.intake import check_media_type, decoded, overlong
from practice_org.routing import Match, NoSuchMethod, NoSuchPath, Router
from practice_org.schema import access
from practice_org.sim.request_state import CURRENT, met
from practice_org.traffic import Traffic
from practice_org.xml_form import XML_TYPE, to_xml, wants_xml

if TYPE_CHECKING:
    from practice_org.org import Org

FIRST_VERSION, LAST_VERSION = 31, 67
API_SCOPES = {"api", "full", "web"}
_OBJECT = re.compile(r"^/(?:composite/)?sobjects/([^/?]+)")
_SUFFIX = re.compile(r"\.(?:json|xml)/?\Z")
"""How the wanted form may end an address."""
_FROM = re.compile(r"\bfrom\s+([A-Za-z]\w*)", re.IGNORECASE)


@dataclass(frozen=True)
class UserInfo:
    """The user a request acts for."""

    id: str
    username: str
    profile_id: str
    is_admin: bool = False


@dataclass(frozen=True)
class Context:
    """One request to `/services/data`, already authenticated, with its body read.

    `version` is the API version without its `v` ("66.0"); `session` names the session that opened
    query locators; `client` is the name sent in `Sforce-Call-Options`; `base_url` is scheme and host
    as the client used them; header names in `headers` are lower case.
    """

    org: Org
    user: UserInfo | None
    version: str
    session: str
    base_url: str
    client: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "GET"
    path: str = ""
    scopes: frozenset[str] = frozenset()
    client_id: str | None = None

    @property
    def caller(self) -> UserInfo:
        """The user; only handlers that need no authentication may be reached without one."""
        if self.user is None:
            raise RuntimeError("this handler needs an authenticated user")
        return self.user


class Frame:
    """Answers everything below `/services/data`; `answer` is synchronous and runs in a worker thread."""

    def __init__(self, door: Door, router: Router, traffic: Traffic) -> None:
        self._door = door
        self._org = door.org
        self._router = router
        self._traffic = traffic

    def answer(self, request: Request, body: bytes) -> Response:
        """The response to one request, complete with headers."""
        refused = overlong(request)
        if refused is not None:
            return refused
        try:
            with self._traffic.call():
                response = self._route(request, body)
        except ApiError as error:
            response = json_response(error.body(), error.status)
        if is_json(response) and wants_xml(request.headers.get("accept", ""), raw_path(request)):
            response.body = to_xml(json.loads(bytes(response.body)), _resource(raw_path(request)))
            response.headers["Content-Type"] = XML_TYPE
            response.headers["Content-Length"] = str(len(response.body))
        state = CURRENT.get()
        info = None
        if response.status_code != 401:
            info = self._org.limits.info(state.app if state else None)
        return dress(response, request, limit_info=info, now=self._org.clock.now())

    def _route(self, request: Request, body: bytes) -> Response:
        path = raw_path(request).removeprefix("/services/data")
        if path in ("", "/"):
            if request.method not in ("GET", "HEAD"):
                raise method_not_allowed(request.method, ("GET", "HEAD"))
            return json_response(versions())
        self._org.late.settle()
        recycle_bin.sweep(self._org)
        version, rest = served_version(path)
        context = self._context(request, body, version)
        found = self._found(request.method, rest)
        if not isinstance(found, Match) or found.route.needs_auth:
            _authenticated(context)
        context = replace(context, body=decoded(body, request.headers.get("content-encoding", "")))
        met(context.user.username if context.user else None)
        for trigger, object_name, record_id in triggers(context, rest):
            self._org.faults.check(trigger, object_name, record_id)
        if context.user is not None:
            self._admit(context.user)
            act(context.user.id, "rest", context.version, context.client)
            if rest.strip("/") != "limits":
                self._org.limits.count()
            self._count_app(context.client_id)
        if rest in ("", "/"):
            return json_response(self._resources(context))
        if isinstance(found, NoSuchMethod):
            raise method_not_allowed(request.method, found.allowed)
        if not isinstance(found, Match):
            raise not_found()
        check_media_type(request, rest, body)
        response: Response = found.route.handler(replace(context, params=found.params), request)
        return response

    def _found(self, method: str, rest: str) -> Match | NoSuchPath | NoSuchMethod:
        """The route; `.json` or `.xml` at the end of an address is no part of it, unless it ends an external id."""
        if _SUFFIX.search(rest):
            found = self._router.resolve(method, _SUFFIX.sub("", rest))
            if isinstance(found, Match) and "value" not in found.params:
                return found
        return self._router.resolve(method, rest)

    def _count_app(self, client_id: str | None) -> None:
        """A call of a connected app that has a quota of its own (setting `app_api_calls`)."""
        quota = read_settings(self._org).app_api_calls
        app = find_app(self._org, client_id) if quota and client_id else None
        state = CURRENT.get()
        if app is not None and state is not None:
            state.app = (app.name, self._org.limits.count_app(app.client_id), quota)

    def _context(self, request: Request, body: bytes, version: str) -> Context:
        token = bearer(request.headers.get("authorization", ""), request.query_params.get("access_token", ""))
        session = self._door.sessions.find(token) if token else None
        caller = caller_by_id(self._org, session.user_id) if session else None
        user = None
        if session is not None and caller is not None and caller.active:
            rights = access.for_user(self._org, caller.id)
            user = UserInfo(caller.id, caller.username, caller.profile_id, "ModifyAllData" in rights.system)
        options = dict(
            parse_qsl(request.headers.get("sforce-call-options", "").replace(",", "&").replace(" ", ""))
        )
        return Context(
            org=self._org,
            user=user,
            version=version,
            session=session.id if session else "",
            base_url=base_url(request),
            client=options.get("client"),
            query=dict(parse_qsl(request.url.query, keep_blank_values=True)),
            headers=dict(request.headers),
            body=body,
            method=request.method,
            path=raw_path(request),
            scopes=frozenset(session.scope.split()) if session else frozenset(),
            client_id=session.client_id if session else None,
        )

    def _admit(self, user: UserInfo) -> None:
        settings = read_settings(self._org)
        if not settings.api_enabled or "ApiEnabled" not in access.for_user(self._org, user.id).system:
            raise ApiError(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")

    def _resources(self, context: Context) -> dict[str, str]:
        start = f"/services/data/v{context.version}"
        names = self._router.first_segments()
        return {
            **{name: f"{start}/{name}" for name in names},
            "identity": f"{context.base_url}/id/{self._org.id}/{context.caller.id}",
        }


def _resource(path: str) -> str:
    """The first segment below the version, bare."""
    parts = path.split("/")
    return _SUFFIX.sub("", parts[4]) if len(parts) > 4 else ""


def _authenticated(context: Context) -> None:
    """Raises ApiError 401 unless a user with a session for the API sends this."""
    if context.user is not None:
        if not context.scopes & API_SCOPES:
            raise ApiError(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API")
        return
    given = context.headers.get("authorization", "").strip()
    if given and not bearer(given):
        raise ApiError(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
    raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")


def raw_path(request: Request) -> str:
    """The path as it was sent, percent-encoding and all."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return raw.decode("ascii", "replace").partition("?")[0]


def versions() -> list[dict[str, str]]:
    """What `GET /services/data` lists, oldest first."""
    seasons = ("Summer", "Winter", "Spring")
    rows = []
    for number in range(FIRST_VERSION, LAST_VERSION + 1):
        round_, place = divmod(number - FIRST_VERSION, 3)
        year = 14 + round_ + (place > 0)
        label = f"{seasons[place]} '{year}"
        rows.append({"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"})
    return rows


def served_version(path: str) -> tuple[str, str]:
    """The API version of a path below `/services/data`, and the rest of it.

    Raises ApiError 404 NOT_FOUND for none, 410 GONE for one that is retired.
    """
    match = re.match(r"^/v(\d{1,3})\.(\d)(/.*)?$", path)
    if match is None or match[2] != "0":
        raise not_found()
    number = int(match[1])
    if number < FIRST_VERSION:
        raise ApiError(410, "GONE", "The requested resource is no longer available", code_first=True)
    if number > LAST_VERSION:
        raise not_found()
    return f"{number}.0", match[3] or ""


def object_of(path: str, query: Mapping[str, str], body: bytes) -> str | None:
    """The object that a call is about, as far as its address or query tells; for faults and the log."""
    match = _OBJECT.match(path)
    if (match and path.startswith("/sobjects/")) or (match and len(path.split("/")) > 3):
        return match[1]
    text = query.get("q", "")
    if not text and path.startswith(("/jobs/", "/composite/sobjects")):
        named = re.search(rb'"(?:object|type)"\s*:\s*"(\w+)"', body[:20_000])
        if named:
            return named[1].decode()
        text = body[:20_000].decode("utf-8", "replace")
    found = _FROM.search(text)
    return found[1] if found else None


_RECORD = re.compile(r"^/sobjects/\w+/([A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?)$")
_FIRST_WORDS = {
    "jobs": "bulk", "query": "query", "queryAll": "query", "search": "search", "parameterizedSearch": "search",
    "limits": "limits", "tooling": "tooling", "metadata": "metadata",
}  # fmt: skip


def triggers(context: Context, rest: str) -> list[tuple[str, str | None, str | None]]:
    """What faults may know this call by: trigger, object, record id. Writes are met in the data layer."""
    object_name = object_of(rest, context.query, context.body)
    parts = rest.strip("/").split("/")
    trigger = _FIRST_WORDS.get(parts[0], "any")
    record = _RECORD.match(rest.rstrip("/"))
    reading = context.method in ("GET", "HEAD")
    if parts[0] == "sobjects" and reading:
        if len(parts) == 1 or parts[-1] in ("describe", "layouts", "compactLayouts"):
            trigger = "describe"
        elif len(parts) > 2 and parts[2] not in ("updated", "deleted"):
            trigger = "retrieve"
    elif parts[:2] == ["composite", "sobjects"] and len(parts) == 3 and (reading or context.method == "POST"):
        trigger = "retrieve"
    named = ("query", trigger) if trigger == "search" else (trigger,)
    return [(one, object_name, record[1] if record else None) for one in named]
