"""Converting leads: the three cases, what is carried over, what hangs on the lead, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from practice_org.data import dml
from practice_org.data.lifecycle.convert import (
    Conversion,
    Converted,
    _quarter_end,
    convert,
    converted_statuses,
)
from practice_org.data.lifecycle.mapping import LEAD_CONVERT_SETTINGS
from practice_org.org import Org
from practice_org.rules.settings import VALIDATION
from practice_org.rules.validation import checked_rule
from practice_org.schema import birth, permission_sets
from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Org, Caller]]:
    org, admin = new_org(tmp_path)
    yield org, admin
    org.close()


def one(org: Org, admin: Caller, lead: str, **asked: Any) -> Converted:
    wanted = Conversion(lead, asked.pop("status", converted_statuses(org)[0]), **asked)
    return convert(org, admin.user_id, [wanted])[0]


def code(result: Converted) -> tuple[str, str]:
    assert result.error is not None and result.account_id is None
    return result.error.code, result.error.message


def row(admin: Caller, name: str, record_id: str | None) -> Any:
    return admin("GET", f"/sobjects/{name}/{record_id}").json


def new_lead(admin: Caller, **more: Any) -> str:
    known = {
        "FirstName": "Ada", "LastName": "Byron", "Company": "Analytical", "Email": "ada@example.com",
        "Phone": "1", "City": "London", "Country": "UK", "LeadSource": "Web", "Industry": "Education",
        "AnnualRevenue": 5, "Description": "first", "HasOptedOutOfEmail": True,
    }  # fmt: skip
    return admin.create("Lead", **{**known, **more})


def test_a_new_account_contact_and_opportunity(made: tuple[Org, Caller]) -> None:
    org, admin = made
    lead = new_lead(admin)
    org.clock.advance(60)
    result = one(org, admin, lead[:15])
    assert result.error is None and result.lead_id == lead
    account, contact = row(admin, "Account", result.account_id), row(admin, "Contact", result.contact_id)
    assert (account["Name"], account["BillingCity"], account["AccountSource"]) == (
        "Analytical",
        "London",
        "Web",
    )
    assert (account["Industry"], account["AnnualRevenue"], account["OwnerId"]) == (
        "Education",
        5,
        admin.user_id,
    )
    told = [
        contact[n]
        for n in ("Name", "Email", "MailingCountry", "Description", "HasOptedOutOfEmail", "AccountId")
    ]
    assert told == ["Ada Byron", "ada@example.com", "UK", "first", True, result.account_id]
    opportunity = row(admin, "Opportunity", result.opportunity_id)
    assert (opportunity["Name"], opportunity["AccountId"]) == ("Analytical", result.account_id)
    assert opportunity["StageName"] and opportunity["CloseDate"] and opportunity["LeadSource"] == "Web"
    roles = admin.query("SELECT ContactId, OpportunityId, IsPrimary FROM OpportunityContactRole")["records"]
    assert [(r["ContactId"], r["OpportunityId"], r["IsPrimary"]) for r in roles] == [
        (result.contact_id, result.opportunity_id, True)
    ]
    after = row(admin, "Lead", lead)
    assert after["IsConverted"] is True and after["Status"] == converted_statuses(org)[0]
    assert after["ConvertedDate"] and after["SystemModstamp"] > after["CreatedDate"]
    assert (after["ConvertedAccountId"], after["ConvertedContactId"], after["ConvertedOpportunityId"]) == (
        result.account_id, result.contact_id, result.opportunity_id,
    )  # fmt: skip
    refused = admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"})
    assert refused.json == [
        {
            "message": "cannot reference converted lead",
            "errorCode": "CANNOT_UPDATE_CONVERTED_LEAD",
            "fields": [],
        }
    ]
    assert code(one(org, admin, lead)) == ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")


def test_an_existing_account_has_its_gaps_filled(made: tuple[Org, Caller]) -> None:
    org, admin = made
    account = admin.create("Account", Name="Kept", BillingCity="Paris")
    result = one(org, admin, new_lead(admin), account_id=account, opportunity_name="Named")
    assert result.account_id == account
    kept = row(admin, "Account", account)
    assert (kept["Name"], kept["BillingCity"], kept["BillingCountry"]) == ("Kept", "Paris", "UK")
    assert row(admin, "Contact", result.contact_id)["AccountId"] == account
    assert row(admin, "Opportunity", result.opportunity_id)["Name"] == "Named"


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_existing_contact_keeps_what_it_has(made: tuple[Org, Caller], overwrite: bool) -> None:
    org, admin = made
    account = admin.create("Account", Name="A")
    contact = admin.create(
        "Contact", LastName="B", AccountId=account, LeadSource="Other", Email="b@example.com"
    )
    result = one(
        org, admin, new_lead(admin), account_id=account, contact_id=contact, do_not_create_opportunity=True,
        overwrite_lead_source=overwrite,
    )  # fmt: skip
    assert (result.contact_id, result.opportunity_id) == (contact, None)
    kept = row(admin, "Contact", contact)
    assert (kept["LastName"], kept["Email"], kept["Phone"]) == ("B", "b@example.com", "1")
    assert kept["LeadSource"] == ("Web" if overwrite else "Other")
    assert admin.query("SELECT Id FROM Opportunity")["totalSize"] == 0


def test_an_existing_opportunity(made: tuple[Org, Caller]) -> None:
    org, admin = made
    account = admin.create("Account", Name="A")
    deal = admin.create(
        "Opportunity", Name="D", StageName="Prospecting", CloseDate="2030-01-01", AccountId=account
    )
    lead = new_lead(admin)
    both = one(org, admin, lead, account_id=account, opportunity_id=deal, opportunity_name="x")
    assert code(both)[0] == "INVALID_OPERATION"
    assert one(org, admin, lead, account_id=account, opportunity_id=deal).opportunity_id == deal
    assert row(admin, "Lead", lead)["ConvertedOpportunityId"] == deal


def test_custom_fields_follow_the_mapping_even_where_the_user_may_not_see_them(
    made: tuple[Org, Caller],
) -> None:
    org, admin = made
    for name in ("Lead", "Contact", "Account", "Opportunity"):
        create_field(org, name, "Score", "number", visible_to=(birth.ADMINISTRATOR_PROFILE,))
    create_field(org, "Lead", "Unmapped", "text", length=20)
    org.set_setting(
        LEAD_CONVERT_SETTINGS,
        [
            {"lead_field": "Score__c", "target_object": n, "target_field": "Score__c"}
            for n in ("Contact", "Opportunity")
        ],
    )
    rep = replace(admin, user_id=birth.create_user(org, username="rep@example.com", last_name="Rep"))
    result = one(org, rep, new_lead(admin, Score__c=7, Unmapped__c="lost"))
    assert result.error is None
    assert row(admin, "Contact", result.contact_id)["Score__c"] == 7
    assert row(admin, "Opportunity", result.opportunity_id)["Score__c"] == 7
    assert row(admin, "Account", result.account_id)["Score__c"] is None


def test_owners(made: tuple[Org, Caller]) -> None:
    org, admin = made
    queue = birth.create_queue(org, "Q")
    rep = birth.create_user(org, username="rep@example.com", last_name="Rep")
    lead = new_lead(admin, OwnerId=queue)
    expected = (
        "Converted objects can only be owned by users.  If the lead is not owned by a user, you must specify a "
        "user for the Owner field."
    )
    assert code(one(org, admin, lead))[1] == expected
    assert code(one(org, admin, lead, owner_id=queue))[1] == expected
    result = one(org, admin, lead, owner_id=rep)
    for name, record_id in (
        ("Account", result.account_id),
        ("Contact", result.contact_id),
        ("Opportunity", result.opportunity_id),
    ):
        assert row(admin, name, record_id)["OwnerId"] == rep
    assert row(admin, "Lead", lead)["OwnerId"] == queue


def test_members_and_activities_go_along(made: tuple[Org, Caller]) -> None:
    org, admin = made
    campaign, shared = (admin.create("Campaign", Name=n) for n in "ab")
    account = admin.create("Account", Name="A")
    contact = admin.create("Contact", LastName="B", AccountId=account)
    lead = new_lead(admin)
    member = admin.create("CampaignMember", CampaignId=campaign, LeadId=lead, Status="Sent")
    admin.create("CampaignMemberStatus", CampaignId=shared, Label="Attended", HasResponded=True, SortOrder=9)
    of_lead = admin.create("CampaignMember", CampaignId=shared, LeadId=lead, Status="Attended")
    of_contact = admin.create("CampaignMember", CampaignId=shared, ContactId=contact, Status="Sent")
    task = admin.create("Task", Subject="call", WhoId=lead)
    event = admin.create(
        "Event", Subject="meet", WhoId=lead, StartDateTime="2030-01-01T10:00:00Z", DurationInMinutes=30
    )
    result = one(org, admin, lead, account_id=account, contact_id=contact)
    assert result.error is None
    kept = {
        r["Id"]: r for r in admin.query("SELECT Id, LeadId, ContactId, Status FROM CampaignMember")["records"]
    }
    assert set(kept) == {member, of_contact}
    assert (kept[member]["LeadId"], kept[member]["ContactId"]) == (lead, contact)
    assert kept[of_contact]["Status"] == "Attended"
    assert admin("GET", f"/sobjects/CampaignMember/{of_lead}").status == 404
    assert row(admin, "Task", task)["WhoId"] == contact == row(admin, "Event", event)["WhoId"]
    assert row(admin, "Task", task)["WhatId"] == result.opportunity_id
    assert row(admin, "Opportunity", result.opportunity_id)["CampaignId"] in (campaign, shared)


def test_what_is_refused_leaves_nothing_behind(made: tuple[Org, Caller]) -> None:
    org, admin = made
    lead, account = new_lead(admin), admin.create("Account", Name="A")
    other = admin.create("Contact", LastName="elsewhere")
    assert code(one(org, admin, lead, status="Nonsense")) == (
        "INVALID_STATUS",
        "invalid convertedStatus: Nonsense",
    )
    assert code(one(org, admin, lead, status=None)) == ("INVALID_STATUS", "invalid convertedStatus: null")
    assert (
        code(one(org, admin, lead, account_id=account, contact_id=other))[0] == "INVALID_CROSS_REFERENCE_KEY"
    )
    assert code(one(org, admin, lead, contact_id=other))[0] == "REQUIRED_FIELD_MISSING"
    assert code(one(org, admin, lead, account_id=other))[0] == "MALFORMED_ID"
    assert code(one(org, admin, account))[0] == "MALFORMED_ID"
    assert code(one(org, admin, "")) == ("MALFORMED_ID", "bad id ")
    assert code(one(org, admin, lead[:8] + "0000000"))[0] == "INVALID_CROSS_REFERENCE_KEY"
    gone = new_lead(admin)
    dml.delete(org, admin.user_id, "Lead", gone)
    assert code(one(org, admin, gone)) == ("ENTITY_IS_DELETED", "entity is deleted")
    create_field(org, "Contact", "Must", "text", length=10, required=True)
    assert code(one(org, admin, lead)) == ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Must__c]")
    assert one(org, admin, lead, contact_values={"Must__c": "x"}).error is None
    assert admin.query("SELECT Id FROM Account")["totalSize"] == 2


def test_validation_rules_of_each_object_bind(made: tuple[Org, Caller]) -> None:
    org, admin = made
    lead = new_lead(admin)
    for name, label in (("Account", "Account"), ("Contact", "Contact"), ("Lead", "Lead")):
        when = {"field": "Phone", "is": "not_blank"}
        if name == "Lead":
            when = {"field": "IsConverted", "is": "equals", "value": True}
        rule = {"object": name, "message": "not so", "when": when}
        org.set_setting(VALIDATION, [checked_rule(org.schema, rule)])
        assert code(one(org, admin, lead)) == (
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            f"Validation error on {label}: not so",
        )
        assert admin.query("SELECT Id FROM Contact")["totalSize"] == 0
    org.set_setting(VALIDATION, [])
    assert one(org, admin, lead).error is None


def test_one_refused_lead_does_not_hold_up_the_others_unless_asked_to(made: tuple[Org, Caller]) -> None:
    org, admin = made
    leads = [new_lead(admin) for _ in range(2)]
    status = converted_statuses(org)[0]
    asked = [Conversion(leads[0], status), Conversion(leads[1], "Nonsense")]
    first, second = convert(org, admin.user_id, asked, dml.Options(all_or_none=True))
    assert (code(first)[0], code(second)[0]) == ("ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_STATUS")
    assert admin.query("SELECT Id FROM Account")["totalSize"] == 0
    first, second = convert(org, admin.user_id, asked)
    assert first.error is None and code(second)[0] == "INVALID_STATUS"


def test_the_permission_to_convert_is_needed(made: tuple[Org, Caller]) -> None:
    org, admin = made
    rep = replace(admin, user_id=birth.create_user(org, username="rep@example.com", last_name="Rep"))
    profile = org.reader().execute(
        'SELECT s."Id" FROM "PermissionSet" s JOIN "Profile" p ON p."Id" = s."ProfileId" WHERE p."Name" = ?',
        (birth.STANDARD_PROFILE,),
    )
    permission_sets.set_system_permission(org, profile.fetchone()[0], "ConvertLeads", False)
    assert code(one(org, rep, new_lead(admin)))[0] == "INSUFFICIENT_ACCESS"


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2026-01-01", "2026-03-31"),
        ("2026-05-31", "2026-06-30"),
        ("2026-09-30", "2026-09-30"),
        ("2026-12-24", "2026-12-31"),
    ],
)
def test_a_new_opportunity_closes_with_the_quarter(day: str, end: str) -> None:
    assert _quarter_end(date.fromisoformat(day)).isoformat() == end
