from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.access.tokens import Tokens
from diptych.admin.app import create_app
from diptych.domain.roles import Scope
from diptych.wiring import Workspace
from tests.admin.conftest import ORIGIN, loaded, practice_org

__all__ = ["loaded", "practice_org"]


@dataclass
class Caller:
    """A program with a token."""

    client: TestClient
    token: str

    def __call__(self, method: str, path: str, code: int = 200, **more: Any) -> Any:
        answer = self.client.request(
            method, f"/api/v1{path}", headers={"Authorization": f"Bearer {self.token}"}, **more
        )
        assert answer.status_code == code, answer.text
        return answer.json() if answer.content else None

    def get(self, path: str, code: int = 200, **query: Any) -> Any:
        return self("GET", path, code, params=query)

    def problem(self, method: str, path: str, code: int, **more: Any) -> Mapping[str, Any]:
        said = self(method, path, code, **more)
        assert said["status"] == code
        return said  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def client(loaded: Workspace) -> TestClient:
    return TestClient(create_app(loaded), base_url=ORIGIN, raise_server_exceptions=False)


def token(workspace: Workspace, scope: Scope) -> str:
    return Tokens(workspace.store).create(f"a test, {scope}", scope, 1)[0]


@pytest.fixture(scope="module")
def reader(loaded: Workspace, client: TestClient) -> Caller:
    return Caller(client, token(loaded, Scope.READ))


@pytest.fixture(scope="module")
def operator(loaded: Workspace, client: TestClient) -> Caller:
    return Caller(client, token(loaded, Scope.OPERATE))


@pytest.fixture(scope="module")
def admin(loaded: Workspace, client: TestClient) -> Caller:
    return Caller(client, token(loaded, Scope.ADMIN))
