"""Who may do what: roles of users on every page, logging in by password, sessions that end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from diptych.access.throttle import PER_NAME
from diptych.access.users import Users
from diptych.admin.app import create_app, guarded
from diptych.admin.guard import Require
from diptych.domain.roles import Role
from diptych.wiring import Workspace
from tests.admin.conftest import ORIGIN, Browser, browser_of

PASSWORD = "correct horse battery"
SAME = {"Sec-Fetch-Site": "same-origin"}


def logged_in(workspace: Workspace, name: str, role: Role) -> Browser:
    Users(workspace.store).add(name, role, PASSWORD)
    browser = browser_of(workspace)
    log_in(browser, name)
    return browser


def log_in(browser: Browser, name: str, password: str = PASSWORD, code: int = 303) -> str:
    answer = browser.client.post(
        "/login", data={"name": name, "password": password}, headers=SAME, follow_redirects=False
    )
    assert answer.status_code == code, answer.text
    return answer.text


def send(browser: Browser, address: str, **form: str) -> int:
    """The status of a form sent from a page of the account, which everybody has."""
    import re

    token = re.search(r'name="form_token" value="(\w+)"', browser.get("/salesforce"))
    assert token
    answer = browser.client.post(
        address, data={"form_token": token.group(1), **form}, headers=SAME, follow_redirects=False
    )
    return answer.status_code


OPERATING = ["/salesforce/sync", "/errors/retry", "/conflicts/reverse", "/people/new", "/setup/verify"]
ADMINISTRATION = [
    "/settings/pause",
    "/mappings/reset",
    "/mapping/apply",
    "/mapping/undo/1",
    "/mapping/promote/apply",
    "/setup/prepare",
    "/setup/credentials/discard",
    "/setup/start",
]


@pytest.fixture
def viewer(empty: Workspace) -> Browser:
    return logged_in(empty, "vera", Role.VIEWER)


def test_a_viewer_sees_and_changes_nothing(viewer: Browser) -> None:
    assert "only you may look" not in viewer.get("/people")
    for address in ("/people", "/runs", "/errors", "/conflicts", "/settings", "/salesforce"):
        viewer.get(address)
    for address in OPERATING + ADMINISTRATION:
        assert send(viewer, address) == 403, address
    assert "takes the role operator" in viewer.get("/people/new", 403)


def test_an_operator_runs_and_does_not_administer(empty: Workspace) -> None:
    operator = logged_in(empty, "otto", Role.OPERATOR)
    for address in OPERATING:
        assert send(operator, address) != 403, address
    for address in ADMINISTRATION:
        assert send(operator, address) == 403, address
    operator.get("/setup/credentials", 403)


def test_a_role_holds_from_the_next_request_on(empty: Workspace, viewer: Browser) -> None:
    users = Users(empty.store)
    users.set_role("vera", Role.ADMIN)
    assert send(viewer, "/setup/prepare") == 303
    users.disable("vera")
    viewer.get("/people", 401)
    assert "not a name with its password" in log_in(viewer, "vera", code=403)
    users.enable("vera")
    log_in(viewer, "vera")


def test_a_new_password_ends_sessions(empty: Workspace, viewer: Browser) -> None:
    Users(empty.store).set_password("vera", "another good one")
    viewer.get("/people", 401)
    log_in(viewer, "vera", code=403)
    log_in(viewer, "vera", "another good one")


def test_guessing_is_slowed_down(empty: Workspace, viewer: Browser) -> None:
    other = browser_of(empty)
    for _ in range(PER_NAME):
        log_in(other, "Vera", "wrong password", code=403)
    assert "Too many failed logins" in log_in(other, "vera", code=429)
    viewer.get("/people")  # who is in stays in


def test_logging_out_ends_the_session(empty: Workspace, viewer: Browser) -> None:
    cookies = dict(viewer.client.cookies)
    assert send(viewer, "/logout") == 303
    again = TestClient(viewer.app, base_url=ORIGIN, cookies=cookies)
    assert again.get("/people").status_code == 401


def test_a_login_form_is_not_taken_from_another_site(viewer: Browser) -> None:
    answer = viewer.client.post("/login", data={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def every_route() -> Iterator[APIRoute]:
    for router in guarded():
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield route


def test_what_changes_something_names_its_role_or_is_for_administrators(
    empty: Workspace, viewer: Browser
) -> None:
    """So a page that forgets to say is closed, not open."""
    create_app(empty)
    silent = [
        r
        for r in every_route()
        if "GET" not in r.methods and not any(isinstance(d.dependency, Require) for d in r.dependencies)
    ]
    assert silent
    for route in silent:
        assert send(viewer, route.path.replace("{person_id}", "1")) == 403, route.path
