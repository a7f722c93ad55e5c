"""Validation rules: what they see, what they say, and how they speak together (spec 5.11)."""

from __future__ import annotations

from typing import Any

import pytest

from practice_org.rules.badrule import BadRule
from practice_org.schema import birth
from tests.practice_org.calls import Caller
from tests.practice_org.orders import Order

NO_PHONE = {"object": "Lead", "message": "A hot lead needs a phone", "field": "Phone"}


def refused(caller: Caller, **values: Any) -> list[dict[str, Any]]:
    answer = caller("POST", "/sobjects/Lead", {"LastName": "L", "Company": "C", **values})
    return [] if answer.status == 201 else answer.json


def test_a_formula_that_is_true_refuses_the_record(admin: Caller, order: Order) -> None:
    order("rules", {"validation": [{**NO_PHONE, "when": 'AND(ISPICKVAL(Rating, "Hot"), ISBLANK(Phone))'}]})
    assert refused(admin, Rating="Hot") == [
        {
            "message": "A hot lead needs a phone",
            "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "fields": ["Phone"],
        }
    ]
    assert refused(admin, Rating="Hot", Phone="1") == []
    assert refused(admin, Rating="Cold") == []


def test_all_rules_that_object_speak_and_the_page_has_no_field(admin: Caller, order: Order) -> None:
    rules = [
        {"object": "Lead", "message": "one", "when": "ISBLANK(Phone)"},
        {"object": "Lead", "message": "two", "field": "Email", "when": {"field": "Email", "is": "blank"}},
        {"object": "Lead", "message": "silent", "when": "ISBLANK(LastName)"},
        {"object": "Lead", "message": "asleep", "when": "TRUE", "active": False},
        {"object": "Contact", "message": "elsewhere", "when": "TRUE"},
    ]
    order("rules", {"validation": rules})
    assert [(e["message"], e["fields"]) for e in refused(admin)] == [("one", []), ("two", ["Email"])]
    body = {"records": [{"attributes": {"type": "Lead"}, "LastName": "L", "Company": "C"}]}
    answer = admin("POST", "/composite/sobjects", body).json
    assert [e["statusCode"] for e in answer[0]["errors"]] == ["FIELD_CUSTOM_VALIDATION_EXCEPTION"] * 2


def test_changes_are_seen_against_what_was_before(admin: Caller, order: Order) -> None:
    lead = admin.create("Lead", LastName="L", Company="C", Phone="1", AnnualRevenue=100)
    order(
        "rules",
        {
            "validation": [
                {"object": "Lead", "message": "phone stays", "when": "ISCHANGED(Phone)"},
                {
                    "object": "Lead",
                    "message": "no halving",
                    "when": "AND(NOT(ISNEW()), AnnualRevenue < PRIORVALUE(AnnualRevenue) / 2)",
                },
            ]
        },
    )
    path = f"/sobjects/Lead/{lead}"
    assert admin("PATCH", path, {"Title": "x", "Phone": "1"}).status == 204
    assert admin("PATCH", path, {"Phone": "2"}).json[0]["message"] == "phone stays"
    assert admin("PATCH", path, {"AnnualRevenue": 60}).status == 204
    assert admin("PATCH", path, {"AnnualRevenue": 20}).json[0]["message"] == "no halving"
    assert refused(admin, Phone="3", AnnualRevenue=1) == []


def test_who_saves_decides(admin: Caller, order: Order) -> None:
    org = admin.org
    seller = birth.create_user(org, username="s@example.com", last_name="S")
    order(
        "rules",
        {
            "validation": [
                {"object": "Lead", "message": "not you", "when": '$Profile.Name = "Standard User"'},
                {"object": "Lead", "message": "nor you", "when": '$User.Username = "nobody@example.com"'},
            ]
        },
    )
    assert refused(admin) == []
    assert [e["message"] for e in refused(Caller(org, seller))] == ["not you"]


def test_parents_are_reached(admin: Caller, order: Order) -> None:
    account = admin.create("Account", Name="Closed Ltd", Industry="Banking")
    rule = {"object": "Contact", "message": "bank", "when": 'TEXT(Account.Industry) = "Banking"'}
    order("rules", {"validation": [rule]})
    answer = admin("POST", "/sobjects/Contact", {"LastName": "C", "AccountId": account})
    assert answer.json[0]["message"] == "bank"
    assert admin("POST", "/sobjects/Contact", {"LastName": "C"}).status == 201


def test_bulk_rows_name_every_rule(admin: Caller, order: Order) -> None:
    order("rules", [{"object": "Lead", "message": "a", "when": "TRUE"}, {**NO_PHONE, "when": "TRUE"}])
    job = admin("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"}).json["id"]
    admin("PUT", f"/jobs/ingest/{job}/batches", raw=b"LastName,Company\nL,C\n", content_type="text/csv")
    admin("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    for thread in list(admin.org.jobs.values()):
        thread.join()
    failed = admin("GET", f"/jobs/ingest/{job}/failedResults").text
    assert (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION:a:--"
        "FIELD_CUSTOM_VALIDATION_EXCEPTION:A hot lead needs a phone:Phone --" in failed
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"object": "Nope", "message": "m", "when": "TRUE"}, "no object 'Nope'"),
        ({"object": "Lead", "when": "TRUE"}, "message"),
        ({"object": "Lead", "message": "m", "when": "Nope = 1"}, "Field Nope does not exist"),
        ({"object": "Lead", "message": "m", "when": "1"}, "expected data type \\(true or false\\)"),
        ({"object": "Lead", "message": "m", "when": {"field": "Phone", "is": "odd"}}, "when"),
        ({"object": "Lead", "message": "m", "when": "TRUE", "field": "Nope"}, "no field 'Nope'"),
        ({"object": "Lead", "message": "m", "when": "TRUE", "colour": 1}, "colour"),
    ],
)
def test_a_rule_that_makes_no_sense_changes_nothing(order: Order, rule: dict[str, Any], says: str) -> None:
    order("rules", [{"object": "Lead", "message": "kept", "when": "TRUE"}])
    with pytest.raises(BadRule, match=says):
        order("rules", {"validation": [rule]})
    assert [one["message"] for one in order("rules")["validation"]] == ["kept"]


def test_rules_survive_a_restart_and_end_with_a_reset(admin: Caller, order: Order) -> None:
    order("rules", [{"object": "Lead", "message": "kept", "when": "ISBLANK(Phone)"}])
    again = type(admin.org).open(admin.org.path)
    assert refused(Caller(again, admin.user_id))[0]["message"] == "kept"
    again.close()
    order("reset", {})
    assert refused(admin) == []
