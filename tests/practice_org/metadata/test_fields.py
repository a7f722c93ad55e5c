"""Custom fields over the Metadata API: created, refused, read back, changed, deleted, renamed."""

from __future__ import annotations

from typing import Any

import pytest

from practice_org.schema import permission_sets, profiles
from tests.practice_org.calls import Caller
from tests.practice_org.metadata.soap_calls import Fault, Soap

TEXT = {"fullName": "Lead.Code__c", "label": "Code", "length": 20, "type": "Text"}
VALUES = {"valueSetDefinition": {"sorted": False, "value": [
    {"fullName": "red", "default": False, "label": "Red"}, {"fullName": "blue", "default": True, "label": "Blue"},
]}}  # fmt: skip
EVERY_TYPE: list[dict[str, Any]] = [
    {"type": "Text", "length": 40},
    {"type": "TextArea"},
    {"type": "LongTextArea", "length": 32768, "visibleLines": 5},
    {"type": "Html", "length": 32768, "visibleLines": 25},
    {"type": "Number", "precision": 10, "scale": 2},
    {"type": "Currency", "precision": 18, "scale": 2},
    {"type": "Percent", "precision": 5, "scale": 1},
    {"type": "Date"},
    {"type": "DateTime"},
    {"type": "Time"},
    {"type": "Checkbox", "defaultValue": "true"},
    {"type": "Email"},
    {"type": "Phone"},
    {"type": "Url"},
    {"type": "Picklist", "valueSet": VALUES},
    {"type": "MultiselectPicklist", "valueSet": VALUES, "visibleLines": 3},
    {"type": "Lookup", "referenceTo": "Account", "relationshipName": "Leads_Of"},
    {"type": "AutoNumber", "displayFormat": "L-{0000}"},
    {"type": "EncryptedText", "length": 20, "maskChar": "asterisk", "maskType": "lastFour"},
    {"type": "Location", "scale": 5},
    {"type": "Text", "formula": 'LastName &amp; "!"'},
    {"type": "Number", "precision": 18, "scale": 0, "formula": "LEN(LastName)"},
]


@pytest.mark.parametrize(
    "definition", EVERY_TYPE, ids=lambda d: d["type"] + ("-formula" if "formula" in d else "")
)
def test_each_type_is_created_and_read_back_and_created_again_from_that(
    soap: Soap, definition: dict[str, Any]
) -> None:
    given = {"fullName": "Lead.X__c", "label": "X", "description": "what for", **definition}
    given = {k: v.replace("&amp;", "&") if k == "formula" else v for k, v in given.items()}
    soap.create("CustomField", given)
    (read,) = soap.read("CustomField", "Lead.X__c")
    for key, value in given.items():
        if key != "valueSet":
            shown = (
                {True: "true", False: "false"}.get(value, str(value))
                if isinstance(value, bool)
                else str(value)
            )
            assert read[key] == [shown], key
    assert soap.delete("CustomField", "Lead.X__c")[0]["success"]
    assert soap.read("CustomField", "Lead.X__c") == [None]
    # What was read is a complete definition.
    soap.create("CustomField", {key: [_typed(v) for v in values] for key, values in read.items()})
    assert soap.read("CustomField", "Lead.X__c") == [read]


def _typed(value: Any) -> Any:
    return {k: [_typed(v) for v in vs] for k, vs in value.items()} if isinstance(value, dict) else value


def test_a_new_field_is_seen_by_nobody_until_it_is_granted(admin: Caller, soap: Soap) -> None:
    soap.create("CustomField", TEXT)
    assert "No such column" in admin.query("SELECT Code__c FROM Lead")[0]["message"]
    names = [f["name"] for f in admin("GET", "/sobjects/Lead/describe").json["fields"]]
    assert "Code__c" not in names
    soap.create("PermissionSet", {
        "fullName": "Codes", "label": "Codes",
        "fieldPermissions": [{"editable": True, "field": "Lead.Code__c", "readable": True}],
    })  # fmt: skip
    found = admin.query("SELECT Id FROM PermissionSet WHERE Name = 'Codes'")["records"][0]["Id"]
    admin.create("PermissionSetAssignment", PermissionSetId=found, AssigneeId=admin.user_id)
    assert admin.query("SELECT Code__c FROM Lead")["totalSize"] == 0
    admin.create("Lead", LastName="x", Company="c", Code__c="7")
    assert admin.query("SELECT Code__c FROM Lead")["records"][0]["Code__c"] == "7"


