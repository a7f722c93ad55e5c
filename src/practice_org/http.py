"""What a handler of the REST API is given, and the frame around every handler.

The frame does for each call below `/services/data` what no handler should have to think of: version,
session, API access, limits, faults on order, Salesforce's headers and its two ways of writing JSON.
"""

from __future__ import annotations

import gzip
import json
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from practice_org.auth.door import Door, base_url
from practice_org.auth.identity import bearer
from practice_org.auth.people import caller_by_id
from practice_org.auth.settings import read_settings
from practice_org.data import recycle_bin
from practice_org.errors import ApiError, method_not_allowed, not_found
from practice_org.pretty import compact, pretty
from practice_org.routing import Match, NoSuchMethod, Router
from practice_org.schema import access
from practice_org.sim.request_state import CURRENT

if TYPE_CHECKING:
    from practice_org.org import Org

FIRST_VERSION, LAST_VERSION = 31, 67
JSON_TYPE = "application/json;charset=UTF-8"
GZIP_FROM = 512
LONGEST_URI = 16_384
"""Bytes; the documented limit, above which the real service answers 414."""
API_SCOPES = {"api", "full", "web"}
HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "none",
    "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private",
    "Vary": "Accept-Encoding",
}
_OBJECT = re.compile(r"^/(?:composite/)?sobjects/([^/?]+)")
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

    @property
    def caller(self) -> UserInfo:
        """The user; only handlers that need no authentication may be reached without one."""
        if self.user is None:
            raise RuntimeError("this handler needs an authenticated user")
        return self.user


class Frame:
    """Answers everything below `/services/data`; `answer` is synchronous and runs in a worker thread."""

    def __init__(self, door: Door, router: Router) -> None:
        self._door = door
        self._org = door.org
        self._router = router

    def answer(self, request: Request, body: bytes) -> Response:
        """The response to one request, complete with headers."""
        if len(request.scope["raw_path"]) + len(request.scope["query_string"]) > LONGEST_URI:
            return Response("URI Too Long", 414, {"Content-Type": "text/html"})
        pretty_wanted = request.headers.get("x-prettyprint", "").lower() in ("1", "true")
        try:
            response = self._route(request, body)
        except ApiError as error:
            response = json_response(error.body(), error.status)
            if error.status == 401:
                response.headers["WWW-Authenticate"] = "Token"
        return self._dress(response, request, pretty_wanted)

    def _route(self, request: Request, body: bytes) -> Response:
        path = raw_path(request).removeprefix("/services/data")
        if path in ("", "/"):
            if request.method not in ("GET", "HEAD"):
                raise method_not_allowed(request.method, ("GET", "HEAD"))
            return json_response(versions())
        self._org.late.settle()
        recycle_bin.sweep(self._org)
        version, rest = _version(path)
        context = self._context(request, body, version, rest)
        found = self._router.resolve(request.method, rest)
        needs_auth = found.route.needs_auth if isinstance(found, Match) else True
        if needs_auth and context.user is not None and not context.scopes & API_SCOPES:
            raise ApiError(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API")
        if needs_auth and context.user is None:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        for trigger, object_name in _triggers(context, rest):
            self._org.faults.check(trigger, object_name)
        if context.user is not None:
            state = CURRENT.get()
            if state is not None:
                state.username = context.user.username
            self._admit(context.user)
            if rest.strip("/") != "limits":
                self._org.limits.count()
        if rest in ("", "/"):
            return json_response(self._resources(context))
        if isinstance(found, NoSuchMethod):
            raise method_not_allowed(request.method, found.allowed)
        if not isinstance(found, Match):
            raise not_found()
        handed = Context(**{**vars(context), "params": found.params})
        response: Response = found.route.handler(handed, request)
        return response

    def _context(self, request: Request, body: bytes, version: str, rest: str) -> Context:
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
            body=_decoded(body, request.headers.get("content-encoding", "")),
            method=request.method,
            path=raw_path(request),
            scopes=frozenset(session.scope.split()) if session else frozenset(),
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

    def _dress(self, response: Response, request: Request, pretty_wanted: bool) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Sforce-Limit-Info", self._org.limits.info())
        if "BrowserId" not in request.cookies:
            response.set_cookie("BrowserId", secrets.token_urlsafe(16), max_age=31536000, samesite=None)
        if pretty_wanted and is_json(response):
            response.body = pretty(json.loads(bytes(response.body)))
            response.headers["Content-Length"] = str(len(response.body))
        return compressed(response, request.headers.get("accept-encoding", ""))


def raw_path(request: Request) -> str:
    """The path as it was sent, percent-encoding and all."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return raw.decode("ascii", "replace").partition("?")[0]


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Compact JSON with Salesforce's content type."""
    return Response(compact(value), status, {"Content-Type": JSON_TYPE, **(headers or {})})


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


def _version(path: str) -> tuple[str, str]:
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


def _triggers(context: Context, rest: str) -> list[tuple[str, str | None]]:
    object_name = object_of(rest, context.query, context.body)
    parts = rest.strip("/").split("/")
    if parts[0] == "jobs":
        return [("bulk", object_name)]
    if parts[0] in ("query", "queryAll"):
        return [("query", object_name)]
    if (
        parts[0] == "sobjects"
        and context.method in ("GET", "HEAD")
        and (len(parts) == 1 or parts[-1] == "describe")
    ):
        return [("describe", object_name)]
    return [("any", object_name)]


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding.lower() not in ("gzip", "deflate"):
        return body
    try:
        return gzip.decompress(body) if encoding.lower() == "gzip" else zlib.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise ApiError(400, "UNKNOWN_EXCEPTION", "The body is not what its Content-Encoding says") from error


def is_json(response: Response) -> bool:
    """True for a complete JSON answer."""
    return bool(
        response.headers.get("content-type", "").startswith("application/json")
        and getattr(response, "body", b"")
    )


def compressed(response: Response, accepted: str) -> Response:
    """The response gzipped when the client takes it, unless its handler compressed it already."""
    if "gzip" not in accepted or "content-encoding" in response.headers:
        return response
    if isinstance(response, StreamingResponse):
        response.body_iterator = _gzip_stream(response.body_iterator)
    elif len(getattr(response, "body", b"")) >= GZIP_FROM:
        response.body = gzip.compress(bytes(response.body), compresslevel=1, mtime=0)
        response.headers["Content-Length"] = str(len(response.body))
        response.headers["Content-Encoding"] = "gzip"
        return response
    else:
        return response
    response.headers["Content-Encoding"] = "gzip"
    if "content-length" in response.headers:
        del response.headers["Content-Length"]
    return response


async def _gzip_stream(chunks: Any) -> Any:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    async for chunk in chunks:
        packed = packer.compress(chunk.encode() if isinstance(chunk, str) else chunk)
        if packed:
            yield packed
    yield packer.flush()


def http_date(moment: datetime) -> str:
    """A moment as HTTP headers write it."""
    return moment.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
