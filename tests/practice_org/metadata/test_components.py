"""Objects, permissions, layouts, record types, value sets, lead mapping and channels as components."""

from __future__ import annotations

from typing import Any

import pytest

from practice_org.schema import layouts
from practice_org.schema.birth import create_user
from tests.practice_org.calls import Caller
from tests.practice_org.metadata.soap_calls import Fault, Soap
from tests.practice_org.metadata.test_values import HOUSE, OWNER, open_all

CODE = {"fullName": "Lead.Code__c", "label": "Code", "length": 20, "type": "Text"}


def granting(name: str = "Sync", **more: Any) -> dict[str, Any]:
    return {"fullName": name, "label": name, **more}


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ("label", "Must specify a non-empty label for the CustomObject"),
        ("nameField", "Must specify a nameField of type Text or AutoNumber"),
        ("sharingModel", "Must specify 'sharingModel' for the CustomObject"),
    ],
)
def test_what_an_object_lacks_is_said(soap: Soap, lacking: str, message: str) -> None:
    given = {key: value for key, value in HOUSE.items() if key != lacking}
    assert soap.refused("CustomObject", given) == ("FIELD_INTEGRITY_EXCEPTION", message)
    assert soap.org.schema.get("House__c") is None


def test_an_object_with_its_fields_is_read_as_it_was_made(admin: Caller, soap: Soap) -> None:
    soap.create("CustomObject", HOUSE)
    (read,) = soap.read("CustomObject", "House__c")
    assert read["nameField"] == [
        {"label": ["House Number"], "type": ["AutoNumber"], "displayFormat": ["H-{000}"]}
    ]
    assert [f["fullName"] for f in read["fields"]] == [["Floors__c"]]
    soap.write("updateMetadata", "CustomObject", {**HOUSE, "label": "Home", "fields": []})
    assert admin("GET", "/sobjects/House__c/describe").json["label"] == "Home"
    assert soap.delete("CustomObject", "House__c")[0]["success"]
    assert admin("GET", "/sobjects/House__c/describe").status == 404


def test_an_object_that_others_refer_to_stays(soap: Soap) -> None:
    soap.create("CustomObject", HOUSE)
    soap.create(
        "CustomField",
        {
            "fullName": "Lead.House__c",
            "label": "H",
            "type": "Lookup",
            "referenceTo": "House__c",
            "relationshipName": "L",
        },
    )
    assert soap.delete("CustomObject", "House__c")[0]["error"][0] == "DEPENDENCY_EXISTS"


def test_a_standard_object_is_read_with_its_fields(soap: Soap) -> None:
    soap.create("CustomField", CODE)
    (read,) = soap.read("CustomObject", "Lead")
    names = [f["fullName"][0] for f in read["fields"]]
    assert {"Email", "Company", "Code__c"} <= set(names) and "SystemModstamp" not in names


