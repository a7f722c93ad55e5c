"""The application of one practice org: everything it serves, put together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from practice_org.api.routes import ROUTES
from practice_org.auth import consent, device, frontdoor, identity, oauth, openid, token_facts
from practice_org.auth.door import Door, base_url
from practice_org.auth.sessions import Sessions
from practice_org.auth.tables import create_tables
from practice_org.bulk1 import resources as bulk1
from practice_org.bulk1 import work as classic
from practice_org.bulk1.door import BulkDoor
from practice_org.data import extract, ingest, jobs
from practice_org.dressing import compressed, json_response
from practice_org.edge import Edge
from practice_org.errors import ApiError, not_found
from practice_org.http import LAST_VERSION, Frame
from practice_org.metadata import soap as metadata_soap
from practice_org.org import Org
from practice_org.routing import Router
from practice_org.rules import comparing
from practice_org.sim import control
from practice_org.sim.faults import Faults
from practice_org.sim.received import ReceivedLog
from practice_org.soap.markup import APIS
from practice_org.soap.service import Service
from practice_org.traffic import Traffic
from practice_org.web import actions, pages, records

Endpoint = Callable[[Request], Any]


def create_app(org: Org) -> Any:
    """The ASGI application. The org must have been furnished (`starter.furnish`)."""
    create_tables(org)
    comparing.furnish(org)
    faults = Faults()
    org.faults = faults
    jobs.resume(org, {"query": extract.work, "ingest": ingest.work})
    classic.resume(org)
    log = ReceivedLog()
    door = Door(org, Sessions(org))
    faults.end_session = door.sessions.end
    faults.lock_status = lambda: int(org.setting("lock_status", 400))
    traffic = Traffic(org)
    frame = Frame(door, Router(ROUTES), traffic)
    routes = [
        *_metadata_routes(door),
        *_door_routes(door),
        *control.routes(control.Control(door, faults, log)),
        *_soap_routes(Service(door, traffic)),
        Route("/services/data{rest:path}", AnyVerb(_in_thread_with_body(frame.answer))),
        Route(
            "/services/async{rest:path}", AnyVerb(_in_thread_with_body(BulkDoor(door, bulk1.ROUTES).answer))
        ),
        Route("/static/{name}", _static, methods=["GET"]),
        *records.routes(door),
        *actions.routes(door),
        Route("/services/{rest:path}", AnyVerb(_no_service)),
    ]
    handlers: dict[Any, Any] = {HTTPException: _refused, Exception: _unexpected}
    return Edge(Starlette(routes=routes, exception_handlers=handlers), org, log)


class AnyVerb:
    """An endpoint that is asked with whatever verb came, known or not."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        response: Response = await self._endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


async def _no_service(request: Request) -> Response:
    """What is asked of a service that this org does not have (Apex classes of its own among them)."""
    error = not_found("Could not find a match for URL")
    return json_response(error.body(), error.status)


async def _refused(request: Request, error: HTTPException) -> Response:
    """A path that nothing answers, a verb that a page does not take, a form that cannot be read."""
    if request.url.path.startswith("/services/"):
        code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "BAD_REQUEST")
        return json_response(
            ApiError(error.status_code, code, str(error.detail), code_first=True).body(), error.status_code
        )
    title = "URL No Longer Exists" if error.status_code == 404 else str(error.detail)
    return HTMLResponse(
        f"<!DOCTYPE html><html><head><title>{escape(title)}</title></head><body><h1>{escape(title)}</h1></body></html>",
        error.status_code,
    )


async def _unexpected(request: Request, error: Exception) -> Response:
    """A mistake of the practice org itself, in the form in which Salesforce tells of its own."""
    refusal = ApiError(
        500,
        "UNKNOWN_EXCEPTION",
        "An unexpected error occurred. Please include this ErrorId if you contact support",
    )
    return json_response(refusal.body(), 500)


