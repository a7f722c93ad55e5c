from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.access.tokens import Tokens
from diptych.admin.app import create_app
from diptych.domain.roles import Scope
from diptych.wiring import Workspace, open_workspace
from tests.admin.conftest import ORIGIN, connect, practice_org, settings_of
from tests.practice_org.server import RunningOrg

__all__ = ["practice_org"]


@pytest.fixture(scope="package")
def loaded(tmp_path_factory: pytest.TempPathFactory, practice_org: RunningOrg) -> Iterator[Workspace]:
    """A workspace whose initial load is done, shared by all tests of the API but those that break things."""
    with loaded_in(tmp_path_factory.mktemp("loaded"), practice_org) as workspace:
        yield workspace


@contextmanager
def loaded_in(folder: Path, practice_org: RunningOrg) -> Iterator[Workspace]:
    """A workspace of its own, its initial load done."""
    with open_workspace(settings_of(folder)) as workspace:
        connect(workspace, practice_org)
        workspace.setup.start()
        assert workspace.run_cycle().status == "Succeeded"
        yield workspace


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


@pytest.fixture(scope="package")
def client(loaded: Workspace) -> TestClient:
    return TestClient(create_app(loaded), base_url=ORIGIN, raise_server_exceptions=False)


def token(workspace: Workspace, scope: Scope) -> str:
    return Tokens(workspace.store).create(f"a test, {scope}", scope, 1)[0]


@pytest.fixture
def reader(loaded: Workspace, client: TestClient) -> Caller:
    """Its token is new for each test: others revoke what they find."""
    return Caller(client, token(loaded, Scope.READ))


@pytest.fixture
def operator(loaded: Workspace, client: TestClient) -> Caller:
    return Caller(client, token(loaded, Scope.OPERATE))


@pytest.fixture
def admin(loaded: Workspace, client: TestClient) -> Caller:
    return Caller(client, token(loaded, Scope.ADMIN))
