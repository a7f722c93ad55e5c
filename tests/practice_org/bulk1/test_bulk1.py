"""The Bulk API 1.0 over HTTP: jobs, batches and results in JSON, CSV and XML."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest

from tests.practice_org.server import RunningOrg, serve_in_thread

NS = "{http://www.force.com/2009/06/asyncapi/dataload}"
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml; charset=UTF-8"}
CSV = {"Content-Type": "text/csv; charset=UTF-8"}


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    running = serve_in_thread(tmp_path_factory.mktemp("bulk1"), records=30)
    yield running
    running.stop()


@pytest.fixture
def api(org: RunningOrg) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=f"{org.base_url}/services/async/60.0/",
        headers={"X-SFDC-Session": org.token("admin")},
        timeout=60,
        trust_env=False,
    ) as client:
        yield client


def json_job(api: httpx2.Client, operation: str, name: str = "Lead", **more: Any) -> str:
    body = {"operation": operation, "object": name, "contentType": "JSON", **more}
    made = api.post("job", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def json_batch(api: httpx2.Client, job: str, content: Any) -> dict[str, Any]:
    """A batch that has ended."""
    if isinstance(content, str):
        made = api.post(f"job/{job}/batch", content=content, headers=JSON)
    else:
        made = api.post(f"job/{job}/batch", json=content)
    assert made.status_code == 201, made.text
    assert made.json()["state"] in ("Queued", "NotProcessed") and made.json()["jobId"] == job
    return ended(api, job, made.json()["id"])


def ended(api: httpx2.Client, job: str, batch: str) -> dict[str, Any]:
    for _ in range(100):
        found: dict[str, Any] = api.get(f"job/{job}/batch/{batch}", headers=JSON).json()
        if found["state"] in ("Completed", "Failed", "NotProcessed"):
            return found
    raise AssertionError(found)


def count(org: RunningOrg, where: str) -> int:
    with org.api() as rest:
        answer = rest.get("query", params={"q": f"SELECT count() FROM Lead WHERE {where}"})
        return int(answer.json()["totalSize"])


def test_a_json_job_from_beginning_to_end(org: RunningOrg, api: httpx2.Client) -> None:
    made = api.post(
        "job", json={"operation": "insert", "object": "lead", "contentType": "JSON", "concurrencyMode": 1}
    )
    job = made.json()
    assert (made.status_code, list(job)) == (201, sorted(job))
    assert (job["state"], job["object"], job["concurrencyMode"], job["numberBatchesTotal"]) == (
        "Open",
        "Lead",
        "Serial",
        0,
    )
    records = [
        {"LastName": "One", "Company": "Bulk1", "NumberOfEmployees": 7, "DoNotCall": True},
        {"LastName": "Two", "Company": "Bulk1", "Email": "bad"},
        {"LastName": None, "Company": "Bulk1"},
    ]
    batch = json_batch(api, job["id"], records)
    assert (batch["state"], batch["numberRecordsProcessed"], batch["numberRecordsFailed"]) == (
        "Completed",
        3,
        2,
    )
    good, bad, missing = api.get(f"job/{job['id']}/batch/{batch['id']}/result", headers=JSON).json()
    assert (
        good == {"success": True, "created": True, "id": good["id"], "errors": []} and len(good["id"]) == 18
    )
    assert (bad["success"], bad["id"], bad["errors"][0]["statusCode"]) == (
        False,
        None,
        "INVALID_EMAIL_ADDRESS",
    )
    assert missing["errors"][0]["fields"] == ["LastName"]
    assert api.get(f"job/{job['id']}/batch/{batch['id']}/request", headers=JSON).json() == records
    closed = api.post(f"job/{job['id']}", json={"state": "Closed"})
    assert (closed.status_code, closed.json()["state"]) == (200, "Closed")
    assert (closed.json()["numberBatchesCompleted"], closed.json()["numberRecordsFailed"]) == (1, 2)
    again = api.post(f"job/{job['id']}/batch", json=records)
    assert (again.status_code, again.json()["exceptionCode"]) == (400, "InvalidJobState")
    assert api.get(f"job/{job['id']}/batch", headers=JSON).json()["batchInfo"] == [batch]
    with org.api() as rest:
        row = rest.get(f"sobjects/Lead/{good['id']}").json()
        listed = rest.get("jobs/ingest", params={"jobType": "Classic"}).json()["records"]
    assert (row["NumberOfEmployees"], row["DoNotCall"]) == (7, True)
    assert job["id"] in [one["id"] for one in listed]


def test_every_write_of_json(org: RunningOrg, api: httpx2.Client) -> None:
    records = [{"LastName": f"U{n}", "Company": "Every", "Legacy_Id__c": f"e-{n}"} for n in range(3)]
    job = json_job(api, "upsert", externalIdFieldName="Legacy_Id__c")
    first = json_batch(api, job, records)
    second = json_batch(api, job, [{"Legacy_Id__c": "e-0", "Title": "changed", "Company": ""}])
    rows = api.get(f"job/{job}/batch/{first['id']}/result", headers=JSON).json()
    (again,) = api.get(f"job/{job}/batch/{second['id']}/result", headers=JSON).json()
    assert (again["id"], again["created"], rows[0]["created"]) == (rows[0]["id"], False, True)
    ids = [row["id"] for row in rows]
    json_batch(api, json_job(api, "update"), [{"Id": ids[1], "Title": None, "City": "Rome"}])
    assert count(org, "Company = 'Every' AND City = 'Rome'") == 1
    json_batch(api, json_job(api, "delete"), [{"Id": ids[0]}])
    json_batch(api, json_job(api, "hardDelete"), [{"Id": ids[1]}])
    assert count(org, "Company = 'Every'") == 1
    deleted = json_batch(api, json_job(api, "delete"), [{"Id": ids[0]}])
    assert deleted["numberRecordsFailed"] == 1


def test_query_in_json_has_epoch_milliseconds_and_attributes(org: RunningOrg, api: httpx2.Client) -> None:
    with org.api() as rest:
        lead = rest.post("sobjects/Lead", json={"LastName": "Q", "Company": "Queried"}).json()["id"]
        stamp = rest.get(f"sobjects/Lead/{lead}").json()["CreatedDate"]
    job = json_job(api, "query")
    batch = json_batch(
        api, job, f"SELECT Id, LastName, Email, CreatedDate, Owner.Name FROM Lead WHERE Id = '{lead}'"
    )
    (result,) = api.get(f"job/{job}/batch/{batch['id']}/result", headers=JSON).json()
    (row,) = api.get(f"job/{job}/batch/{batch['id']}/result/{result}", headers=JSON).json()
    assert row["attributes"] == {"type": "Lead", "url": f"/services/data/v60.0/sobjects/Lead/{lead}"}
    assert (row["LastName"], row["Email"]) == ("Q", None) and row["Owner"]["attributes"]["type"] in (
        "Name",
        "User",
    )
    assert isinstance(row["CreatedDate"], int) and row["CreatedDate"] % 1000 == 0
    moment = datetime.fromtimestamp(row["CreatedDate"] / 1000, UTC)
    assert stamp.startswith(moment.strftime("%Y-%m-%dT%H:%M:%S"))


@pytest.mark.parametrize(
    ("soql", "message"),
    [
        (
            "SELECT Address FROM Lead",
            "InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: Selecting compound data not "
            "supported in Bulk Query",
        ),
        ("SELEKT", "InvalidBatch : Failed to process query: MALFORMED_QUERY: "),
        ("SELECT Id FROM Contact", "InvalidBatch : Failed to process query: "),
    ],
)
def test_a_query_that_cannot_be_run_fails_its_batch(api: httpx2.Client, soql: str, message: str) -> None:
    job = json_job(api, "query")
    batch = json_batch(api, job, soql)
    assert batch["state"] == "Failed" and batch["stateMessage"].startswith(message)
    result = api.get(f"job/{job}/batch/{batch['id']}/result", headers=JSON)
    assert result.status_code == 400
    assert result.json() == {"exceptionCode": "InvalidBatch", "exceptionMessage": "Records not processed"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "InvalidBatch : Records not found"),
        ([{"LastName": "x", "Nope": 1}], "InvalidBatch : Field name not found : Nope"),
        ("{", "InvalidBatch : Failed to parse the JSON"),
        ({"a": 1}, "InvalidBatch : Records not processed"),
        ([{"LastName": "x"}] * 10_001, "InvalidBatch : Exceeded number of records : 10001."),
    ],
)
def test_a_batch_that_cannot_be_read_fails(api: httpx2.Client, content: Any, message: str) -> None:
    batch = json_batch(api, json_job(api, "insert"), content)
    assert batch["state"] == "Failed" and batch["stateMessage"].startswith(message)


def test_a_batch_of_nothing_is_refused(api: httpx2.Client) -> None:
    job = json_job(api, "update")
    answer = api.post(f"job/{job}/batch", content=b"\n", headers=JSON)
    assert answer.status_code == 400
    assert answer.json() == {
        "exceptionCode": "ClientInputError",
        "exceptionMessage": "Unable to find any data to create batch",
    }


def test_xml_jobs_with_csv_batches(org: RunningOrg, api: httpx2.Client) -> None:
    made = api.post(
        "job",
        headers=XML,
        content='<?xml version="1.0" encoding="UTF-8"?><jobInfo xmlns="http://www.force.com/2009/06/asyncapi/dataload">'
        "<operation>insert</operation><object>Lead</object><contentType>CSV</contentType></jobInfo>",
    )
    assert (made.status_code, made.headers["content-type"]) == (201, "application/xml")
    root = ElementTree.fromstring(made.content)
    assert root.tag == f"{NS}jobInfo" and root.findtext(f"{NS}state") == "Open"
    assert str(root.findtext(f"{NS}createdDate")).endswith(".000Z")
    job = root.findtext(f"{NS}id")
    packed = gzip.compress(b'LastName,Company,Description\nA,Csv,"two\nlines"\n,Csv,\n')
    batch = api.post(f"job/{job}/batch", headers={**CSV, "Content-Encoding": "gzip"}, content=packed)
    info = ElementTree.fromstring(batch.content)
    assert (batch.status_code, info.tag, info.findtext(f"{NS}state")) == (201, f"{NS}batchInfo", "Queued")
    batch_id = str(info.findtext(f"{NS}id"))
    for _ in range(100):
        shown = ElementTree.fromstring(api.get(f"job/{job}/batch/{batch_id}").content)
        if shown.findtext(f"{NS}state") == "Completed":
            break
    assert (shown.findtext(f"{NS}numberRecordsProcessed"), shown.findtext(f"{NS}numberRecordsFailed")) == (
        "2",
        "1",
    )
    result = api.get(f"job/{job}/batch/{batch_id}/result")
    assert result.headers["content-type"].startswith("text/csv")
    head, first, second, _ = result.text.split("\n")
    assert head == '"Id","Success","Created","Error"'
    assert first.endswith(',"true","true",""')
    assert second == (
        '"","false","false","REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"'
    )
    listed = ElementTree.fromstring(api.get(f"job/{job}/batch").content)
    assert [one.findtext(f"{NS}id") for one in listed.findall(f"{NS}batchInfo")] == [batch_id]
    closed = api.post(
        f"job/{job}", headers=XML, content=f'<jobInfo xmlns="{NS[1:-1]}"><state>Closed</state></jobInfo>'
    )
    assert ElementTree.fromstring(closed.content).findtext(f"{NS}state") == "Closed"


def test_xml_batches_and_xml_results(org: RunningOrg, api: httpx2.Client) -> None:
    def xml_job(operation: str) -> str:
        body = f"<jobInfo><operation>{operation}</operation><object>Lead</object><contentType>XML</contentType></jobInfo>"
        return str(
            ElementTree.fromstring(api.post("job", headers=XML, content=body).content).findtext(f"{NS}id")
        )

    def run(job: str, content: str) -> str:
        made = api.post(f"job/{job}/batch", headers=XML, content=content.encode())
        batch = str(ElementTree.fromstring(made.content).findtext(f"{NS}id"))
        assert ended(api, job, batch)["state"] == "Completed"
        return batch

    job = xml_job("insert")
    sent = (
        '<sObjects xmlns="http://www.force.com/2009/06/asyncapi/dataload" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><sObject><type>Lead</type><LastName>X &amp; Y'
        '</LastName><Company>Xml</Company><Title xsi:nil="true"/></sObject><sObject><Company>Xml</Company>'
        "</sObject></sObjects>"
    )
    batch = run(job, sent)
    results = ElementTree.fromstring(api.get(f"job/{job}/batch/{batch}/result", headers=XML).content)
    good, bad = results.findall(f"{NS}result")
    lead = good.findtext(f"{NS}id")
    assert (good.findtext(f"{NS}success"), bad.findtext(f"{NS}success")) == ("true", "false")
    assert bad.findtext(f"{NS}errors/{NS}statusCode") == "REQUIRED_FIELD_MISSING"
    job = xml_job("query")
    batch = run(job, f"SELECT Id, LastName, Title, Owner.Name FROM Lead WHERE Id = '{lead}'")
    ids = ElementTree.fromstring(api.get(f"job/{job}/batch/{batch}/result", headers=XML).content)
    assert ids.tag == f"{NS}result-list"
    rows = ElementTree.fromstring(api.get(f"job/{job}/batch/{batch}/result/{ids[0].text}").content)
    (row,) = rows.findall(f"{NS}records")
    assert (row.findtext(f"{NS}type"), row.findtext(f"{NS}LastName")) == ("Lead", "X & Y")
    assert row.findtext(f"{NS}Owner/{NS}type") in ("Name", "User")
    evil = '<!DOCTYPE x [<!ENTITY a "b">]><jobInfo><operation>&a;</operation></jobInfo>'
    for encoding in ("utf-8", "utf-16"):
        refused = api.post("job", headers=XML, content=evil.encode(encoding))
        assert refused.status_code == 400 and "DOCTYPE" in refused.text


def test_csv_queries(org: RunningOrg, api: httpx2.Client) -> None:
    body = "<jobInfo><operation>queryAll</operation><object>Lead</object><contentType>CSV</contentType></jobInfo>"
    job = ElementTree.fromstring(api.post("job", headers=XML, content=body).content).findtext(f"{NS}id")
    made = api.post(
        f"job/{job}/batch", headers=CSV, content="SELECT Id, LastName FROM Lead ORDER BY Id LIMIT 2"
    )
    batch = str(ElementTree.fromstring(made.content).findtext(f"{NS}id"))
    assert ended(api, str(job), batch)["state"] == "Completed"
    ids = ElementTree.fromstring(api.get(f"job/{job}/batch/{batch}/result").content)
    page = api.get(f"job/{job}/batch/{batch}/result/{ids[0].text}")
    assert page.text.splitlines()[0] == '"Id","LastName"' and len(page.text.splitlines()) == 3
    assert api.get(f"job/{job}/batch/{batch}/result/752000000000000").status_code == 400


def test_pk_chunks(org: RunningOrg, api: httpx2.Client) -> None:
    made = api.post(
        "job",
        json={"operation": "query", "object": "Lead", "contentType": "JSON"},
        headers={"Sforce-Enable-PKChunking": "chunkSize=10"},
    )
    job = made.json()["id"]
    first = json_batch(api, job, "SELECT Id FROM Lead WHERE LastName != null")
    assert first["state"] == "NotProcessed"
    every = api.get(f"job/{job}/batch", headers=JSON).json()["batchInfo"]
    assert len(every) > 2 and every[0]["id"] == first["id"]
    seen: list[str] = []
    for batch in every[1:]:
        assert ended(api, job, batch["id"])["state"] == "Completed"
        for result in api.get(f"job/{job}/batch/{batch['id']}/result", headers=JSON).json():
            rows = api.get(f"job/{job}/batch/{batch['id']}/result/{result}", headers=JSON).json()
            assert 0 < len(rows) <= 10
            seen += [row["Id"] for row in rows]
    assert len(seen) == len(set(seen)) == count(org, "LastName != null")
    with org.api() as rest:
        chunked = rest.get("jobs/query", params={"isPkChunkingEnabled": "true"}).json()["records"]
    assert [one["id"] for one in chunked] == [job]
    with_writes = api.post(
        "job", json={"operation": "insert", "object": "Lead"}, headers={"Sforce-Enable-PKChunking": "true"}
    )
    assert with_writes.status_code == 400


def test_aborted_jobs_and_slow_ones(org: RunningOrg, api: httpx2.Client) -> None:
    org.control("jobs", {"speed": "stuck"})
    try:
        job = json_job(api, "insert")
        made = api.post(f"job/{job}/batch", json=[{"LastName": "Never", "Company": "C"}]).json()
        for _ in range(2):
            state = api.get(f"job/{job}/batch/{made['id']}", headers=JSON).json()["state"]
        assert state == "InProgress"
        early = api.get(f"job/{job}/batch/{made['id']}/result", headers=JSON)
        assert early.json()["exceptionMessage"] == "Batch not completed"
        assert api.post(f"job/{job}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    finally:
        org.control("jobs", {"speed": "instant"})
    assert api.get(f"job/{job}/batch/{made['id']}", headers=JSON).json()["state"] == "NotProcessed"
    assert count(org, "LastName = 'Never'") == 0
    again = api.post(f"job/{job}", json={"state": "Aborted"})
    assert again.json()["exceptionMessage"] == "Aborting already Aborted Job not allowed"


def test_refusals_in_both_forms(org: RunningOrg, api: httpx2.Client) -> None:
    nobody = {"X-SFDC-Session": "00D!nothing"}
    refused = api.get("job/750000000000001", headers={**JSON, **nobody})
    assert refused.status_code == 400
    assert refused.text == '{"exceptionCode":"InvalidSessionId","exceptionMessage":"Invalid session id"}'
    as_xml = api.get("job/750000000000001", headers=nobody)
    assert ElementTree.fromstring(as_xml.content).findtext(f"{NS}exceptionCode") == "InvalidSessionId"
    base = str(api.base_url).replace("60.0", "30.0")
    old = httpx2.Client(trust_env=False).post(
        f"{base}job", headers={**JSON, **dict(api.headers)}, content=b"{}"
    )
    assert (old.status_code, old.json()["exceptionCode"]) == (400, "InvalidVersion")
    job = json_job(api, "insert")
    for method, path, body, code in (
        ("GET", "job/750000000000001", None, "InvalidJob"),
        ("GET", f"job/{job}/batch/751000000000001", None, "InvalidBatch"),
        ("GET", "nothing", None, "InvalidUrl"),
        ("PUT", f"job/{job}", {}, "InvalidOperation"),
        ("POST", f"job/{job}", {"state": "Open"}, "InvalidJobState"),
        ("POST", "job", {"operation": "insert", "object": "Nope"}, "InvalidJob"),
        ("POST", "job", {"operation": "merge", "object": "Lead"}, "InvalidJob"),
        ("POST", "job", {"operation": "upsert", "object": "Lead"}, "InvalidJob"),
        ("POST", "job", {"operation": "insert", "object": "Lead", "contentType": "ZIP_CSV"}, "InvalidJob"),
        ("POST", "job", {"operation": "insert", "object": "Lead", "concurrencyMode": "Slow"}, "InvalidJob"),
        ("POST", "job", [], "InvalidJob"),
    ):
        answer = api.request(method, path, json=body, headers=JSON)
        assert answer.status_code >= 400 and answer.json()["exceptionCode"] == code, (path, answer.text)
    zipped = api.post(
        f"job/{job}/batch", content=b"PK", headers={"Content-Type": "zip/csv", "Accept": "application/json"}
    )
    assert (zipped.status_code, zipped.json()["exceptionCode"]) == (400, "InvalidBatch")
    other = api.post(f"job/{job}/batch", content=b"a\n", headers=CSV)
    assert other.status_code == 400


def test_a_query_of_no_rows_says_so(api: httpx2.Client) -> None:
    soql = "SELECT Id FROM Lead WHERE LastName = 'Nobody at all'"
    job = json_job(api, "query")
    batch = json_batch(api, job, soql)
    assert api.get(f"job/{job}/batch/{batch['id']}/result", headers=JSON).json() == []
    made = api.post("job", headers=JSON, json={"operation": "query", "object": "Lead", "contentType": "CSV"})
    job = found_id(made.text, "750")
    batch_id = found_id(api.post(f"job/{job}/batch", headers=CSV, content=soql).text, "751")
    place = f"job/{job}/batch/{batch_id}/result"
    result = found_id(api.get(place).text, "752")
    assert api.get(f"{place}/{result}").text == "Records not found for this query"


def found_id(text: str, prefix: str) -> str:
    """The first id of that prefix in an answer of any form."""
    found = re.search(rf"{prefix}\w{{12,15}}", text)
    assert found, text
    return found[0]
