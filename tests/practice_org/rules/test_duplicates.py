"""Duplicate and matching rules: who is found, what is answered, and what lets a record pass (spec 5.11)."""

from __future__ import annotations

from typing import Any

import pytest

from practice_org.rules import matching
from practice_org.rules.badrule import BadRule
from practice_org.rules.likeness import METHODS
from practice_org.schema import birth
from tests.practice_org.calls import Caller
from tests.practice_org.orders import Order

BY_EMAIL = {"object": "Lead", "name": "Lead_Email", "items": [{"field": "Email"}]}
CONTACT_BY_EMAIL = {"object": "Contact", "name": "Contact_Email", "items": [{"field": "Email"}]}
RECORDED_KEYS = [
    "allowSave", "duplicateRule", "duplicateRuleEntityType", "errorMessage", "matchResults",
]  # fmt: skip


def rule(*matchings: str, **more: Any) -> dict[str, Any]:
    return {"object": "Lead", "name": "Leads", "matching": list(matchings) or ["Lead_Email"], **more}


def make(caller: Caller, name: str = "Lead", header: str = "", **values: Any) -> Any:
    body = {"LastName": "L", **({"Company": "C"} if name == "Lead" else {}), **values}
    headers = {"Sforce_Duplicate_Rule_Header": header} if header else {}
    return caller("POST", f"/sobjects/{name}", body, **headers)


def test_the_answer_has_the_recorded_shape(admin: Caller, order: Order) -> None:
    order(
        "rules", {"matching": [BY_EMAIL], "duplicate": [rule(message="You're creating a duplicate record.")]}
    )
    first = make(admin, Email="a@example.com").json["id"]
    answer = make(admin, Email="A@example.com")
    assert answer.status == 400
    (error,) = answer.json
    assert list(error) == ["duplicateResut", "errorCode", "message"]
    assert (error["errorCode"], error["message"]) == (
        "DUPLICATES_DETECTED",
        "You're creating a duplicate record.",
    )
    result = error["duplicateResut"]
    assert list(result) == RECORDED_KEYS
    assert result["allowSave"] is True and result["duplicateRule"] == "Leads"
    assert result["matchResults"] == [
        {
            "entityType": "Lead",
            "errors": [],
            "matchEngine": "ExactMatchEngine",
            "matchRecords": [
                {
                    "additionalInformation": [],
                    "fieldDiffs": [],
                    "matchConfidence": 100.0,
                    "record": {
                        "attributes": {"type": "Lead", "url": f"/services/data/v60.0/sobjects/Lead/{first}"},
                        "Id": first,
                    },
                }
            ],
            "rule": "Lead_Email",
            "size": 1,
            "success": True,
        }
    ]


def test_alert_lets_pass_who_insists_and_block_nobody(admin: Caller, order: Order) -> None:
    order("rules", {"matching": [BY_EMAIL], "duplicate": [rule()]})
    make(admin, Email="a@example.com")
    assert make(admin, header="allowSave=true", Email="a@example.com").status == 201
    assert make(admin, header="allowSave=false", Email="a@example.com").status == 400
    order("rules", {"duplicate": [rule(on_create="block")]})
    refused = make(admin, header="allowSave=true", Email="a@example.com")
    assert refused.json[0]["duplicateResut"]["allowSave"] is False
    order("rules", {"duplicate": [rule(on_create="allow")]})
    assert make(admin, Email="a@example.com").status == 201


def test_details_are_shown_when_asked(admin: Caller, order: Order) -> None:
    order("rules", {"matching": [BY_EMAIL], "duplicate": [rule()]})
    make(admin, Email="a@example.com", Title="Boss")
    answer = make(admin, header="includeRecordDetails=true; allowSave=false", Email="a@example.com")
    (record,) = answer.json[0]["duplicateResut"]["matchResults"][0]["matchRecords"]
    assert record["record"]["Title"] == "Boss"
    assert record["fieldDiffs"] == [{"difference": "SAME", "name": "Email"}]


