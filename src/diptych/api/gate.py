"""Who may call what: one dependency of every operation, made by the router that the operation is declared on.

A module of the API declares a `Noun` and its operations with `read`, `operate` or `admin`: there is no other way to declare one,
so there is none without a scope.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from diptych.access.tokens import Tokens
from diptych.api.bodies import JsonRoute
from diptych.api.services import Workspace
from diptych.domain.roles import Principal, Scope, scope_of
from diptych.store.auditing import Actor, act_as

_bearer = HTTPBearer(
    scheme_name="token",
    bearerFormat="dpt_...",
    description="An API token: diptych token create, or Access > API tokens.",
    auto_error=False,
)


async def gate(
    request: Request,
    needed: SecurityScopes,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    """Whose token it is. Raises 401 without a good one, 403 for one whose scope does not suffice."""
    tokens = Tokens(workspace_of(request).store)
    who = await run_in_threadpool(tokens.principal, given.credentials) if given else None
    scope = Scope(needed.scopes[-1])
    if who is None:
        raise HTTPException(
            401,
            "Give a good API token: Authorization: Bearer dpt_..." if given is None
            else "The API token is unknown, over or revoked.",
            {"WWW-Authenticate": 'Bearer realm="diptych"'},
        )  # fmt: skip
    if not who.may(scope.role):
        raise HTTPException(
            403,
            f"This takes the scope {scope}; the token may {scope_of(who.role)}.",
            {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )
    request.state.principal = who
    act_as(Actor(who.name, "api"))
    return who


class Noun(APIRouter):
    """The operations on one noun."""

    def __init__(self, noun: str, prefix: str | None = None) -> None:
        super().__init__(prefix=f"/{noun}" if prefix is None else prefix, tags=[noun], route_class=JsonRoute)

    def read(self, path: str = "", method: str = "GET", **more: Any) -> Callable[[Any], Any]:
        """What `read` may see."""
        return self._operation(method, path, Scope.READ, more)

    def see(self, path: str = "", **more: Any) -> Callable[[Any], Any]:
        """GET what only `admin` may see."""
        return self._operation("GET", path, Scope.ADMIN, more)

    def operate(self, method: str, path: str = "", **more: Any) -> Callable[[Any], Any]:
        return self._operation(method, path, Scope.OPERATE, more)

    def admin(self, method: str, path: str = "", **more: Any) -> Callable[[Any], Any]:
        return self._operation(method, path, Scope.ADMIN, more)

    def _operation(self, method: str, path: str, scope: Scope, more: dict[str, Any]) -> Callable[[Any], Any]:
        guarded = [Security(gate, scopes=[scope.value])]
        return self.api_route(path, methods=[method], dependencies=guarded, **more)


def workspace_of(request: Request) -> Workspace:
    workspace: Workspace = request.app.state.workspace
    return workspace


def principal_of(request: Request) -> Principal:
    """Who calls; set by `gate`."""
    principal: Principal = request.state.principal
    return principal


def actor_of(request: Request) -> str:
    """The name under which edits of people are kept."""
    return f"api:{principal_of(request).name.removeprefix('token ')}"
