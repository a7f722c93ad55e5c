"""Trouble on order: what is ordered happens, to whom it was ordered, as often as it was."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from practice_org.sim.faults import BadFault, parse_fault
from tests.practice_org.server import RunningOrg

QUERY = {"q": "SELECT Id FROM Lead LIMIT 1"}


def codes(live_org: RunningOrg, times: int) -> list[int]:
    with live_org.api() as api:
        return [api.get("query", params=QUERY).status_code for _ in range(times)]


def test_the_nth_call_fails_so_many_times(live_org: RunningOrg) -> None:
    order = {"trigger": "query", "error_code": "QUERY_TIMEOUT", "after_n": 1, "times": 2}
    live_org.control("faults", order)
    assert codes(live_org, 5) == [200, 400, 400, 200, 200]
    assert live_org.control("faults")[0]["hit"] == 2
    met = [one for one in live_org.control("requests", None)["requests"] if one["faults"]]
    assert len(met) == 2


def test_an_object_narrows_it_and_clearing_ends_it(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "query", "object": "contact", "status": 500, "times": None})
    assert codes(live_org, 1) == [200]
    with live_org.api() as api:
        assert api.get("query", params={"q": "SELECT Id FROM Contact LIMIT 1"}).status_code == 500
    live_org.control("faults", method="DELETE")
    assert live_org.control("faults") == []


@pytest.mark.parametrize(
    ("kind", "starts"),
    [
        ("json", '[{"message":"Server Unavailable","errorCode":"SERVER_UNAVAILABLE"}]'),
        ("html", "<!DOCTYPE"),
        ("empty", ""),
    ],
)
def test_503_in_three_shapes(live_org: RunningOrg, kind: str, starts: str) -> None:
    live_org.control("faults", {"trigger": "any", "object": "Lead", "status": 503, "body_kind": kind})
    with live_org.api() as api:
        answer = api.get("query", params=QUERY)
    assert answer.status_code == 503 and answer.text.startswith(starts)
    assert (answer.text == "") == (kind == "empty")


def test_an_expired_session_at_any_call(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "describe", "error_code": "INVALID_SESSION_ID"})
    with live_org.api() as api:
        answer = api.get("sobjects/Lead/describe")
        assert answer.status_code == 401 and answer.json()[0]["errorCode"] == "INVALID_SESSION_ID"
        assert api.get("sobjects/Lead/describe").status_code == 200


def test_one_record_of_a_collection_fails_and_its_neighbours_go_through(live_org: RunningOrg) -> None:
    live_org.control(
        "faults", {"trigger": "insert", "object": "Lead", "error_code": "UNABLE_TO_LOCK_ROW", "after_n": 1}
    )
    rows = [{"attributes": {"type": "Lead"}, "LastName": f"N{n}", "Company": "C"} for n in range(3)]
    with live_org.api() as api:
        answer = api.post("composite/sobjects", json={"records": rows}).json()
    assert [one["success"] for one in answer] == [True, False, True]
    assert answer[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"


def count(live_org: RunningOrg, name: str) -> int:
    rows: list[dict[str, Any]] = live_org.control("records?object=Lead&limit=5000")["records"]
    return sum(row["LastName"] == name for row in rows)


@pytest.mark.parametrize(("cut", "stored"), [("before", 0), ("after", 1)])
def test_a_cut_connection_before_and_after_the_effect(live_org: RunningOrg, cut: str, stored: int) -> None:
    live_org.control("faults", {"trigger": "insert", "cut": cut})
    with live_org.api() as api:
        with pytest.raises(httpx2.TransportError):
            api.post("sobjects/Lead", json={"LastName": "Cut", "Company": "C"})
        assert count(live_org, "Cut") == stored
        assert api.post("sobjects/Lead", json={"LastName": "Whole", "Company": "C"}).status_code == 201
    seen = [one["status"] for one in live_org.control("requests?path=/sobjects/Lead")["requests"]]
    assert seen == [None, 201]


def test_a_download_that_breaks_in_the_middle(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "any", "path": "/describe", "method": "GET", "cut": "during"})
    with live_org.api() as api:
        assert api.get("sobjects/Lead").status_code == 200
        got = b""
        with pytest.raises(httpx2.TransportError), api.stream("GET", "sobjects/Lead/describe") as answer:
            assert answer.status_code == 200
            for chunk in answer.iter_raw():
                got += chunk
        assert 0 < len(got) < int(answer.headers["content-length"])
        assert api.get("sobjects/Lead/describe").status_code == 200


def test_latency_is_waited_out(live_org: RunningOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("practice_org.sim.faults.sleep", waited.append)
    live_org.control("faults", {"trigger": "query", "latency_ms": 1500})
    assert codes(live_org, 2) == [200, 200]
    assert waited == [1.5]


def test_token_faults_speak_oauth(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "token", "error_code": "invalid_grant", "message": "expired"})
    answer = httpx2.post(f"{live_org.base_url}/services/oauth2/token", data={})
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_grant", "error_description": "expired"}


@pytest.mark.parametrize(
    "order",
    [
        {"trigger": "never"},
        {"cut": "halfway"},
        {"status": "503"},
        {"times": 0},
        {"colour": "red"},
        {"body_kind": "x"},
    ],
)
def test_orders_that_make_no_sense_are_refused_by_name(order: dict[str, Any]) -> None:
    with pytest.raises(BadFault) as caught:
        parse_fault("f", order)
    assert next(iter(order)) in str(caught.value)
