"""Tasks and events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.data import dml
from practice_org.schema import birth, profiles
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def shown(admin: Caller, object_name: str, record_id: str) -> dict[str, Any]:
    found: dict[str, Any] = admin("GET", f"/sobjects/{object_name}/{record_id}").json
    return found


def test_a_task_follows_its_status_and_priority(admin: Caller) -> None:
    task = admin.create("Task", Subject="Call", Priority="High")
    found = shown(admin, "Task", task)
    assert [found["Status"], found["IsClosed"], found["IsHighPriority"]] == ["Not Started", False, True]
    assert [found["TaskSubtype"], found["OwnerId"]] == ["Task", admin.user_id]
    admin("PATCH", f"/sobjects/Task/{task}", {"Status": "Completed", "Priority": "Low"})
    found = shown(admin, "Task", task)
    assert [found["IsClosed"], found["IsHighPriority"]] == [True, False]
    assert found["CompletedDateTime"] == found["LastModifiedDate"]


def test_an_activity_belongs_to_the_account_of_what_it_is_about(admin: Caller) -> None:
    account, other = admin.create("Account", Name="Werft"), admin.create("Account", Name="Hafen")
    contact = admin.create("Contact", LastName="Holm", AccountId=account)
    deal = admin.create(
        "Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-01-01", AccountId=other
    )
    by_person = admin.create("Task", WhoId=contact)
    by_deal = admin.create("Task", WhoId=contact, WhatId=deal)
    assert [shown(admin, "Task", t)["AccountId"] for t in (by_person, by_deal)] == [account, other]
    found = admin.query(
        "SELECT Id, Who.Name, TYPEOF What WHEN Opportunity THEN StageName ELSE Name END "
        f"FROM Task WHERE Id = '{by_deal}'"
    )["records"][0]
    assert [found["Who"]["Name"], found["What"]["StageName"]] == ["Holm", "Prospecting"]
    children = admin.query("SELECT Id, (SELECT Id FROM Tasks) FROM Opportunity")["records"][0]
    assert children["Tasks"]["totalSize"] == 1


def test_a_lead_has_no_parent_beside_it(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="Berg", Company="Nordlicht")
    account = admin.create("Account", Name="Werft")
    refused = admin("POST", "/sobjects/Task", {"WhoId": lead, "WhatId": account})
    assert [refused.status, refused.json[0]["errorCode"]] == [400, "FIELD_INTEGRITY_EXCEPTION"]
    wrong = admin("POST", "/sobjects/Task", {"WhoId": account})
    assert wrong.json[0]["errorCode"] == "MALFORMED_ID"


def test_closed_tasks_and_events_are_the_last_activity(admin: Caller) -> None:
    account = admin.create("Account", Name="Werft")
    contact = admin.create("Contact", LastName="Holm", AccountId=account)

    def last() -> list[Any]:
        return [
            shown(admin, *one)["LastActivityDate"] for one in (("Contact", contact), ("Account", account))
        ]

    stamp = shown(admin, "Contact", contact)["SystemModstamp"]
    admin.org.clock.advance(100)
    task = admin.create("Task", WhoId=contact, ActivityDate="2026-03-01")
    assert last() == [None, None]
    admin("PATCH", f"/sobjects/Task/{task}", {"Status": "Completed"})
    assert last() == ["2026-03-01", "2026-03-01"]
    event = admin.create(
        "Event", WhoId=contact, StartDateTime="2026-04-02T10:00:00Z", DurationInMinutes=30, Subject="Meeting"
    )
    assert last() == ["2026-04-02", "2026-04-02"]
    assert shown(admin, "Contact", contact)["SystemModstamp"] == stamp
    admin("DELETE", f"/sobjects/Event/{event}")
    assert last() == ["2026-03-01", "2026-03-01"]
    dml.undelete(admin.org, admin.user_id, "Event", event)
    assert last() == ["2026-04-02", "2026-04-02"]
    admin("PATCH", f"/sobjects/Event/{event}", {"WhoId": None})
    assert last() == ["2026-03-01", "2026-03-01"]


def test_start_end_and_duration_of_an_event_complete_each_other(admin: Caller) -> None:
    event = admin.create("Event", ActivityDateTime="2026-04-02T10:00:00Z", DurationInMinutes=90)
    found = shown(admin, "Event", event)
    assert found["StartDateTime"] == found["ActivityDateTime"] == "2026-04-02T10:00:00.000+0000"
    assert [found["EndDateTime"], found["ActivityDate"]] == ["2026-04-02T11:30:00.000+0000", "2026-04-02"]
    assert [found["ShowAs"], found["EventSubtype"], found["GroupEventType"]] == ["Busy", "Event", "0"]
    admin("PATCH", f"/sobjects/Event/{event}", {"EndDateTime": "2026-04-02T10:15:00Z"})
    assert shown(admin, "Event", event)["DurationInMinutes"] == 15
    admin("PATCH", f"/sobjects/Event/{event}", {"StartDateTime": "2026-04-03T09:00:00Z"})
    assert shown(admin, "Event", event)["EndDateTime"] == "2026-04-03T09:15:00.000+0000"
    day = admin.create("Event", IsAllDayEvent=True, ActivityDate="2026-04-05")
    assert shown(admin, "Event", day)["DurationInMinutes"] == 1440
    for body in ({"Subject": "Meeting"}, {"StartDateTime": "2026-04-02T10:00:00Z"}):
        assert admin("POST", "/sobjects/Event", body).json[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    backwards = {"StartDateTime": "2026-04-02T10:00:00Z", "EndDateTime": "2026-04-01T10:00:00Z"}
    assert admin("POST", "/sobjects/Event", backwards).json[0]["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"


def test_writing_activities_needs_the_system_permission(admin: Caller) -> None:
    org = admin.org
    profiles.create_profile(org, "Reader", system_permissions=("ApiEnabled",))
    reader = Caller(
        org, birth.create_user(org, username="r@example.com", last_name="Reader", profile="Reader")
    )
    assert reader("POST", "/sobjects/Task", {"Subject": "Call"}).status == 400
    assert reader.query("SELECT Id FROM Task")["totalSize"] == 0
    assert reader("GET", "/sobjects/Task/describe").json["createable"] is False
