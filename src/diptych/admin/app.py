"""The admin application: pages, their guard, and what is said when something fails."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from diptych.admin.access import Access
from diptych.admin.frame import STATIC, go, page
from diptych.admin.guard import Confine, ForgedForm, NotAdmitted, NotAllowed, admitted, confine, look_who
from diptych.admin.live import Live
from diptych.admin.pages import (
    access_audit,
    access_tokens,
    access_users,
    account,
    actions,
    alerts,
    conflicts,
    create_rule,
    enter,
    errors,
    events,
    home,
    identity,
    language,
    mapping,
    mapping_arrange,
    mapping_change,
    people,
    person_actions,
    plan,
    review,
    runs,
    salesforce,
    settings,
    setup_confirm,
    setup_credentials,
    setup_fields,
    setup_mappings,
    setup_prepare,
    setup_prepare_org,
    setup_start,
    sign_in,
    start_over,
    throughput,
    undo,
    vitals,
)
from diptych.admin.pages.setup_credentials import Entered
from diptych.admin.trouble import EXPECTED, trouble_of
from diptych.admin.words import _
from diptych.api import problems
from diptych.api.app import create_api
from diptych.api.services import Workspace
from diptych.domain.roles import Role
from diptych.openid.flow import Flow

_log = logging.getLogger(__name__)


def create_app(workspace: Workspace) -> FastAPI:
    """The admin pages of one workspace. Raises OSError when its data folder cannot be written."""
    app = FastAPI(
        title="Diptych",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=workspace.telemetry.of_pages(),
    )
    given = workspace.settings
    app.state.workspace = workspace
    app.state.open_access = given.open_access
    app.state.access = Access(given.data_dir)
    app.state.live = Live(workspace)
    app.state.entered = Entered()
    app.state.report = None
    app.state.sign_in = Flow(given) if given.oidc_issuer is not None else None
    if given.start_token is not None:
        app.state.access.accept(given.start_token.get_secret_value())
    app.add_middleware(Confine)
    app.mount("/api/v1", create_api(workspace))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(enter.router)
    app.include_router(language.router)
    app.include_router(enter.leaving)
    app.include_router(sign_in.router)
    app.include_router(vitals.router)
    for router in guarded():
        app.include_router(router, dependencies=[Depends(admitted)])
    _say_what_failed(app)
    return app


def guarded() -> list[APIRouter]:
    """The routers of all pages that need a session."""
    return [
        home.router,
        events.router,
        people.router,
        person_actions.router,
        actions.router,
        setup_prepare.router,
        setup_prepare_org.router,
        setup_credentials.router,
        setup_fields.router,
        setup_confirm.router,
        setup_mappings.router,
        mapping.router,
        mapping_change.router,
        mapping_arrange.router,
        setup_start.router,
        salesforce.router,
        plan.router,
        undo.router,
        runs.router,
        throughput.router,
        errors.router,
        alerts.router,
        conflicts.router,
        identity.router,
        review.router,
        create_rule.router,
        settings.router,
        start_over.router,
        access_users.router,
        access_tokens.router,
        access_audit.router,
        account.router,
    ]


def _say_what_failed(app: FastAPI) -> None:
    @app.exception_handler(NotAdmitted)
    def not_admitted(request: Request, _problem: Exception) -> Response:
        return enter.closed(request, 401)

    @app.exception_handler(NotAllowed)
    def not_allowed(request: Request, problem: NotAllowed) -> Response:
        needed = {Role.ADMIN: _("administrator"), Role.OPERATOR: _("operator")}.get(problem.needed, "")
        return _failed(
            request,
            403,
            _("Your role does not suffice"),
            _("Nothing was changed: this takes the role %s.") % needed,
            _("An administrator gives roles under Access, or with: diptych user role."),
        )

    @app.exception_handler(ForgedForm)
    def forged(request: Request, _problem: Exception) -> Response:
        return _failed(
            request,
            403,
            _("This form is out of date"),
            _("It was opened before the last time this browser was admitted, so nothing was done."),
            _("Go back, reload the page, and send it again."),
        )

    @app.exception_handler(HTTPException)
    async def refused(request: Request, problem: HTTPException) -> Response:
        if request.url.path.startswith("/api/"):
            return problems.answer(problem.status_code, _("There is nothing of the API at this address."))
        if not hasattr(request.state, "principal"):
            await look_who(request)  # no page was reached that would have
        return await run_in_threadpool(said, request, problem)

    def said(request: Request, problem: HTTPException) -> Response:
        if problem.status_code == 404:
            words = (
                problem.detail if problem.detail != "Not Found" else _("There is no page at this address.")
            )
            return _failed(request, 404, _("Not found"), words)
        return _failed(request, problem.status_code, _("That did not work"), str(problem.detail))

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, problem: RequestValidationError) -> Response:
        if any(error["loc"][:1] == ("path",) for error in problem.errors()):
            return _failed(request, 404, _("Not found"), _("There is no page at this address."))
        return _failed(
            request, 400, _("That did not work"), _("A part of the address or form could not be read.")
        )

    @app.exception_handler(people.Joined)
    def joined(request: Request, problem: people.Joined) -> Response:
        address = str(request.url.path).replace(f"/{problem.former_id}", f"/{problem.now_id}", 1)
        words = _("Person %(former)d has joined this one.") % {"former": problem.former_id}
        return go(request, address, words, kind="warning")

    async def expected(request: Request, problem: Exception) -> Response:
        said = trouble_of(problem)
        return _failed(request, 503, said.message, said.cause or _("Nothing was changed."), said.remedy)

    for kind in EXPECTED:
        app.add_exception_handler(kind, expected)

    @app.exception_handler(Exception)
    def broken(request: Request, problem: Exception) -> Response:
        _log.exception("%s %s failed", request.method, request.url.path, exc_info=problem)
        answer = _failed(
            request,
            500,
            _("This page has a defect"),
            _(
                "The error is in the server's log, with its time. The sync itself runs in another process and goes on."
            ),
            _("Try again; if it happens again, please report it with those lines of the log."),
        )
        confine(answer.headers)  # this handler stands outside of all layers
        return answer


def _failed(request: Request, status: int, title: str, message: str, remedy: str = "") -> Response:
    return page(request, "trouble.html", status, title=title, message=message, remedy=remedy, back="")
