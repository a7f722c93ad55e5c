"""The state that browsers are told, over a real connection."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from diptych.wiring import Workspace
from tests.admin.conftest import Browser, admit, browser_of
from tests.admin.served import SECONDS, serving


@pytest.fixture
def served(loaded: Workspace) -> Iterator[tuple[Browser, str]]:
    """The loaded workspace at an address, and somebody admitted there."""
    browser = browser_of(loaded)
    with serving(browser.app) as address:
        yield browser, address


def test_a_stream_tells_the_state_and_ends_with_the_server(served: tuple[Browser, str]) -> None:
    browser, address = served
    with httpx2.Client(base_url=address, timeout=SECONDS, trust_env=False, follow_redirects=True) as client:
        client.get(browser.app.state.access.new_link(address))
        with client.stream("GET", "/events") as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            events: dict[str, str] = {}
            name = ""
            for line in lines:
                kind, _, text = line.partition(": ")
                if kind == "event":
                    name = text
                elif kind == "data":
                    events[name] = events.get(name, "") + text
                if "load" in events and not line:
                    break
            assert "Last sync" in events["state"]
            assert "<progress" in events["load"]
            browser.app.state.live.stopping.set()
            for _ in lines:  # nothing more, and an end
                pass


def test_all_browsers_share_one_look(loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    status = loaded.status
    monkeypatch.setattr(loaded, "status", lambda: looks.append(1) or status())
    browser = admit(browser_of(loaded))
    for _ in range(5):
        browser.get("/people/new")
    assert len(looks) < 5


def test_what_was_just_done_is_shown_at_once(loaded: Workspace) -> None:
    browser = admit(browser_of(loaded))
    assert "Last sync" in browser.get("/people")
    assert 'class="state paused"' in browser.post("/setup/pause")
    assert 'class="state last_sync"' in browser.post("/setup/resume")


def test_a_status_that_cannot_be_read_fails_no_page(
    loaded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OSError("gone")

    monkeypatch.setattr(loaded, "status", broken)
    assert "New person" in admit(browser_of(loaded)).get("/people")
