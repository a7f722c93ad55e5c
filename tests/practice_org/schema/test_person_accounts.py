"""The option of person accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from practice_org.data import dml
from practice_org.org import Org
from practice_org.schema import person_accounts
from practice_org.schema.custom import create_field
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
