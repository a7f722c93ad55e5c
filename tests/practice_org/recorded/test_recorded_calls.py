"""Recorded requests, sent again to an org prepared so that it should answer the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.practice_org.recorded.comparing import REAL, REASON, loaded, ordered, outline
from tests.practice_org.recorded.stage import Stage, staged

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=REASON)

OF_THE_LINE = {
    "date", "set-cookie", "server", "x-sfdc-request-id", "content-length", "content-encoding", "connection",
    "transfer-encoding", "content-security-policy-report-only",
}  # fmt: skip
"""Headers that depend on year, moment and connection; `-Report-Only` came with one answer of 2021 alone."""
SF = sorted(path.name for path in (REAL / "sf_functions_bsd3").glob("*.json"))
NOT_SALESFORCE = "query-unexpected-response.json"
"""Recorded from another web site, on purpose."""
LONG_AGO = {
    "upsert_created_success_response.json", "create_success_response.json", "describe_sobjects_success_response.json",
    "list_sobjects_success_response.json", "sobject_describe_success_response.json",
}  # fmt: skip
"""Fixtures of API versions 20 to 26: other keys, or the same in another order."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("recorded")) as one:
        yield one


def headers_differ(recorded: dict[str, Any], answer: httpx2.Response) -> dict[str, Any]:
    """Header names and constant values that are not as recorded."""
    wanted = {name.lower(): value for name, value in recorded.items()}
    ours = dict(answer.headers)
    names = (set(wanted) ^ set(ours)) - OF_THE_LINE
    out: dict[str, Any] = {name: (wanted.get(name), ours.get(name)) for name in names}
    for name in set(wanted) & set(ours) - OF_THE_LINE - {"location", "etag", "last-modified"}:
        theirs, mine = (re.sub(r"\d+", "N", one) for one in (wanted[name], ours[name]))
        if theirs != mine:
            out[name] = (wanted[name], ours[name])
    return out


# -- sf_functions: each file is a request and its answer ---------------------------------------------


def prepared(stage: Stage, text: str) -> str:
    """The text with the recorded ids of records replaced by those of new records of the same object."""
    for found in set(re.findall(r"sobjects/(\w+)/([A-Za-z0-9]{18})", text)):
        object_name, record_id = found
        if record_id != "a00B000000FSjVUIB1":
            text = text.replace(record_id, stage.some(object_name))
    return text


