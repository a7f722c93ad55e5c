"""The pages in a real browser that runs no JavaScript: the security policy must not stand in their way."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.practice_org.server import RunningOrg

pytestmark = pytest.mark.browser


class Landing(BaseHTTPRequestHandler):
    """The app's own address, where the code must arrive."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"landed")

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def landing() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Landing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/back"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed, and could not be without root: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
        yield context.new_page()
        browser.close()


def log_in(page: Page, org: RunningOrg) -> None:
    one = org.user("sales")
    page.get_by_label("Username").fill(one["username"])
    page.get_by_label("Password").fill(one["password"])
    page.get_by_role("button", name="Log in").click()


def test_login_and_consent_end_at_the_apps_own_address(
    live_org: RunningOrg, page: Page, landing: str
) -> None:
    query = f"response_type=code&client_id={live_org.client_id}&redirect_uri={landing}&state=s1"
    page.goto(f"{live_org.base_url}/services/oauth2/authorize?{query}")
    log_in(page, live_org)
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{landing}?code=*state=s1")
    assert page.inner_text("body") == "landed"
    page.goto(f"{live_org.base_url}/services/oauth2/authorize?{query}&prompt=login")
    log_in(page, live_org)
    page.wait_for_url(f"{landing}?code=*")


def test_a_record_is_found_edited_deleted_and_brought_back(live_org: RunningOrg, page: Page) -> None:
    page.goto(live_org.base_url)
    log_in(page, live_org)
    page.get_by_role("link", name="New Lead").click()
    page.get_by_label("Last Name (required)").fill("Quillfeather")
    page.get_by_label("Company (required)").fill("Ink & Co")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Email", exact=True).fill("q@example.com")
    page.get_by_role("button", name="Save").click()
    assert "Saved." in page.inner_text("main") and "by Mara Lindqvist" in page.inner_text("main")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("link", name="recycle bin", exact=True).click()
    page.get_by_role("button", name="Undelete Quillfeather").click()
    page.get_by_role("link", name="Leads").click()
    page.get_by_label("Search by name").fill("quillf ink")
    page.get_by_role("button", name="Search").click()
    assert page.get_by_role("link", name="Quillfeather").count() == 1
    too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.evaluate(too_wide) is False


def test_leads_are_merged_and_converted_on_a_phone(live_org: RunningOrg, page: Page) -> None:
    with live_org.api("admin") as api:
        made = [
            api.post("sobjects/Lead", json={"LastName": "Quill", "Company": "Ink", "Title": title}).json()[
                "id"
            ]
            for title in ("kept", "lost")
        ]
    page.goto(f"{live_org.base_url}/{made[0]}")
    log_in(page, live_org)
    page.get_by_role("link", name="Merge").click()
    page.get_by_role("link", name="Compare with Quill").click()
    page.get_by_label("Title: lost").check()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Merge").click()
    page.get_by_text("Merged.").wait_for()
    page.get_by_role("link", name="Convert").click()
    page.get_by_label("Name of the opportunity").fill("Big one")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Convert").click()
    page.get_by_text("Converted. This is the contact.").wait_for()
    row = live_org.control(f"records?object=Lead&id={made[0]}")["records"][0]
    assert (row["Title"], row["IsConverted"]) == ("lost", 1)
    page.goto(f"{live_org.base_url}/bin")
    page.get_by_role("button", name="Undelete Quill").click()
    page.get_by_text("Back from the recycle bin.").wait_for()
