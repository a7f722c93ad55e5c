"""Who may do what: every operation takes one scope, that of the table in docs/api.md, and nothing of a handler widens or narrows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.access.tokens import Tokens
from diptych.access.users import Users
from diptych.domain.roles import Principal, Role, Scope
from diptych.wiring import Workspace
from tests.api.conftest import Caller
from tests.api.operations_table import PAGE, in_page, table

ONE_OF_EACH = {
    Scope.READ: ("GET", "/status"),
    Scope.OPERATE: ("POST", "/sync/resume"),
    Scope.ADMIN: ("GET", "/users"),
}


def operations(client: TestClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    described = client.get("/api/v1/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_page_says_which_scope_each_operation_takes() -> None:
    assert in_page(PAGE.read_text()) == table(), "python -m tests.api.operations_table"


def test_no_operation_takes_less_than_its_scope(client: TestClient, reader: Caller, operator: Caller) -> None:
    lesser = {Scope.READ: [], Scope.OPERATE: [reader], Scope.ADMIN: [reader, operator]}
    scopes = set()
    for method, path, operation in operations(client):
        ((scope,),) = [one["token"] for one in operation["security"]]
        scopes.add(scope)
        concrete = path.replace("{", "").replace("}", "")
        without = client.request(method, f"/api/v1{concrete}")
        assert without.status_code == 401, path
        assert without.headers["content-type"] == "application/problem+json"
        assert without.headers["www-authenticate"].startswith("Bearer")
        for caller in lesser[Scope(scope)]:
            said = caller.problem(method, concrete, 403)
            assert f"takes the scope {scope}" in said["detail"], path
        if method != "GET" and scope == "read":
            assert path.endswith("/preview"), "what changes something is not for readers"
    assert scopes == {"read", "operate", "admin"}


@pytest.mark.parametrize("role", list(Role))
def test_a_token_does_no_more_than_its_user_and_no_more_than_its_scope(
    loaded: Workspace, client: TestClient, role: Role
) -> None:
    users = Users(loaded.store)
    made = users.add(f"scopes-{role}", Role.ADMIN, "correct horse battery")
    owner = Principal(made.name, Role.ADMIN, made.id)
    texts = {scope: Tokens(loaded.store).create(f"of {role}", scope, 1, owner)[0] for scope in Scope}
    users.set_role(made.name, role)
    for scope, text in texts.items():
        for needed, (method, path) in ONE_OF_EACH.items():
            answer = client.request(method, f"/api/v1{path}", headers={"Authorization": f"Bearer {text}"})
            may = role.includes(needed.role) and scope.role.includes(needed.role)
            assert answer.status_code == (200 if may else 403), (role, scope, needed)
    users.disable(made.name)
    for text in texts.values():
        assert client.get("/api/v1/status", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_no_handler_asks_for_a_role() -> None:
    import ast
    from pathlib import Path

    import diptych.api

    for file in Path(str(diptych.api.__file__)).parent.glob("*.py"):
        asked = {
            node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)
        }
        assert file.name == "gate.py" or "may" not in asked, file.name
