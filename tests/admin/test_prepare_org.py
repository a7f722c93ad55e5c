"""Diptych prepares the org from the browser: shown, done on a yes, taken back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from diptych.wiring import Workspace
from tests.admin.conftest import Browser, admit, browser_of
from tests.admin.test_setup_pages import by_password, card_of
from tests.practice_org.server import RunningOrg, serve_in_thread

EVERY_PART = {
    f"part.{name}": "1" for name in ("fields", "permissions", "visibility", "layouts", "lead-mapping")
}


@pytest.fixture
def org(tmp_path: Path) -> RunningOrg:
    (tmp_path / "org").mkdir()
    with serve_in_thread(tmp_path / "org", records=3) as running:
        yield running


@pytest.fixture
def browser(empty: Workspace, org: RunningOrg) -> Browser:
    made = admit(browser_of(empty))
    made.post("/setup/credentials/save", card=card_of(made.post("/setup/credentials", **by_password(org))))
    return made


def order_of(html: str) -> str:
    found = re.search(r'name="order" value="([^"]+)"', html)
    assert found, html
    return found.group(1)


def test_shown_done_and_taken_back(browser: Browser, empty: Workspace, org: RunningOrg) -> None:
    assert "/setup/prepare/org" in browser.get("/setup/prepare")
    html = browser.get("/setup/prepare/org")
    assert "Assign the permission set Diptych_Sync" in html and "Nothing has been changed so far." in html
    assert empty.setup.preparing.noted() == ()
    fewer = browser.post("/setup/prepare/org", **{**EVERY_PART, "optional": "1"})
    assert "mkto71_Inferred_City__c" in fewer and "Create on Lead: Diptych_Key__c" not in fewer
    assert "Create on Lead: Diptych_Key__c" in browser.post("/setup/prepare/org", **EVERY_PART, creating="1")
    said = browser.post("/setup/prepare/org/do", order=order_of(html))
    assert "were made" in said and len(empty.setup.preparing.noted()) > 3
    assert "Everything is there" in browser.get("/setup/prepare/org")
    back = browser.post("/setup/prepare/org", **EVERY_PART, undo="1")
    assert "Delete the permission set Diptych_Sync" in back
    assert "were taken back" in browser.post("/setup/prepare/org/do", order=order_of(back))
    assert empty.setup.preparing.noted() == ()
    again = browser.post("/setup/prepare/org/do", order=order_of(back))  # a yes counts once
    assert "nothing was changed" in again


def test_an_administrator_s_login_is_used_and_not_kept(
    browser: Browser, empty: Workspace, org: RunningOrg
) -> None:
    org.control("users", {"username": org.username, "system_permissions": {"ModifyAllData": False}})
    html = browser.get("/setup/prepare/org", 422)
    assert "may not change the set-up of this org" in html and 'name="order"' not in html
    one = org.user("admin")
    typed = {
        "admin.username": one["username"],
        "admin.password": one["password"],
        "admin.security_token": one["security_token"],
    }
    html = browser.post("/setup/prepare/org", **EVERY_PART, **typed)
    assert f"As {one['username']}." in html and one["password"] not in html
    assert "were made" in browser.post("/setup/prepare/org/do", order=order_of(html))
    assert empty.setup.connection().credentials.username == org.username
    wrong = browser.post("/setup/prepare/org", 422, **EVERY_PART, **{**typed, "admin.password": "wrong"})
    assert "password" in wrong and 'name="order"' not in wrong
