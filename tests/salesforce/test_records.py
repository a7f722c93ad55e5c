"""Writing: the exact JSON, outcomes row by row, and a poisoned record that holds up nobody."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from diptych.domain.outcome import Done, LimitExceeded, OrgOutcomeUnknown, Refused, Retryable, Unknown
from diptych.salesforce.records import update
from diptych.sync.ports import Write
from tests.salesforce.wire import answer, client, fault, html

IDS = [f"00Q0000000000{n:02}EAA" for n in range(16)]


def rows_of(request: httpx2.Request) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(request.content)["records"]
    return found


def fine(request: httpx2.Request) -> httpx2.Response:
    return answer([{"id": row["id"], "success": True, "errors": []} for row in rows_of(request)])


def test_what_is_sent() -> None:
    seen: list[httpx2.Request] = []

    def network(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return fine(request)

    values = {
        "FirstName": 'Zoë "q" \ud83e\udd8a \x00',
        "Big__c": Decimal("12345678901234567.10"),
        "Small__c": Decimal("1E+3"),
        "Number__c": 7,
        "Flag__c": False,
        "Born__c": "1970-01-31",
        "Met__c": "2026-11-24T08:15:00Z",
        "City": None,
    }
    assert update(client(network), "Lead", [Write(IDS[0], values)], "7-1") == [Done(IDS[0])]
    (request,) = seen
    assert (request.method, request.url.path) == ("PATCH", "/services/data/v66.0/composite/sobjects")
    assert request.headers["Sforce-Auto-Assign"] == "FALSE"
    body = json.loads(request.content, parse_float=Decimal)
    assert body["allOrNone"] is False
    (row,) = body["records"]
    assert list(row)[:2] == ["attributes", "id"] and row["attributes"] == {"type": "Lead"}
    assert row["Big__c"] == Decimal("12345678901234567.10") and row["Small__c"] == 1000
    assert {name: row[name] for name in ("Number__c", "Flag__c", "Born__c", "Met__c", "City")} == {
        "Number__c": 7,
        "Flag__c": False,
        "Born__c": "1970-01-31",
        "Met__c": "2026-11-24T08:15:00Z",
        "City": None,
    }


def test_a_lone_surrogate_can_be_sent() -> None:
    assert update(client(fine), "Lead", [Write(IDS[0], {"City": "a\ud800b"})], "1") == [Done(IDS[0])]


def test_nothing_to_write_is_no_call_and_too_much_is_a_mistake() -> None:
    calling = client(fine)
    assert update(calling, "Lead", [], "1") == [] and calling.transport.calls == 0
    with pytest.raises(ValueError):
        update(calling, "Lead", [Write(IDS[0], {})] * 201, "1")


@pytest.mark.parametrize("body", [[], {"oops": 1}, [{"success": True}], ["x", "y"]])
def test_an_answer_that_does_not_cover_each_row_leaves_all_unknown(body: Any) -> None:
    with pytest.raises(OrgOutcomeUnknown):
        update(client(lambda request: answer(body)), "Lead", [Write(i, {"City": "x"}) for i in IDS[:2]], "1")


def poisoned(request: httpx2.Request) -> httpx2.Response:
    """A value of a wrong shape makes Salesforce refuse the whole body."""
    if any(row.get("Flag__c") == "poison" for row in rows_of(request)):
        return fault(
            "JSON_PARSER_ERROR", "Cannot deserialize instance of boolean from VALUE_STRING value poison"
        )
    return fine(request)


def test_a_poisoned_record_is_refused_alone() -> None:
    writes = [Write(i, {"Flag__c": "poison" if number == 5 else True}) for number, i in enumerate(IDS)]
    calling = client(poisoned)
    outcomes = update(calling, "Lead", writes, "1")
    assert [type(o) for o in outcomes] == [Refused if n == 5 else Done for n in range(16)]
    assert calling.transport.calls <= 9
    assert isinstance(outcomes[5], Refused) and outcomes[5].problem.code == "JSON_PARSER_ERROR"


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (html(503), Unknown),
        (fault("SERVER_UNAVAILABLE", status=503), Retryable),
        (fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403), Retryable),
        (fault("INSUFFICIENT_ACCESS", status=403), Retryable),
    ],
)
def test_trouble_in_the_second_half_does_not_make_us_forget_the_first(
    trouble: httpx2.Response, kind: type
) -> None:
    def network(request: httpx2.Request) -> httpx2.Response:
        found = [row["id"] for row in rows_of(request)]
        if found == IDS[2:4]:
            return trouble
        return poisoned(request)

    writes = [Write(i, {"Flag__c": "poison" if n == 1 else True}) for n, i in enumerate(IDS[:4])]
    outcomes = update(client(network), "Lead", writes, "1")
    assert [type(o) for o in outcomes] == [Done, Refused, kind, kind]


def test_a_used_up_limit_ends_the_call() -> None:
    limit = fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
    with pytest.raises(LimitExceeded):
        update(client(lambda request: limit), "Lead", [Write(i, {"City": "x"}) for i in IDS], "1")
