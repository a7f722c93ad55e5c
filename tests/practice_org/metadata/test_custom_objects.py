"""Custom settings, renaming of custom objects, and picklists as old API versions showed them."""

from __future__ import annotations

from practice_org.schema.birth import create_user
from tests.practice_org.calls import Caller
from tests.practice_org.metadata.soap_calls import Soap

HOUSE = {
    "fullName": "House__c",
    "label": "House",
    "pluralLabel": "Houses",
    "nameField": {"label": "No.", "type": "AutoNumber"},
    "deploymentStatus": "Deployed",
    "sharingModel": "ReadWrite",
}
FIELD = {"fullName": "House__c.Size__c", "label": "Size", "type": "Number", "precision": 5, "scale": 0}


def show(soap: Soap, *paths: str) -> None:
    """Let administrators see and edit fields: as on the platform, new ones are hidden from all."""
    given = [{"editable": True, "field": path, "readable": True} for path in paths]
    (outcome,) = soap.write("updateMetadata", "Profile", {"fullName": "Admin", "fieldPermissions": given})
    assert outcome["success"], outcome


def test_a_custom_setting_needs_a_label_and_a_kind(soap: Soap, admin: Caller) -> None:
    soap.create(
        "CustomObject", {"fullName": "Switch__c", "label": "Switch", "customSettingsType": "Hierarchy"}
    )
    soap.create(
        "CustomField",
        {"fullName": "Switch__c.On__c", "label": "On", "type": "Checkbox", "defaultValue": False},
    )
    show(soap, "Switch__c.On__c")
    told = admin("GET", "/sobjects/Switch__c/describe").json
    assert told["customSetting"] is True and told["layoutable"] is False
    columns = {f["name"] for f in told["fields"]}
    assert {"SetupOwnerId", "On__c"} <= columns and "OwnerId" not in columns
    admin.create("Switch__c", SetupOwnerId=admin.org.id, On__c=True)
    found = admin.query("SELECT SetupOwnerId, On__c FROM Switch__c")["records"][0]
    assert found["On__c"] is True and found["SetupOwnerId"] == admin.org.id
    (read,) = soap.read("CustomObject", "Switch__c")
    assert read["customSettingsType"] == ["Hierarchy"] and "nameField" not in read
    code, message = soap.refused(
        "CustomObject",
        {"fullName": "B__c", "label": "B", "customSettingsType": "List", "sharingModel": "Read"},
    )
    assert (code, message) == (
        "FIELD_INTEGRITY_EXCEPTION",
        "Cannot specify: sharingModel for Custom Settings",
    )


def test_a_renamed_object_keeps_its_records_fields_and_rights(soap: Soap, admin: Caller) -> None:
    soap.create("CustomObject", HOUSE)
    soap.create("CustomField", FIELD)
    soap.create("CustomField", {
        "fullName": "Lead.House__c", "label": "House", "type": "Lookup", "referenceTo": "House__c",
        "relationshipName": "Leads",
    })  # fmt: skip
    show(soap, "House__c.Size__c", "Lead.House__c")
    house = admin.create("House__c", Size__c=3)
    body = "<renameMetadata><type>CustomObject</type><oldFullName>House__c</oldFullName><newFullName>Home__c</newFullName></renameMetadata>"
    node = soap.raw(body).all("result")[0]
    assert (node.told("success"), node.told("fullName")) == ("true", "House__c")
    found = admin.query("SELECT Id, Name, Size__c, (SELECT Id FROM Leads__r) FROM Home__c")["records"][0]
    assert (found["Id"], found["Size__c"], found["Name"]) == (house, 3, "1")
    lookup = next(
        f for f in admin("GET", "/sobjects/Lead/describe").json["fields"] if f["name"] == "House__c"
    )
    assert lookup["referenceTo"] == ["Home__c"]
    assert soap.read("CustomObject", "Home__c")[0]["label"] == ["House"]
    assert soap.read("CustomObject", "House__c") == [None]
    soap.create("CustomObject", HOUSE)
    again = soap.raw(body).all("result")[0]
    assert again.told("success") == "false"


def test_before_version_38_a_field_shows_its_values_itself(admin: Caller) -> None:
    (old,) = Soap(admin.org, admin.user_id, "37.0").read("CustomField", "Lead.Status")
    values = {one["fullName"][0]: one for one in old["picklist"][0]["picklistValues"]}
    assert values["Closed - Converted"]["converted"] == ["true"]
    (new,) = Soap(admin.org, admin.user_id).read("CustomField", "Lead.Status")
    assert "picklist" not in new


def test_what_a_value_set_says_of_a_status_holds(soap: Soap, admin: Caller) -> None:
    values = [
        {"fullName": "New", "label": "New", "default": True},
        {"fullName": "Won", "label": "Won", "default": False, "converted": True},
    ]
    (outcome,) = soap.write(
        "updateMetadata",
        "StandardValueSet",
        {"fullName": "LeadStatus", "sorted": False, "standardValue": values},
    )
    assert outcome["success"]
    rows = admin.query("SELECT ApiName, IsConverted, IsDefault FROM LeadStatus ORDER BY SortOrder")["records"]
    assert [(r["ApiName"], r["IsConverted"], r["IsDefault"]) for r in rows] == [
        ("New", False, True),
        ("Won", True, False),
    ]
    read = soap.read("StandardValueSet", "LeadStatus")[0]["standardValue"]
    assert [one.get("converted") for one in read if one["fullName"] == ["Won"]] == [["true"]]


def test_the_sharing_model_of_an_object_holds(soap: Soap, admin: Caller) -> None:
    soap.create("CustomObject", {**HOUSE, "sharingModel": "Private"})
    everyone = {"allowRead": True, "allowCreate": True, "allowEdit": True, "allowDelete": False}
    rights = [{"object": "House__c", "modifyAllRecords": False, "viewAllRecords": False, **everyone}]
    (outcome,) = soap.write(
        "updateMetadata", "Profile", {"fullName": "Standard", "objectPermissions": rights}
    )
    assert outcome["success"], outcome
    admin.create("House__c")
    seller = Caller(admin.org, create_user(admin.org, username="s@example.com", last_name="S"))
    assert seller.query("SELECT count() FROM House__c")["totalSize"] == 0
    soql = "SELECT InternalSharingModel FROM EntityDefinition WHERE QualifiedApiName = 'House__c'"
    assert admin.query(soql)["records"][0]["InternalSharingModel"] == "Private"
    (outcome,) = soap.write("updateMetadata", "CustomObject", {**HOUSE, "sharingModel": "Read"})
    assert outcome["success"]
    assert seller.query("SELECT count() FROM House__c")["totalSize"] == 1
    assert soap.read("CustomObject", "House__c")[0]["sharingModel"] == ["Read"]
    (outcome,) = soap.write("updateMetadata", "CustomObject", {"fullName": "Lead", "sharingModel": "Private"})
    assert outcome["success"] and soap.read("CustomObject", "Lead")[0]["sharingModel"] == ["Private"]