def test_required_fields_are_seen_by_all_who_see_the_object(admin: Caller, soap: Soap) -> None:
    soap.create("CustomField", {**TEXT, "required": True})
    refused = admin("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c"})
    assert refused.json[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert admin.create("Lead", LastName="x", Company="c", Code__c="1")


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"length": None}, "FIELD_INTEGRITY_EXCEPTION", "Must specify 'length' for a CustomField of type Text"),
        ({"visibleLines": 3}, "FIELD_INTEGRITY_EXCEPTION", "Can not specify 'visibleLines' for a CustomField of type Text"),
        ({"type": "TextArea"}, "FIELD_INTEGRITY_EXCEPTION", "Can not specify 'length' for a CustomField of type TextArea"),
        ({"label": None}, "FIELD_INTEGRITY_EXCEPTION", "Must specify a non-empty label for the CustomField"),
        ({"type": "Checkbox", "length": None}, "FIELD_INTEGRITY_EXCEPTION", "Must specify 'defaultValue' for a CustomField of type Checkbox"),
        ({"type": "LongTextArea", "length": 500, "visibleLines": 3, "required": True}, "FIELD_INTEGRITY_EXCEPTION", "Can not specify 'required' for a CustomField of type LongTextArea"),
        ({"type": "Date", "length": None, "unique": True}, "FIELD_INTEGRITY_EXCEPTION", "Can not specify 'unique' for a CustomField of type Date"),
        ({"type": "MasterDetail", "length": None, "required": True, "referenceTo": "Account", "relationshipName": "X"}, "FIELD_INTEGRITY_EXCEPTION", "Master-Detail Relationship Fields Cannot be Optional or Required"),
        ({"type": "Lookup", "length": None, "referenceTo": "Nope__c"}, "INVALID_CROSS_REFERENCE_KEY", "In field: referenceTo - no CustomObject named Nope__c found"),
        ({"fullName": "Lead.Nope"}, "FIELD_INTEGRITY_EXCEPTION", "Could not resolve standard field's name."),
        ({"fullName": "Nope__c.Code__c"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Entity Enumeration Or ID: bad value for restricted picklist field: Nope__c"),
        ({"fullName": ""}, "REQUIRED_FIELD_MISSING", "Required field is missing: fullName"),
    ],
)  # fmt: skip
def test_what_a_definition_lacks_is_said_in_salesforces_words(
    soap: Soap, change: dict[str, Any], code: str, message: str
) -> None:
    given = {key: value for key, value in {**TEXT, **change}.items() if value is not None}
    assert soap.refused("CustomField", given) == (code, message)


def test_a_name_is_taken_once(soap: Soap) -> None:
    soap.create("CustomField", TEXT)
    assert soap.refused("CustomField", {**TEXT, "fullName": "Lead.code__c"}) == (
        "DUPLICATE_DEVELOPER_NAME",
        "There is already a field named code on Lead.",
    )


def test_each_component_has_an_outcome_of_its_own_unless_all_or_none(soap: Soap) -> None:
    good, bad = {**TEXT, "fullName": "Lead.A__c"}, {**TEXT, "fullName": "Lead.B__c", "length": 900}
    first, second = soap.write("createMetadata", "CustomField", good, bad)
    assert (first["success"], second["success"]) == (True, False)
    header = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>"
    both = soap.write("createMetadata", "CustomField", {**good, "fullName": "Lead.C__c"}, bad, header=header)
    assert [one["error"][0] for one in both] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "FIELD_INTEGRITY_EXCEPTION",
    ]
    assert soap.read("CustomField", "Lead.A__c", "Lead.C__c")[1] is None
    assert soap.org.schema["Lead"].get("C__c") is None


def test_upsert_tells_whether_it_created(soap: Soap) -> None:
    assert soap.write("upsertMetadata", "CustomField", TEXT)[0]["created"] == "true"
    (again,) = soap.write("upsertMetadata", "CustomField", {**TEXT, "label": "New", "length": 30})
    assert (again["created"], again["success"]) == ("false", True)
    assert soap.read("CustomField", "Lead.Code__c")[0]["label"] == ["New"]


