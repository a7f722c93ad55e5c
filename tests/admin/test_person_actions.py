"""Merge, convert and delete on a person's page: shown first, done on a yes or on words that were typed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from diptych.domain.roles import Role
from diptych.wiring import Workspace, open_workspace
from tests.admin.conftest import Browser, admit, browser_of, connect, settings_of
from tests.admin.test_roles import logged_in, send
from tests.practice_org.server import RunningOrg, serve_in_thread


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path_factory.mktemp("org"), records=5) as running:
        rights = ["Read", "Create", "Edit", "Delete"]
        objects = dict.fromkeys(("Lead", "Contact", "Account", "Opportunity"), rights)
        running.control("users", {"username": running.username, "objects": objects})
        yield running


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, org: RunningOrg) -> Iterator[Workspace]:
    with org.at_work() as api:
        for name in ("Ames", "Bloom", "Crane", "Drake", "Evans", "Frost", "Gibbs"):
            row = {"LastName": name, "Company": f"{name} Ltd", "Email": f"{name.lower()}@x.org"}
            assert api.post("sobjects/Lead", json=row).status_code == 201
    with open_workspace(settings_of(tmp_path_factory.mktemp("here"))) as made:
        connect(made, org)
        made.setup.start()
        assert made.run_cycle().status == "Succeeded"
        org.later(5)
        yield made


@pytest.fixture
def browser(workspace: Workspace) -> Browser:
    return admit(browser_of(workspace))


def person(workspace: Workspace, name: str) -> int:
    (row,) = workspace.queries.people(search=name).rows
    return int(row["id"])


def test_merged_with_the_value_that_was_picked(
    browser: Browser, workspace: Workspace, org: RunningOrg
) -> None:
    first, second = person(workspace, "Ames"), person(workspace, "Bloom")
    assert "/merge" in browser.get(f"/people/{first}") and "/convert" in browser.get(f"/people/{first}")
    assert "Numbers of the other people" in browser.get(f"/people/{first}/merge")
    shown = browser.get(f"/people/{first}/merge?others={second}")
    assert "remains" in shown and "Bloom Ltd" in shown and f'name="pick.last_name" value="{second}"' in shown
    assert "There is no person 4711" in browser.get(f"/people/{first}/merge?others=4711", 422)
    said = browser.post(f"/people/{first}/merge", others=f"{second}", **{"pick.last_name": str(second)})
    assert "Merged." in said
    found = workspace.queries.person(first)
    assert found is not None and found.values["last_name"] == "Bloom"
    assert "has joined this one" in browser.get(f"/people/{second}"), "the id that went leads there"
    browser.get(f"/people/{second}/edit")
    with org.api("admin") as api:
        text = "SELECT Id FROM Lead WHERE IsDeleted = true AND MasterRecordId != null"
        assert api.get("queryAll", params={"q": text}).json()["totalSize"] == 1


def test_converted_after_a_look(browser: Browser, workspace: Workspace) -> None:
    number = person(workspace, "Crane")
    shown = browser.get(f"/people/{number}/convert?opportunity=no")
    assert "into a new contact of a new account, without an opportunity" in shown
    assert "does not show contact" in browser.get(f"/people/{number}/convert?contact=003000000000001AAA", 422)
    assert "Converted." in browser.post(f"/people/{number}/convert", opportunity="no")
    found = workspace.queries.person(number)
    assert found is not None and found.system["salesforce_type"] == "contact"
    assert "is no lead in Salesforce" in browser.get(f"/people/{number}/convert", 422)


def test_deleted_there_only_with_the_words(browser: Browser, workspace: Workspace) -> None:
    number = person(workspace, "Drake")
    form = {"policy": "delete", "keep_away": "suppress"}
    said = browser.post(f"/people/{number}/delete", 422, **form)
    assert "delete 1 in Salesforce" in said and workspace.queries.person(number)
    assert "delete 1 in" in browser.post(f"/people/{number}/delete", 422, confirm="yes", **form)
    assert "was deleted" in browser.post(f"/people/{number}/delete", confirm="delete 1 in Salesforce", **form)
    assert workspace.queries.person(number) is None
    assert number in {s.former_id for s in workspace.acting.suppressed(10)}


def test_let_go_of_and_tied_again(browser: Browser, workspace: Workspace) -> None:
    number = person(workspace, "Evans")
    assert "were let go" in browser.post(f"/people/{number}/delete", policy="detach")
    found = workspace.queries.person(number)
    assert found is not None and [pair.state for pair in found.pairs] == ["detached"]
    run = workspace.acting.ordered(1)[0].run_id
    assert f'href="/actions/undo/{run}"' in browser.get("/actions")
    assert f"Person {number} is brought back" in browser.get(f"/actions/undo/{run}")
    assert "Taken back." in browser.post(f"/actions/undo/{run}")
    found = workspace.queries.person(number)
    assert found is not None and [pair.state for pair in found.pairs] == ["paired"]
    assert "nothing to take back" in browser.post(f"/actions/undo/{run}", 422)


def test_a_delete_is_taken_back_with_its_record(browser: Browser, workspace: Workspace) -> None:
    number = person(workspace, "Gibbs")
    form = {"policy": "delete", "keep_away": "suppress", "confirm": "delete 1 in Salesforce"}
    assert "was deleted" in browser.post(f"/people/{number}/delete", **form)
    gone = workspace.acting.ordered(1)[0]
    listed = browser.get("/actions")
    assert "a hash of the email address" in listed and "Let it come back" in listed
    shown = browser.get(f"/actions/undo/{gone.run_id}")
    assert "Here and in Salesforce" in shown and "recycle bin" in shown
    assert "Taken back." in browser.post(f"/actions/undo/{gone.run_id}", undelete="yes")
    found = workspace.queries.person(gone.person_id)
    assert found is not None and [pair.state for pair in found.pairs] == ["paired"]
    assert number not in {s.former_id for s in workspace.acting.suppressed(10)}
    assert "not on the list" in browser.post("/actions/release", 422, number=str(gone.person_id))
    assert "no such action" in browser.post("/actions/cancel", 422, number="999")
    assert "merged, converted or deleted nobody" in browser.get("/actions/undo/1", 422)


def test_an_operator_deletes_here_and_an_administrator_there(workspace: Workspace) -> None:
    number = person(workspace, "Frost")
    operator = logged_in(workspace, "olga", Role.OPERATOR)
    assert "takes the role administrator" in operator.get(f"/people/{number}/delete")
    words = {"policy": "delete", "confirm": "delete 1 in Salesforce"}
    assert send(operator, f"/people/{number}/delete", **words) == 403
    assert send(operator, f"/people/{number}/delete", keep_away="forget") == 403
    assert workspace.queries.person(number)
    viewer = logged_in(workspace, "vera", Role.VIEWER)
    for page in ("merge", "convert", "delete"):
        assert send(viewer, f"/people/{number}/{page}") == 403
    assert send(operator, f"/people/{number}/delete", policy="leave") == 303
    assert workspace.queries.person(number) is None
