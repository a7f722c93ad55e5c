"""axe-core, phone width, keyboard, content policy, language: on every page that there is, from the first to the last step."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

from diptych.access.users import Users
from diptych.admin.app import create_app
from diptych.config import DEMO_FILE
from diptych.domain.roles import Role
from diptych.wiring import Workspace, open_workspace
from tests.acceptance.browser import chromium
from tests.admin.conftest import ORIGIN, Browser, admit, settings_of
from tests.admin.planted import Planted, plant
from tests.admin.served import serving
from tests.admin.walk import MISSED, Walk, by_tab, pages_of
from tests.practice_org.server import RunningOrg, serve_in_thread

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

NAME, PASSWORD = "wilhelmina.featherstonehaugh@example.org", "a long and winding password"

EXCUSED = {
    "/": "sends on to people or set-up",
    "/setup": "sends on to the step that is next",
    "/access": "sends on to users",
    "/language/{code}": "sends back, in the other language",
    "/login/provider": "sends on to the provider",
    "/login/provider/back": "the provider sends here; it sends on, or is the page of the login with what failed",
    "/setup/credentials/callback": "Salesforce sends here; it is the page of the credentials",
    "/mapping/move": "sends on to the preview",
    "/events": "a stream",
    "/errors.csv": "a file",
    "/runs.csv": "a file",
    "/access/audit/file": "a file",
    "/mappings/file": "a file",
    "/runs/table": "a part of /runs",
    "/throughput/figures": "a part of /throughput",
    "/healthz": "for machines",
    "/readyz": "for machines",
    "/metrics": "for machines",
}


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path_factory.mktemp("org"), records=30) as running:
        yield running


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, org: RunningOrg) -> Iterator[Walk]:
    """The browser after its walk, from the login through set-up and first sync to the pages of every day."""
    with (
        open_workspace(settings_of(tmp_path_factory.mktemp("walk"))) as space,
        chromium() as running,
        serving(app := create_app(space)) as here,
    ):
        Users(space.store).add(NAME, Role.ADMIN, PASSWORD)
        walked = Walk(running.new_context(), here)
        before_anything(walked)
        log_in(walked)
        nothing_there(walked)
        connect_by_hand(walked, org)
        set_up(walked, space)
        space.setup.start()
        assert space.run_cycle().status == "Succeeded"
        hand = admit(Browser(app, TestClient(app, base_url=ORIGIN)))
        every_day(walked, plant(space, hand))
        a_demo(walked, space, org)
        yield walked


def before_anything(walk: Walk) -> None:
    walk.visit("/people", 401, "closed")
    walk.visit("/login")
    walk.visit("/enter?token=old", 403)


def log_in(walk: Walk) -> None:
    walk.page.goto(f"{walk.here}/login")
    walk.page.locator("[name=name]").fill(NAME)
    walk.page.locator("[name=password]").fill(PASSWORD)
    walk.page.locator("form[action='/login'] button").click()
    walk.page.wait_for_url("**/setup/prepare")


def nothing_there(walk: Walk) -> None:
    for address in ("/setup/credentials", "/people", "/salesforce", "/runs"):
        walk.visit(address, name=f"empty-{address[1:].replace('/', '-')}")


def connect_by_hand(walk: Walk, org: RunningOrg) -> None:
    """With a password that is wrong, then right, to the question whether this is the org."""
    page = walk.page
    for password in ("wrong", org.password):
        walk.as_reader("es")
        page.goto(f"{walk.here}/setup/credentials")
        page.locator("[name=kind][value=password]").check()
        page.locator("[name=environment][value=custom]").check()
        page.locator("[name=login_url]").fill(org.base_url)
        page.locator("[name='password.username']").fill(org.username)
        page.locator("[name='password.password']").fill(password)
        page.locator("[name='password.security_token']").fill(org.security_token)
        page.locator("button.primary").click()
        page.locator("#problem" if password == "wrong" else "[name=card]").first.wait_for(state="attached")
        walk.look("card" if password == org.password else "wrong-password")
    page.locator("button.primary").first.click()
    page.wait_for_url("**/setup/prepare")


def set_up(walk: Walk, space: Workspace) -> None:
    """The steps in their order, each as it is when it is the next one."""
    walk.visit("/setup/prepare")
    walk.visit("/setup/prepare/org")
    space.setup.prepared()
    walk.visit("/setup/fields")
    space.setup.sync_fields()
    walk.visit("/setup/confirm")
    space.setup.confirm()
    walk.visit("/setup/mappings")
    space.setup.finish_mapping()
    walk.visit("/setup/start")


def every_day(walk: Walk, there: Planted) -> None:
    person = f"/people/{there.person}"
    for address in (
        "/people",
        "/people/new",
        person,
        f"{person}/edit",
        f"{person}/why",
        f"{person}/why?field=first_name",
        f"{person}/merge?others={there.other}",
        f"{person}/delete",
        f"/people/{there.lead}/convert",
        "/actions",
        f"/actions/undo/{there.action_run}",
        "/salesforce",
        "/plan",
        "/mapping",
        "/mapping?state=held",
        "/mapping/field/Lead.Region__c",
        "/mapping/field/Lead.Region__c/accept",
        "/mapping/field/Lead.Region__c/renamed?new=Lead.PhotoUrl",
        "/mapping/add",
        "/mapping/preview?name=Lead.City&direction=inbound&was_direction=both",
        "/mapping/preview?all=mapped&f_object=Lead&direction=inbound",
        "/mapping/history",
        "/mapping/diff?from=1&to=2",
        "/mapping/undo/1",
        "/mapping/promote",
        "/mapping/reset",
        "/mapping/arrange",
        "/mappings",
        "/runs",
        f"/runs/{there.run}",
        f"/runs/{there.changed}/undo",
        "/throughput",
        "/errors",
        f"/errors/{there.cause}",
        "/conflicts",
        "/identity?rule=email",
        "/identity/creating?filter=email+is+not+blank",
        "/identity/review",
        "/identity/waiting",
        "/alerts",
        "/alerts/rules",
        "/alerts/channels",
        "/setup/start",
        "/setup/verify",
        "/settings",
        "/access/users",
        "/access/sessions",
        "/access/tokens",
        "/access/audit",
        "/account",
    ):
        walk.visit(address)
    walk.visit("/mapping/field/Lead.City/renamed?new=Lead.Nope", 422)
    walk.visit("/nowhere", 404)


def a_demo(walk: Walk, space: Workspace, org: RunningOrg) -> None:
    """What only a demo has: the box on every page, what to type, starting over."""
    (space.settings.data_dir / DEMO_FILE).write_text(json.dumps(org.facts))
    space.settings = space.settings.model_copy(update={"demo": True})
    for address in ("/start-over", "/setup/credentials"):
        walk.visit(address, name=f"demo-{address[1:].replace('/', '-')}")


def test_every_page_is_visited_or_excused(walk: Walk, empty: Workspace) -> None:
    there = pages_of(create_app(empty))
    assert len(there) > 60
    patterns = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$") for path in there}
    left = {
        path for path, pattern in patterns.items() if not any(pattern.match(seen) for seen in walk.visited)
    }
    assert left - set(EXCUSED) == set(), "add them to the walk"
    assert set(EXCUSED) - there == set(), "there is no such page any more"


@pytest.mark.parametrize("kind", ["axe", "wider", "console", "elsewhere", "policy", "language", "status"])
def test_nothing_is_found(walk: Walk, kind: str) -> None:
    assert "\n".join(dict.fromkeys(walk.found[kind])) == ""


@pytest.mark.parametrize(
    ("address", "desk"),
    [
        ("/people", False),
        ("/mapping/field/Lead.City", True),
        ("/identity?rule=email", True),
        ("/access/users", False),
    ],
)
def test_every_control_is_reached_by_tab_and_seen(walk: Walk, address: str, desk: bool) -> None:
    page: Page = walk.page
    walk.as_reader("es", desk)
    page.goto(walk.here + address)
    assert [said for said in by_tab(page) if said] == []
    assert page.evaluate(MISSED) == []