def test_an_update_needs_a_component_that_is_there(soap: Soap) -> None:
    assert soap.refused("CustomField", TEXT, "updateMetadata") == (
        "INVALID_CROSS_REFERENCE_KEY",
        "no CustomField named Lead.Code__c found",
    )
    assert (
        soap.delete("CustomField", "Lead.Code__c")[0]["error"][1] == "no CustomField named Lead.Code__c found"
    )


def test_picklist_values_that_an_update_leaves_out_become_inactive(admin: Caller, soap: Soap) -> None:
    field = {
        "fullName": "Lead.Colour__c",
        "label": "Colour",
        "type": "Picklist",
        "valueSet": {"restricted": True, **VALUES},
    }
    soap.create("CustomField", field)
    less = {
        "restricted": True,
        "valueSetDefinition": {"sorted": False, "value": VALUES["valueSetDefinition"]["value"][:1]},
    }
    (done,) = soap.write("updateMetadata", "CustomField", {**field, "valueSet": less})
    assert done["success"]
    values = soap.read("CustomField", "Lead.Colour__c")[0]["valueSet"][0]["valueSetDefinition"][0]["value"]
    assert [(v["fullName"], v.get("isActive")) for v in values] == [(["red"], None), (["blue"], ["false"])]
    permission_sets.grant_all_fields(
        admin.org, profiles.permission_set_of_profile(admin.org, "System Administrator")
    )
    refused = admin("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c", "Colour__c": "blue"})
    assert refused.json[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_a_renamed_field_keeps_values_and_permissions(admin: Caller, soap: Soap) -> None:
    soap.create("CustomField", TEXT)
    permission_sets.grant_all_fields(
        admin.org, profiles.permission_set_of_profile(admin.org, "System Administrator")
    )
    lead = admin.create("Lead", LastName="x", Company="c", Code__c="7")
    (renamed,) = soap.call(
        "renameMetadata", type="CustomField", oldFullName="Lead.Code__c", newFullName="Lead.Key__c"
    )
    assert renamed["success"] == ["true"]
    assert admin("GET", f"/sobjects/Lead/{lead}").json["Key__c"] == "7"


def test_a_field_that_is_used_cannot_be_deleted(soap: Soap) -> None:
    soap.create(
        "CustomField",
        TEXT,
        {"fullName": "Lead.Loud__c", "label": "Loud", "type": "Text", "formula": "UPPER(Code__c)"},
    )
    (outcome,) = soap.delete("CustomField", "Lead.Code__c")
    assert outcome["error"][0] == "DEPENDENCY_EXISTS" and "Loud__c" in outcome["error"][1]
    assert [one["success"] for one in soap.delete("CustomField", "Lead.Loud__c", "Lead.Code__c")] == [
        True,
        True,
    ]


def test_child_relationship_names_are_unique_on_the_parent(soap: Soap) -> None:
    field = {
        "fullName": "Lead.A__c",
        "label": "A",
        "type": "Lookup",
        "referenceTo": "Account",
        "relationshipName": "Own_Leads",
    }
    soap.create("CustomField", field)
    assert soap.refused("CustomField", {**field, "fullName": "Lead.B__c"})[1] == (
        "There is already a Child Relationship named Own_Leads on Account."
    )


def test_malformed_requests_are_faults(soap: Soap) -> None:
    with pytest.raises(Fault, match="Unknown type:Nope"):
        soap.read("Nope", "x")
    with pytest.raises(Fault, match=r"Element \{.*\}colour invalid at this location in type CustomField"):
        soap.write("createMetadata", "CustomField", {**TEXT, "colour": "red"})
    with pytest.raises(Fault, match="is duplicated at this location in type CustomField"):
        soap.write("createMetadata", "CustomField", {**TEXT, "label": ["a", "b"]})
    with pytest.raises(Fault, match="'Word' is not a valid value for the enum 'FieldType'"):
        soap.write("createMetadata", "CustomField", {**TEXT, "type": "Word"})
    with pytest.raises(Fault, match="'long' is not a valid value for the type xsd:int"):
        soap.write("createMetadata", "CustomField", {**TEXT, "length": "long"})
    with pytest.raises(Fault, match="more than 10 records"):
        soap.write("createMetadata", "CustomField", *[TEXT] * 11)
    with pytest.raises(Fault, match="No operation available for request"):
        soap.call("makeCoffee")
    soap.session = "no session"
    with pytest.raises(Fault, match="INVALID_SESSION_ID"):
        soap.read("CustomField", "Lead.X__c")
