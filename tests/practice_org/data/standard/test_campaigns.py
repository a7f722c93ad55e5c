"""Campaigns, their statuses and their members, over the REST API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.schema import birth, permission_sets, profiles
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def lead(admin: Caller, last: str = "Berg", **more: Any) -> str:
    return admin.create("Lead", LastName=last, Company="Nordlicht", **more)


def one(admin: Caller, soql: str) -> dict[str, Any]:
    found = admin.query(soql)
    assert found["totalSize"] == 1, found
    return {k: v for k, v in found["records"][0].items() if k != "attributes"}


def test_a_new_campaign_has_the_statuses_sent_and_responded(admin: Caller) -> None:
    campaign = admin.create("Campaign", Name="Fair")
    rows = admin.query(
        "SELECT Label, SortOrder, IsDefault, HasResponded FROM CampaignMemberStatus "
        f"WHERE CampaignId = '{campaign}' ORDER BY SortOrder"
    )["records"]
    assert [(r["Label"], r["SortOrder"], r["IsDefault"], r["HasResponded"]) for r in rows] == [
        ("Sent", 1, True, False),
        ("Responded", 2, False, True),
    ]
    nested = admin.query("SELECT Id, (SELECT Label FROM CampaignMemberStatuses) FROM Campaign")
    assert nested["records"][0]["CampaignMemberStatuses"]["totalSize"] == 2


def test_a_member_shows_its_person_as_it_is_now(admin: Caller) -> None:
    campaign = admin.create("Campaign", Name="Fair")
    person = lead(admin, FirstName="Ida", Email="ida@example.com", City="Oslo", HasOptedOutOfEmail=True)
    member = admin.create("CampaignMember", CampaignId=campaign, LeadId=person)
    stamp = one(admin, f"SELECT SystemModstamp FROM CampaignMember WHERE Id = '{member}'")
    shown = admin("GET", f"/sobjects/CampaignMember/{member}").json
    assert shown["Name"] == "Ida Berg"
    assert shown["Email"] == "ida@example.com"
    assert shown["City"] == "Oslo"
    assert shown["CompanyOrAccount"] == "Nordlicht"
    assert shown["HasOptedOutOfEmail"] is True
    assert [shown["Type"], shown["LeadOrContactId"], shown["Status"]] == ["Lead", person, "Sent"]
    admin.org.clock.advance(100)
    admin("PATCH", f"/sobjects/Lead/{person}", {"Email": "new@example.com"})
    found = one(admin, "SELECT Id, Email, SystemModstamp FROM CampaignMember WHERE Email = 'NEW@example.com'")
    assert found == {"Id": member, "Email": "new@example.com", **stamp}


def test_a_person_is_a_member_once(admin: Caller) -> None:
    campaign, person = admin.create("Campaign", Name="Fair"), lead(admin)
    member = admin.create("CampaignMember", CampaignId=campaign, LeadId=person)
    again = admin("POST", "/sobjects/CampaignMember", {"CampaignId": campaign, "LeadId": person})
    assert again.status == 400
    assert again.json == [{"message": "Already a campaign member.", "errorCode": "DUPLICATE_VALUE"}]
    assert admin("DELETE", f"/sobjects/CampaignMember/{member}").status == 204
    admin.create("CampaignMember", CampaignId=campaign, LeadId=person)
    other = admin.create("Campaign", Name="Other")
    admin.create("CampaignMember", CampaignId=other, LeadId=person)


def test_a_member_needs_a_person_and_prefers_the_contact(admin: Caller) -> None:
    campaign = admin.create("Campaign", Name="Fair")
    refused = admin("POST", "/sobjects/CampaignMember", {"CampaignId": campaign})
    assert [refused.status, refused.json[0]["errorCode"]] == [400, "REQUIRED_FIELD_MISSING"]
    account = admin.create("Account", Name="Werft")
    contact = admin.create("Contact", LastName="Holm", AccountId=account, MailingCity="Kiel")
    member = admin.create("CampaignMember", CampaignId=campaign, LeadId=lead(admin), ContactId=contact)
    shown = admin("GET", f"/sobjects/CampaignMember/{member}").json
    assert [shown["LeadId"], shown["ContactId"], shown["Type"]] == [None, contact, "Contact"]
    assert [shown["City"], shown["CompanyOrAccount"]] == ["Kiel", "Werft"]


def test_status_decides_on_the_response(admin: Caller) -> None:
    campaign = admin.create("Campaign", Name="Fair")
    member = admin.create("CampaignMember", CampaignId=campaign, LeadId=lead(admin), Status="Nonesuch")
    soql = f"SELECT Status, HasResponded, FirstRespondedDate FROM CampaignMember WHERE Id = '{member}'"
    assert one(admin, soql) == {"Status": "Sent", "HasResponded": False, "FirstRespondedDate": None}
    today = admin.org.clock.now().date().isoformat()
    admin("PATCH", f"/sobjects/CampaignMember/{member}", {"Status": "responded"})
    assert one(admin, soql) == {"Status": "Responded", "HasResponded": True, "FirstRespondedDate": today}
    admin.org.clock.advance(3 * 86_400)
    admin("PATCH", f"/sobjects/CampaignMember/{member}", {"Status": "Sent"})
    assert one(admin, soql) == {"Status": "Sent", "HasResponded": False, "FirstRespondedDate": today}
    given = admin("PATCH", f"/sobjects/CampaignMember/{member}", {"HasResponded": True})
    assert given.json[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_campaign_counts_its_members_and_opportunities(admin: Caller) -> None:
    campaign = admin.create("Campaign", Name="Fair")
    admin.create("CampaignMember", CampaignId=campaign, LeadId=lead(admin), Status="Responded")
    gone = admin.create("CampaignMember", CampaignId=campaign, LeadId=lead(admin, "Two"))
    contact = admin.create("Contact", LastName="Holm")
    admin.create("CampaignMember", CampaignId=campaign, ContactId=contact)
    for stage, amount in (("Closed Won", 100), ("Prospecting", 50)):
        admin.create(
            "Opportunity",
            Name=stage,
            StageName=stage,
            CloseDate="2026-05-01",
            Amount=amount,
            CampaignId=campaign,
        )
    admin("DELETE", f"/sobjects/CampaignMember/{gone}")
    shown = admin("GET", f"/sobjects/Campaign/{campaign}").json
    assert [shown[f"NumberOf{n}"] for n in ("Leads", "Contacts", "Responses", "Opportunities")] == [
        1,
        1,
        1,
        2,
    ]
    assert [shown["NumberOfWonOpportunities"], shown["AmountAllOpportunities"]] == [1, 150]
    assert shown["AmountWonOpportunities"] == 100
    busy = admin.query("SELECT Id FROM Campaign WHERE NumberOfLeads > 0 ORDER BY NumberOfResponses DESC")
    assert busy["totalSize"] == 1


def test_one_status_is_the_default(admin: Caller) -> None:
    campaign = admin.create("Campaign", Name="Fair")
    fresh = admin.create("CampaignMemberStatus", CampaignId=campaign, Label="Invited", IsDefault=True)
    assert one(
        admin,
        f"SELECT Id, SortOrder FROM CampaignMemberStatus WHERE CampaignId = '{campaign}' AND IsDefault = true",
    ) == {"Id": fresh, "SortOrder": 3}
    member = admin.create("CampaignMember", CampaignId=campaign, LeadId=lead(admin))
    assert one(admin, f"SELECT Status FROM CampaignMember WHERE Id = '{member}'")["Status"] == "Invited"
    kept = admin("DELETE", f"/sobjects/CampaignMemberStatus/{fresh}")
    assert [kept.status, kept.json[0]["errorCode"]] == [400, "DELETE_FAILED"]
    off = admin("PATCH", f"/sobjects/CampaignMemberStatus/{fresh}", {"IsDefault": False})
    assert off.json[0]["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"
    twice = admin("POST", "/sobjects/CampaignMemberStatus", {"CampaignId": campaign, "Label": "SENT"})
    assert twice.json[0]["errorCode"] == "DUPLICATE_VALUE"
    admin("PATCH", f"/sobjects/CampaignMemberStatus/{fresh}", {"HasResponded": True, "Label": "Came"})
    assert one(admin, f"SELECT Status, HasResponded FROM CampaignMember WHERE Id = '{member}'") == {
        "Status": "Came",
        "HasResponded": True,
    }


def test_no_campaign_lies_under_itself(admin: Caller) -> None:
    top = admin.create("Campaign", Name="Year")
    part = admin.create("Campaign", Name="Spring", ParentId=top)
    refused = admin("PATCH", f"/sobjects/Campaign/{top}", {"ParentId": part})
    assert [refused.status, refused.json[0]["errorCode"]] == [400, "CIRCULAR_DEPENDENCY"]


def test_rights_on_members_are_those_on_the_campaign(admin: Caller) -> None:
    org = admin.org
    seller = Caller(org, birth.create_user(org, username="seller@example.com", last_name="Seller"))
    campaign, person = admin.create("Campaign", Name="Fair"), lead(admin)
    standard = profiles.permission_set_of_profile(org, birth.STANDARD_PROFILE)
    permission_sets.set_object_rights(org, standard, "Campaign", ["Read"])
    member = seller.create("CampaignMember", CampaignId=campaign, LeadId=person)
    assert seller("PATCH", f"/sobjects/CampaignMember/{member}", {"Status": "Responded"}).status == 403
    permission_sets.set_object_rights(org, standard, "Campaign", [])
    assert seller("GET", f"/sobjects/CampaignMember/{member}").status == 404
    assert "CampaignMember" not in {s["name"] for s in seller("GET", "/sobjects").json["sobjects"]}