def test_updates_are_compared_when_a_compared_field_changes(admin: Caller, order: Order) -> None:
    order("rules", {"matching": [BY_EMAIL], "duplicate": [rule()]})
    make(admin, Email="a@example.com")
    other = make(admin, Email="b@example.com").json["id"]
    assert admin("PATCH", f"/sobjects/Lead/{other}", {"Title": "x"}).status == 204
    assert admin("PATCH", f"/sobjects/Lead/{other}", {"Email": "b@example.com"}).status == 204
    clash = admin("PATCH", f"/sobjects/Lead/{other}", {"Email": "a@example.com"})
    assert clash.json[0]["errorCode"] == "DUPLICATES_DETECTED"
    order("rules", {"duplicate": [rule(on_update="allow")]})
    assert admin("PATCH", f"/sobjects/Lead/{other}", {"Email": "a@example.com"}).status == 204


def test_leads_meet_contacts_and_their_companies(admin: Caller, order: Order) -> None:
    by_company = {
        "object": "Contact",
        "name": "Contact_Company",
        "items": [
            {"field": "LastName", "method": "LastName"},
            {"field": "Account.Name", "method": "CompanyName"},
        ],
    }
    order(
        "rules",
        {"matching": [CONTACT_BY_EMAIL, by_company], "duplicate": [rule("Contact_Email", "Contact_Company")]},
    )
    account = admin.create("Account", Name="The Acme Company, Inc.")
    contact = admin.create("Contact", LastName="Smithson", AccountId=account, Email="s@example.com")
    found = make(admin, LastName="Smihtson", Company="ACME Ltd").json[0]["duplicateResut"]["matchResults"]
    assert [(m["rule"], m["entityType"], m["matchRecords"][0]["record"]["Id"]) for m in found] == [
        ("Contact_Company", "Contact", contact)
    ]
    both = make(admin, LastName="Smithson", Company="Acme", Email="S@example.com").json[0]
    assert [m["rule"] for m in both["duplicateResut"]["matchResults"]] == ["Contact_Email", "Contact_Company"]
    assert make(admin, LastName="Other", Company="Acme").status == 201


def test_contacts_meet_contacts_and_deleted_ones_do_not_count(admin: Caller, order: Order) -> None:
    order(
        "rules",
        {"matching": [CONTACT_BY_EMAIL], "duplicate": [{**rule("Contact_Email"), "object": "Contact"}]},
    )
    first = make(admin, "Contact", Email="a@example.com").json["id"]
    assert make(admin, "Contact", Email="a@example.com").status == 400
    admin("DELETE", f"/sobjects/Contact/{first}")
    assert make(admin, "Contact", Email="a@example.com").status == 201


def test_the_standard_rules_are_there_and_can_be_switched_on(admin: Caller, order: Order) -> None:
    order("rules", {"duplicate": [{"name": "Standard_Contact_Duplicate_Rule"}]})
    rows = admin.query(
        "SELECT DeveloperName, SobjectType, IsActive FROM DuplicateRule ORDER BY DeveloperName"
    )
    assert [(r["DeveloperName"], r["IsActive"]) for r in rows["records"]] == [
        ("Standard_Account_Duplicate_Rule", False),
        ("Standard_Contact_Duplicate_Rule", True),
        ("Standard_Lead_Duplicate_Rule", False),
    ]
    make(admin, "Contact", FirstName="Robert", LastName="Jones", Phone="+1 (415) 555-1234")
    twin = make(admin, "Contact", FirstName="Bob", LastName="Jones", Phone="415.555.1234").json[0]
    assert twin["duplicateResut"]["matchResults"][0]["rule"] == "Standard_Contact_Match_Rule_v1_1"
    assert twin["duplicateResut"]["matchResults"][0]["matchEngine"] == "FuzzyMatchEngine"
    assert twin["message"] == "Use one of these records?"


def test_matching_rules_and_items_can_be_queried(admin: Caller, order: Order) -> None:
    order("rules", {"matching": [BY_EMAIL]})
    (row,) = admin.query(
        "SELECT Id, RuleStatus, MatchEngine FROM MatchingRule WHERE DeveloperName = 'Lead_Email'"
    )["records"]
    assert (row["RuleStatus"], row["MatchEngine"]) == ("Active", "ExactMatchEngine")
    items = admin.query(
        f"SELECT Field, MatchingMethod FROM MatchingRuleItem WHERE MatchingRuleId = '{row['Id']}'"
    )
    assert [(i["Field"], i["MatchingMethod"]) for i in items["records"]] == [("Email", "Exact")]
    assert admin("POST", "/sobjects/MatchingRule", {"MasterLabel": "x"}).status in (400, 404, 405)


