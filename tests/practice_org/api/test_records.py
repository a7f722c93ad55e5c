"""Single records: what is created, refused, changed and found."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from practice_org.schema.birth import create_queue, create_user
from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def test_create_read_update_delete(admin: Caller) -> None:
    made = admin("POST", "/sobjects/Lead", {"LastName": "Ng", "FirstName": "Ada", "Company": "C"})
    assert made.status == 201
    assert list(made.json) == ["id", "success", "errors"]
    lead = made.json["id"]
    assert made.headers["location"] == f"/services/data/v60.0/sobjects/Lead/{lead}"
    record = admin("GET", f"/sobjects/Lead/{lead[:15]}").json
    assert record["attributes"] == {"type": "Lead", "url": f"/services/data/v60.0/sobjects/Lead/{lead}"}
    assert record["Name"] == "Ada Ng"
    assert record["Status"] == "Open - Not Contacted"
    assert record["OwnerId"] == record["CreatedById"] == admin.user_id
    changed = admin("PATCH", f"/sobjects/lead/{lead}", {"FirstName": None, "Title": " CTO "})
    assert (changed.status, changed.raw) == (204, b"")
    again = admin("GET", f"/sobjects/Lead/{lead}?fields=Name,Title").json
    assert (again["Name"], again["Title"]) == ("Ng", "CTO")
    assert admin("DELETE", f"/sobjects/Lead/{lead}").status == 204
    gone = admin("DELETE", f"/sobjects/Lead/{lead}")
    assert (gone.status, gone.json) == (
        404,
        [{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}],
    )
    missing = admin("GET", f"/sobjects/Lead/{lead}")
    assert missing.status == 404
    assert list(missing.json[0].items()) == [
        ("errorCode", "NOT_FOUND"),
        ("message", "The requested resource does not exist"),
    ]
    assert (
        admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"}).json[0]["errorCode"] == "ENTITY_IS_DELETED"
    )


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (
            {"LastName": "x", "Company": "c", "FavoritePet__c": 1},
            {
                "message": "No such column 'FavoritePet__c' on sobject of type Lead",
                "errorCode": "INVALID_FIELD",
            },
        ),
        (
            {"LastName": "x"},
            {
                "message": "Required fields are missing: [Company]",
                "errorCode": "REQUIRED_FIELD_MISSING",
                "fields": ["Company"],
            },
        ),
        (
            {"LastName": "x" * 81, "Company": "c"},
            {
                "message": f"Last Name: data value too large: {'x' * 81} (max length=80)",
                "errorCode": "STRING_TOO_LONG",
                "fields": ["LastName"],
            },
        ),
        (
            {"LastName": "x", "Company": "c", "Email": "badone"},
            {
                "message": "Email: invalid email address: badone",
                "errorCode": "INVALID_EMAIL_ADDRESS",
                "fields": ["Email"],
            },
        ),
        (
            {"LastName": "x", "Company": "c", "CleanStatus": "Terrible"},
            {
                "message": "Clean Status: bad value for restricted picklist field: Terrible",
                "errorCode": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                "fields": ["CleanStatus"],
            },
        ),
        (
            {"LastName": "x", "Company": "c", "MasterRecordId": "00Q000000000001EAA"},
            {
                "message": "Unable to create/update fields: MasterRecordId. Please check the security settings of "
                "this field and verify that it is read/write for your profile or permission set.",
                "errorCode": "INVALID_FIELD_FOR_INSERT_UPDATE",
                "fields": ["MasterRecordId"],
            },
        ),
        (
            {"LastName": 5, "Company": "c"},
            {
                "message": "Cannot deserialize instance of string from VALUE_NUMBER_INT value 5 or request may be "
                "missing a required field at [line:1, column:14]",
                "errorCode": "JSON_PARSER_ERROR",
            },
        ),
        (
            {"LastName": "x", "Company": "c", "OwnerId": "00Q000000000001EAA"},
            {
                "message": "Owner ID: id value of incorrect type: 00Q000000000001EAA",
                "errorCode": "MALFORMED_ID",
                "fields": ["OwnerId"],
            },
        ),
        (
            {"LastName": "x", "Company": "c", "OwnerId": "005000000000009AAA"},
            {
                "message": "invalid cross reference id",
                "errorCode": "INVALID_CROSS_REFERENCE_KEY",
                "fields": [],
            },
        ),
    ],
)
def test_refused_creates(admin: Caller, values: dict[str, Any], error: dict[str, Any]) -> None:
    answer = admin("POST", "/sobjects/Lead", values)
    assert (answer.status, answer.json) == (400, [error])
    assert admin.query("SELECT COUNT() FROM Lead")["totalSize"] == 0


def test_any_text_is_taken_by_an_unrestricted_picklist(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="x", Company="c", LeadSource="Carrier pigeon")
    assert admin("GET", f"/sobjects/Lead/{lead}").json["LeadSource"] == "Carrier pigeon"


def test_a_required_value_cannot_be_emptied(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="x", Company="c")
    answer = admin("PATCH", f"/sobjects/Lead/{lead}", {"LastName": None})
    assert answer.json[0]["message"] == "Required fields are missing: [LastName]"
    assert admin("PATCH", f"/sobjects/Lead/{lead}", {"Status": None}).json[0]["fields"] == ["Status"]
    unset = admin.create("Lead", LastName="x", Company="c", Status=None)
    assert admin("GET", f"/sobjects/Lead/{unset}").json["Status"] == "Open - Not Contacted"


def test_a_permission_set_is_assigned_once(admin: Caller) -> None:
    made = admin.create("PermissionSet", Name="Extra", Label="Extra")
    admin.create("PermissionSetAssignment", AssigneeId=admin.user_id, PermissionSetId=made)
    twice = admin(
        "POST", "/sobjects/PermissionSetAssignment", {"AssigneeId": admin.user_id, "PermissionSetId": made}
    )
    assert twice.json == [
        {
            "message": f"Duplicate PermissionSetAssignment.  Assignee: {admin.user_id[:15]}; "
            f"Permission Set: {made[:15]}",
            "errorCode": "DUPLICATE_VALUE",
            "fields": ["AssigneeId", "PermissionSetId"],
        }
    ]


def test_a_record_type_that_is_none(admin: Caller) -> None:
    answer = admin("POST", "/sobjects/Account", {"Name": "A", "RecordTypeId": "0128M0000004HVOQA2"})
    assert answer.json == [
        {
            "message": "Record Type ID: this ID value isn't valid for the user: 0128M0000004HVOQA2",
            "errorCode": "INVALID_CROSS_REFERENCE_KEY",
            "fields": ["RecordTypeId"],
        }
    ]


def test_malformed_ids_and_bodies(admin: Caller) -> None:
    answer = admin("PATCH", "/sobjects/Lead/a00B000000FSjVUIB1", {"Title": "x"})
    assert (answer.status, answer.json) == (
        400,
        [
            {
                "message": "Record ID: id value of incorrect type: a00B000000FSjVUIB1",
                "errorCode": "MALFORMED_ID",
                "fields": ["Id"],
            }
        ],
    )
    for raw in (b"", b"{", b"[]", b'{"a":NaN}', b"\xff", b'"text"', b"[" * 100_000):
        answer = admin("POST", "/sobjects/Lead", raw=raw)
        assert (answer.status, answer.json[0]["errorCode"]) == (400, "JSON_PARSER_ERROR"), raw[:10]


def test_wrong_verbs_and_paths(admin: Caller) -> None:
    answer = admin("PATCH", "/sobjects/Lead", {})
    assert answer.status == 405
    assert answer.json == [
        {
            "errorCode": "METHOD_NOT_ALLOWED",
            "message": "HTTP Method 'PATCH' not allowed. Allowed are HEAD,GET,POST",
        }
    ]
    assert admin("GET", "/nonesuch").status == 404
    assert admin("GET", "/sobjects//Lead").status == 404
    assert admin("GET", "/sobjects/").status == 200


def test_upsert_by_external_id(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Ext", "text", length=40, external_id=True)
    values = {"LastName": "x", "Company": "c"}
    made = admin("PATCH", "/sobjects/Lead/Ext__c/a%2Fb%40c", values)
    assert made.status == 201 and made.json["created"] is True
    again = admin("PATCH", "/sobjects/Lead/ext__c/A%2Fb%40c", {"Title": "y"})
    assert (again.status, again.json) == (
        200,
        {"id": made.json["id"], "success": True, "errors": [], "created": False},
    )
    record = admin("GET", "/sobjects/Lead/Ext__c/a%2Fb%40c").json
    assert (record["Ext__c"], record["Title"]) == ("a/b@c", "y")
    admin.version = "45.0"
    assert admin("PATCH", "/sobjects/Lead/Ext__c/a%2Fb%40c", {"Title": "z"}).status == 204
    admin.version = "60.0"
    only = admin("PATCH", "/sobjects/Lead/Ext__c/new?updateOnly=true", values)
    assert (only.status, only.json[0]["errorCode"]) == (404, "NOT_FOUND")
    twin = admin.create("Lead", Ext__c="a/b@c", **values)
    several = admin("PATCH", "/sobjects/Lead/Ext__c/a%2Fb%40c", {"Title": "z"})
    assert several.status == 300
    assert several.json == [f"/services/data/v60.0/sobjects/Lead/{i}" for i in (made.json["id"], twin)]
    wrong = admin("PATCH", "/sobjects/Lead/Namez/x", values)
    assert (wrong.status, wrong.json) == (
        404,
        [
            {
                "message": "Provided external ID field does not exist or is not accessible: Namez",
                "errorCode": "NOT_FOUND",
            }
        ],
    )


def test_unique_values(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Key", "text", length=40, external_id=True, unique=True)
    first = admin.create("Lead", LastName="x", Company="c", Key__c="K1")
    answer = admin("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c", "Key__c": "k1"})
    assert answer.json == [
        {
            "message": f"duplicate value found: Key__c duplicates value on record with id: {first[:15]}",
            "errorCode": "DUPLICATE_VALUE",
            "fields": [],
        }
    ]
    admin("DELETE", f"/sobjects/Lead/{first}")
    assert admin.create("Lead", LastName="x", Company="c", Key__c="K1")


def test_parents_by_external_id(admin: Caller) -> None:
    create_field(admin.org, "Account", "Ext", "text", length=40, external_id=True)
    account = admin.create("Account", Name="A", Ext__c="1")
    contact = admin.create("Contact", LastName="x", Account={"Ext__c": "1"})
    assert admin("GET", f"/sobjects/Contact/{contact}").json["AccountId"] == account
    answer = admin("POST", "/sobjects/Contact", {"LastName": "x", "Account": {"Ext__c": "0116"}})
    assert (
        answer.json[0]["message"]
        == "Foreign key external ID: 0116 not found for field Ext__c in entity Account"
    )


def test_conditional_requests(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="x", Company="c")
    modified = admin("GET", f"/sobjects/Lead/{lead}").headers["last-modified"]
    assert admin("GET", f"/sobjects/Lead/{lead}", If_Modified_Since=modified).status == 304
    assert (
        admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "a"}, If_Unmodified_Since=modified).status == 204
    )
    admin.org.clock.advance(5)
    assert admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "b"}).status == 204
    refused = admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "c"}, If_Unmodified_Since=modified)
    assert refused.status == 412
    assert admin("GET", f"/sobjects/Lead/{lead}").json["Title"] == "b"
    now = format_datetime(admin.org.clock.now(), usegmt=True)
    assert admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "d"}, If_Unmodified_Since=now).status == 204


def test_stamps_are_the_org_clocks_whole_seconds(admin: Caller) -> None:
    admin.org.clock.set_offset(3600)
    admin.org.clock.freeze()
    lead = admin.create("Lead", LastName="x", Company="c")
    first = admin("GET", f"/sobjects/Lead/{lead}").json
    assert first["CreatedDate"] == first["SystemModstamp"] == first["LastModifiedDate"]
    assert first["CreatedDate"].endswith(".000+0000")
    admin.org.clock.advance(10)
    other = create_user(admin.org, username="b@example.com", last_name="B", profile="System Administrator")
    Caller(admin.org, other)("PATCH", f"/sobjects/Lead/{lead}", {"Title": "t"})
    second = admin("GET", f"/sobjects/Lead/{lead}").json
    assert second["SystemModstamp"] > first["SystemModstamp"]
    assert second["CreatedDate"] == first["CreatedDate"]
    assert (second["LastModifiedById"], second["CreatedById"]) == (other, admin.user_id)


def test_owners(admin: Caller) -> None:
    queue = create_queue(admin.org, "Inbound")
    lead = admin.create("Lead", LastName="x", Company="c", OwnerId=queue)
    assert admin("GET", f"/sobjects/Lead/{lead}").json["OwnerId"] == queue
    away = create_user(admin.org, username="away@example.com", last_name="Away", active=False)
    refused = admin("PATCH", f"/sobjects/Lead/{lead}", {"OwnerId": away}).json[0]
    assert refused["errorCode"] == "INACTIVE_OWNER_OR_USER"
    assert admin("PATCH", f"/sobjects/Lead/{lead}", {"OwnerId": None}).status == 400


def test_the_assignment_rule_runs_unless_the_header_says_not(admin: Caller) -> None:
    queue = create_queue(admin.org, "Inbound")
    admin.org.set_setting("assignment_rules", {"Lead": queue})

    def owner(**headers: str) -> str:
        made = admin("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c"}, **headers).json["id"]
        return str(admin("GET", f"/sobjects/Lead/{made}").json["OwnerId"])

    assert owner() == queue
    assert owner(Sforce_Auto_Assign="FALSE") == admin.user_id


def test_a_converted_lead_cannot_be_changed(admin: Caller) -> None:
    from practice_org.data import dml

    lead = admin.create("Lead", LastName="x", Company="c")
    dml.update(admin.org, None, "Lead", lead, {"IsConverted": True})
    assert admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"}).json == [
        {
            "message": "cannot reference converted lead",
            "errorCode": "CANNOT_UPDATE_CONVERTED_LEAD",
            "fields": [],
        }
    ]


def test_deleting_an_account_takes_its_contacts_and_undelete_brings_them_back(admin: Caller) -> None:
    from practice_org.data import dml

    account = admin.create("Account", Name="A")
    contact = admin.create("Contact", LastName="x", AccountId=account)
    before = admin.create("Contact", LastName="y", AccountId=account)
    admin("DELETE", f"/sobjects/Contact/{before}")
    admin("DELETE", f"/sobjects/Account/{account}")
    assert admin.query("SELECT Id FROM Contact")["totalSize"] == 0
    dml.undelete(admin.org, admin.user_id, "Account", account)
    found = admin.query("SELECT Id FROM Contact")["records"]
    assert [r["Id"] for r in found] == [contact]


def test_what_is_no_id_is_taken_for_a_key_field(admin: Caller) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = admin(method, "/sobjects/Lead/23foo", {} if method == "PATCH" else None)
        assert (answer.status, answer.json) == (
            404,
            [
                {
                    "message": "Provided external ID field does not exist or is not accessible: 23foo",
                    "errorCode": "NOT_FOUND",
                }
            ],
        )


def test_post_to_the_id_field_creates(admin: Caller) -> None:
    assert admin("POST", "/sobjects/Lead/Id", {"LastName": "A", "Company": "B"}).status == 201
    assert admin("POST", "/sobjects/Lead/Email", {"LastName": "A", "Company": "B"}).status == 405


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "LastName",
            5,
            "instance of string from VALUE_NUMBER_INT value 5 or request may be missing a required",
        ),
        ("LastName", {"a": 1}, "instance of string from START_OBJECT value { or request may be missing a"),
        ("LastName", ["a"], "instance of string from START_ARRAY value [line:1, column:14]"),
        ("HasOptedOutOfEmail", "maybe", "instance of boolean from VALUE_STRING value maybe or request may"),
        (
            "AnnualRevenue",
            "much",
            "instance of currency from VALUE_STRING value much or request may be missing",
        ),
        ("NumberOfEmployees", 1.5, "instance of int from VALUE_NUMBER_FLOAT value 1.5 or request may be"),
        ("OwnerId", 12, "instance of reference from VALUE_NUMBER_INT value 12 or request may be missing"),
        ("LeadSource", True, "instance of picklist from VALUE_TRUE value true or request may be missing"),
    ],
)
def test_the_parsers_words(admin: Caller, field: str, value: object, message: str) -> None:
    answer = admin("POST", "/sobjects/Lead", {field: value, "Company": "B"})
    assert answer.status == 400 and answer.json[0]["errorCode"] == "JSON_PARSER_ERROR"
    assert answer.json[0]["message"].startswith(f"Cannot deserialize {message}")
    assert answer.json[0]["message"].endswith("]")


def test_an_older_version_does_not_tell_whether_an_upsert_created(admin: Caller) -> None:
    admin.version = "42.0"
    path, body = "/sobjects/Lead/Email/old@example.com", {"LastName": "A", "Company": "B"}
    made = admin("PATCH", path, body)
    assert made.status == 201 and list(made.json) == ["id", "success", "errors"]
    assert (admin("PATCH", path, body).status, admin("PATCH", path, body).raw) == (204, b"")


def test_what_hangs_on_a_record_has_an_address(admin: Caller) -> None:
    account = admin.create("Account", Name="Edge")
    contact = admin.create("Contact", LastName="Gonzalez", AccountId=account)
    alone = admin.create("Contact", LastName="Nobody")
    children = admin("GET", f"/sobjects/Account/{account}/Contacts?fields=LastName").json
    assert (children["totalSize"], children["done"]) == (1, True)
    assert children["records"][0]["LastName"] == "Gonzalez"
    assert admin("GET", f"/sobjects/Contact/{contact}/account?fields=Name").json["Name"] == "Edge"
    for path in (
        f"Contact/{alone}/Account",
        f"Contact/{contact}/Nonsense",
        "Account/001Pr0000000zzz/Contacts",
        f"Account/{account}/Name",
    ):
        assert admin("GET", f"/sobjects/{path}").json[0]["errorCode"] == "NOT_FOUND", path


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b"{nope}",
            "Unexpected character ('n' (code 110)): was expecting double-quote to start field name at [line:1",
        ),
        (b'{"a": }', "Unexpected character ('}' (code 125)): expected a value at [line:1"),
        (
            b'{"a" 1}',
            "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
        ),
    ],
)
def test_bad_json_in_the_parsers_words(admin: Caller, body: bytes, message: str) -> None:
    answer = admin("POST", "/sobjects/Lead", raw=body)
    assert answer.status == 400 and answer.json[0]["errorCode"] == "JSON_PARSER_ERROR"
    assert answer.json[0]["message"].startswith(message)
