"""Three errors planted in an org - a validation rule, a field that lost its permission, a picklist value that is not offered -
are found by cause on the page and go out by themselves when their cause is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from diptych.wiring import Workspace, open_workspace
from tests.admin.conftest import Browser, admit, browser_of, connect, settings_of
from tests.practice_org.server import RunningOrg, serve_in_thread


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path_factory.mktemp("org"), records=20) as running:
        segments = {"object": "Lead", "name": "Colour_Group__c", "type": "Picklist", "label": "Colour Group"}
        running.control("fields", {**segments, "picklist": ["Red", "Blue"], "restricted": True})
        yield running


@pytest.fixture(scope="module")
def space(org: RunningOrg, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with open_workspace(settings_of(tmp_path_factory.mktemp("data"), probe_minutes=0.001)) as workspace:
        connect(workspace, org)
        workspace.setup.start()
        assert workspace.run_cycle().status == "Succeeded"
        yield workspace


@pytest.fixture
def page(space: Workspace) -> Browser:
    return admit(browser_of(space))


def described_again(space: Workspace) -> None:
    """As an hour later."""
    with space.store.transaction() as unit:
        unit.save_setting("described_at.Lead", None)


def edit(space: Workspace, first: int, values: dict[str, Any]) -> list[int]:
    people = [
        row["id"] for row in space.queries.people(salesforce_type="lead", sort="id").rows[first : first + 3]
    ]
    for number in people:
        space.store.edit_person("admin:alice", number, values)
    return people


def test_a_validation_rule_that_is_taken_away_lets_its_errors_go(
    space: Workspace, org: RunningOrg, page: Browser
) -> None:
    rule = {"object": "Lead", "name": "Small", "message": "Use small letters.", "field": "Title"}
    org.control("rules", {"validation": [{**rule, "when": 'CONTAINS(Title, "BOSS")'}]})
    edit(space, 0, {"title": "BOSS"})
    space.run_cycle()
    html = page.get("/errors")
    assert "validation rule" in html and "3 records" in html and "Use small letters." in html
    (cause,) = space.queries.causes()
    assert "3 are in quarantine" in page.post("/errors/all", cause=cause.key, do="quarantined", status="open")
    org.control("rules", {"validation": []})
    for _ in range(3):
        space.run_cycle()
    assert space.queries.cause_totals() == {"open": 0, "quarantined": 0, "ignored": 0}
    assert "Nothing is wrong." in page.get("/errors")
    assert there(org, "Title", "BOSS") == 3


def there(org: RunningOrg, field: str, value: str) -> int:
    """How many leads have that value in Salesforce."""
    with org.api() as client:
        answer = client.get("query", params={"q": f"SELECT Id FROM Lead WHERE {field} = '{value}'"})
        return len(answer.json()["records"])


def test_a_field_that_lost_its_permission_is_sent_when_it_has_it_again(
    space: Workspace, org: RunningOrg, page: Browser
) -> None:
    org.control("schema_change", {"object": "Lead", "field": "Title", "change": "read"})
    described_again(space)
    edit(space, 3, {"title": "Chief"})
    space.run_cycle()
    (cause,) = space.queries.causes()
    assert (cause.error_class, cause.field, cause.open) == ("permission", "Title", 3)
    assert "Grant edit access" in page.get(f"/errors/{cause.key}")
    org.control("schema_change", {"object": "Lead", "field": "Title", "change": "edit"})
    assert "3 are tried again" in page.post("/errors/all", cause=cause.key, do="retry", status="open")
    space.run_cycle()
    assert space.queries.causes() == [] and there(org, "Title", "Chief") == 3


def test_a_picklist_value_that_is_added_lets_those_that_need_it_go(
    space: Workspace, org: RunningOrg, page: Browser
) -> None:
    edit(space, 6, {"colour_group": "Green"})
    (other, *_) = edit(space, 9, {"colour_group": "Red"})
    space.store.edit_person("admin:alice", other, {"colour_group": "Mauve"})
    space.run_cycle()
    (cause,) = space.queries.causes()
    assert (cause.error_class, cause.field, cause.open, there(org, "Colour_Group__c", "Red")) == (
        "picklist",
        "Colour_Group__c",
        4,
        2,
    )
    assert "does not offer" in page.get(f"/errors/{cause.key}")
    order = {
        "object": "Lead",
        "field": "Colour_Group__c",
        "change": "picklist",
        "values": ["Red", "Blue", "Green"],
    }
    org.control("schema_change", order)
    described_again(space)
    for _ in range(3):  # in the very second of the change it shows by one that goes through
        space.run_cycle()
    assert there(org, "Colour_Group__c", "Green") == 3
    (cause,) = space.queries.causes()
    assert cause.open == 1, "what is still not offered stays"
    space.alerts.look(force=True)
    assert any("Picklists of Lead" in alert.title for alert in space.alerts.firing())
