"""The Tooling API: what real tools ask of it, and components created, changed and deleted through it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from practice_org.schema.birth import create_user
from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org

TEXT = {"label": "Code", "type": "Text", "length": 20}


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def ask(admin: Caller, soql: str) -> list[dict[str, Any]]:
    answer = admin.query(soql, "/tooling/query")
    assert isinstance(answer, dict), answer
    assert answer["totalSize"] == answer["size"] == len(answer["records"])
    return list(answer["records"])


def made(admin: Caller, kind: str, name: str, **metadata: Any) -> str:
    answer = admin("POST", f"/tooling/sobjects/{kind}", {"FullName": name, "Metadata": metadata})
    assert answer.status == 201, answer.text
    assert answer.json == {
        "id": answer.json["id"],
        "success": True,
        "errors": [],
        "warnings": [],
        "infos": [],
    }
    return str(answer.json["id"])


def test_fields_of_an_object_with_their_types(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Ext", "text", length=40, external_id=True, unique=True)
    create_field(admin.org, "Lead", "Score", "number", length=10)
    soql = "SELECT QualifiedApiName, DataType, IsNillable FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Lead'"
    rows = {row["QualifiedApiName"]: row["DataType"] for row in ask(admin, soql)}
    assert rows["Ext__c"] == "Text(40) (External ID) (Unique Case Insensitive)"
    assert rows["Score__c"] == "Number(10, 0)"
    assert (rows["Name"], rows["Address"], rows["OwnerId"]) == ("Name", "Address", "Lookup(Group,User)")
    assert (rows["Status"], rows["Email"], rows["CreatedDate"]) == ("Picklist", "Email", "Date/Time")
    assert "Street" not in rows and "FirstName" not in rows


@pytest.mark.parametrize(
    "where",
    [
        "EntityDefinitionId = 'Lead'",
        "DurableId = 'Lead.Email'",
        "EntityDefinition.QualifiedApiName IN ('Lead') AND QualifiedApiName = 'Email'",
    ],
)
def test_fields_are_found_by_what_identifies_them(admin: Caller, where: str) -> None:
    rows = ask(
        admin, f"SELECT Id, DurableId, EntityDefinition.DeveloperName FROM FieldDefinition WHERE {where}"
    )
    email = next(row for row in rows if row["DurableId"] == "Lead.Email")
    assert email["Id"] == "000000000000000AAA"
    assert email["attributes"]["url"] == "/services/data/v60.0/tooling/sobjects/FieldDefinition/Lead.Email"
    assert email["EntityDefinition"]["DeveloperName"] == "Lead"


def test_objects_with_their_fields_in_a_sub_select(admin: Caller) -> None:
    soql = "SELECT QualifiedApiName, KeyPrefix, (SELECT QualifiedApiName FROM Fields) FROM EntityDefinition WHERE QualifiedApiName IN ('Lead', 'Contact') ORDER BY QualifiedApiName"
    rows = ask(admin, soql)
    assert [(row["QualifiedApiName"], row["KeyPrefix"]) for row in rows] == [
        ("Contact", "003"),
        ("Lead", "00Q"),
    ]
    assert "Company" in [field["QualifiedApiName"] for field in rows[1]["Fields"]["records"]]


def test_the_data_api_knows_some_of_them_too(admin: Caller) -> None:
    answer = admin.query("SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName = 'Lead'")
    assert answer["records"][0]["attributes"]["url"] == "/services/data/v60.0/sobjects/EntityDefinition/Lead"
    particles = admin.query(
        "SELECT Name, IsCreatable FROM EntityParticle WHERE EntityDefinition.QualifiedApiName = 'Lead'"
    )
    assert "Street" in [row["Name"] for row in particles["records"]]
    assert admin.query("SELECT Id FROM CustomField")[0]["errorCode"] == "INVALID_TYPE"


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        ("SELECT Id FROM FieldDefinition", "MALFORMED_QUERY", "FieldDefinition: a filter on a reified column is required [EntityDefinitionId,DurableId]"),
        ("SELECT Id FROM EntityParticle LIMIT 1", "MALFORMED_QUERY", "EntityParticle: a filter on a reified column is required [EntityDefinitionId,FieldDefinitionId,DurableId]"),
        ("SELECT Metadata FROM StandardValueSet", "MALFORMED_QUERY", "StandardValueSet: a filter on a reified column is required [MasterLabel,DurableId]"),
        ("SELECT Id, Metadata FROM Layout", "MALFORMED_QUERY", "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more than one row for retrieval. Result size: "),
        ("SELECT Id FROM Coffee", "INVALID_TYPE", "sObject type 'Coffee' is not supported"),
        ("SELECT Coffee FROM CustomField", "INVALID_FIELD", "No such column 'Coffee' on entity 'CustomField'"),
    ],
)  # fmt: skip
def test_refusals(admin: Caller, soql: str, code: str, message: str) -> None:
    answer = admin("GET", f"/tooling/query?q={quote(soql)}")
    assert answer.status == 400
    assert answer.json[0]["errorCode"] == code and message in answer.json[0]["message"]


def test_a_custom_field_is_made_read_changed_renamed_and_deleted(admin: Caller) -> None:
    made_id = made(admin, "CustomField", "Lead.Code__c", **TEXT, description="what for")
    assert made_id.startswith("00N")
    (row,) = ask(
        admin,
        "SELECT Id, DeveloperName, TableEnumOrId, CreatedBy.Name FROM CustomField WHERE DeveloperName = 'Code'",
    )
    assert (row["Id"], row["TableEnumOrId"], row["CreatedBy"]["Name"]) == (made_id, "Lead", "Admin")
    (row,) = ask(admin, f"SELECT FullName, Metadata FROM CustomField WHERE Id = '{made_id}'")
    assert row["FullName"] == "Lead.Code__c"
    assert row["Metadata"]["length"] == 20 and row["Metadata"]["formula"] is None
    changed = {**row["Metadata"], "label": "New label", "length": 30}
    assert admin("PATCH", f"/tooling/sobjects/CustomField/{made_id}", {"Metadata": changed}).status == 204
    got = admin("GET", f"/tooling/sobjects/CustomField/{made_id[:15]}").json
    assert (got["Metadata"]["label"], got["Length"], got["Description"]) == ("New label", 30, "what for")
    assert (
        admin("PATCH", f"/tooling/sobjects/CustomField/{made_id}", {"FullName": "Lead.Key__c"}).status == 204
    )
    assert admin.org.schema["Lead"].get("Key__c") is not None
    assert admin("DELETE", f"/tooling/sobjects/CustomField/{made_id}").status == 204
    assert admin("DELETE", f"/tooling/sobjects/CustomField/{made_id}").status == 404
    assert admin("GET", f"/tooling/sobjects/CustomField/{made_id}").status == 404


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"Metadata": TEXT}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [FullName]"),
        ({"FullName": "Lead.X__c", "Metadata": {"label": "X", "type": "Text"}}, "FIELD_INTEGRITY_EXCEPTION", "Must specify 'length' for a CustomField of type Text"),
        ({"FullName": "Lead.Ext__c", "Metadata": TEXT}, "DUPLICATE_DEVELOPER_NAME", "There is already a field named Ext on Lead."),
        ({"FullName": "Lead.X__c", "Metadata": {**TEXT, "colour": 1}}, "JSON_PARSER_ERROR", "colour"),
        ({"FullName": "Lead.X__c", "Metadata": []}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Metadata]"),
        ({"FullName": "Lead.X__c", "Metadata": "x"}, "JSON_PARSER_ERROR", "no object"),
        ({"FullName": "Lead.X__c", "Metadata": TEXT, "Colour": 1}, "INVALID_FIELD", "No such column 'Colour' on sobject of type CustomField"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_new_field(admin: Caller, body: Any, code: str, message: str) -> None:
    create_field(admin.org, "Lead", "Ext", "text", length=40)
    answer = admin("POST", "/tooling/sobjects/CustomField", body)
    assert answer.status == 400
    assert answer.json[0]["errorCode"] == code and message in answer.json[0]["message"]


def test_rules_layouts_objects_and_record_types(admin: Caller) -> None:
    rule = made(
        admin,
        "ValidationRule",
        "Lead.No_Phone",
        active=True,
        errorConditionFormula="ISBLANK(Phone)",
        errorMessage="Phone!",
    )
    assert admin("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c"}).json[0]["message"] == "Phone!"
    (row,) = ask(
        admin, "SELECT Id, ValidationName, Active, EntityDefinition.QualifiedApiName FROM ValidationRule"
    )
    assert (row["Id"], row["Active"], row["EntityDefinition"]["QualifiedApiName"]) == (rule, True, "Lead")
    admin("DELETE", f"/tooling/sobjects/ValidationRule/{rule}")
    assert admin.create("Lead", LastName="x", Company="c")
    house = made(admin, "CustomObject", "House__c", label="House", pluralLabel="Houses", deploymentStatus="Deployed",
                 sharingModel="ReadWrite", nameField={"type": "Text", "label": "Number"})  # fmt: skip
    assert house.startswith("01I")
    (row,) = ask(
        admin, "SELECT DurableId, IsCustomizable FROM EntityDefinition WHERE QualifiedApiName = 'House__c'"
    )
    assert row["DurableId"] == house[:15]
    (row,) = ask(admin, "SELECT Id, Name, EntityDefinitionId FROM Layout WHERE TableEnumOrId = 'Lead'")
    (full,) = ask(admin, f"SELECT Metadata FROM Layout WHERE Id = '{row['Id']}'")
    metadata = full["Metadata"]
    gone = metadata["layoutSections"][0]["layoutColumns"][0]["layoutItems"].pop()
    assert admin("PATCH", f"/tooling/sobjects/Layout/{row['Id']}", {"Metadata": metadata}).status == 204
    (full,) = ask(admin, f"SELECT Metadata FROM Layout WHERE Id = '{row['Id']}'")
    assert gone not in full["Metadata"]["layoutSections"][0]["layoutColumns"][0]["layoutItems"]
    made(admin, "RecordType", "Lead.Partner", active=True, label="Partner")
    assert [
        r["SobjectType"] for r in ask(admin, "SELECT Id, SobjectType FROM RecordType WHERE IsActive = true")
    ] == ["Lead"]


def test_what_tools_look_for_and_is_not_here_is_empty(admin: Caller) -> None:
    for name in ("ApexClass", "ApexTrigger", "Flow", "InstalledSubscriberPackage", "TraceFlag"):
        assert ask(admin, f"SELECT Id FROM {name}") == []
    assert (
        admin("POST", "/tooling/sobjects/ApexClass", {"Body": "x"}).json[0]["errorCode"]
        == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    )
    assert admin("GET", "/tooling/executeAnonymous/?anonymousBody=System.debug(1);").json["compiled"] is False
    assert admin("POST", "/tooling/runTestsAsynchronous/", {"classNames": "A"}).status == 400


def test_describes(admin: Caller) -> None:
    names = {one["name"] for one in admin("GET", "/tooling/sobjects").json["sobjects"]}
    assert {
        "CustomField",
        "EntityDefinition",
        "ValidationRule",
        "ApexClass",
    } <= names and "SourceMember" not in names
    described = admin("GET", "/tooling/sobjects/CustomField/describe").json
    assert described["urls"]["sobject"] == "/services/data/v60.0/tooling/sobjects/CustomField"
    assert "Metadata" in [field["name"] for field in described["fields"]]
    assert admin("GET", "/tooling/sobjects/SourceMember/describe").status == 404


def test_people_and_profiles_can_be_asked_for(admin: Caller) -> None:
    assert {row["Name"] for row in ask(admin, "SELECT Name FROM Profile")} >= {"System Administrator"}
    (row,) = ask(admin, "SELECT Username, Profile.Name FROM User WHERE Username = 'admin@example.com'")
    assert row["Profile"]["Name"] == "System Administrator"
    assert admin.query("SELECT COUNT() FROM PermissionSet", "/tooling/query")["totalSize"] >= 2


def test_only_those_who_may_change_metadata(admin: Caller) -> None:
    seller = Caller(admin.org, create_user(admin.org, username="s@example.com", last_name="S"))
    refused = seller("POST", "/tooling/sobjects/CustomField", {"FullName": "Lead.X__c", "Metadata": TEXT})
    assert (refused.status, refused.json[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")
