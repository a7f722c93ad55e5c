"""Every page renders: before anything is connected, and when all is loaded; and the demo's way back to the start."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from httpx2 import Response

from diptych.admin.app import guarded
from diptych.config import DEMO_FILE
from diptych.setup.state import Step
from diptych.wiring import Workspace, open_workspace
from tests.admin.conftest import Browser, admit, browser_of, connect, settings_of
from tests.practice_org.server import RunningOrg

# a stream, a file, and what is only for a demo
_NOT_PAGES = {"/events", "/mappings/file", "/start-over"}


def addresses() -> list[str]:
    """Every page there is, of person 1 where it is about a person."""
    found = [
        route.path_format
        for router in guarded()
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in route.methods
    ]
    return [re.sub(r"{\w+}", "1", path) for path in found if path not in _NOT_PAGES]


def _is_page(answer: Response) -> bool:
    """Not a file, figures or a fragment of a page."""
    return "<!doctype html>" in answer.text


def test_every_page_before_anything_is_connected(visitor: Browser) -> None:
    admit(visitor)
    pages = addresses()
    assert {"/", "/people", "/people/1/edit", "/setup/credentials"} <= set(pages)
    for address in pages:
        answer = visitor.client.get(address)
        assert answer.status_code in (200, 404, 422), address
        if _is_page(answer):
            assert "Not connected" in answer.text, address


def test_every_page_when_all_is_loaded(browser: Browser) -> None:
    for address in addresses():
        answer = browser.client.get(address)
        # no cause of errors is called 1
        assert answer.status_code in (200, 422) or "callback" in address or address == "/errors/1", address
        if _is_page(answer):
            assert "Last sync" in answer.text, address


def few_of_a_kind(links: set[str]) -> list[str]:
    """All of them, but of those that differ in the field they are about, three."""
    kinds: dict[str, list[str]] = {}
    for link in sorted(links):
        kind = re.sub(r"(?<=/field/)[^/?]+|(?<=name=)[^&]+|(?<=field=)[^&]+", "x", link)
        kinds.setdefault(kind, []).append(link)
    return [link for alike in kinds.values() for link in alike[:3]]


def test_every_link_of_every_page_leads_somewhere(browser: Browser) -> None:
    links: set[str] = set()
    for address in addresses():
        links |= set(re.findall(r'(?:href|src)="(/[^"#]*)"', browser.client.get(address).text))
    for link in few_of_a_kind({one for one in links if not one.startswith("/language/")}):
        assert browser.client.get(link.replace("&amp;", "&")).status_code in (200, 422), link


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(settings_of(tmp_path / "demo", demo=True)) as workspace:
        yield workspace


def test_starting_over_asks_and_begins_at_the_first_step(demo: Workspace, practice_org: RunningOrg) -> None:
    connect(demo, practice_org)
    demo.store.create_person("test", {"last_name": "Before"})
    before = demo.database_file
    (demo.settings.data_dir / DEMO_FILE).write_text(json.dumps(practice_org.facts))
    browser = admit(browser_of(demo))
    html = browser.get("/people")
    assert "Start over, step by step" in html
    assert f'href="{practice_org.base_url}"' in html
    assert practice_org.user("sales")["username"] in html
    assert str(before) in browser.get("/start-over")
    assert demo.queries.people().everyone == 1

    html = browser.post("/start-over")
    assert "first step" in html
    assert demo.setup.state().step is Step.PREPARE
    assert demo.database_file != before
    assert before and before.exists()
    assert "Nobody here yet" in browser.get("/people")


def test_outside_of_a_demo_nothing_can_be_started_over(browser: Browser) -> None:
    assert "Start over" not in browser.get("/people")
    browser.get("/start-over", 404)
    browser.post("/start-over", 404)
