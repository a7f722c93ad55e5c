"""Collections, composite, batch, tree and graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org

V = "/services/data/v60.0"


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def lead(**values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Lead"}, "LastName": "x", "Company": "c", **values}


def test_create_answers_in_order_each_with_its_result(admin: Caller) -> None:
    answer = admin("POST", "/composite/sobjects", {"records": [lead(), lead(Email="badone"), lead()]})
    assert answer.status == 200
    first, second, third = answer.json
    assert list(first) == ["id", "success", "errors"] and first["success"] and third["success"]
    assert second == {
        "success": False,
        "errors": [
            {
                "statusCode": "INVALID_EMAIL_ADDRESS",
                "message": "Email: invalid email address: badone",
                "fields": ["Email"],
            }
        ],
    }
    assert admin.query("SELECT COUNT() FROM Lead")["totalSize"] == 2


def test_all_or_none_rolls_back(admin: Caller) -> None:
    body = {"allOrNone": True, "records": [lead(), {"attributes": {"type": "Lead"}, "Company": "c"}]}
    answer = admin("POST", "/composite/sobjects", body)
    assert answer.json == [
        {
            "success": False,
            "errors": [
                {
                    "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                    "message": "Record rolled back because not all records were valid and the request was using "
                    "AllOrNone header",
                    "fields": [],
                }
            ],
        },
        {
            "success": False,
            "errors": [
                {
                    "statusCode": "REQUIRED_FIELD_MISSING",
                    "message": "Required fields are missing: [LastName]",
                    "fields": ["LastName"],
                }
            ],
        },
    ]
    assert admin.query("SELECT COUNT() FROM Lead")["totalSize"] == 0


def test_updates_without_id_of_nothing_and_of_the_wrong_field(admin: Caller) -> None:
    made = admin.create("Lead", LastName="x", Company="c")
    answer = admin(
        "PATCH",
        "/composite/sobjects",
        {
            "records": [
                {"attributes": {"type": "Lead"}, "Title": "x"},
                {"attributes": {"type": "Lead"}, "id": "00Q000000000001EAA", "Title": "x"},
                {"attributes": {"type": "Lead"}, "id": made, "unknownField": 1},
                {"attributes": {"type": "Lead"}, "Id": made, "Title": "CTO"},
            ]
        },
    )
    errors = [(r["errors"] or [{"statusCode": None}])[0] for r in answer.json]
    assert errors[0] == {
        "statusCode": "MISSING_ARGUMENT",
        "message": "Id not specified in an update call",
        "fields": [],
    }
    assert errors[1] == {
        "statusCode": "INVALID_CROSS_REFERENCE_KEY",
        "message": "invalid cross reference id",
        "fields": [],
    }
    assert errors[2]["message"] == "No such column 'unknownField' on sobject of type Lead"
    assert admin("GET", f"/sobjects/Lead/{made}").json["Title"] == "CTO"


def test_malformed_collections(admin: Caller) -> None:
    empty = admin("POST", "/composite/sobjects", {"records": []})
    assert (empty.status, empty.json) == (
        400,
        [{"message": "At least 1 record is required", "errorCode": "REQUIRED_FIELD_MISSING"}],
    )
    many = admin("POST", "/composite/sobjects", {"records": [lead()] * 201})
    assert many.status == 400
    bare = admin("POST", "/composite/sobjects", {"records": [{"LastName": "x"}]})
    assert bare.json[0]["errorCode"] == "JSON_PARSER_ERROR"


def test_upsert(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Ext", "text", length=40, external_id=True)
    body = {"records": [lead(Ext__c="1"), lead(Ext__c="2"), lead(), lead(Ext__c="2")]}
    first = admin("PATCH", "/composite/sobjects/Lead/Ext__c", body).json
    assert [r.get("created") for r in first] == [True, True, False, False]
    assert first[3]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"
    again = admin("PATCH", "/composite/sobjects/Lead/Ext__c", {"records": [lead(Ext__c="1", Title="t")]}).json
    assert again == [{"id": first[0]["id"], "success": True, "errors": [], "created": False}]


def test_retrieve_and_delete(admin: Caller) -> None:
    made = [admin.create("Lead", LastName=f"L{n}", Company="c") for n in range(2)]
    asked = {"ids": [made[1], "00Q000000000009EAA", made[0][:15]], "fields": ["Id", "LastName", "Owner.Name"]}
    found = admin("POST", "/composite/sobjects/Lead", asked).json
    assert [r and r["LastName"] for r in found] == ["L1", None, "L0"]
    assert found[0]["Owner"]["Name"] == "Admin"
    by_url = admin("GET", f"/composite/sobjects/Lead?ids={made[0]}&fields=Id").json
    assert by_url[0]["Id"] == made[0]
    gone = admin("DELETE", f"/composite/sobjects?ids={made[0]},{made[0]}&allOrNone=false").json
    assert [r["success"] for r in gone] == [True, False]
    assert gone[1]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"
    assert admin("POST", "/composite/sobjects/Lead", asked).json[2] is None


def test_composite_refers_to_earlier_answers(admin: Caller) -> None:
    answer = admin(
        "POST",
        "/composite",
        {
            "compositeRequest": [
                {"method": "POST", "url": f"{V}/sobjects/Account", "referenceId": "a", "body": {"Name": "N"}},
                {
                    "method": "POST",
                    "url": f"{V}/sobjects/Contact",
                    "referenceId": "c",
                    "body": {"LastName": "L", "AccountId": "@{a.id}"},
                },
                {
                    "method": "GET",
                    "url": f"{V}/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{{c.id}}'",
                    "referenceId": "q",
                },
                {
                    "method": "PATCH",
                    "url": f"{V}/sobjects/Contact/@{{c.id}}",
                    "referenceId": "p",
                    "body": {"Title": "@{q.records[0].Account.Name}"},
                },
            ]
        },
    ).json["compositeResponse"]
    assert [e["httpStatusCode"] for e in answer] == [201, 201, 200, 204]
    assert list(answer[0]) == ["body", "httpHeaders", "httpStatusCode", "referenceId"]
    assert answer[0]["httpHeaders"]["Location"].endswith(answer[0]["body"]["id"])
    assert answer[3]["body"] is None
    assert admin("GET", f"/sobjects/Contact/{answer[1]['body']['id']}").json["Title"] == "N"


def test_composite_all_or_none(admin: Caller) -> None:
    answer = admin(
        "POST",
        "/composite",
        {
            "allOrNone": True,
            "compositeRequest": [
                {"method": "POST", "url": f"{V}/sobjects/Account", "referenceId": "a", "body": {"Name": "N"}},
                {"method": "POST", "url": f"{V}/sobjects/Account", "referenceId": "b", "body": {}},
            ],
        },
    ).json["compositeResponse"]
    assert [e["httpStatusCode"] for e in answer] == [400, 400]
    assert answer[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert answer[1]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert admin.query("SELECT COUNT() FROM Account")["totalSize"] == 0


def test_composite_limits_and_errors_inside(admin: Caller) -> None:
    query = {"method": "GET", "url": f"{V}/query?q=SELECT+Id+FROM+Lead"}
    six = [{**query, "referenceId": f"q{n}"} for n in range(6)]
    assert admin("POST", "/composite", {"compositeRequest": six}).status == 400
    assert admin("POST", "/composite", {"compositeRequest": six[:5]}).status == 200
    broken = admin(
        "POST",
        "/composite",
        {
            "compositeRequest": [
                {"method": "GET", "url": f"{V}/query?q=select+count()+from+XYZZY", "referenceId": "refXYZZY"},
                {"method": "GET", "url": f"{V}/sobjects/Lead/@{{refXYZZY.id}}", "referenceId": "next"},
            ]
        },
    )
    assert broken.status == 200
    first, second = broken.json["compositeResponse"]
    assert (first["httpStatusCode"], first["body"][0]["errorCode"]) == (400, "INVALID_TYPE")
    assert second["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_batch(admin: Caller) -> None:
    body = {
        "haltOnError": True,
        "batchRequests": [
            {"method": "GET", "url": "v60.0/query?q=SELECT+COUNT()+FROM+Lead"},
            {"method": "GET", "url": f"{V}/sobjects/Nonesuch/describe"},
            {"method": "GET", "url": "v60.0/limits"},
        ],
    }
    answer = admin("POST", "/composite/batch", body).json
    assert answer["hasErrors"] is True
    assert [r["statusCode"] for r in answer["results"]] == [200, 404, 412]
    assert answer["results"][0]["result"]["totalSize"] == 0


def test_tree_and_graph(admin: Caller) -> None:
    tree = {
        "records": [
            {
                "attributes": {"type": "Account", "referenceId": "r1"},
                "Name": "A",
                "Contacts": {
                    "records": [{"attributes": {"type": "Contact", "referenceId": "r2"}, "LastName": "x"}]
                },
            }
        ]
    }
    answer = admin("POST", "/composite/tree/Account", tree)
    assert answer.status == 201
    assert [r["referenceId"] for r in answer.json["results"]] == ["r1", "r2"]
    assert admin.query("SELECT Account.Name FROM Contact")["records"][0]["Account"]["Name"] == "A"
    failing = {
        "graphs": [
            {
                "graphId": "graph0",
                "compositeRequest": [
                    {
                        "url": f"{V}/sobjects/Lead",
                        "method": "POST",
                        "referenceId": "referenceId0",
                        "body": {"LastName": "x", "Company": "c", "CleanStatus": "Amazing"},
                    }
                ],
            }
        ]
    }
    graphs = admin("POST", "/composite/graph", failing).json["graphs"]
    assert graphs[0]["isSuccessful"] is False
    entry = graphs[0]["graphResponse"]["compositeResponse"][0]
    assert entry["body"][0]["message"] == "Clean Status: bad value for restricted picklist field: Amazing"


def test_a_value_of_the_wrong_type_refuses_the_whole_body_and_says_where(admin: Caller) -> None:
    body = (
        '{"records": [{"attributes": {"type": "Lead"}, "LastName": "A", "Company": "X", "AnnualRevenue": 5},\n'
        ' {"attributes": {"type": "Lead"}, "LastName": "B", "Company": "X", "AnnualRevenue": "much"}]}'
    )
    refused = admin("POST", "/composite/sobjects", raw=body.encode())
    assert refused.status == 400
    assert refused.json == [
        {
            "message": "Cannot deserialize instance of currency from VALUE_STRING value much or request may be "
            "missing a required field at [line:2, column:85]",
            "errorCode": "JSON_PARSER_ERROR",
        }
    ]
    assert admin.query("SELECT count() FROM Lead")["totalSize"] == 0


def test_a_reference_to_what_failed_halts_and_a_describe_shows_its_headers(admin: Caller) -> None:
    order = {
        "compositeRequest": [
            {
                "method": "POST",
                "url": "/services/data/v60.0/sobjects/Account",
                "referenceId": "a",
                "body": {},
            },
            {
                "method": "POST",
                "url": "/services/data/v60.0/sobjects/Contact",
                "referenceId": "c",
                "body": {"LastName": "C", "AccountId": "@{a.id}"},
            },
            {"method": "GET", "url": "/services/data/v60.0/sobjects/Lead/describe", "referenceId": "d"},
            {"method": "GET", "url": "/services/data/v20.0/sobjects/Lead/describe", "referenceId": "old"},
        ]
    }
    failed, halted, described, gone = admin("POST", "/composite", order).json["compositeResponse"]
    assert failed["httpStatusCode"] == 400
    assert halted["body"] == [
        {
            "errorCode": "PROCESSING_HALTED",
            "message": "Invalid reference specified. No value for a.id found in a.",
        }
    ]
    assert list(described["httpHeaders"]) == ["ETag", "Last-Modified"]
    assert gone["httpStatusCode"] == 410


def test_a_refused_record_of_an_upsert_tells_whether_it_would_have_been_created(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Key__c", "Text", length=20, external_id=True, unique=True)
    admin.create("Lead", LastName="A", Company="C", Key__c="a")
    records = [
        {"attributes": {"type": "Lead"}, "LastName": name, "Company": "C", "Key__c": key, **more}
        for name, key, more in (("A", "a", {}), ("B", "b", {}), ("C", "c", {"OwnerId": "INVALID"}))
    ]
    body = {"allOrNone": True, "records": records}
    results = admin("PATCH", "/composite/sobjects/Lead/Key__c", body).json
    assert [(r["success"], r["created"]) for r in results] == [(False, False), (False, True), (False, True)]
    codes = [r["errors"][0]["statusCode"] for r in results]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "ALL_OR_NONE_OPERATION_ROLLED_BACK", "MALFORMED_ID"]
    assert admin.query("SELECT count() FROM Lead")["totalSize"] == 1
