"""How each error of the recorded index is brought about here, by the natural cause where there is one.

A key is the index entry's code and a piece of its source; the value is what brings it about, and gives the
status and the body's text.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx2

from tests.practice_org.recorded.stage import Stage

DUPLICATE = "You're creating a duplicate record. We recommend you use an existing record instead."
Told = tuple[int, str]
CAUSES: dict[tuple[str, str], Callable[[Stage], Told]] = {}


def cause(code: str, source: str) -> Callable[[Callable[[Stage], Any]], Callable[[Stage], Any]]:
    """Register what brings the entry about; it gives a response, or status and text."""

    def register(make: Callable[[Stage], Any]) -> Callable[[Stage], Any]:
        def told(stage: Stage) -> Told:
            answer = make(stage)
            return (answer.status_code, answer.text) if isinstance(answer, httpx2.Response) else answer

        CAUSES[code, source] = told
        return make

    return register


@cause("INVALID_FIELD", "create-invalid-field.json")
def _(stage: Stage) -> Any:
    return stage.call("POST", "/sobjects/Account", {"FavoritePet__c": "Dog"})


@cause("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "create-invalid-picklist-value.json")
def _(stage: Stage) -> Any:
    return stage.call("POST", "/sobjects/Movie__c", {"Name": "VIII", "Rating__c": "Terrible"})


@cause("REQUIRED_FIELD_MISSING", "create-required-field-missing.json")
def _(stage: Stage) -> Any:
    return stage.call("POST", "/sobjects/Spaceship__c", {"Name": "Falcon 9"})


@cause("ENTITY_IS_DELETED", "delete-already-deleted.json")
@cause("ENTITY_IS_DELETED", "crm/delete/not-found.json")
def _(stage: Stage) -> Any:
    path = f"/sobjects/Account/{stage.some('Account')}"
    assert stage.call("DELETE", path).status_code == 204
    return stage.call("DELETE", path)


@cause("MALFORMED_QUERY", "query-malformed-soql.json")
def _(stage: Stage) -> Any:
    return stage.call("GET", "/query", params={"q": "SELEKT Name FROM Account"})


@cause("INVALID_FIELD", "query-unknown-column.json")
def _(stage: Stage) -> Any:
    return stage.call("GET", "/query", params={"q": "SELECT Bacon__c FROM Account LIMIT 2"})


@cause("MALFORMED_ID", "update-malformed-id.json")
def _(stage: Stage) -> Any:
    return stage.call("PATCH", "/sobjects/Movie__c/a00B000000FSjVUIB1", {"ReleaseDate__c": "1980-05-21"})


@cause("composite graph failure", "composite-graph-single-create-error.json")
def _(stage: Stage) -> Any:
    node = {
        "url": "/services/data/v53.0/sobjects/Movie__c",
        "method": "POST",
        "referenceId": "referenceId0",
        "body": {"Name": "IV", "Rating__c": "Amazing"},
    }
    order = {"graphs": [{"graphId": "graph0", "compositeRequest": [node]}]}
    return stage.call("POST", "/composite/graph", order)


def records(stage: Stage, method: str, all_or_none: bool, *rows: dict[str, Any]) -> Any:
    return stage.call(method, "/composite/sobjects", {"allOrNone": all_or_none, "records": list(rows)})


def row(kind: str, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind}, **values}


@cause("INVALID_EMAIL_ADDRESS", "export-records-additive.js")
def _(stage: Stage) -> Any:
    one, other = stage.some("Account"), stage.some("Account")
    rows = row("Account", id=one, Name="Jones"), row("Account", id=other, email_field__c="badone")
    return records(stage, "PATCH", False, *rows)


@cause("REQUIRED_FIELD_MISSING", "export-account/…")
def _(stage: Stage) -> Any:
    return records(stage, "POST", False, row("Account", AccountNumber="none", Name=None))


@cause("NOT_FOUND (record)", "export-contacts/…")
def _(stage: Stage) -> Any:
    path = f"/sobjects/Contact/{stage.some('Contact')}"
    assert stage.call("DELETE", path).status_code == 204
    return stage.call("GET", path)


@cause("REQUIRED_FIELD_MISSING (no records)", "err-bad-request.json")
def _(stage: Stage) -> Any:
    return records(stage, "POST", False)


@cause("MISSING_ARGUMENT", "err-each-no-ids.json")
def _(stage: Stage) -> Any:
    return records(stage, "PATCH", False, row("Contact", LastName="A"), row("Contact", LastName="B"))


@cause("INVALID_FIELD in collection", "partial-but-allOrNone.json")
def _(stage: Stage) -> Any:
    one, other = stage.some("Contact"), stage.some("Contact")
    rows = row("Contact", id=one, LastName="A"), row("Contact", id=other, unknownField_LastName="B")
    return records(stage, "PATCH", True, *rows)


@cause("INVALID_FIELD_FOR_INSERT_UPDATE", "invalid-field-upsert.json")
def _(stage: Stage) -> Any:
    path = f"/sobjects/Account/{stage.some('Account')}"
    return stage.call("PATCH", path, {"MasterRecordId": stage.some("Account")})


@cause("INVALID_FIELD", "unknown-field.json")
def _(stage: Stage) -> Any:
    return stage.call("POST", "/sobjects/Account", {"Name": "A", "AccountNumer": "1"})


@cause("DUPLICATE_VALUE (junction)", "err-duplicate-permission-assignment.json")
def _(stage: Stage) -> Any:
    made = stage.made("PermissionSet", Name="Visibility", Label="Visibility")
    values = {"AssigneeId": stage.org.user("sales")["user_id"], "PermissionSetId": made}
    stage.made("PermissionSetAssignment", **values)
    return stage.call("POST", "/sobjects/PermissionSetAssignment", values)


@cause("INVALID_TYPE in composite", "test_count_sobjects__errors.yaml")
def _(stage: Stage) -> Any:
    soql = quote("select count() from XYZZY")
    node = {"method": "GET", "url": f"/services/data/v53.0/query/?q={soql}", "referenceId": "refXYZZY"}
    answer = stage.call("POST", "/composite", {"compositeRequest": [node]})
    assert answer.status_code == 200
    return answer.json()["compositeResponse"][0]["httpStatusCode"], answer.text


@cause("INVALID_SESSION_ID", "expired_session_response.json")
def _(stage: Stage) -> Any:
    token = {"Authorization": f"Bearer {stage.org.token('sales')}"}
    stage.org.control("sessions", {"expire": stage.org.user("sales")["username"]})
    return stage.call("GET", "/sobjects", headers=token)


def grant(stage: Stage, **form: str) -> httpx2.Response:
    app = {"client_id": stage.org.client_id, "client_secret": stage.org.client_secret}
    return httpx2.post(f"{stage.org.base_url}/services/oauth2/token", data={**app, **form})


@cause("invalid_grant", "refresh_error_response.json")
def _(stage: Stage) -> Any:
    return grant(stage, grant_type="refresh_token", refresh_token="5Aep_long_gone")


@cause("invalid_grant", "auth_error_response.json")
def _(stage: Stage) -> Any:
    return grant(stage, grant_type="password", username=stage.org.username, password="wrong")


@cause("MALFORMED_SEARCH", "search_error_response.json")
def _(stage: Stage) -> Any:
    return stage.call("GET", "/search", params={"q": "FIND bar"})


@cause("NOT_FOUND (bad external id field)", "upsert_error_response.json")
def _(stage: Stage) -> Any:
    return stage.call("PATCH", "/sobjects/Whizbang__c/Namez/1", {"Name": "A"})


@cause("300 Multiple Choices", "upsert_multiple_error_response.json")
def _(stage: Stage) -> Any:
    for name in "ab":
        stage.made("Whizbang__c", Name=name, Code__c="twice")
    answer = stage.call("PATCH", "/sobjects/Whizbang__c/Code__c/twice", {"Name": "A"})
    text = answer.text
    for number, address in enumerate(answer.json()):
        text = text.replace(address, f"/services/data/v23.0/sobjects/Whizbang/{('foo', 'bar')[number]}")
    return answer.status_code, text


@cause("INVALID_FIELD", "write_error_response.json")
def _(stage: Stage) -> Any:
    answer = stage.call("POST", "/sobjects/Bar__c", {"foo": 1})
    return answer.status_code, answer.text.replace("Bar__c", "Bar")


@cause("PROCESSING_HALTED", "composite_response_example_failure.json")
def _(stage: Stage) -> Any:
    address = "/services/data/v53.0/sobjects/Account"
    nodes = [
        {"method": "POST", "url": address, "referenceId": "a", "body": {"Name": "A"}},
        {"method": "POST", "url": address, "referenceId": "b", "body": {}},
    ]
    answer = stage.call("POST", "/composite", {"allOrNone": True, "compositeRequest": nodes})
    halted = answer.json()["compositeResponse"][0]
    return halted["httpStatusCode"], json.dumps(halted["body"][0])


@cause("INVALID_FIELD (FK by external id)", "composite_response_example_failure.json")
def _(stage: Stage) -> Any:
    body = {"Name": "A", "Invoice__r": {"Invoice_External_Id__c": "0116"}}
    answer = stage.call("POST", "/sobjects/Whizbang__c", body)
    text = json.dumps(answer.json()[0]).replace("Invoice__c in", "Invoice_External_Id__c in")
    return answer.status_code, text.replace("entity Invoice__c", "entity blng__Invoice__c")


@cause("METHOD_NOT_ALLOWED", "forrest/issues/191")
def _(stage: Stage) -> Any:
    return stage.call("PATCH", "/sobjects/Account", {"Name": "A"})


@cause("InvalidSessionId (Bulk 1.0)", "issues/619")
def _(stage: Stage) -> Any:
    headers = {"X-SFDC-Session": "00Dnonsense", "Content-Type": "application/json; charset=UTF-8"}
    return stage.http.post("/services/async/53.0/job", json={}, headers=headers)


@cause("InvalidBatch (Bulk 1.0)", "issues/366")
def _(stage: Stage) -> Any:
    """Results are asked for of a batch whose job was aborted before it was worked on."""
    stage.org.control("jobs", {"speed": "slow"})
    token = stage.http.headers["authorization"].removeprefix("Bearer ")
    headers = {"X-SFDC-Session": token, "Content-Type": "application/json; charset=UTF-8"}
    order = {"operation": "insert", "object": "Lead", "contentType": "JSON"}
    job = stage.http.post("/services/async/53.0/job", json=order, headers=headers).json()["id"]
    path = f"/services/async/53.0/job/{job}"
    rows = [{"LastName": "A", "Company": "B"}]
    batch = stage.http.post(f"{path}/batch", json=rows, headers=headers).json()["id"]
    stage.http.post(path, json={"state": "Aborted"}, headers=headers)
    answer = stage.http.get(f"{path}/batch/{batch}/result", headers=headers)
    stage.org.control("jobs", {"speed": "instant"})
    return answer


@cause("BULK_API_ERROR multi PUT", "jsforce/issues/1370")
def _(stage: Stage) -> Any:
    job = stage.call("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"}).json()["id"]
    path, csv = f"/jobs/ingest/{job}/batches", {"Content-Type": "text/csv"}
    for _ in range(2):
        answer = stage.call("PUT", path, content=b"LastName,Company\nA,B\n", headers=csv)
    error = answer.json()[0]
    return answer.status_code, f"{error['errorCode']}: {error['message']}"


@cause("INVALID_QUERY_LOCATOR", "restforce/issues/67")
def _(stage: Stage) -> Any:
    answer = stage.call("GET", "/query/01g000000000001-2000")
    error = answer.json()[0]
    return answer.status_code, f"{error['errorCode']}: {error['message']}"


@cause("DUPLICATES_DETECTED", "quoted second-hand")
def _(stage: Stage) -> Any:
    stage.org.control(
        "rules", {"duplicate": [{"name": "Standard_Contact_Duplicate_Rule", "message": DUPLICATE}]}
    )
    twin = {"FirstName": "Edna", "LastName": "Frank", "Email": "edna@example.com"}
    stage.made("Contact", **twin)
    answer = stage.call("POST", "/sobjects/Contact", twin)
    stage.org.control("rules", {"duplicate": []})
    return answer


@cause("STRING_TOO_LONG", "quoted second-hand")
def _(stage: Stage) -> Any:
    body = {"LastName": "A", "Company": "B", "Topic_Name__c": "NOWELLPOINT_OPPORTUNITY_PUSH_TOPIC"}
    answer = stage.call("POST", "/sobjects/Lead", body)
    return answer.status_code, answer.text.replace("Topic_Name__c", "Name")


@cause("DUPLICATE_VALUE", "21627595981")
def _(stage: Stage) -> Any:
    body = {"LastName": "A", "Company": "B", "Connect_Project_Id__c": "7"}
    stage.made("Lead", **body)
    return stage.call("POST", "/sobjects/Lead", body)


@cause("DUPLICATE_VALUE (CampaignMember)", "60023358010")
def _(stage: Stage) -> Any:
    member = {"CampaignId": stage.some("Campaign"), "LeadId": stage.some("Lead")}
    stage.made("CampaignMember", **member)
    return stage.call("POST", "/sobjects/CampaignMember", member)


@cause("REQUEST_LIMIT_EXCEEDED", "43961420395, 21430251085")
def _(stage: Stage) -> Any:
    stage.org.control("limits", {"DailyApiRequests": 1, "used": 1})
    answer = stage.call("GET", "/sobjects")
    stage.org.control("limits", {"DailyApiRequests": 15000, "used": 0})
    return answer


@cause("REQUEST_LIMIT_EXCEEDED (concurrent)", "70806117271")
def _(stage: Stage) -> Any:
    stage.org.control("settings", {"long_call_seconds": 1, "concurrent_long_calls": 1})
    stage.org.control("faults", {"trigger": "query", "latency_ms": 2500})
    slow = threading.Thread(target=stage.call, args=("GET", "/query?q=SELECT+Id+FROM+Lead+LIMIT+1"))
    slow.start()
    answer = stage.call("GET", "/limits")
    while slow.is_alive() and answer.status_code == 200:
        time.sleep(0.05)
        answer = stage.call("GET", "/limits")
    slow.join()
    stage.org.control("settings", {"long_call_seconds": 20, "concurrent_long_calls": 25})
    return answer


@cause("UNABLE_TO_LOCK_ROW", "quoted second-hand")
def _(stage: Stage) -> Any:
    held = stage.some("Contact")
    stage.org.control(
        "late_commit", {"object": "Contact", "id": held, "values": {"Title": "x"}, "seconds": 2}
    )
    return stage.call("PATCH", f"/sobjects/Contact/{held}", {"Title": "y"})


@cause("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "43961420395")
def _(stage: Stage) -> Any:
    account = stage.some("Account")
    stage.org.control("sharing", {"defaults": {"Account": "Private"}})
    bearer = {"Authorization": f"Bearer {stage.org.token('sales')}"}
    answer = stage.call("PATCH", f"/sobjects/Account/{account}", {"Site": "x"}, headers=bearer)
    stage.org.control("sharing", {"defaults": {}})
    return answer.status_code, json.dumps(answer.json()[0])


@cause("INVALID_CROSS_REFERENCE_KEY (record type)", "43961420395")
def _(stage: Stage) -> Any:
    body = {"Name": "A", "RecordTypeId": "0128M0000004HVOQA2"}
    answer = stage.call("POST", "/sobjects/Account", body)
    return answer.status_code, json.dumps(answer.json()[0])


def soap_login(stage: Stage) -> httpx2.Response:
    envelope = (
        '<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Body>'
        '<login xmlns="urn:partner.soap.sforce.com"><username>nobody@example.com</username>'
        "<password>wrong</password></login></se:Body></se:Envelope>"
    )
    return stage.http.post("/services/Soap/u/42.0", content=envelope, headers={"Content-Type": "text/xml"})


@cause("INVALID_LOGIN (SOAP)", "quoted second-hand")
def _(stage: Stage) -> Any:
    return soap_login(stage)


@cause("INVALID_OPERATION (SOAP login disabled)", "quoted second-hand")
def _(stage: Stage) -> Any:
    stage.org.control("settings", {"soap_login_enabled": False})
    answer = soap_login(stage)
    stage.org.control("settings", {"soap_login_enabled": True})
    return answer