def _in_thread_with_body(answer: Callable[[Request, bytes], Response]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(answer, request, body)

    return endpoint


def _with_form(answer: Callable[[Request, dict[str, str]], Response]) -> Endpoint:
    """An endpoint given its form (of the body; a GET's query string) as plain texts."""

    async def endpoint(request: Request) -> Response:
        if request.method == "POST":
            form = {name: str(value) for name, value in (await request.form()).items()}
        else:
            form = dict(request.query_params)
        return await run_in_threadpool(answer, request, form)

    return endpoint


def _soap_routes(service: Service) -> list[Route]:
    return [
        Route(
            f"/services/Soap/{api}/{{version}}{rest}",
            _in_thread_with_body(partial(service.answer, api)),
            methods=["POST"],
        )
        for api in APIS
        for rest in ("", "/", "/{org}", "/{org}/")
    ]


async def _static(request: Request) -> Response:
    return pages.static_file(request.path_params["name"])


def _metadata_routes(door: Door) -> list[Route]:
    """The Metadata API; what follows the version (an org's id, or nothing that matters) is not looked at."""

    def call(request: Request, body: bytes) -> Response:
        door.org.faults.check("any", None)
        return metadata_soap.answer(door, request.path_params["version"], body)

    paths = ("/services/Soap/m/{version}", "/services/Soap/m/{version}/{rest:path}")
    return [Route(path, _in_thread_with_body(call), methods=["POST"]) for path in paths]


def _door_routes(door: Door) -> list[Route]:
    org = door.org

    def token(request: Request, form: dict[str, str]) -> Response:
        org.faults.check("token", None)
        both = {**request.query_params, **form}
        answer = oauth.token(
            door, both, request.headers.get("authorization", ""), base_url(request), request.method
        )
        return compressed(answer, request.headers.get("accept-encoding", ""))

    def revoke(request: Request, form: dict[str, str]) -> Response:
        return token_facts.revoke(door, {**request.query_params, **form})

    def introspect(request: Request, form: dict[str, str]) -> Response:
        return token_facts.introspect(door, form, request.headers.get("authorization", ""), base_url(request))

    def userinfo(request: Request, form: dict[str, str]) -> Response:
        org.faults.check("any", None)
        given = identity.bearer(request.headers.get("authorization", ""), form.get("access_token", ""))
        return identity.userinfo(door, given, base_url(request))

    def who(request: Request, form: dict[str, str]) -> Response:
        given = identity.bearer(
            request.headers.get("authorization", ""), form.get("oauth_token") or form.get("access_token", "")
        )
        params, version = request.path_params, form.get("version")
        return identity.identity(
            door,
            given,
            params["org"],
            params["user"],
            base_url(request),
            f"{LAST_VERSION}.0" if version == "latest" else version,
        )

    def discovery(request: Request, form: dict[str, str]) -> Response:
        return json_response(openid.discovery(base_url(request), sorted(consent.SCOPES)))

    def keys(request: Request, form: dict[str, str]) -> Response:
        return json_response(openid.keys(org))

    def single_access(request: Request, form: dict[str, str]) -> Response:
        given = identity.bearer(request.headers.get("authorization", ""), form.get("access_token", ""))
        return frontdoor.single_access(door, request, given, form.get("redirect_uri", ""))

    def leave(request: Request, form: dict[str, str]) -> Response:
        return frontdoor.leave(door, request)

    def enter(request: Request, form: dict[str, str]) -> Response:
        return frontdoor.enter(door, request, form)

    def connect(request: Request, form: dict[str, str]) -> Response:
        return device.connect(door, request, form)

    def authorize(request: Request, form: dict[str, str]) -> Response:
        return consent.authorize(door, request, form)

    oauth2 = "/services/oauth2"
    return [
        Route(f"{oauth2}/token", _with_form(token), methods=["GET", "POST"]),
        Route(f"{oauth2}/revoke", _with_form(revoke), methods=["GET", "POST"]),
        Route(f"{oauth2}/introspect", _with_form(introspect), methods=["POST"]),
        Route(f"{oauth2}/userinfo", _with_form(userinfo), methods=["GET", "POST"]),
        Route(f"{oauth2}/authorize", _with_form(authorize), methods=["GET", "POST"]),
        Route(f"{oauth2}/singleaccess", _with_form(single_access), methods=["GET", "POST"]),
        Route(f"{oauth2}/logout", _with_form(leave), methods=["GET", "POST"]),
        Route("/secur/logout.jsp", _with_form(leave), methods=["GET", "POST"]),
        Route("/secur/frontdoor.jsp", _with_form(enter), methods=["GET", "POST"]),
        Route(device.PATH, _with_form(connect), methods=["GET", "POST"]),
        Route("/.well-known/openid-configuration", _with_form(discovery), methods=["GET"]),
        Route("/id/keys", _with_form(keys), methods=["GET"]),
        Route("/id/{org}/{user}", _with_form(who), methods=["GET", "POST"]),
    ]
