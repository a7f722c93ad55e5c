from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from diptych.admin.app import create_app
from diptych.config import Settings, read_settings
from diptych.setup.ports import AuthKind, Credentials
from diptych.wiring import Workspace, open_workspace
from tests.practice_org.server import RunningOrg, serve_in_thread

ORIGIN = "http://127.0.0.1:8080"


@dataclass
class Browser:
    """A client that behaves like a browser on our own pages: cookies, Sec-Fetch-Site, form tokens."""

    app: FastAPI
    client: TestClient

    def get(self, address: str, code: int = 200) -> str:
        answer = self.client.get(address, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == code, answer.text
        return str(answer.text)

    def token(self) -> str:
        found = re.search(r'name="form_token" value="(\w+)"', self.get("/people/new"))
        assert found
        return found.group(1)

    def post(self, address: str, code: int = 200, **form: Any) -> str:
        answer = self.client.post(
            address, data={"form_token": self.token(), **form}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert answer.status_code == code, answer.text
        return str(answer.text)

    def shown(self, address: str) -> dict[str, str]:
        """What the form at that address would send if nothing were typed: inputs, text areas, choices."""
        return form_values(self.get(address))


def form_values(html: str) -> dict[str, str]:
    from html import unescape

    form = html[html.index('<form method="post"') :]
    form = form[: form.index("</form>")]
    found = {}
    for tag in re.findall(r"<input [^>]*>", form):
        value = re.search(r'value="([^"]*)"', tag)
        name = re.search(r'name="([^"]*)"', tag)
        assert name
        found[name.group(1)] = unescape(value.group(1)) if value else ""
    for name, text in re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.S):
        found[name] = unescape(text)
    for name, options in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = unescape(chosen.group(1)) if chosen else ""
    return found


def browser_of(workspace: Workspace, **options: Any) -> Browser:
    app = create_app(workspace)
    return Browser(app, TestClient(app, base_url=ORIGIN, **options))


def admit(browser: Browser) -> Browser:
    link = browser.app.state.access.new_link(ORIGIN)
    answer = browser.client.get(link, follow_redirects=False)
    assert answer.status_code == 303
    return browser


def settings_of(folder: Path, **more: Any) -> Settings:
    return read_settings(data_dir=folder, pause_seconds=3600, **more)


@pytest.fixture(scope="session")
def practice_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path_factory.mktemp("org"), records=40) as org:
        yield org


def connect(workspace: Workspace, org: RunningOrg) -> None:
    """The set-up up to the start, as a person would do it."""
    setup = workspace.setup
    card = setup.check(
        Credentials(
            AuthKind.PASSWORD,
            org.base_url,
            org.username,
            password=org.password,
            security_token=org.security_token,
        )
    )
    setup.prepared()
    setup.save(card.credentials, card)
    setup.sync_fields()
    setup.confirm()
    setup.finish_mapping()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, practice_org: RunningOrg) -> Iterator[Workspace]:
    """A workspace whose initial load is done, shared by the tests of a module."""
    with open_workspace(settings_of(tmp_path_factory.mktemp("loaded"))) as workspace:
        connect(workspace, practice_org)
        workspace.setup.start()
        assert workspace.run_cycle().status == "Succeeded"
        yield workspace


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace that is connected to nothing."""
    with open_workspace(settings_of(tmp_path / "data")) as workspace:
        yield workspace


@pytest.fixture
def visitor(empty: Workspace) -> Browser:
    """Somebody without a session."""
    return browser_of(empty)


@pytest.fixture
def browser(loaded: Workspace) -> Browser:
    """Somebody admitted, on a loaded workspace."""
    return admit(browser_of(loaded))


@pytest.fixture
def value_here(loaded: Workspace) -> Callable[[int, str], Any]:
    def look(person_id: int, column: str) -> Any:
        found = loaded.queries.person(person_id)
        assert found
        return found.values[column]

    return look
