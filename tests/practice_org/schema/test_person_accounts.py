"""The option of person accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from practice_org.data import dml
from practice_org.data.lifecycle.convert import Conversion, convert, converted_statuses
from practice_org.org import Org
from practice_org.schema import person_accounts
from practice_org.schema.custom import create_field
from practice_org.sim.orders import lifecycle
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    create_field(org, "Contact", "Pet", "text", length=40)
    person_accounts.enable(org)
    yield caller
    org.close()


def test_a_person_account_is_an_account_and_its_contact(admin: Caller) -> None:
    made = admin.create(
        "Account",
        FirstName="Ida",
        LastName="Berg",
        PersonEmail="ida@example.com",
        PersonMailingCity="Oslo",
        PersonDoNotCall=True,
        Pet__pc="Cat",
        Phone="123",
    )
    account = admin("GET", f"/sobjects/Account/{made}").json
    assert [account["Name"], account["IsPersonAccount"], account["PersonEmail"]] == [
        "Ida Berg", True, "ida@example.com",
    ]  # fmt: skip
    assert account["PersonMailingAddress"]["city"] == "Oslo"
    assert [account["PersonDoNotCall"], account["Pet__pc"]] == [True, "Cat"]
    contact = admin("GET", f"/sobjects/Contact/{account['PersonContactId']}").json
    assert [contact["AccountId"], contact["IsPersonAccount"], contact["Name"]] == [made, True, "Ida Berg"]
    assert [contact["Email"], contact["Pet__c"], contact["Phone"]] == ["ida@example.com", "Cat", "123"]
    found = admin.query(
        "SELECT Id, PersonContact.Name, RecordType.DeveloperName FROM Account WHERE PersonEmail = 'IDA@example.com'"
    )
    assert found["records"][0]["PersonContact"]["Name"] == "Ida Berg"
    assert found["records"][0]["RecordType"]["DeveloperName"] == "PersonAccount"


def test_a_value_of_the_person_is_kept_in_the_second_of_the_last_write(admin: Caller) -> None:
    admin.org.clock.freeze()
    made = admin.create("Account", LastName="Berg")
    assert admin("PATCH", f"/sobjects/Account/{made}", {"PersonTitle": "CTO"}).status == 204
    assert admin("GET", f"/sobjects/Account/{made}").json["PersonTitle"] == "CTO"


def test_a_lead_without_company_becomes_a_person(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Pet", "text", length=40)
    lifecycle.store_mapping(
        admin.org, [{"lead_field": "Pet__c", "target_object": "Contact", "target_field": "Pet__c"}]
    )
    company = next(
        f for f in admin("GET", "/sobjects/Lead/describe").json["fields"] if f["name"] == "Company"
    )
    assert company["nillable"]
    known = {"FirstName": "Ida", "LastName": "Berg", "Email": "ida@example.com", "City": "Oslo"}
    lead = admin.create("Lead", **known, Phone="1", HasOptedOutOfEmail=True, Pet__c="Cat", Rating="Hot")
    member = admin.create("CampaignMember", CampaignId=admin.create("Campaign", Name="C"), LeadId=lead)
    status = converted_statuses(admin.org)[0]
    (done,) = convert(admin.org, admin.user_id, [Conversion(lead, status)])
    assert done.error is None
    account = admin("GET", f"/sobjects/Account/{done.account_id}").json
    assert [account[name] for name in ("Name", "IsPersonAccount", "PersonContactId", "PersonEmail", "Pet__pc")] == [
        "Ida Berg", True, done.contact_id, "ida@example.com", "Cat",
    ]  # fmt: skip
    assert [account["Phone"], account["Rating"], account["PersonHasOptedOutOfEmail"]] == ["1", "Hot", True]
    assert account["PersonMailingAddress"]["city"] == "Oslo"
    assert admin("GET", f"/sobjects/CampaignMember/{member}").json["ContactId"] == done.contact_id
    opportunity = admin("GET", f"/sobjects/Opportunity/{done.opportunity_id}").json
    assert [opportunity["Name"], opportunity["AccountId"]] == ["Ida Berg", done.account_id]
    assert admin("GET", f"/sobjects/Lead/{lead}").json["ConvertedContactId"] == done.contact_id


def test_a_lead_joins_a_person_that_exists_and_one_with_a_company_does_not_become_one(admin: Caller) -> None:
    status = converted_statuses(admin.org)[0]
    person = admin.create("Account", LastName="Berg", PersonEmail="old@example.com")
    lead = admin.create("Lead", LastName="Berg", Email="new@example.com", Title="CTO")
    (done,) = convert(admin.org, admin.user_id, [Conversion(lead, status, account_id=person)])
    assert done.error is None
    account = admin("GET", f"/sobjects/Account/{person}").json
    assert [account["PersonEmail"], account["PersonTitle"]] == ["old@example.com", "CTO"]
    assert [done.account_id, done.contact_id] == [person, account["PersonContactId"]]
    firm = admin.create("Lead", LastName="Berg", Company="Berg AS")
    (done,) = convert(admin.org, admin.user_id, [Conversion(firm, status)])
    made = admin("GET", f"/sobjects/Account/{done.account_id}").json
    assert [made["Name"], made["IsPersonAccount"]] == ["Berg AS", False]
    other = admin.create("Lead", LastName="Berg")
    wrong = Conversion(other, status, account_id=person, contact_id=done.contact_id)
    (refused,) = convert(admin.org, admin.user_id, [wrong])
    assert refused.error is not None and refused.error.code == "INVALID_CROSS_REFERENCE_KEY"


def test_what_is_written_to_the_account_reaches_the_contact(admin: Caller) -> None:
    made = admin.create("Account", LastName="Berg")
    admin.org.clock.advance(60)
    assert (
        admin("PATCH", f"/sobjects/Account/{made}", {"FirstName": "Ida", "PersonTitle": "CTO"}).status == 204
    )
    account = admin("GET", f"/sobjects/Account/{made}").json
    contact = admin("GET", f"/sobjects/Contact/{account['PersonContactId']}").json
    assert [account["Name"], contact["Name"], contact["Title"]] == ["Ida Berg", "Ida Berg", "CTO"]
    assert contact["SystemModstamp"] == account["SystemModstamp"]
    gone = admin("PATCH", f"/sobjects/Account/{made}", {"LastName": None})
    assert gone.json[0]["errorCode"] == "REQUIRED_FIELD_MISSING"


def test_businesses_and_persons_do_not_mix(admin: Caller) -> None:
    business = admin.create("Account", Name="Werft")
    found = admin("GET", f"/sobjects/Account/{business}").json
    assert [found["IsPersonAccount"], found["PersonContactId"], found["PersonEmail"]] == [False, None, None]
    for body in ({"Name": "Werft", "PersonEmail": "a@example.com"}, {"Name": "Ida Berg", "LastName": "Berg"}):
        refused = admin("POST", "/sobjects/Account", body)
        assert refused.json[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE", body
    assert admin("POST", "/sobjects/Account", {}).json[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert admin("PATCH", f"/sobjects/Account/{business}", {"Phone": "1"}).status == 204


def test_the_contact_goes_with_its_account_alone(admin: Caller) -> None:
    made = admin.create("Account", LastName="Berg")
    contact = admin("GET", f"/sobjects/Account/{made}").json["PersonContactId"]
    for answer in (
        admin("PATCH", f"/sobjects/Contact/{contact}", {"Title": "CTO"}),
        admin("DELETE", f"/sobjects/Contact/{contact}"),
    ):
        assert answer.json[0]["message"] == "cannot reference person contact"
    admin("DELETE", f"/sobjects/Account/{made}")
    assert admin.query("SELECT Id FROM Contact")["totalSize"] == 0
    dml.undelete(admin.org, admin.user_id, "Account", made)
    assert admin.query("SELECT Id FROM Contact WHERE IsPersonAccount = true")["totalSize"] == 1


def test_fields_of_contact_that_come_later_show_on_account(admin: Caller) -> None:
    create_field(admin.org, "Contact", "Shoe", "number", length=3)
    made = admin.create("Account", LastName="Berg", Shoe__pc=44)
    assert admin.query("SELECT Shoe__pc FROM Account")["records"][0]["Shoe__pc"] == 44
    contact = admin("GET", f"/sobjects/Account/{made}").json["PersonContactId"]
    assert admin("GET", f"/sobjects/Contact/{contact}").json["Shoe__c"] == 44


def test_the_option_survives_a_restart(tmp_path: Path) -> None:
    org, _ = new_org(tmp_path)
    person_accounts.enable(org)
    person_accounts.enable(org)
    org.close()
    org = Org.open(tmp_path / "org.sqlite3")
    assert org.schema["Account"].get("PersonEmail") is not None
    org.close()
