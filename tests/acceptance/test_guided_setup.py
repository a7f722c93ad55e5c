"""The main job in a real browser: `diptych demo`, then 'Start over, step by step' through all steps of the guided set-up,
the first sync, and one change each way arriving."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.acceptance.browser import chromium, guide_picture, picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SOON = 60_000  # milliseconds until something must have arrived, on a busy machine
expect.set_options(timeout=SOON)


class Demo:
    """A running `diptych demo` and what it printed."""

    def __init__(self, folder: Path) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DIPTYCH_")}
        command = [
            sys.executable,
            "-m",
            "diptych.cli",
            "demo",
            "--records",
            "600",
            "--port",
            "0",
            "--org-port",
            "0",
        ]
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**environment, "PYTHONUNBUFFERED": "1"},
        )
        self.said = ""
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._ready.wait(180), f"the demo did not come up:\n{self.said}"
        assert self.process.poll() is None, self.said

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if "Start over" in line:
                self._ready.set()
        self._ready.set()

    def found(self, pattern: str) -> str:
        match = re.search(pattern, self.said)
        assert match, f"{pattern} is not in:\n{self.said}"
        return match.group(1)

    def new_link(self) -> str:
        """A further one-time address, as `diptych link` prints it."""
        port = self.found(r"Diptych +http://[^/]+:(\d+)/enter")
        folder = self.found(r"DIPTYCH_DATA_DIR=(\S+)")
        done = subprocess.run(
            [sys.executable, "-m", "diptych.cli", "link", "--port", port],
            env={**os.environ, "DIPTYCH_DATA_DIR": folder},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip().split()[-1]

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo") / "data")
    yield running
    assert running.stop() == 0, running.said


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def new_page(browser: Browser) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US").new_page()
    page.set_default_timeout(SOON)
    page.on("pageerror", lambda problem: pytest.fail(f"script error on {page.url}: {problem}"))
    return page


def test_the_whole_set_up_and_a_change_each_way(demo: Demo, browser: Browser) -> None:
    page = new_page(browser)
    org_address = demo.found(r"Practice org +(http\S+)")
    page.goto(demo.found(r"Diptych +(http\S+/enter\S+)"))
    expect(page.get_by_role("heading", name="People")).to_be_visible()
    picture(page, "01-people-of-the-demo")

    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_text("This is a demo: what to try").click()
    page.get_by_role("link", name="Start over, step by step").click()
    page.get_by_role("button", name="Start over").click()
    page.wait_for_url("**/setup/prepare")
    expect(page.get_by_text("Not connected")).to_be_visible()
    picture(page, "02-prepare")
    page.get_by_role("button", name="Continue").click()

    page.wait_for_url("**/setup/credentials")
    guide_picture(page, "credentials")
    page.get_by_role("textbox", name="Password").fill("wrong")
    page.get_by_role("textbox", name="Security token").fill("wrong")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("alert")).to_contain_text("password")
    picture(page, "03-wrong-password")

    def asked_for(label: str) -> str:
        return (
            page.locator("dl.facts dt", has_text=label).locator("xpath=following-sibling::dd[1]").inner_text()
        )

    page.get_by_role("textbox", name="Password").fill(asked_for("Password"))
    page.get_by_role("textbox", name="Security token").fill(asked_for("Security token"))
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("heading", name="Connected. Is this right?")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Diptych Sync")
    expect(page.get_by_text("Not connected")).to_be_visible()  # nothing is saved before the yes
    picture(page, "04-is-this-right", guide="is-this-right")
    page.get_by_role("button", name="Yes, use this connection").click()

    page.wait_for_url(re.compile("/setup/(prepare|fields)"))
    page.goto(f"{origin(page)}/setup/prepare")
    expect(page.get_by_text("API access", exact=True)).to_be_attached()
    picture(page, "05-what-the-org-says", guide="prepare")
    page.goto(f"{origin(page)}/setup/fields")
    page.get_by_label("Find a field").fill("fax")
    fax = page.get_by_role("checkbox", name=re.compile("^ ?Fax Fax")).first
    fax.uncheck()
    page.get_by_label("Find a field").fill("")
    picture(page, "06-sync-fields", guide="fields")
    page.get_by_role("button", name="Sync Fields").click()

    page.wait_for_url("**/setup/confirm")
    expect(page.get_by_role("heading", name="What the first sync will do")).to_be_visible()
    picture(page, "07-confirm-credentials", guide="confirm")
    page.get_by_role("button", name="Confirm Credentials").click()

    page.wait_for_url("**/setup/mappings")
    expect(page.get_by_role("row", name=re.compile("favorite_color"))).to_be_visible()
    picture(page, "08-mappings", guide="mappings")
    page.get_by_role("row", name=re.compile("shoe_size")).get_by_role("button", name="Break Mapping").click()
    expect(page.get_by_role("status").first).to_contain_text("broken")
    page.get_by_label("Lead field", exact=True).select_option("Lead.Shoe_Size__c")
    page.get_by_label("Contact field", exact=True).select_option("Contact.ShoeSize__c")
    page.get_by_role("button", name="Map these two").click()
    expect(page.get_by_role("status").first).to_contain_text("one field now")
    page.get_by_role("button", name="Finish Mappings").click()

    page.wait_for_url("**/setup/start")
    picture(page, "09-start-sync")
    page.get_by_role("button", name="Start Sync").click()
    expect(page.get_by_text("Everything is here")).to_be_visible()
    picture(page, "10-loaded", guide="loaded")

    page.goto(f"{origin(page)}/setup/verify")
    page.get_by_role("button", name="Verify now").click()
    expect_after_reload(page, "Every record and every mapped field was compared.")
    expect(page.locator("#verified")).to_contain_text("Equal")
    expect(page.get_by_role("link", name=re.compile("Last sync|Sync in progress"))).to_be_visible()
    picture(page, "11-verify", guide="verified")

    a_change_each_way(demo, browser, page, org_address)


def test_login_with_salesforce_gives_new_credentials_for_the_same_org(demo: Demo, browser: Browser) -> None:
    """The login page belongs to another site: the strict content policy and the session cookie must let it work."""
    page = new_page(browser)
    page.goto(demo.new_link())
    expect(page.get_by_role("link", name="People")).to_be_visible()
    page.goto(f"{origin(page)}/setup/credentials")

    def asked_for(label: str) -> str:
        told = page.locator("dl.facts dt", has_text=re.compile(f"^{label}$"))
        return told.locator("xpath=following-sibling::dd[1]").inner_text()

    username, password = asked_for("User name"), asked_for("Password")
    key, secret = asked_for("Consumer key"), asked_for("Consumer secret")
    page.get_by_role("radio", name="Login with Salesforce").check()
    page.get_by_role("radio", name="Another login address").check()
    page.get_by_label("Consumer key of the connected app").fill(key)
    page.locator("#kind-oauth").get_by_label("Consumer secret").fill(secret)
    page.get_by_role("button", name="Connect").click()
    page.wait_for_url("**/services/oauth2/authorize*")
    picture(page, "17-login-there")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/setup/credentials/callback*")
    expect(page.get_by_role("heading", name="Connected. Is this right?")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Login with Salesforce")
    picture(page, "18-is-this-right-again")
    page.get_by_role("button", name="Yes, use this connection").click()
    page.wait_for_url("**/setup/prepare")
    expect(page.get_by_role("main")).to_contain_text("What the org says")


def a_change_each_way(demo: Demo, browser: Browser, page: Page, org_address: str) -> None:
    page.goto(f"{origin(page)}/people?salesforce_type=lead&link_state=lead")
    picture(page, "12-people", guide="people")
    page.locator("#people tbody th a").first.click()
    person = page.url
    lead = page.get_by_role("link", name=re.compile("open in Salesforce")).get_attribute("href") or ""
    assert lead.startswith(org_address)

    sales = new_page(browser)
    sales.goto(lead)
    sales.get_by_label("Username").fill(demo.found(r"as salesperson +(\S+)"))
    sales.get_by_label("Password").fill(demo.found(r"as salesperson .* password (\S+)"))
    sales.get_by_role("button", name="Log in").click()
    sales.get_by_role("link", name="Edit").click()
    sales.get_by_label("Title", exact=True).fill("Head of Hinges")
    sales.get_by_role("button", name="Save").click()
    expect(sales.get_by_role("main")).to_contain_text("Saved.")
    picture(sales, "13-edited-there")
    expect_after_reload(page, "Head of Hinges")
    expect(page.get_by_role("row", name=re.compile("Head of Hinges"))).to_contain_text("Mara Lindqvist")
    picture(page, "14-arrived-here", guide="person")

    page.get_by_role("link", name="Edit").click()
    page.get_by_label(re.compile("^Mobile Phone")).fill("+34 600 123 456")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(person)
    expect(page.get_by_role("main")).to_contain_text("+34 600 123 456")
    picture(page, "15-edited-here")
    expect_after_reload(sales, "+34 600 123 456")
    picture(sales, "16-arrived-there")


def origin(page: Page) -> str:
    return page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2]


def expect_after_reload(page: Page, text: str) -> None:
    """The text is there within SOON, on a page that has to be asked again."""
    for _ in range(SOON // 1000):
        if text in page.get_by_role("main").inner_text():
            return
        page.wait_for_timeout(1000)
        page.reload()
    pytest.fail(f"{text!r} did not arrive on {page.url}")