def replayed(stage: Stage, request: dict[str, Any]) -> httpx2.Response:
    patterns = request.get("bodyPatterns") or [{}]
    body = patterns[0].get("equalToJson")
    path = prepared(stage, request.get("url") or request["urlPath"])
    params = {name: rule["equalTo"] for name, rule in (request.get("queryParameters") or {}).items()}
    headers = {"Sforce-Call-Options": "client=sf-functions-python:0.1", "Accept-Encoding": "identity"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if "already" in request.get("name", ""):
        assert stage.http.delete(path).status_code == 204
    return stage.http.request(
        request["method"],
        path,
        params=params or None,
        content=prepared(stage, body or "") or None,
        headers=headers,
    )


@pytest.mark.parametrize("name", SF)
def test_a_call_of_sf_functions(stage: Stage, name: str) -> None:
    recorded = loaded("sf_functions_bsd3", name)
    if name == NOT_SALESFORCE:
        pytest.skip("this answer did not come from Salesforce")
    if name.startswith("query"):
        _furnish(stage, name, json.loads(recorded["response"].get("body") or "null"))
    request = recorded["request"]
    if name == "delete-already-deleted.json":
        request = {**request, "name": "already"}
    answer = replayed(stage, request)
    response = recorded["response"]
    assert answer.status_code == response["status"], answer.text
    assert headers_differ(response["headers"], answer) == {}
    if "base64Body" in response:
        assert answer.content
    elif response.get("body"):
        ours, theirs = json.loads(answer.text), json.loads(response["body"])
        if name.startswith("query") and response["status"] == 200:
            assert outline(ours) == outline(theirs)
        else:
            assert ordered(answer.text) == ordered(response["body"])
    else:
        assert answer.content == b"" and answer.status_code == 204


def _furnish(stage: Stage, name: str, body: Any) -> None:
    """What the recorded query found, so that it is found again."""
    if name == "query-with-subquery.json":
        for account in body["records"]:
            parent = stage.made("Account", Name=account["Name"])
            for child in account["Contacts"]["records"]:
                person = {key: child[key] for key in ("FirstName", "LastName")}
                stage.made("Contact", AccountId=parent, **person)
        childless = stage.http.get(
            "/services/data/v53.0/query",
            params={"q": "SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Contact)"},
        ).json()["records"]
        for account in childless:
            stage.call("DELETE", f"/sobjects/Account/{account['Id']}")
    elif isinstance(body, dict):
        for record in body["records"]:
            stage.some(record["attributes"]["type"])


# -- grouparoo: collections, headers, SOAP login -----------------------------------------------------

COLLECTIONS: list[dict[str, Any]] = (
    loaded("grouparoo_mit", "composite_sobjects_samples.json") if REAL.is_dir() else []
)


def own_ids(stage: Stage, sample: dict[str, Any]) -> dict[str, str]:
    """New records for the ids that a sample names."""
    text = json.dumps([sample["req"], sample["query"]])
    kinds = {"001": "Account", "003": "Contact", "00Q": "Lead", "0TO": "Topic"}
    return {
        record_id: stage.some(kinds[record_id[:3]])
        for record_id in sorted(
            set(re.findall(r"\b(?:001|003|00Q|0TO)\w{15}\b|(?<=%2C)(?:001|003)\w{15}\b", text))
        )
    }


def converted(stage: Stage, lead: str) -> None:
    from practice_org.data import dml
    from practice_org.data.dml import Write

    org = stage.org.org
    dml.apply(org, None, [Write("update", org.schema["Lead"], lead, {"IsConverted": True})])


@pytest.mark.parametrize("number", range(len(COLLECTIONS)))
def test_a_collection_of_grouparoo(stage: Stage, number: int) -> None:
    sample = COLLECTIONS[number]
    mine = own_ids(stage, sample)
    text = json.dumps(sample["req"])
    query = "&".join(f"{name}={value}" for name, value in (sample["query"] or {}).items())
    for theirs, ours in mine.items():
        text, query = text.replace(theirs, ours), query.replace(theirs, ours)
    if "CANNOT_UPDATE_CONVERTED_LEAD" in json.dumps(sample["body"]):
        for lead in mine.values():
            converted(stage, lead)
    answer = stage.http.request(
        sample["method"],
        sample["path"] + (f"?{query}" if query else ""),
        content=None if sample["req"] is None else text,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == sample["status"]
    assert ordered(answer.text) == ordered(json.dumps(sample["body"]))


def test_headers_of_grouparoo(stage: Stage) -> None:
    for name, listed in loaded("grouparoo_mit", "headers.json").items():
        recorded = dict(zip(listed[::2], listed[1::2], strict=True))
        path = name
        if name.startswith("record "):
            object_name = name.removeprefix("record ")
            path = f"/services/data/v42.0/sobjects/{object_name}/{stage.some(object_name)}"
        answer = stage.http.get(path, headers={"Accept-Encoding": "identity"})
        assert answer.status_code == 200, name
        assert headers_differ(recorded, answer) == {}, name
        for tag in ("ETag", "Last-Modified"):
            assert (tag in recorded) == (tag.lower() in answer.headers), name
        if "ETag" in recorded:
            assert len(answer.headers["etag"]) == len(recorded["ETag"])


def test_the_soap_login_of_grouparoo(stage: Stage) -> None:
    text = (REAL / "grouparoo_mit" / "soap_login.txt").read_text()
    envelope = re.search(r"<se:Envelope.*</se:Envelope>", text)
    recorded = re.search(r"<\?xml.*</soapenv:Envelope>", text)
    assert envelope and recorded
    one = stage.org.user("admin")
    ours = envelope[0].replace("demo@grouparoo.com", one["username"])
    ours = ours.replace("REDACTED", one["password"] + one["security_token"])
    answer = stage.http.post(
        "/services/Soap/u/42.0", content=ours, headers={"Content-Type": "text/xml", "SOAPAction": '""'}
    )
    assert answer.status_code == 200

    def bare(xml: str) -> list[str]:
        return re.findall(r"<[^>]+>", xml)

    assert bare(answer.text) == bare(recorded[0])


# -- amp: answers without their requests, and two bodies ---------------------------------------------


def amp(name: str) -> Any:
    return loaded("amp_connectors_mit", name)


def test_collections_of_amp(stage: Stage) -> None:
    created = stage.call("POST", "/composite/sobjects", amp("batch_create_contacts_payload.json"))
    assert ordered(created.text) == ordered(json.dumps(amp("batch_create_contacts_success.json")))
    payload = amp("batch_update_contacts_payload.json")
    for record, made in zip(payload["records"], created.json(), strict=True):
        record["id"] = made["id"]
    changed = stage.call("PATCH", "/composite/sobjects", payload)
    assert ordered(changed.text) == ordered(json.dumps(amp("batch_update_contacts_success.json")))
    broken = amp("batch_create_contacts_payload.json")
    del broken["records"][0]["LastName"]
    refused = stage.call("POST", "/composite/sobjects", {**broken, "allOrNone": True})
    assert ordered(refused.text) == ordered(
        json.dumps(amp("batch_create_contacts_partial-but-allOrNone.json"))
    )
    one = stage.call("POST", "/sobjects/Account", {"Name": "A"})
    assert ordered(one.text) == ordered(json.dumps(amp("create-ok.json")))


@pytest.mark.parametrize(
    ("name", "soql"),
    [
        ("read-list-contacts.json", "SELECT AccountId, Department, AssistantName, Description FROM Contact"),
        (
            "read-opportunity-with-account.json",
            "SELECT Id, Name, AccountId, Amount, StageName FROM Opportunity WHERE Name LIKE 'amp%'",
        ),
        (
            "read-opportunity-with-contacts.json",
            "SELECT Id, Name, Amount, StageName, (SELECT Id, ContactId, Role FROM OpportunityContactRoles)"
            " FROM Opportunity WHERE Name = 'amp 1'",
        ),
        ("metadata_write_permission-set.json", "SELECT Id, Name FROM PermissionSet LIMIT 1"),
    ],
)
def test_queries_of_amp(stage: Stage, name: str, soql: str) -> None:
    if "opportunity" in name:
        account = stage.some("Account")
        for number, parent in ((1, account), (2, None)):
            deal = stage.made(
                "Opportunity", Name=f"amp {number}", StageName="Prospecting", CloseDate="2026-01-01",
                Amount=50000, AccountId=parent,
            )  # fmt: skip
            stage.made(
                "OpportunityContactRole",
                OpportunityId=deal,
                ContactId=stage.some("Contact"),
                Role="Influencer",
            )
    elif "contacts" in name:
        stage.made("Contact", LastName="All", AccountId=stage.some("Account"), Department="Finance",
                   AssistantName="Jean Marie")  # fmt: skip
        stage.some("Contact")
    answer = stage.call("GET", "/query", params={"q": soql})
    assert answer.status_code == 200, answer.text
    rows = outline(amp(name)["records"])
    mine = outline(answer.json()["records"])
    assert all(row in mine for row in rows[:1]), (mine, rows)
    assert [key for key, _ in outline(answer.json())] == [key for key, _ in outline(amp(name))]


def test_an_address_and_its_parts_as_amp_read_them(stage: Stage) -> None:
    stage.made("Lead", LastName="Bertha", FirstName="B", Company="X", City="Tallahassee", Country="USA",
               State="FL", Street="321 Westcott", PostalCode="32306")  # fmt: skip
    soql = "SELECT Address, City, CleanStatus, FirstName FROM Lead WHERE LastName = 'Bertha'"
    (mine,) = stage.call("GET", "/query", params={"q": soql}).json()["records"]
    theirs = amp("read-list-leads.json")["records"][0]
    assert list(mine) == list(theirs)
    assert outline(mine["Address"]) == outline(theirs["Address"])


def test_a_composite_of_describes_as_amp_made_it(stage: Stage) -> None:
    node = {
        "method": "GET",
        "url": "/services/data/v60.0/sobjects/Account/describe",
        "referenceId": "Account",
    }
    (mine,) = stage.call("POST", "/composite", {"compositeRequest": [node]}).json()["compositeResponse"]
    (theirs,) = amp("metadata_read_accounts-sampled.json")["compositeResponse"]
    assert list(mine) == list(theirs) and list(mine["httpHeaders"]) == list(theirs["httpHeaders"])
    assert len(mine["httpHeaders"]["ETag"]) == len(theirs["httpHeaders"]["ETag"])


def test_userinfo_as_amp_read_it(stage: Stage) -> None:
    """Their sample leaves members out; those that it has come in the same order, of the same kinds."""
    mine = stage.http.get("/services/oauth2/userinfo").json()
    theirs = amp("metadata_write_user-info.json")
    assert [key for key in mine if key in theirs] == list(theirs)
    assert {key: type(mine[key]) for key in theirs} == {key: type(value) for key, value in theirs.items()}


# -- restforce: fixtures of unstated origin, many of API version 20 to 26 ----------------------------


def restforce(name: str) -> Any:
    text = (REAL / "restforce_mit" / name).read_text()
    return json.loads(text) if text.strip() else None


def test_answers_of_restforce(stage: Stage) -> None:
    made = stage.call("POST", "/sobjects/Lead", {"LastName": "A", "Company": "B"})
    for name in ("create_success_response.json", "upsert_created_success_response.json"):
        assert name in LONG_AGO and set(made.json()) == set(restforce(name))
    changed = stage.call("PATCH", f"/sobjects/Lead/{made.json()['id']}", {"Title": "x"})
    assert changed.content == b"" and restforce("upsert_updated_success_response.json") is None
    versions = stage.http.get("/services/data").json()
    assert set(versions[0]) == set(restforce("services_data_success_response.json")[0])
    days = "start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z"
    stage.org.control("clock", {"freeze": "2026-01-03T00:00:00Z"})
    bearer = {"Authorization": f"Bearer {stage.org.token('admin')}"}
    gone = stage.call("GET", f"/sobjects/Lead/deleted?{days}", headers=bearer)
    new = stage.call("GET", f"/sobjects/Lead/updated?{days}", headers=bearer)
    stage.org.control("clock", {"freeze": False})
    assert list(gone.json()) == list(restforce("get_deleted_success_response.json"))
    assert list(new.json()) == list(restforce("get_updated_success_response.json"))
    bodies = {
        "query_empty_response.json": "SELECT Id FROM Individual",
        "org_query_response.json": "SELECT Id FROM Organization",
    }
    for name, soql in bodies.items():
        answer = stage.call("GET", "/query", params={"q": soql}).json()
        assert outline(answer) == outline(restforce(name)), name


def test_pretty_answers_are_spaced_as_the_fixtures_are(stage: Stage) -> None:
    recorded = next(
        entry["body"] for entry in loaded("error_payloads_index.json") if entry["code"] == "MALFORMED_SEARCH"
    )
    answer = stage.call("GET", "/search", params={"q": "FIND bar"}, headers={"X-PrettyPrint": "1"})
    assert answer.text == recorded


COMPARED = {
    "subscription_*": "events/test_recorded.py",
    "bulk_*": "api/test_bulk.py: the same keys in the same order",
    "metadata_read_*": "here (the composite's frame) and schema/test_describe.py (the describes)",
    "metadata_write_user-info.json": "here",
    "metadata_write_permission-set.json": "here",
    "metadata_write_err-*": "test_error_payloads.py",
    "batch_*": "here; the refusals in test_error_payloads.py",
    "read-*": "here",
    "create-ok.json": "here",
    "crm_delete_not-found.json": "test_error_payloads.py",
    "invalid-field-upsert.json": "test_error_payloads.py",
    "unknown-*": "test_error_payloads.py and soql",
    "success-with-errors.json": "not brought about: an id with a result that failed, as no REST call here gives it",
    "*_error_response.json": "test_error_payloads.py, api/test_records.py",
    "expired_session_response.json": "test_error_payloads.py",
    "refresh_*": "test_error_payloads.py; the success is of API version 22, without scope and token_type",
    "query_*": "here and in soql",
    "org_query_response.json": "here",
    "get_*": "here",
    "create_*": "here",
    "upsert_*": "here",
    "services_data_*": "here",
    "describe_*": "of API version 23; schema/test_describe.py has newer ones",
    "list_sobjects_*": "of API version 23; schema/test_describe.py has newer ones",
    "list_view_*": "list views are not served",
    "recent_*": "recently viewed records are not served",
    "search_*": "of API version 23: a bare list; later versions wrap it in searchRecords",
    "sobject_*": "of API version 20; made up, as their ids are",
}
"""Every recorded file of these two folders, and where it is compared, or why it is not."""


def test_every_recorded_file_is_compared_or_it_is_said_why_not() -> None:
    for folder in ("amp_connectors_mit", "restforce_mit"):
        for path in (REAL / folder).glob("*.json"):
            assert any(path.match(pattern) for pattern in COMPARED), path.name