def test_permission_sets_give_and_take(admin: Caller, soap: Soap) -> None:
    soap.create("CustomField", CODE)
    seller = Caller(admin.org, create_user(admin.org, username="s@example.com", last_name="S"))
    soap.create("PermissionSet", granting(
        fieldPermissions=[{"editable": False, "field": "Lead.Code__c", "readable": True}],
        userPermissions=[{"enabled": True, "name": "ViewAllData"}],
    ))  # fmt: skip
    set_id = admin.query("SELECT Id, Label FROM PermissionSet WHERE Name = 'Sync'")["records"][0]["Id"]
    admin.create("PermissionSetAssignment", PermissionSetId=set_id, AssigneeId=seller.user_id)
    assert "totalSize" in seller.query("SELECT Code__c FROM Lead")
    refused = seller("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c", "Code__c": "1"})
    assert refused.json[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    again = admin(
        "POST", "/sobjects/PermissionSetAssignment", {"PermissionSetId": set_id, "AssigneeId": seller.user_id}
    )
    assert again.json[0] == {
        "message": f"Duplicate PermissionSetAssignment.  Assignee: {seller.user_id[:15]}; Permission Set: {set_id[:15]}",
        "errorCode": "DUPLICATE_VALUE",
        "fields": ["AssigneeId", "PermissionSetId"],
    }
    (read,) = soap.read("PermissionSet", "Sync")
    assert read["userPermissions"] == [{"enabled": ["true"], "name": ["ViewAllData"]}]
    # From API version 40 on a definition replaces the one before.
    soap.write("updateMetadata", "PermissionSet", granting())
    assert "No such column" in seller.query("SELECT Code__c FROM Lead")[0]["message"]
    assert soap.delete("PermissionSet", "Sync")[0]["error"][0] == "DELETE_FAILED"


def test_before_version_40_permission_sets_are_added_to(admin: Caller) -> None:
    old = Soap(admin.org, admin.user_id, "39.0")
    old.create("CustomField", CODE)
    old.create(
        "PermissionSet",
        granting(fieldPermissions=[{"editable": True, "field": "Lead.Code__c", "readable": True}]),
    )
    old.write("updateMetadata", "PermissionSet", granting())
    assert old.read("PermissionSet", "Sync")[0]["fieldPermissions"][0]["field"] == ["Lead.Code__c"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fieldPermissions": [{"editable": True, "field": "Lead.Nope__c"}]}, "In field: field - no CustomField named Lead.Nope__c found"),
        ({"fieldPermissions": [{"editable": True, "field": "Lead.LastName"}]}, "You cannot deploy to a required field: Lead.LastName"),
        ({"objectPermissions": [{"object": "Lead", "allowEdit": True, "allowRead": False}]}, "Permission Edit Lead depends on permission(s): Read Lead"),
        ({"objectPermissions": [{"object": "House__c", "allowRead": True}]}, "Permission Read House__c depends on permission(s): Read Account"),
    ],
)  # fmt: skip
def test_permissions_that_cannot_be_given(soap: Soap, given: dict[str, Any], message: str) -> None:
    soap.create("CustomObject", HOUSE)
    soap.create("CustomField", OWNER)
    assert soap.refused("PermissionSet", granting(**given))[1] == message
    assert soap.read("PermissionSet", "Sync") == [None]


def test_profiles_are_added_to_and_standard_ones_bear_other_names(admin: Caller, soap: Soap) -> None:
    soap.create("CustomField", CODE)
    given = {
        "fullName": "Admin",
        "fieldPermissions": [{"editable": True, "field": "Lead.Code__c", "readable": True}],
    }
    assert soap.write("updateMetadata", "Profile", given)[0]["success"]
    assert admin.create("Lead", LastName="x", Company="c", Code__c="1")
    (read,) = soap.read("Profile", "Admin")
    assert read["custom"] == ["false"] and len(read["fieldPermissions"]) > 50
    assert {"Admin", "Standard"} <= {
        one["fullName"][0] for one in soap.call("listMetadata", queries={"type": "Profile"})
    }


def test_a_field_is_put_on_a_layout_and_leaves_it_with_its_deletion(admin: Caller, soap: Soap) -> None:
    soap.create("CustomField", CODE)
    (layout,) = soap.read("Layout", "Lead-Lead Layout")
    assert layout["fullName"] == ["Lead-Lead Layout"]
    item = {"behavior": ["Edit"], "field": ["Code__c"]}
    layout["layoutSections"][0]["layoutColumns"][0]["layoutItems"].append(item)
    given = {key: [_plain(v) for v in values] for key, values in layout.items()}
    assert soap.write("updateMetadata", "Layout", given)[0]["success"]
    stored = layouts.of_object(admin.org, admin.org.schema["Lead"])[0][1]
    assert layouts.fields(stored)["Code__c"] == "Edit"
    open_all(admin)
    assert '"Code__c"' in admin("GET", "/sobjects/Lead/describe/layouts").text
    given["layoutSections"][0]["layoutColumns"][1]["layoutItems"].append(item)
    assert "duplicated" in soap.refused("Layout", given, "updateMetadata")[1]
    soap.delete("CustomField", "Lead.Code__c")
    stored = layouts.of_object(admin.org, admin.org.schema["Lead"])[0][1]
    assert "Code__c" not in layouts.fields(stored)


