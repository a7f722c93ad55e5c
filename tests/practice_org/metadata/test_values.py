"""What fields made over the Metadata API do with records."""

from __future__ import annotations

from typing import Any

from practice_org.schema import permission_sets, profiles
from tests.practice_org.calls import Caller
from tests.practice_org.metadata.soap_calls import Soap

HOUSE: dict[str, Any] = {
    "fullName": "House__c",
    "label": "House",
    "pluralLabel": "Houses",
    "nameField": {"label": "House Number", "type": "AutoNumber", "displayFormat": "H-{000}"},
    "deploymentStatus": "Deployed",
    "sharingModel": "ReadWrite",
    "fields": [{"fullName": "Floors__c", "label": "Floors", "type": "Number", "precision": 3, "scale": 0}],
}
OWNER = {
    "fullName": "House__c.Account__c",
    "label": "Account",
    "type": "MasterDetail",
    "referenceTo": "Account",
    "relationshipName": "Houses",
}


def open_all(admin: Caller) -> None:
    permission_sets.grant_all_fields(
        admin.org, profiles.permission_set_of_profile(admin.org, "System Administrator")
    )


def test_auto_numbers_count_on(admin: Caller, soap: Soap) -> None:
    soap.create("CustomObject", HOUSE)
    soap.create(
        "CustomField",
        {"fullName": "House__c.Tag__c", "label": "Tag", "type": "AutoNumber", "displayFormat": "{YYYY}/{0}"},
    )
    open_all(admin)
    admin.create("House__c", Floors__c=1)
    admin.create("House__c", Floors__c=2)
    rows = admin.query("SELECT Name, Tag__c FROM House__c ORDER BY Name")["records"]
    year = admin.org.clock.now().year
    assert [(r["Name"], r["Tag__c"]) for r in rows] == [("H-001", f"{year}/1"), ("H-002", f"{year}/2")]
    refused = admin("POST", "/sobjects/House__c", {"Name": "mine"})
    assert refused.json[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_roll_ups_follow_their_children(admin: Caller, soap: Soap) -> None:
    soap.create("CustomObject", HOUSE)
    soap.create("CustomField", OWNER)
    rollup = {"label": "X", "type": "Summary", "summaryForeignKey": "House__c.Account__c"}
    high = [{"field": "House__c.Floors__c", "operation": "greaterThan", "value": "3"}]
    soap.create(
        "CustomField",
        {**rollup, "fullName": "Account.Houses__c", "summaryOperation": "count"},
        {
            **rollup,
            "fullName": "Account.Floors__c",
            "summaryOperation": "sum",
            "summarizedField": "House__c.Floors__c",
        },
        {**rollup, "fullName": "Account.High__c", "summaryOperation": "count", "summaryFilterItems": high},
        {
            **rollup,
            "fullName": "Account.Top__c",
            "summaryOperation": "max",
            "summarizedField": "House__c.Floors__c",
        },
    )
    open_all(admin)
    account = admin.create("Account", Name="a")
    houses = [admin.create("House__c", Account__c=account, Floors__c=n) for n in (2, 5)]

    def now() -> list[float]:
        row = admin.query("SELECT Houses__c, Floors__c, High__c, Top__c FROM Account")["records"][0]
        return [row["Houses__c"], row["Floors__c"], row["High__c"], row["Top__c"]]

    assert now() == [2.0, 7.0, 1.0, 5.0]
    admin("DELETE", f"/sobjects/House__c/{houses[1]}")
    assert now() == [1.0, 2.0, 0.0, 2.0]
    assert admin.query("SELECT Id FROM Account WHERE Floors__c > 1")["totalSize"] == 1
    assert soap.delete("CustomField", "House__c.Account__c")[0]["error"][0] == "DEPENDENCY_EXISTS"


def test_a_location_is_put_together_from_two_numbers(admin: Caller, soap: Soap) -> None:
    soap.create(
        "CustomField", {"fullName": "Lead.Place__c", "label": "Place", "type": "Location", "scale": 5}
    )
    open_all(admin)
    lead = admin.create("Lead", LastName="x", Company="c", Place__Latitude__s=48.2, Place__Longitude__s=16.37)
    row = admin.query("SELECT Place__c, Place__Latitude__s FROM Lead")["records"][0]
    assert row["Place__c"] == {"latitude": 48.2, "longitude": 16.37} and row["Place__Latitude__s"] == 48.2
    assert soap.delete("CustomField", "Lead.Place__c")[0]["success"]
    assert "Place__Latitude__s" not in admin("GET", f"/sobjects/Lead/{lead}").json


def test_times_are_times(admin: Caller, soap: Soap) -> None:
    soap.create("CustomField", {"fullName": "Lead.At__c", "label": "At", "type": "Time"})
    open_all(admin)
    admin.create("Lead", LastName="x", Company="c", At__c="09:30:00.000Z")
    assert admin.query("SELECT At__c FROM Lead")["records"][0]["At__c"] == "09:30:00.000Z"
    refused = admin("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c", "At__c": "25:00"})
    assert refused.json[0]["errorCode"] == "JSON_PARSER_ERROR"


def test_defaults_apply_when_nothing_is_given(admin: Caller, soap: Soap) -> None:
    soap.create(
        "CustomField",
        {"fullName": "Lead.On__c", "label": "On", "type": "Checkbox", "defaultValue": "true"},
        {"fullName": "Lead.Word__c", "label": "Word", "type": "Text", "length": 9, "defaultValue": '"first"'},
        {
            "fullName": "Lead.Many__c",
            "label": "Many",
            "type": "Number",
            "precision": 3,
            "scale": 0,
            "defaultValue": "7",
        },
    )
    open_all(admin)
    admin.create("Lead", LastName="x", Company="c")
    row = admin.query("SELECT On__c, Word__c, Many__c FROM Lead")["records"][0]
    assert (row["On__c"], row["Word__c"], row["Many__c"]) == (True, "first", 7.0)


def test_validation_rules_are_asked(admin: Caller, soap: Soap) -> None:
    rule = {
        "fullName": "Lead.Phone_Needed", "active": True, "description": "why", "errorConditionFormula": "ISBLANK(Phone)",
        "errorDisplayField": "Phone", "errorMessage": "A phone, please.",
    }  # fmt: skip
    soap.create("ValidationRule", rule)
    refused = admin("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c"}).json[0]
    assert (refused["errorCode"], refused["message"], refused["fields"]) == (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "A phone, please.",
        ["Phone"],
    )
    assert soap.read("ValidationRule", "Lead.Phone_Needed") == [
        {key: ["true" if value is True else value] for key, value in rule.items()}
    ]
    soap.write("updateMetadata", "ValidationRule", {**rule, "active": False})
    assert admin.create("Lead", LastName="x", Company="c")
    code, message = soap.refused(
        "ValidationRule", {**rule, "fullName": "Lead.Bad", "errorConditionFormula": "Nope__c = 1"}
    )
    assert code == "FIELD_INTEGRITY_EXCEPTION" and "Nope__c" in message
    assert soap.delete("ValidationRule", "Lead.Phone_Needed")[0]["success"]