def test_collections_and_bulk_say_the_code_alone(admin: Caller, order: Order) -> None:
    order("rules", {"matching": [BY_EMAIL], "duplicate": [rule()]})
    make(admin, Email="a@example.com")
    records = [
        {"attributes": {"type": "Lead"}, "LastName": "L", "Company": "C", "Email": email}
        for email in ("a@example.com", "b@example.com", "b@example.com")
    ]
    answer = admin("POST", "/composite/sobjects", {"records": records}).json
    # Records of one call are not compared with each other.
    assert [one["success"] for one in answer] == [False, True, True]
    assert answer[0]["errors"] == [
        {"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", "fields": []}
    ]
    sub = {"method": "POST", "url": "/services/data/v60.0/sobjects/Lead", "referenceId": "r"}
    composite = admin("POST", "/composite", {"compositeRequest": [{**sub, "body": {**records[0]}}]}).json
    assert "duplicateResut" in composite["compositeResponse"][0]["body"][0]


def test_a_condition_exempts_a_profile(admin: Caller, order: Order) -> None:
    when = '$Profile.Name <> "System Administrator"'
    order("rules", {"matching": [BY_EMAIL], "duplicate": [rule(when=when)]})
    make(admin, Email="a@example.com")
    assert make(admin, Email="a@example.com").status == 201
    seller = birth.create_user(admin.org, username="s@example.com", last_name="S")
    assert make(Caller(admin.org, seller), Email="a@example.com").status == 400


@pytest.mark.parametrize(
    ("method", "a", "b", "alike"),
    [
        ("Exact", " A@x.com", "a@X.com ", True),
        ("FirstName", "William", "Bill", True),
        ("FirstName", "J.", "John", True),
        ("FirstName", "Bill", "Bob", False),
        ("LastName", "Müller", "muller", True),
        ("LastName", "Smithson", "Smitson", True),
        ("LastName", "Li", "Lu", False),
        ("CompanyName", "Acme, Inc.", "The ACME Corporation", True),
        ("CompanyName", "Acme", "Apex", False),
        ("Phone", "+49 (0)30 1234567", "030 1234567", True),
        ("Phone", "555-1234 ext. 9", "5551234", True),
        ("Phone", "12", "12", False),
        ("Street", "12 North Main Street", "12 N. Main St", True),
        ("Zip", "94105-1234", "94105", True),
    ],
)
def test_what_counts_as_alike(method: str, a: str, b: str, alike: bool) -> None:
    assert METHODS[method](a, b) is alike
    assert METHODS[method](b, a) is alike


def test_logic_is_worked_out_to_its_ways() -> None:
    items = [{"field": f, "method": "Exact", "blank": "no_match"} for f in "abcd"]
    rule = {"object": "Lead", "name": "x", "items": items, "logic": "1 AND (2 OR (3 AND 4) OR 2)"}
    assert matching.compiled(rule).ways == (frozenset({0, 1}), frozenset({0, 2, 3}))


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ({"matching": [{**BY_EMAIL, "items": [{"field": "Nope"}]}]}, "Nope"),
        ({"matching": [{**BY_EMAIL, "items": [{"field": "Email", "method": "Psychic"}]}]}, "Psychic"),
        ({"matching": [{**BY_EMAIL, "logic": "1 AND 2"}]}, "logic"),
        ({"matching": [{**BY_EMAIL, "name": "no good"}]}, "name"),
        ({"duplicate": [rule("Nope")]}, "Nope"),
        ({"duplicate": [rule("Lead_Email", on_create="explode")]}, "explode|Lead_Email"),
        ({"duplicate": {"Lead": True}}, "list"),
    ],
)
def test_what_makes_no_sense_is_named(order: Order, kinds: dict[str, Any], says: str) -> None:
    with pytest.raises((BadRule, ValueError), match=says):
        order("rules", kinds)