def _plain(value: Any) -> Any:
    return {k: [_plain(v) for v in vs] for k, vs in value.items()} if isinstance(value, dict) else value


def test_lead_fields_are_mapped_to_where_their_values_go(admin: Caller, soap: Soap) -> None:
    soap.create(
        "CustomField",
        CODE,
        {**CODE, "fullName": "Contact.Code__c"},
        {**CODE, "fullName": "Contact.Short__c", "length": 5},
    )

    def mapped(*pairs: tuple[str, str]) -> dict[str, Any]:
        fields = [{"inputField": source, "outputField": target} for source, target in pairs]
        return {"fullName": "LeadConvertSettings", "allowOwnerChange": True, "objectMapping": [
            {"inputObject": "Lead", "mappingFields": fields, "outputObject": "Contact"},
        ]}  # fmt: skip

    assert soap.write("updateMetadata", "LeadConvertSettings", mapped(("Code__c", "Code__c")))[0]["success"]
    assert admin.org.setting("lead_convert_settings") == [
        {"lead_field": "Code__c", "target_object": "Contact", "target_field": "Code__c"}
    ]
    assert soap.read("LeadConvertSettings", "LeadConvertSettings")[0]["objectMapping"][0]["outputObject"] == [
        "Contact"
    ]
    for bad in (("Nope__c", "Code__c"), ("Code__c", "Short__c"), ("Code__c", "Birthdate")):
        assert not soap.write("updateMetadata", "LeadConvertSettings", mapped(bad))[0]["success"]
    number = {"fullName": "Lead.Code__c", "label": "Code", "type": "Number", "precision": 5, "scale": 0}
    assert "mapped for lead conversion" in soap.refused("CustomField", number, "updateMetadata")[1]
    soap.delete("CustomField", "Contact.Code__c")
    assert admin.org.setting("lead_convert_settings") == []


def test_record_types_are_rows_and_know_their_picklist_values(admin: Caller, soap: Soap) -> None:
    given = {"fullName": "Lead.Partner", "active": True, "label": "Partner lead", "picklistValues": [
        {"picklist": "Rating", "values": [{"fullName": "Hot", "default": False}]},
    ]}  # fmt: skip
    soap.create("RecordType", given)
    row = admin.query("SELECT Name, DeveloperName, IsActive FROM RecordType WHERE SobjectType = 'Lead'")[
        "records"
    ][0]
    assert (row["Name"], row["DeveloperName"], row["IsActive"]) == ("Partner lead", "Partner", True)
    given["picklistValues"][0]["values"] = [{"fullName": "Tepid", "default": False}]
    assert (
        soap.refused("RecordType", given, "updateMetadata")[1]
        == "Picklist value: Tepid in picklist: Rating not found"
    )
    assert soap.delete("RecordType", "Lead.Partner")[0]["error"][0] == "DELETE_FAILED"
    soap.write("updateMetadata", "RecordType", {"fullName": "Lead.Partner", "active": False, "label": "P"})
    assert soap.delete("RecordType", "Lead.Partner")[0]["success"]


