"""Permissions: what a user may see and do, and how a client reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from practice_org.schema import permission_sets, profiles
from practice_org.schema.birth import create_user
from practice_org.schema.custom import create_field, delete_field
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


@pytest.fixture
def seller(admin: Caller) -> Caller:
    user = create_user(admin.org, username="seller@example.com", last_name="Seller")
    return Caller(admin.org, user)


def standard(admin: Caller) -> str:
    return profiles.permission_set_of_profile(admin.org, "Standard User")


def test_a_hidden_field_is_gone(admin: Caller, seller: Caller) -> None:
    lead = admin.create("Lead", LastName="x", Company="c", Phone="1")
    permission_sets.set_field_rights(admin.org, standard(admin), "Lead", "Phone", read=False, edit=False)
    described = seller("GET", "/sobjects/Lead/describe").json["fields"]
    assert "Phone" not in [f["name"] for f in described]
    assert "No such column 'Phone' on entity 'Lead'" in seller.query("SELECT Phone FROM Lead")[0]["message"]
    assert "No such column" in seller.query("SELECT Id FROM Lead WHERE Phone = '1'")[0]["message"]
    assert "Phone" not in seller("GET", f"/sobjects/Lead/{lead}").json
    refused = seller("PATCH", f"/sobjects/Lead/{lead}", {"Phone": "2"}).json[0]
    assert refused["message"] == "No such column 'Phone' on sobject of type Lead"
    assert admin("GET", f"/sobjects/Lead/{lead}").json["Phone"] == "1"


def test_a_read_only_field_is_seen_and_not_written(admin: Caller, seller: Caller) -> None:
    lead = admin.create("Lead", LastName="x", Company="c")
    permission_sets.set_field_rights(admin.org, standard(admin), "Lead", "Phone", read=True, edit=False)
    phone = next(f for f in seller("GET", "/sobjects/Lead/describe").json["fields"] if f["name"] == "Phone")
    assert (phone["createable"], phone["updateable"]) == (False, False)
    refused = seller("PATCH", f"/sobjects/Lead/{lead}", {"Phone": "2"})
    assert (refused.status, refused.json[0]["errorCode"]) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert refused.json[0]["fields"] == ["Phone"]


def test_a_compound_field_takes_its_parts_along(admin: Caller, seller: Caller) -> None:
    permission_sets.set_field_rights(admin.org, standard(admin), "Lead", "Address", read=False, edit=False)
    names = {f["name"] for f in seller("GET", "/sobjects/Lead/describe").json["fields"]}
    assert not names & {"Address", "City", "Street"}


def test_object_rights(admin: Caller, seller: Caller) -> None:
    lead = admin.create("Lead", LastName="x", Company="c")
    permission_sets.set_object_rights(admin.org, standard(admin), "Lead", ["Read"])
    assert seller("GET", f"/sobjects/Lead/{lead}").status == 200
    assert seller("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"}).json[0]["errorCode"] == (
        "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    assert seller("DELETE", f"/sobjects/Lead/{lead}").status == 403
    assert seller("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c"}).status == 400
    described = seller("GET", "/sobjects/Lead/describe").json
    assert (described["createable"], described["updateable"], described["deletable"]) == (False, False, False)
    permission_sets.set_object_rights(admin.org, standard(admin), "Lead", [])
    assert seller("GET", "/sobjects/Lead/describe").status == 404
    assert "sObject type 'Lead' is not supported" in seller.query("SELECT Id FROM Lead")[0]["message"]
    assert "Lead" not in [s["name"] for s in seller("GET", "/sobjects").json["sobjects"]]


def test_a_permission_set_adds_rights_to_one_user(admin: Caller, seller: Caller) -> None:
    permission_sets.set_field_rights(admin.org, standard(admin), "Lead", "Phone", read=False, edit=False)
    extra = permission_sets.create_permission_set(admin.org, "Phones", assign_to=(seller.user_id,))
    permission_sets.set_field_rights(admin.org, extra, "Lead", "Phone", read=True, edit=False)
    assert seller.query("SELECT Phone FROM Lead")["totalSize"] == 0


def test_a_profile_of_ones_own_takes_rights_from_one_user(admin: Caller, seller: Caller) -> None:
    other = Caller(admin.org, create_user(admin.org, username="o@example.com", last_name="Other"))
    own = profiles.own_permission_set(admin.org, seller.user_id)
    assert profiles.own_permission_set(admin.org, seller.user_id) == own
    permission_sets.set_field_rights(admin.org, own, "Lead", "Phone", read=False, edit=False)
    assert seller.query("SELECT Phone FROM Lead")[0]["errorCode"] == "INVALID_FIELD"
    assert other.query("SELECT Phone, Email FROM Lead")["totalSize"] == 0
    assert seller.query("SELECT Email FROM Lead")["totalSize"] == 0


def test_a_client_reads_its_permissions_through_soql(admin: Caller, seller: Caller) -> None:
    soql = (
        "SELECT PermissionsApiEnabled, PermissionsConvertLeads, PermissionsEditTask, PermissionsEditEvent, "
        "PermissionsViewAllData, PermissionsModifyAllData, PermissionsPasswordNeverExpires FROM PermissionSet "
        "WHERE IsOwnedByProfile = true AND ProfileId IN "
        f"(SELECT ProfileId FROM User WHERE Id = '{seller.user_id}')"
    )
    found = seller.query(soql)["records"][0]
    assert found["PermissionsApiEnabled"] is True and found["PermissionsModifyAllData"] is False
    permission_sets.set_system_permission(admin.org, standard(admin), "ApiEnabled", False)
    assert seller.query(soql)["records"][0]["PermissionsApiEnabled"] is False
    profile = seller.query("SELECT PermissionsApiEnabled FROM Profile WHERE Name = 'Standard User'")
    assert profile["records"][0]["PermissionsApiEnabled"] is False
    rights = seller.query(
        "SELECT SobjectType, PermissionsRead, PermissionsEdit FROM ObjectPermissions "
        "WHERE Parent.Profile.Name = 'Standard User' AND SobjectType = 'Lead'"
    )["records"]
    assert [(r["PermissionsRead"], r["PermissionsEdit"]) for r in rights] == [(True, True)]
    fields = seller.query("SELECT Field FROM FieldPermissions WHERE Parent.Profile.Name = 'Standard User'")
    assert "Lead.Phone" in [r["Field"] for r in fields["records"]]


def test_custom_fields_of_every_type(admin: Caller) -> None:
    kinds = {
        "text": "string",
        "textarea": "textarea",
        "long text": "textarea",
        "number": "double",
        "currency": "currency",
        "percent": "percent",
        "checkbox": "boolean",
        "date": "date",
        "datetime": "datetime",
        "email": "email",
        "phone": "phone",
        "url": "url",
        "picklist": "picklist",
        "multipicklist": "multipicklist",
    }
    for number, kind in enumerate(kinds):
        create_field(admin.org, "Contact", f"Field_{number}", kind)
    create_field(admin.org, "Contact", "Shout", "text", formula='UPPER(LastName) & "!"')
    described = {f["name"]: f for f in admin("GET", "/sobjects/Contact/describe").json["fields"]}
    for number, kind in enumerate(kinds):
        f = described[f"Field_{number}__c"]
        assert (f["type"], f["custom"], len(f)) == (kinds[kind], True, 57)
    assert described["Field_2__c"]["filterable"] is False
    shout = described["Shout__c"]
    assert (shout["calculated"], shout["createable"], shout["calculatedFormula"]) == (
        True,
        False,
        'UPPER(LastName) & "!"',
    )
    admin.create("Contact", LastName="hey")
    assert (
        admin.query("SELECT Shout__c FROM Contact WHERE Shout__c LIKE 'HEY%'")["records"][0]["Shout__c"]
        == "HEY!"
    )


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("Bad Name", "text", "FIELD_INTEGRITY_EXCEPTION"),
        ("double__under", "text", "FIELD_INTEGRITY_EXCEPTION"),
        ("Fine", "colour", "INVALID_TYPE"),
    ],
)
def test_refused_custom_fields(admin: Caller, name: str, kind: str, code: str) -> None:
    from practice_org.errors import ApiError

    with pytest.raises(ApiError) as refused:
        create_field(admin.org, "Lead", name, kind)
    assert refused.value.code == code


def test_a_second_field_of_a_name_and_a_broken_formula_are_refused(admin: Caller) -> None:
    from practice_org.errors import ApiError

    create_field(admin.org, "Lead", "Twice", "text")
    with pytest.raises(ApiError) as refused:
        create_field(admin.org, "Lead", "twice", "text")
    assert refused.value.code == "DUPLICATE_DEVELOPER_NAME"
    for formula in ("Nope__c", "1 +", "IF(1)", "UPPER(LastName", "#"):
        with pytest.raises(ApiError):
            create_field(admin.org, "Lead", "Sum", "text", formula=formula)
    assert admin.org.schema["Lead"].get("Sum__c") is None


def test_a_deleted_field_is_gone_with_its_values_and_permissions(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Ext", "text", length=40, external_id=True)
    admin.create("Lead", LastName="x", Company="c", Ext__c="1")
    delete_field(admin.org, "Lead", "Ext__c")
    assert admin.query("SELECT Ext__c FROM Lead")[0]["errorCode"] == "INVALID_FIELD"
    left = admin.query("SELECT COUNT() FROM FieldPermissions WHERE Field = 'Lead.Ext__c'")
    assert left["totalSize"] == 0
    create_field(admin.org, "Lead", "Ext", "number", length=4)
    assert admin.query("SELECT Ext__c FROM Lead")["records"][0]["Ext__c"] is None
