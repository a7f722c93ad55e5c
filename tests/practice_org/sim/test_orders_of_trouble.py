"""What faults do beyond refusing: end sessions, carry out orders, spoil answers, strike one record."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from practice_org.sim.refusals import MESSAGES
from tests.practice_org.calls import Caller
from tests.practice_org.orders import Order
from tests.practice_org.server import RunningOrg

QUERY = {"q": "SELECT Id FROM Lead"}
LEAD = {"LastName": "L", "Company": "C"}


def lead_id(live_org: RunningOrg) -> str:
    return str(live_org.control("records?object=Lead&limit=1")["records"][0]["Id"])


def test_a_session_that_expires_is_truly_dead(live_org: RunningOrg) -> None:
    with live_org.api() as api, live_org.api() as other:
        live_org.control("faults", {"trigger": "query", "session": "expire", "after_n": 1})
        assert api.get("query", params=QUERY).status_code == 200
        refused = api.get("query", params=QUERY)
        assert refused.status_code == 401
        assert refused.json() == [
            {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
        ]
        assert api.get("limits").status_code == 401
        assert other.get("limits").status_code == 200


def test_a_session_expires_in_soap_as_well(live_org: RunningOrg) -> None:
    token = live_org.token()
    live_org.control("faults", {"trigger": "soap", "session": "expire"})
    envelope = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.'
        f'sforce.com"><soapenv:Header><u:SessionHeader><u:sessionId>{token}</u:sessionId></u:SessionHeader>'
        "</soapenv:Header><soapenv:Body><u:getServerTimestamp/></soapenv:Body></soapenv:Envelope>"
    )
    for _ in range(2):
        answer = httpx2.post(
            f"{live_org.base_url}/services/Soap/u/60.0",
            content=envelope,
            headers={"Content-Type": "text/xml"},
        )
        assert answer.status_code == 500 and "INVALID_SESSION_ID" in answer.text


@pytest.mark.parametrize(
    ("trigger", "path"),
    [
        ("query", "query?q=SELECT+Id+FROM+Lead"),
        ("query", "search?q=FIND+{ab}"),
        ("search", "parameterizedSearch?q=ab"),
        ("retrieve", "sobjects/Lead/{id}"),
        ("retrieve", "composite/sobjects/Lead?ids={id}&fields=Id"),
        ("describe", "sobjects/Lead/describe"),
        ("describe", "sobjects"),
        ("limits", "limits"),
        ("tooling", "tooling/sobjects"),
        ("bulk", "jobs/query"),
    ],
)
def test_each_trigger_knows_its_calls(live_org: RunningOrg, trigger: str, path: str) -> None:
    live_org.control("faults", {"trigger": trigger, "error_code": "UNKNOWN_EXCEPTION", "times": 1})
    with live_org.api() as api:
        path = path.replace("{id}", lead_id(live_org))
        assert api.get(path).status_code == 500
        assert api.get(path).status_code == 200


def test_the_schema_changes_between_two_pages(live_org: RunningOrg) -> None:
    live_org.control("seed", {"people": 400})
    live_org.control("fields", {"object": "Lead", "name": "Mood", "type": "text"})
    drop = {"object": "Lead", "field": "Mood__c", "change": "drop"}
    live_org.control("faults", {"trigger": "query", "after_n": 1, "then": {"schema_change": drop}})
    with live_org.api() as api:
        soql = {"q": "SELECT Id, Mood__c FROM Lead"}
        first = api.get("query", params=soql, headers={"Sforce-Query-Options": "batchSize=200"})
        assert first.status_code == 200
        following = api.get(live_org.base_url + first.json()["nextRecordsUrl"])
        assert following.status_code == 400, following.text
        assert "Mood__c" not in [f["name"] for f in api.get("sobjects/Lead/describe").json()["fields"]]


def test_what_then_may_order_is_checked(live_org: RunningOrg) -> None:
    for then in ({"explode": {}}, {"faults": {}}, [], "clock"):
        with pytest.raises(ValueError, match="then"):
            live_org.control("faults", {"then": then})


def test_the_limit_header_can_be_missing(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "query", "no_limit_info": True})
    with live_org.api() as api:
        assert "sforce-limit-info" not in api.get("query", params=QUERY).headers
        assert "sforce-limit-info" in api.get("query", params=QUERY).headers


def test_a_body_that_ends_early_and_looks_whole(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "query", "truncate_to": 40})
    with live_org.api() as api:
        answer = api.get("query", params=QUERY, headers={"Accept-Encoding": "identity"})
        assert answer.status_code == 200 and len(answer.content) == 40
        with pytest.raises(json.JSONDecodeError):
            answer.json()


def test_bulk_results_break_off_half_way(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        job = api.post("jobs/query", json={"operation": "query", "query": "SELECT Id FROM Lead"}).json()["id"]
        while api.get(f"jobs/query/{job}").json()["state"] != "JobComplete":
            pass
        live_org.control("faults", {"trigger": "bulk", "path": "/results", "cut": "during", "cut_bytes": 100})
        got = b""
        plain = {"Accept-Encoding": "identity"}
        with (
            pytest.raises(httpx2.TransportError),
            api.stream("GET", f"jobs/query/{job}/results", headers=plain) as a,
        ):
            for chunk in a.iter_raw():
                got += chunk
        assert len(got) == 100
        whole = api.get(f"jobs/query/{job}/results").content
        assert whole.startswith(got)


def test_a_gateway_page_for_502(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "query", "status": 502, "body_kind": "html"})
    with live_org.api() as api:
        answer = api.get("query", params=QUERY)
    assert answer.status_code == 502 and "Bad Gateway" in answer.text


def test_the_date_header_and_the_orgs_clock_differ(live_org: RunningOrg) -> None:
    from email.utils import parsedate_to_datetime

    live_org.control("clock", {"freeze": "2027-01-01T00:00:00Z", "header_offset_seconds": 90})
    with live_org.api() as api:
        answer = api.post("sobjects/Lead", json=LEAD)
        stamp = api.get(f"sobjects/Lead/{answer.json()['id']}").json()["SystemModstamp"]
    assert stamp == "2027-01-01T00:00:00.000+0000"
    assert parsedate_to_datetime(answer.headers["date"]).isoformat() == "2027-01-01T00:01:30+00:00"


def test_locks_strike_the_record_that_is_named(admin: Caller, order: Order) -> None:
    ids = [admin.create("Lead", **LEAD) for _ in range(3)]
    order("settings", {"lock_status": 500})
    order(
        "faults",
        {"trigger": "update", "error_code": "UNABLE_TO_LOCK_ROW", "record_id": ids[1], "times": None},
    )
    records = [{"attributes": {"type": "Lead"}, "Id": i, "Title": "t"} for i in ids]
    answer = admin("PATCH", "/composite/sobjects", {"records": records}).json
    assert [one["success"] for one in answer] == [True, False, True]
    assert answer[1]["errors"][0]["message"] == (
        f"unable to obtain exclusive access to this record or 1 records: {ids[1]}"
    )
    assert admin("PATCH", f"/sobjects/Lead/{ids[1]}", {"Title": "x"}).status == 500


def test_every_listed_code_has_a_status_and_a_text() -> None:
    for code, (status, message) in MESSAGES.items():
        assert code.isupper() and 400 <= status <= 599 and message


def test_composite_parts_are_struck_alone(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "query", "error_code": "QUERY_TIMEOUT"})
    parts = [
        {"method": "GET", "url": f"/services/data/v60.0/query?q=SELECT+Id+FROM+{name}", "referenceId": name}
        for name in ("Lead", "Contact")
    ]
    with live_org.api() as api:
        answer: Any = api.post("composite", json={"compositeRequest": parts}).json()["compositeResponse"]
    assert [one["httpStatusCode"] for one in answer] == [400, 200]
    assert answer[0]["body"][0]["errorCode"] == "QUERY_TIMEOUT"


def test_the_log_names_client_bytes_rows_and_faults(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "insert", "latency_ms": 1})
    live_org.control("requests", method="DELETE")
    headers = {
        "Sforce-Call-Options": "client=diptych, defaultNamespace=x",
        "X-Diptych-Attempt": "a-1",
        "Accept-Encoding": "identity",
    }
    with live_org.api() as api:
        live_org.control("requests", method="DELETE")
        records = [{"attributes": {"type": "Lead"}, **LEAD} for _ in range(2)]
        answer = api.post("composite/sobjects", json={"records": records}, headers=headers)
    (one,) = live_org.control("requests?method=POST&limit=1")["requests"]
    assert one["client"] == "diptych" and one["headers"]["x-diptych-attempt"] == "a-1"
    assert one["wrote"] == [r["id"] for r in answer.json()] and one["rows"] == 2
    assert one["bytes_sent"] == len(answer.content) and one["status"] == 200
    assert one["faults"] == [live_org.control("faults")[0]["id"]]
    assert one["object"] == "Lead" and one["user"] == live_org.username