def test_standard_values_are_added_and_deactivated(admin: Caller, soap: Soap) -> None:
    (before,) = soap.read("StandardValueSet", "LeadSource")
    values = [
        {"fullName": "Web", "default": False, "label": "Web"},
        {"fullName": "Fair", "default": False, "label": "Trade fair"},
    ]
    given = {"fullName": "LeadSource", "sorted": False, "standardValue": values}
    assert soap.write("updateMetadata", "StandardValueSet", given)[0]["success"]
    field = next(
        f for f in admin("GET", "/sobjects/Contact/describe").json["fields"] if f["name"] == "LeadSource"
    )
    shown = [v["label"] for v in field["picklistValues"] if v["active"]]
    assert shown == ["Web", "Trade fair"]
    assert len(before["standardValue"]) > 2
    assert (
        soap.refused("StandardValueSet", {**given, "fullName": "Nope"}, "updateMetadata")[1]
        == "no StandardValueSet named Nope found"
    )


def test_a_global_value_set_feeds_the_fields_that_use_it(admin: Caller, soap: Soap) -> None:
    def colours(*names: str) -> dict[str, Any]:
        return {"fullName": "Colours", "masterLabel": "Colours", "sorted": False,
                "customValue": [{"fullName": n, "default": False, "label": n} for n in names]}  # fmt: skip

    soap.create("GlobalValueSet", colours("red"))
    soap.create(
        "CustomField",
        {
            "fullName": "Lead.Colour__c",
            "label": "C",
            "type": "Picklist",
            "valueSet": {"valueSetName": "Colours"},
        },
    )
    open_all(admin)
    soap.write("updateMetadata", "GlobalValueSet", colours("red", "green"))
    assert admin.create("Lead", LastName="x", Company="c", Colour__c="green")
    assert soap.read("CustomField", "Lead.Colour__c")[0]["valueSet"][0]["valueSetName"] == ["Colours"]
    assert soap.delete("GlobalValueSet", "Colours")[0]["error"][0] == "DEPENDENCY_EXISTS"


def test_channel_members_choose_the_objects_whose_changes_are_published(admin: Caller, soap: Soap) -> None:
    admin.org.set_setting("cdc_entities", [])
    member = {
        "fullName": "ChangeEvents_LeadChangeEvent",
        "eventChannel": "ChangeEvents",
        "selectedEntity": "LeadChangeEvent",
    }
    soap.create("PlatformEventChannelMember", member)
    assert admin.org.setting("cdc_entities") == ["Lead"]
    assert soap.read("PlatformEventChannelMember", member["fullName"])[0]["selectedEntity"] == [
        "LeadChangeEvent"
    ]
    assert soap.delete("PlatformEventChannelMember", member["fullName"])[0]["success"]
    assert admin.org.setting("cdc_entities") == []


def test_types_and_what_there_is_of_them_are_listed(soap: Soap) -> None:
    (described,) = soap.call("describeMetadata", asOfVersion=60.0)
    by_name = {one["xmlName"][0]: one for one in described["metadataObjects"]}
    assert by_name["CustomObject"]["directoryName"] == ["objects"]
    assert set(by_name["CustomObject"]["childXmlNames"]) >= {"CustomField", "ValidationRule"}
    soap.create("CustomField", CODE)
    (listed,) = [
        one
        for one in soap.call("listMetadata", queries={"type": "CustomField"})
        if one["fullName"] == ["Lead.Code__c"]
    ]
    assert listed["id"][0].startswith("00N") and listed["fileName"] == ["objects/Lead.object"]
    with pytest.raises(Fault, match="INVALID_TYPE: Unknown type:Nope"):
        soap.call("listMetadata", queries={"type": "Nope"})
    (shape,) = soap.call("describeValueType", type="{http://soap.sforce.com/2006/04/metadata}RecordType")
    assert {field["name"][0] for field in shape["valueTypeFields"]} >= {"fullName", "active", "label"}


def test_a_user_without_the_right_is_sent_away(admin: Caller) -> None:
    seller = create_user(admin.org, username="s@example.com", last_name="S")
    with pytest.raises(Fault, match="INSUFFICIENT_ACCESS: use of the Metadata API requires a user with"):
        Soap(admin.org, seller).read("CustomField", "Lead.X__c")
