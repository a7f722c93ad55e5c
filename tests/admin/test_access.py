"""Who gets in, and what no other site can do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from diptych.access.users import Users
from diptych.admin.app import guarded
from diptych.admin.pages import enter, sign_in, vitals
from diptych.domain.roles import Role
from diptych.wiring import Workspace, open_workspace
from tests.admin.conftest import ORIGIN, Browser, admit, browser_of, settings_of

PAGES = ["/", "/people", "/people/new", "/people/1", "/setup", "/setup/prepare", "/events", "/start-over"]


@pytest.mark.parametrize("address", PAGES)
def test_without_a_session_every_page_explains_and_shows_nothing(visitor: Browser, address: str) -> None:
    html = visitor.get(address, 401)
    assert "Open Diptych from its link" in html
    assert "Main" not in html  # the navigation
    assert "Not connected" not in html  # nor the state


def test_a_link_opens_once(visitor: Browser, empty: Workspace) -> None:
    link = visitor.app.state.access.new_link(ORIGIN)
    answer = visitor.client.get(link, follow_redirects=False)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    visitor.get("/people")

    other = browser_of(empty)
    assert "used already" in other.client.get(link).text
    other.get("/people", 401)


def test_a_link_pasted_by_hand(visitor: Browser) -> None:
    link = visitor.app.state.access.new_link(ORIGIN)
    answer = visitor.client.post("/enter", data={"token": link}, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200
    visitor.get("/people")


def test_a_forged_session_is_none(visitor: Browser) -> None:
    admit(visitor)
    name, session = next((c.name, c.value or "") for c in visitor.client.cookies.jar if "session" in c.name)
    visitor.client.cookies.clear()
    visitor.client.cookies.set(name, session[:-1] + ("0" if session[-1] != "0" else "1"))
    visitor.get("/people", 401)


def test_open_access(tmp_path: Path) -> None:
    with open_workspace(settings_of(tmp_path, open_access=True)) as workspace:
        assert "Nobody here yet" in browser_of(workspace).get("/people")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_send_a_form(visitor: Browser, site: str) -> None:
    admit(visitor)
    answer = visitor.client.post(
        "/setup/prepare", data={"form_token": visitor.token()}, headers={"Sec-Fetch-Site": site}
    )
    assert answer.status_code == 403
    assert "another site" in answer.text


def test_an_old_browser_is_judged_by_its_origin(visitor: Browser) -> None:
    admit(visitor)
    form = {"form_token": visitor.token()}
    there = visitor.client.post("/setup/prepare", data=form, headers={"Origin": "http://evil.example"})
    assert there.status_code == 403
    here = visitor.client.post("/setup/prepare", data=form, headers={"Origin": ORIGIN})
    assert here.status_code == 200


def test_a_form_needs_this_sessions_token(visitor: Browser, empty: Workspace) -> None:
    admit(visitor)
    other = admit(browser_of(empty))
    headers = {"Sec-Fetch-Site": "same-origin"}
    for form in ({}, {"form_token": "x"}, {"form_token": other.token()}):
        answer = visitor.client.post("/setup/prepare", data=form, headers=headers)
        assert answer.status_code == 403
        assert "out of date" in answer.text
    assert empty.setup.state().prepared_at is None


@pytest.mark.parametrize("address", ["/people", "/nothing", "/static/app.js", "/people/0"])
def test_pages_are_confined(visitor: Browser, address: str) -> None:
    admit(visitor)
    headers = visitor.client.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_a_defect_is_said_plainly_and_confined(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = admit(browser_of(empty, raise_server_exceptions=False))

    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(empty.queries, "columns", broken)
    answer = browser.client.get("/people/new")
    assert answer.status_code == 500
    assert "This page has a defect" in answer.text
    assert "secret detail" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_pages_carry_no_script_or_style_of_their_own(browser: Browser, visitor: Browser) -> None:
    admit(visitor)
    for html in (browser.get("/people"), browser.get("/people/1"), visitor.get("/setup/credentials")):
        assert not re.search(r"<script(?![^>]*\bsrc=)", html)
        assert "<style" not in html
        assert not re.search(r"\s(style|on\w+)=", html)


def every_address() -> list[tuple[str, str]]:
    """Method and address of every page, with numbers for what it asks for."""
    found = []
    for router in [*guarded(), enter.router, enter.leaving, sign_in.router, vitals.router]:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            found += [(method, re.sub(r"\{\w+\}", "1", route.path)) for method in route.methods or ()]
    return found


def test_every_page_is_confined_and_carries_no_script_or_style_of_its_own(browser: Browser) -> None:
    pages = [address for method, address in every_address() if method == "GET" and address != "/events"]
    assert len(pages) > 35
    for address in pages:
        answer = browser.client.get(address, follow_redirects=False)
        assert answer.status_code < 500, address
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy, address
        assert "frame-ancestors 'none'" in policy
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text), address
            assert "<style" not in answer.text, address
            assert not re.search(r"\s(style|on[a-z]+)=\"", answer.text), address
            assert not re.search(r"(src|href)=\"(https?:)?//(?!127\.0\.0\.1)", answer.text), address


def test_every_form_is_refused_from_another_site_and_without_the_sessions_token(browser: Browser) -> None:
    forms = [address for method, address in every_address() if method not in ("GET", "HEAD")]
    assert len(forms) > 40
    for address in forms:
        elsewhere = browser.client.post(address, headers={"Sec-Fetch-Site": "cross-site"})
        assert elsewhere.status_code == 403 and "another site" in elsewhere.text, address
        if address in ("/enter", "/login"):
            continue  # nobody has a session there yet
        without = browser.client.post(
            address, data={"form_token": "0" * 64}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert without.status_code == 403 and "out of date" in without.text, address


def test_starting_over_throws_nobody_out(tmp_path: Path) -> None:
    with open_workspace(settings_of(tmp_path, demo=True)) as workspace:
        browser = admit(browser_of(workspace))
        Users(workspace.store).add("ada", Role.ADMIN, "correct horse battery")
        before = workspace.database_file
        browser.post("/start-over")
        assert workspace.database_file != before
        browser.get("/people")
        assert [user.name for user in Users(workspace.store).all()] == ["ada"]
