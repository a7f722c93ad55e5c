"""Opportunities, their contact roles and their history; cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def deal(admin: Caller, **more: Any) -> str:
    return admin.create(
        "Opportunity", **{"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-08-15", **more}
    )


def shown(admin: Caller, record_id: str) -> dict[str, Any]:
    found: dict[str, Any] = admin("GET", f"/sobjects/Opportunity/{record_id}").json
    return found


def test_the_stage_brings_probability_forecast_and_ending(admin: Caller) -> None:
    one = deal(admin, Amount=200, StageName="value proposition")
    first = shown(admin, one)
    assert [first["StageName"], first["Probability"], first["ExpectedRevenue"]] == [
        "Value Proposition",
        50,
        100,
    ]
    assert [first["ForecastCategory"], first["ForecastCategoryName"]] == ["Pipeline", "Pipeline"]
    assert [first["IsClosed"], first["IsWon"], first["LastStageChangeDate"]] == [False, False, None]
    assert [first["FiscalYear"], first["FiscalQuarter"], first["Fiscal"]] == [2026, 3, "2026 3"]
    admin("PATCH", f"/sobjects/Opportunity/{one}", {"StageName": "Closed Won"})
    won = shown(admin, one)
    assert [won["Probability"], won["IsClosed"], won["IsWon"]] == [100, True, True]
    assert [won["ForecastCategory"], won["ForecastCategoryName"]] == ["Closed", "Closed"]
    assert won["LastStageChangeDate"] == won["LastModifiedDate"]
    admin("PATCH", f"/sobjects/Opportunity/{one}", {"StageName": "Closed Lost", "CloseDate": "2027-01-02"})
    lost = shown(admin, one)
    assert [lost["Probability"], lost["IsClosed"], lost["IsWon"], lost["Fiscal"]] == [
        0,
        True,
        False,
        "2027 1",
    ]


def test_a_probability_and_a_forecast_that_are_given_stay(admin: Caller) -> None:
    one = deal(admin, Amount=1000, Probability=33, ForecastCategoryName="Best Case")
    found = shown(admin, one)
    assert [found["Probability"], found["ExpectedRevenue"], found["ForecastCategory"]] == [
        33,
        330,
        "BestCase",
    ]
    admin("PATCH", f"/sobjects/Opportunity/{one}", {"ForecastCategoryName": "Commit"})
    assert shown(admin, one)["ForecastCategory"] == "Forecast"
    admin("PATCH", f"/sobjects/Opportunity/{one}", {"Amount": None})
    assert [shown(admin, one)["Probability"], shown(admin, one)["ExpectedRevenue"]] == [33, None]


def test_close_date_and_stage_are_required(admin: Caller) -> None:
    answer = admin("POST", "/sobjects/Opportunity", {"Name": "Deal"})
    assert answer.json == [
        {
            "message": "Required fields are missing: [StageName, CloseDate]",
            "errorCode": "REQUIRED_FIELD_MISSING",
            "fields": ["StageName", "CloseDate"],
        }
    ]


def test_a_contact_given_at_birth_becomes_the_primary_role(admin: Caller) -> None:
    ada, bo = (admin.create("Contact", LastName=name) for name in ("Ada", "Bo"))
    one = deal(admin, ContactId=ada)
    roles = admin.query("SELECT ContactId, IsPrimary FROM OpportunityContactRole")["records"]
    assert [(r["ContactId"], r["IsPrimary"]) for r in roles] == [(ada, True)]
    assert shown(admin, one)["ContactId"] == ada
    admin.create(
        "OpportunityContactRole", OpportunityId=one, ContactId=bo, IsPrimary=True, Role="Decision Maker"
    )
    found = admin.query("SELECT ContactId FROM OpportunityContactRole WHERE IsPrimary = true")["records"]
    assert [r["ContactId"] for r in found] == [bo]
    assert admin.query(f"SELECT Id FROM Opportunity WHERE ContactId = '{bo}'")["totalSize"] == 1
    nested = admin.query("SELECT Id, (SELECT Role FROM OpportunityContactRoles) FROM Opportunity")
    assert nested["records"][0]["OpportunityContactRoles"]["totalSize"] == 2


def test_history_keeps_what_an_opportunity_was(admin: Caller) -> None:
    one = deal(admin, Amount=10)
    admin("PATCH", f"/sobjects/Opportunity/{one}", {"NextStep": "Call"})
    admin("PATCH", f"/sobjects/Opportunity/{one}", {"Amount": 20, "StageName": "Qualification"})
    rows = admin.query("SELECT Id, StageName, Amount, PrevAmount FROM OpportunityHistory ORDER BY Id")[
        "records"
    ]
    assert [(r["StageName"], r["Amount"], r["PrevAmount"]) for r in rows] == [
        ("Prospecting", 10, None),
        ("Qualification", 20, 10),
    ]
    assert shown(admin, one)["LastAmountChangedHistoryId"] == rows[1]["Id"]
    assert shown(admin, one)["LastCloseDateChangedHistoryId"] is None


def test_an_opportunity_knows_its_open_activities(admin: Caller) -> None:
    one = deal(admin)
    task = admin.create("Task", WhatId=one, Subject="Call", ActivityDate="2020-01-01")
    assert [shown(admin, one)[n] for n in ("HasOpenActivity", "HasOverdueTask")] == [True, True]
    admin("PATCH", f"/sobjects/Task/{task}", {"Status": "Completed"})
    assert [shown(admin, one)[n] for n in ("HasOpenActivity", "HasOverdueTask")] == [False, False]


def test_deleting_an_opportunity_takes_its_roles_along_and_brings_them_back(admin: Caller) -> None:
    one = deal(admin, ContactId=admin.create("Contact", LastName="Ada"))
    admin("DELETE", f"/sobjects/Opportunity/{one}")
    assert admin.query("SELECT Id FROM OpportunityContactRole")["totalSize"] == 0
    from practice_org.data import dml

    dml.undelete(admin.org, admin.user_id, "Opportunity", one)
    assert admin.query("SELECT Id FROM OpportunityContactRole")["totalSize"] == 1


def test_cases_are_numbered_and_closed_by_their_status(admin: Caller) -> None:
    account = admin.create("Account", Name="Werft")
    contact = admin.create("Contact", LastName="Holm", AccountId=account, Email="holm@example.com")
    first = admin.create("Case", Subject="Broken", ContactId=contact)
    second = admin.create("Case", Subject="Lost", Status="Closed")
    one = admin("GET", f"/sobjects/Case/{first}").json
    two = admin("GET", f"/sobjects/Case/{second}").json
    assert [one["CaseNumber"], two["CaseNumber"]] == ["00001001", "00001002"]
    assert [one["AccountId"], one["ContactEmail"], one["Status"]] == [account, "holm@example.com", "New"]
    assert [one["IsClosed"], one["ClosedDate"]] == [False, None]
    assert [two["IsClosed"], two["ClosedDate"]] == [True, two["CreatedDate"]]
