"""An org is prepared by Diptych itself: shown, done, taken back; over the Metadata API and the data API of a practice org."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.connection.connector import SalesforceConnector
from diptych.domain.creating import KEY_FIELD, NewRecord, keyed
from diptych.domain.outcome import Done, OrgOutcomeUnknown, OrgRefused
from diptych.setup.ports import AuthKind, Credentials
from diptych.setup.preparation import PERMISSION_SET, Act, Change, Part, Wishes
from diptych.setup.prepare import FIELDS_TO_CREATE
from diptych.setup.state import SetupRefused
from diptych.setup.steps import Setup
from diptych.testing.clock import VirtualClock
from diptych.testing.store import InMemoryStore
from tests.practice_org.server import RunningOrg, serve_in_thread
from tests.setup.fakes import FakeVault

SCORE = "mkto71_Lead_Score__c"
RECOMMENDED = {f.api_name for f in FIELDS_TO_CREATE if f.recommended}


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path, records=5) as org:
        for name in ("Lead", "Contact"):
            for field in FIELDS_TO_CREATE:
                if field.api_name in described(org, "admin", name):
                    org.control("fields", {"object": name, "name": field.api_name, "delete": True})
        yield org


@pytest.fixture
def setup(practice: RunningOrg) -> Setup:
    made = Setup(InMemoryStore(), FakeVault(), SalesforceConnector(), VirtualClock())
    made.save(login(practice), made.check(login(practice)))
    return made


def login(org: RunningOrg, role: str = "sync") -> Credentials:
    one = org.user(role)
    return Credentials(
        AuthKind.PASSWORD, org.base_url, one["username"], "", one["password"], one["security_token"]
    )


def described(org: RunningOrg, role: str, name: str) -> dict[str, Any]:
    with org.api(role) as api:
        return {f["name"]: f for f in api.get(f"sobjects/{name}/describe").json()["fields"]}


def query(org: RunningOrg, soql: str) -> list[dict[str, Any]]:
    with org.api("admin") as api:
        return list(api.get("query", params={"q": soql}).json()["records"])


def layout(org: RunningOrg, name: str) -> str:
    found = org.control("metadata", {"type": "Layout", "read": [name]})[0]
    return str(found["layoutSections"])


def test_everything_that_was_shown_is_done(setup: Setup, practice: RunningOrg) -> None:
    before = practice.control("metadata", {"type": "CustomField"})
    preview = setup.preparing.preview(Wishes())
    assert preview.actor.username == practice.username and preview.lacking == ()
    assert practice.control("metadata", {"type": "CustomField"}) == before and setup.preparing.noted() == ()
    told: list[str] = []
    done = setup.preparing.carry_out(Wishes(), tell=lambda change: told.append(change.text))
    assert done == preview.changes == setup.preparing.noted() and told == [change.text for change in done]
    for name in ("Lead", "Contact"):
        mine, theirs = described(practice, "sync", name), described(practice, "sales", name)
        assert set(mine) >= RECOMMENDED and all(mine[field]["updateable"] for field in RECOMMENDED)
        assert all(theirs[field]["updateable"] is False for field in RECOMMENDED)  # seen, not changed (S-6)
        assert SCORE in layout(practice, f"{name}-{name} Layout") and "Diptych" in layout(
            practice, f"{name}-{name} Layout"
        )
    score = described(practice, "sync", "Lead")[SCORE]
    assert (score["type"], score["precision"], score["scale"]) == ("double", 10, 0)
    settings = practice.control("metadata", {"type": "LeadConvertSettings", "read": ["LeadConvertSettings"]})[
        0
    ]
    pairs = {one["inputField"] for one in settings["objectMapping"][0]["mappingFields"]}
    assert pairs >= RECOMMENDED
    assert [one["Assignee"]["Username"] for one in query(practice, f"SELECT Assignee.Username FROM PermissionSetAssignment WHERE PermissionSet.Name = '{PERMISSION_SET}'")] == [practice.username]  # fmt: skip
    assert setup.preparing.preview(Wishes()).changes == ()
    assert setup.preparing.carry_out(Wishes()) == ()
    warned = [c for c in setup.preflight().checks if "custom fields" in c.name and c.status == "warning"]
    assert warned == []
    (ends,) = [c for c in setup.preflight().checks if "conversion" in c.name]
    assert ends.status == "warning" and ends.fields and not RECOMMENDED & set(ends.fields)


def test_it_is_taken_back_to_what_it_was(setup: Setup, practice: RunningOrg) -> None:
    before = layout(practice, "Lead-Lead Layout")
    done = setup.preparing.carry_out(Wishes(optional=True))
    undone = setup.preparing.undo()
    assert undone == tuple(reversed(done)) and setup.preparing.noted() == ()
    assert layout(practice, "Lead-Lead Layout") == before
    assert query(practice, f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSION_SET}'") == []
    assert not any("mkto71" in name for name in practice.control("metadata", {"type": "CustomField"}))
    with pytest.raises(SetupRefused, match="nothing in this org"):
        setup.preparing.undo()


def test_what_creating_people_needs_is_prepared_used_and_taken_back(
    setup: Setup, practice: RunningOrg
) -> None:
    practice.control("users", {"username": practice.username, "objects": {"Lead": ["Read", "Edit"]}})
    creating = Wishes(creating=True, without=frozenset({Part.FIELDS, Part.LAYOUTS, Part.VISIBILITY}))
    assert KEY_FIELD not in {name for c in setup.preparing.preview(Wishes()).changes for name in c.names}
    assert not setup.org().describe("Lead").createable
    done = setup.preparing.carry_out(creating)
    assert [c.names for c in done if c.act is Act.CREATE_FIELDS] == [(KEY_FIELD,)] * 2
    assert Change(Act.GRANT_OBJECT, "Lead", ("Read", "Create", "Edit"), PERMISSION_SET) in done
    lead, contact = setup.org().describe("Lead"), setup.org().describe("Contact")
    assert keyed(lead) and keyed(contact) and lead.createable
    assert KEY_FIELD not in described(practice, "sales", "Lead")
    new = [NewRecord("d-1", {"LastName": "Lee", "Company": "Acme"})]
    first, again = (setup.org().create("Lead", new, attempt, True) for attempt in ("1-1", "1-2"))
    assert first == again and isinstance(first[0], Done)
    assert setup.org().find([], ["d-1"], ("Lead", "Contact"))[0].sf_id == first[0].sf_id
    assert setup.preparing.preview(creating).changes == ()
    setup.preparing.undo()
    after = setup.org().describe("Lead")
    assert KEY_FIELD not in after.fields and not after.createable


def test_the_rights_to_act_on_whole_people_are_prepared_used_and_taken_back(
    setup: Setup, practice: RunningOrg
) -> None:
    practice.control("users", {"username": practice.username, "objects": {"Lead": ["Read", "Edit"]}})
    acting = Wishes(acting=True, without=frozenset({Part.FIELDS, Part.LAYOUTS, Part.VISIBILITY}))
    setup.preparing.carry_out(acting)
    assert setup.preparing.preview(acting).changes == ()
    assert setup.org().describe("Lead").deletable and setup.org().describe("Contact").deletable
    held = f"SELECT PermissionsConvertLeads FROM PermissionSet WHERE Name = '{PERMISSION_SET}'"
    assert query(practice, held)[0]["PermissionsConvertLeads"]
    setup.preparing.undo()
    assert not setup.org().describe("Lead").deletable


def test_what_an_administrator_had_mapped_and_laid_out_stays(setup: Setup, practice: RunningOrg) -> None:
    for name in ("Lead", "Contact"):
        practice.control("fields", {"object": name, "name": "Theirs", "type": "text", "length": 20})
    pair = {
        "inputObject": "Lead",
        "mappingFields": [{"inputField": "Theirs__c", "outputField": "Theirs__c"}],
        "outputObject": "Contact",
    }
    practice.control(
        "metadata",
        {
            "type": "LeadConvertSettings",
            "components": [{"fullName": "LeadConvertSettings", "objectMapping": [pair]}],
        },
    )
    setup.preparing.carry_out(Wishes())
    setup.preparing.undo()
    settings = practice.control("metadata", {"type": "LeadConvertSettings", "read": ["LeadConvertSettings"]})[
        0
    ]
    assert settings["objectMapping"] == [pair]


def test_a_user_without_the_right_is_told_and_an_administrator_does_it(
    setup: Setup, practice: RunningOrg
) -> None:
    practice.control(
        "users",
        {
            "username": practice.username,
            "system_permissions": {"ModifyAllData": False, "CustomizeApplication": False},
        },
    )
    preview = setup.preparing.preview(Wishes())
    assert preview.lacking == ("Customize Application or Modify All Data",)
    with pytest.raises(SetupRefused, match="may not change the org's set-up"):
        setup.preparing.carry_out(Wishes())
    assert setup.preparing.noted() == ()
    done = setup.preparing.carry_out(Wishes(), login(practice, "admin"))
    assert {change.act for change in done} == set(Act) - {
        Act.GRANT_SYSTEM
    }  # that one is for acting, on request
    connection = setup.connection()
    assert (
        connection and connection.credentials.username == practice.username
    )  # the administrator's are not kept
    assert described(practice, "sync", "Lead")[SCORE]["updateable"]
    setup.preparing.undo(login(practice, "admin"))


def test_another_org_s_administrator_is_refused(setup: Setup, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with serve_in_thread(tmp_path / "other") as other, pytest.raises(SetupRefused, match="belong to"):
        setup.preparing.preview(Wishes(), login(other, "admin"))


def test_a_stop_in_between_is_gone_on_from_and_taken_back(setup: Setup, practice: RunningOrg) -> None:
    practice.control(
        "faults",
        {
            "trigger": "any",
            "path": "composite/sobjects",
            "method": "POST",
            "status": 403,
            "error_code": "INSUFFICIENT_ACCESS",
        },
    )
    with pytest.raises(OrgRefused):
        setup.preparing.carry_out(Wishes())
    begun = setup.preparing.noted()
    assert Act.CREATE_FIELDS in {change.act for change in begun}
    setup.preparing.carry_out(Wishes())
    assert setup.preparing.preview(Wishes()).changes == ()
    setup.preparing.undo()
    assert not any("mkto71" in name for name in practice.control("metadata", {"type": "CustomField"}))


def test_a_lost_answer_is_said_and_gone_on_from(setup: Setup, practice: RunningOrg) -> None:
    practice.control("faults", {"trigger": "any", "path": "Soap/m", "cut": "after", "after_n": 3})
    with pytest.raises(OrgOutcomeUnknown):
        setup.preparing.carry_out(Wishes())
    practice.control("faults", method="DELETE")
    setup.preparing.carry_out(Wishes())
    assert setup.preparing.preview(Wishes()).changes == ()
    setup.preparing.undo()
    assert not any("mkto71" in name for name in practice.control("metadata", {"type": "CustomField"}))


def test_an_expired_session_is_renewed(setup: Setup, practice: RunningOrg) -> None:
    setup.preparing.preview(Wishes())
    practice.control("sessions", {"expire": "all"})
    assert setup.preparing.carry_out(Wishes(without=frozenset({Part.LAYOUTS})))
    assert SCORE not in layout(practice, "Lead-Lead Layout")
