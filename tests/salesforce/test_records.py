"""Writing: the exact JSON, outcomes row by row, and a poisoned record that holds up nobody."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from diptych.domain.outcome import Done, LimitExceeded, Moved, OrgOutcomeUnknown, Refused, Retryable, Unknown
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


# ---------------------------------------------------------------- on condition

SINCE = datetime(2026, 1, 5, 8, 0, 7, tzinfo=UTC)


def parts(request: httpx2.Request) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(request.content)["compositeRequest"]
    return found


def composite(request: httpx2.Request, **others: tuple[int, Any]) -> httpx2.Response:
    ended = [
        {"referenceId": p["referenceId"], "httpStatusCode": status, "body": body}
        for p in parts(request)
        for status, body in [others.get(p["referenceId"], (204, None))]
    ]
    return answer({"compositeResponse": list(reversed(ended))})


def test_each_record_carries_its_condition_and_sets_off_no_assignment_rule() -> None:
    seen: list[httpx2.Request] = []

    def network(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return composite(request)

    writes = [Write(IDS[0], {"City": "Zoë", "Big__c": Decimal("1.10")}, SINCE), Write(IDS[1], {"City": None})]
    assert update(client(network), "Lead", writes, "7-1") == [Done(IDS[0]), Done(IDS[1])]
    (request,) = seen
    assert (request.method, request.url.path) == ("POST", "/services/data/v66.0/composite")
    first, second = parts(request)
    assert (first["method"], first["url"]) == ("PATCH", f"/services/data/v66.0/sobjects/Lead/{IDS[0]}")
    assert first["httpHeaders"] == {
        "Sforce-Auto-Assign": "FALSE",
        "If-Unmodified-Since": "Mon, 05 Jan 2026 08:00:07 GMT",
    }
    assert first["body"] == {"City": "Zoë", "Big__c": 1.1} and second["body"] == {"City": None}
    assert second["httpHeaders"] == {"Sforce-Auto-Assign": "FALSE"}


def test_how_each_part_ended_whatever_the_order_of_the_answers() -> None:
    lock = [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access"}]
    rule = [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no", "fields": ["City"]}]
    ended = {
        "w1": (412, None),
        "w2": (412, [{"errorCode": "PRECONDITION_FAILED", "message": "not met"}]),
        "w3": (400, lock),
        "w4": (400, rule),
        "w5": (500, "<html>"),
        "w6": (404, [{"errorCode": "ENTITY_IS_DELETED", "message": "entity is deleted"}]),
        "w7": (500, lock),
    }
    writes = [Write(i, {"City": "x"}, SINCE) for i in IDS[:8]]
    outcomes = update(client(lambda r: composite(r, **ended)), "Lead", writes, "1")
    assert [type(o) for o in outcomes] == [
        Done,
        Moved,
        Moved,
        Retryable,
        Refused,
        Unknown,
        Refused,
        Retryable,
    ]


def test_a_lost_second_call_keeps_what_the_first_has_done() -> None:
    calls = iter([composite, lambda request: html(502), composite])
    writes = [Write(IDS[n % 16], {"City": "x"}, SINCE) for n in range(60)]
    outcomes = update(client(lambda request: next(calls)(request)), "Lead", writes, "1")
    assert [type(o) for o in outcomes] == [Done] * 25 + [Unknown] * 35


@pytest.mark.parametrize(
    "body", [{}, [], {"compositeResponse": [{"referenceId": "w0"}]}, {"compositeResponse": 1}]
)
def test_a_composite_answer_that_does_not_cover_each_part_leaves_all_unknown(body: Any) -> None:
    with pytest.raises(OrgOutcomeUnknown):
        update(client(lambda r: answer(body)), "Lead", [Write(i, {"City": "x"}, SINCE) for i in IDS[:2]], "1")
