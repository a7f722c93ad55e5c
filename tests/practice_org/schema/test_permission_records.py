"""The permission objects over the data API: what is refused, and that what is written counts at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.schema.birth import create_user
from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    create_field(org, "Lead", "Code", "text", length=9, visible_to=())
    yield caller
    org.close()


@pytest.fixture
def granted(admin: Caller) -> str:
    """A permission set that the administrator has."""
    made = admin.create("PermissionSet", Name="Codes", Label="Codes")
    admin.create("PermissionSetAssignment", PermissionSetId=made, AssigneeId=admin.user_id)
    return made


def refused(caller: Caller, name: str, values: dict[str, Any]) -> tuple[str, str]:
    answer = caller("POST", f"/sobjects/{name}", values)
    assert answer.status == 400, answer.text
    return answer.json[0]["errorCode"], answer.json[0]["message"]


def test_a_field_permission_opens_a_field_and_its_end_closes_it(admin: Caller, granted: str) -> None:
    before = admin("GET", "/sobjects/Lead/describe").headers["etag"]
    row = {"ParentId": granted, "SobjectType": "Lead", "Field": "Lead.Code__c"}
    made = admin.create("FieldPermissions", **row, PermissionsRead=True, PermissionsEdit=False)
    described = admin("GET", "/sobjects/Lead/describe")
    assert described.headers["etag"] != before
    field = next(f for f in described.json["fields"] if f["name"] == "Code__c")
    assert (field["createable"], field["updateable"]) == (False, False)
    assert refused(admin, "FieldPermissions", {**row, "PermissionsRead": True})[0] == "DUPLICATE_VALUE"
    assert admin("PATCH", f"/sobjects/FieldPermissions/{made}", {"PermissionsEdit": True}).status == 204
    assert admin.create("Lead", LastName="x", Company="c", Code__c="1")
    assert admin("DELETE", f"/sobjects/FieldPermissions/{made}").status == 204
    assert "No such column" in admin.query("SELECT Code__c FROM Lead")[0]["message"]


@pytest.mark.parametrize(
    ("values", "code", "message"),
    [
        ({"SobjectType": "Lead", "Field": "Lead.Nope__c"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Field Name: bad value for restricted picklist field: Lead.Nope__c"),
        ({"SobjectType": "Lead", "Field": "Lead.LastName"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Field Name: bad value for restricted picklist field: Lead.LastName"),
        ({"SobjectType": "Contact", "Field": "Lead.Code__c"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Sobject Type Name: bad value for restricted picklist field: Contact"),
        ({"SobjectType": "Lead", "Field": "Lead.Code__c", "PermissionsEdit": True, "PermissionsRead": False}, "FIELD_INTEGRITY_EXCEPTION", "depends on permission(s)"),
    ],
)  # fmt: skip
def test_field_permissions_that_are_none(
    admin: Caller, granted: str, values: dict[str, Any], code: str, message: str
) -> None:
    got = refused(admin, "FieldPermissions", {"ParentId": granted, "PermissionsRead": True, **values})
    assert got[0] == code and message in got[1]


def test_object_permissions_rest_on_each_other(admin: Caller) -> None:
    seller = Caller(admin.org, create_user(admin.org, username="s@example.com", last_name="S"))
    made = admin.create("PermissionSet", Name="Everything", Label="Everything")
    admin.create("PermissionSetAssignment", PermissionSetId=made, AssigneeId=seller.user_id)
    row = {"ParentId": made, "SobjectType": "Lead", "PermissionsModifyAllRecords": True}
    assert refused(admin, "ObjectPermissions", row)[1].startswith(
        "Permission Modify All Lead depends on permission(s): Read Lead"
    )
    assert (
        refused(admin, "ObjectPermissions", {**row, "SobjectType": "Nope"})[0]
        == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    )
    whole = {
        f"Permissions{right}": True
        for right in ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
    }
    given = admin.create("ObjectPermissions", **{**row, **whole})
    less = {"PermissionsRead": False}
    assert (
        admin("PATCH", f"/sobjects/ObjectPermissions/{given}", less).json[0]["errorCode"]
        == "FIELD_INTEGRITY_EXCEPTION"
    )


def test_names_of_permission_sets_are_unique(admin: Caller, granted: str) -> None:
    assert refused(admin, "PermissionSet", {"Name": "codes", "Label": "x"})[0] == "DUPLICATE_DEVELOPER_NAME"
    twice = admin(
        "POST", "/sobjects/PermissionSetAssignment", {"PermissionSetId": granted, "AssigneeId": admin.user_id}
    )
    assert twice.json == [
        {
            "message": f"Duplicate PermissionSetAssignment.  Assignee: {admin.user_id[:15]}; Permission Set: {granted[:15]}",
            "errorCode": "DUPLICATE_VALUE",
            "fields": ["AssigneeId", "PermissionSetId"],
        }
    ]
