"""Errors of the API as problem details (RFC 9457): what happened, why, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from diptych.access.passwords import UnfitPassword
from diptych.access.tokens import NoSuchToken, TokenRefused
from diptych.access.users import NoSuchUser, UserRefused
from diptych.alerts.channels import BadChannel
from diptych.alerts.desk import NoSuchChannel
from diptych.alerts.rules import BadRule
from diptych.alerts.sending import NotSent
from diptych.api.methods import allowed
from diptych.domain.actions import CannotAct
from diptych.domain.outcome import OrgError
from diptych.domain.person_filter import BadFilter
from diptych.domain.proposal import MappingRefused
from diptych.domain.reversal import ReversalRefused
from diptych.domain.values import InvalidValue
from diptych.services.joining import JoinPolicyRefused
from diptych.services.keeping import BadDays
from diptych.setup.state import SetupRefused
from diptych.store.secrets import SecretUnreadable
from diptych.sync.outbound.create_rule import NoSuchField
from diptych.sync.outbound.wishes import WishRefused
from diptych.sync.ports import StoreBusy
from diptych.sync.repair.dead_letter import NoSuchDeadLetter
from diptych.sync.repair.undo import NoSuchRun

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What every answer of 400 and above holds."""

    type: str = Field(default="about:blank", description="about:blank: the status says what kind it is.")
    title: str
    status: int
    detail: str = Field("", description="What happened, and why.")
    remedy: str = Field("", description="What to do.")
    code: str = Field("", description="Salesforce's code of the error, where it is one of Salesforce.")
    errors: list[dict[str, Any]] = Field(
        default_factory=list, description="Which parts of the request cannot be taken."
    )


class Refusal(Exception):
    """A request that cannot be carried out; the handlers below make an answer of it."""

    def __init__(
        self,
        status: int,
        detail: str,
        remedy: str = "",
        errors: list[dict[str, Any]] | None = None,
        code: str = "",
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.remedy, self.errors = status, detail, remedy, errors or []
        self.code = code


def not_found(what: str) -> Refusal:
    return Refusal(404, what)


# what the services raise, with the status it stands for
_STATUS: dict[type[Exception], int] = {
    SetupRefused: 409,
    MappingRefused: 422,
    ReversalRefused: 409,
    NoSuchRun: 404,
    NoSuchDeadLetter: 404,
    NoSuchUser: 404,
    UserRefused: 409,
    UnfitPassword: 422,
    TokenRefused: 422,
    NoSuchToken: 404,
    InvalidValue: 422,
    CannotAct: 409,
    WishRefused: 409,
    NoSuchField: 422,
    JoinPolicyRefused: 422,
    BadDays: 422,
    BadFilter: 422,
    BadRule: 422,
    BadChannel: 422,
    NoSuchChannel: 404,
    NotSent: 409,
    StoreBusy: 503,
    SecretUnreadable: 409,
}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "It cannot be done as it is.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
    "5XX": {
        "description": "Salesforce or the database could not be used just now (502, 503), or a defect (500).",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
}


def answer(
    status: int,
    detail: str = "",
    remedy: str = "",
    code: str = "",
    errors: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem as a response."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        remedy=remedy,
        code=code,
        errors=errors or [],
    )
    return JSONResponse(problem.model_dump(), status, media_type=MEDIA_TYPE, headers=headers)


def _is_json(request: Request) -> bool:
    """Whether the body is said to be JSON; none at all is lacking rather than of another type."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return True
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def say_problems(api: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Handlers for everything that is raised on the way; `routes` are all those of the API."""

    @api.exception_handler(Refusal)
    def refused(_request: Request, problem: Refusal) -> Response:
        return answer(problem.status, problem.detail, problem.remedy, problem.code, problem.errors)

    @api.exception_handler(HTTPException)
    def http(request: Request, problem: HTTPException) -> Response:
        plain = HTTPStatus(problem.status_code).phrase
        detail = "" if problem.detail == plain else str(problem.detail)
        headers = dict(problem.headers or {})
        if problem.status_code == 405:  # the router names the methods of one operation only
            methods = ", ".join(allowed(routes, request.scope))
            headers["Allow"], detail = methods, f"This address takes {methods}."
        elif problem.status_code == 404 and not detail:
            detail = "There is nothing of the API at this address."
        return answer(problem.status_code, detail, headers=headers)

    @api.exception_handler(RequestValidationError)
    def unreadable(request: Request, problem: RequestValidationError) -> Response:
        if any(error["loc"] == ("body",) for error in problem.errors()) and not _is_json(request):
            return answer(415, "The body has to be JSON.", "Send it as Content-Type: application/json.")
        errors = [
            {"where": [str(part) for part in error["loc"]], "what": str(error["msg"])}
            for error in problem.errors()
        ]
        return answer(422, "A part of the request cannot be taken.", errors=errors)

    @api.exception_handler(OrgError)
    def of_salesforce(_request: Request, problem: OrgError) -> Response:
        said = problem.problem
        detail = " ".join(part for part in (said.message, said.cause) if part)
        return answer(502, detail, said.remedy, said.code)

    def known(_request: Request, problem: Exception) -> Response:
        status = next(_STATUS[kind] for kind in type(problem).__mro__ if kind in _STATUS)
        if isinstance(problem, SetupRefused):
            return answer(status, problem.reason, problem.remedy)
        return answer(status, str(problem.args[0] if problem.args else problem))

    for kind in _STATUS:
        api.add_exception_handler(kind, known)

    @api.exception_handler(Exception)
    def broken(request: Request, problem: Exception) -> Response:
        _log.exception("%s %s failed", request.method, request.url.path, exc_info=problem)
        return answer(
            500, "This is a defect; the error is in the server's log, with its time.", "Please report it."
        )
