"""What an observer is told of requests: one piece each, retries and failures with their codes, and never what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from diptych.domain.outcome import OrgRefused
from diptych.salesforce.auth import Grant
from diptych.salesforce.client import Client
from diptych.salesforce.credentials import Password
from diptych.salesforce.exchange import route
from diptych.salesforce.session import Session
from diptych.salesforce.transport import Transport
from diptych.sync.observing import Facts, Piece
from tests.salesforce.wire import HOST, QUICK, Handler, answer, fault, html, soap_session


@dataclass
class Heard:
    name: str
    facts: dict[str, Any]
    failed: tuple[str, str] | None = None
    raised: str | None = None

    def tell(self, facts: Facts) -> None:
        self.facts |= facts

    def fail(self, kind: str, code: str = "") -> None:
        self.failed = (kind, code)


@dataclass
class Listener:
    pieces: list[Heard] = field(default_factory=list)

    def piece(
        self, name: str, facts: Facts | None = None, *, outward: bool = False
    ) -> AbstractContextManager[Piece]:
        assert outward
        return self._piece(Heard(name, dict(facts or {})))

    @contextmanager
    def _piece(self, heard: Heard) -> Iterator[Piece]:
        self.pieces.append(heard)
        try:
            yield heard
        except Exception as problem:
            heard.raised = type(problem).__name__
            raise

    def event(self, name: str, facts: Facts) -> None:
        raise AssertionError(name)

    def trace_id(self) -> str | None:
        return None


def heard_of(handler: Handler) -> tuple[Client, Listener]:
    listener = Listener()
    session = Session(Password("sync@example.com", "secret"), lambda: datetime(2026, 11, 24, tzinfo=UTC))
    session.adopt(Grant("first", HOST, "00D000000000001EAA", "005000000000001AAA"))
    transport = Transport(QUICK, adapter=httpx2.MockTransport(handler), observer=listener)
    return Client(transport, session), listener


def test_each_try_is_told_and_what_it_was() -> None:
    tries = iter(range(3))

    def handler(request: httpx2.Request) -> httpx2.Response:
        match next(tries):
            case 0:
                raise httpx2.ConnectError("refused")
            case 1:
                return html(503)
        return answer({"records": []}, **{"Sforce-Limit-Info": "api-usage=7/15000"})

    client, listener = heard_of(handler)
    client.get("query?q=SELECT+Id+FROM+Lead+WHERE+Email='ada@example.org'")
    assert {one.name for one in listener.pieces} == {"GET /services/data/v66.0/query"}
    refused, away, done = listener.pieces
    assert refused.raised == "NotSent"
    assert away.failed == ("503", "") and away.facts["http.request.resend_count"] == 1
    assert done.failed is None and done.facts == {
        "http.request.method": "GET",
        "url.scheme": "https",
        "url.template": "/services/data/v66.0/query",
        "server.address": "acme.my.salesforce.com",
        "server.port": 443,
        "http.request.resend_count": 2,
        "http.response.status_code": 200,
        "http.response.body.size": 15,
        "salesforce.api.used": 7,
        "salesforce.api.allowed": 15000,
    }


def test_a_new_login_is_a_request_of_its_own() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/services/Soap"):
            return soap_session("second")
        fresh = request.headers["authorization"] == "Bearer second"
        return answer({}) if fresh else fault("INVALID_SESSION_ID", status=401)

    client, listener = heard_of(handler)
    client.get("limits")
    told = [(one.name, one.failed, one.facts.get("http.request.resend_count")) for one in listener.pieces]
    limits = "GET /services/data/v66.0/limits"
    assert told[0] == (limits, ("401", "INVALID_SESSION_ID"), None)
    assert told[1][0].startswith("POST /services/Soap/u/") and told[2] == (limits, None, 1)


@pytest.mark.parametrize(
    ("code", "kept"), [("FIELD_INTEGRITY_EXCEPTION", True), ("ada@example.org is taken", False)]
)
def test_a_code_is_told_and_a_text_is_not(code: str, kept: bool) -> None:
    client, listener = heard_of(lambda _: fault(code, "ada@example.org is wrong"))
    with pytest.raises(OrgRefused):
        client.get("sobjects/Lead/00Q000000000001EAA")
    (one,) = listener.pieces
    assert one.name == "GET /services/data/v66.0/sobjects/Lead/{}"
    assert one.failed == ("400", code if kept else "")
    assert "ada" not in str(one)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/services/data/v66.0/query?q=SELECT+Id", "/services/data/v66.0/query"),
        ("/services/data/v66.0/query/01gxx0000000001AAA-2000", "/services/data/v66.0/query/{}"),
        ("/services/data/v66.0/sobjects/Lead/00Q000000000001EAA", "/services/data/v66.0/sobjects/Lead/{}"),
        ("/services/data/v66.0/sobjects/Lead/Key__c/ada@example.org", "/services/data/v66.0/sobjects/Lead/{}/{}"),
        ("/services/data/v66.0/sobjects/Lead/updated", "/services/data/v66.0/sobjects/Lead/updated"),
        ("/services/data/v66.0/composite/sobjects", "/services/data/v66.0/composite/sobjects"),
        ("/services/data/v66.0/jobs/query/750xx/results", "/services/data/v66.0/jobs/query/{}/results"),
        ("/services/Soap/u/66.0", "/services/Soap/u/66.0"),
        ("/services/Soap/u/66.0/00D000000000001", "/services/Soap/u/66.0/{}"),
        ("/services/oauth2/token", "/services/oauth2/token"),
        ("/Ada/Lovelace", "/{}/{}"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_route_names_no_record(path: str, told: str) -> None:
    assert route(path) == told
