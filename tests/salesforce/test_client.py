"""The one request function: what is repeated, what never is, and how lost answers end."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2
import pytest

from diptych.domain.outcome import (
    LimitExceeded,
    LoginFailed,
    OrgError,
    OrgOutcomeUnknown,
    OrgRefused,
    OrgUnavailable,
)
from diptych.salesforce.errors import Effect
from diptych.salesforce.transport import Transport
from tests.salesforce.wire import answer, client, fault, html

Reply = Callable[[httpx2.Request], httpx2.Response] | httpx2.Response | Exception


class Replies:
    """A network that gives these replies in turn, the last one for ever; remembers the requests."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = replies
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        reply = self.replies[min(len(self.requests), len(self.replies) - 1)]
        self.requests.append(request)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx2.Response) else reply(request)


def empty(status: int) -> httpx2.Response:
    return httpx2.Response(status, content=b"")


CUT = httpx2.RemoteProtocolError("peer closed connection")
LOST = httpx2.ReadTimeout("timed out")
REFUSED = httpx2.ConnectError("refused")
PASSING: list[Reply] = [
    CUT,
    LOST,
    REFUSED,
    httpx2.ReadError("reset"),
    fault("SERVER_UNAVAILABLE", status=503),
    html(503),
    empty(503),
    html(502, "Bad gateway"),
    empty(200),
    html(200),
    fault("UNABLE_TO_LOCK_ROW", status=500),
    fault("UNKNOWN_EXCEPTION", status=500),
    fault("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", 403),
]


@pytest.mark.parametrize("trouble", PASSING)
def test_a_read_is_repeated_after_trouble_that_passes(trouble: Reply) -> None:
    network = Replies(trouble, answer({"n": 1}))
    assert client(network).get("limits") == {"n": 1}
    assert len(network.requests) == 2


@pytest.mark.parametrize("trouble", PASSING)
def test_a_read_is_given_up_after_a_bounded_number_of_tries(trouble: Reply) -> None:
    network = Replies(trouble)
    with pytest.raises(OrgUnavailable):
        client(network).get("limits")
    assert len(network.requests) == 3


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (CUT, OrgOutcomeUnknown),
        (LOST, OrgOutcomeUnknown),
        (httpx2.WriteError("reset"), OrgOutcomeUnknown),
        (html(200), OrgOutcomeUnknown),
        (html(503), OrgOutcomeUnknown),
        (empty(503), OrgOutcomeUnknown),
        (empty(200), OrgOutcomeUnknown),
        (html(500), OrgOutcomeUnknown),
        (fault("UNKNOWN_EXCEPTION", status=500), OrgOutcomeUnknown),
        (fault("SERVER_UNAVAILABLE", status=503), OrgUnavailable),
        (fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403), LimitExceeded),
        (fault("INSUFFICIENT_ACCESS", status=403), OrgRefused),
        (fault("JSON_PARSER_ERROR"), OrgRefused),
    ],
)
def test_a_write_that_left_is_sent_once(trouble: Reply, kind: type[OrgError]) -> None:
    network = Replies(trouble, answer([]))
    with pytest.raises(OrgError) as raised:
        client(network).call("PATCH", "composite/sobjects", "{}", effect=Effect.WRITE)
    assert type(raised.value) is kind
    assert len(network.requests) == 1


def test_a_write_that_never_left_is_repeated() -> None:
    network = Replies(REFUSED, httpx2.ConnectTimeout("slow"), answer([1]))
    assert client(network).call("PATCH", "composite/sobjects", "{}", effect=Effect.WRITE) == [1]
    with pytest.raises(OrgUnavailable):
        client(Replies(REFUSED)).call("PATCH", "composite/sobjects", "{}", effect=Effect.WRITE)


def test_a_used_up_limit_and_a_refusal_are_not_repeated() -> None:
    for trouble in (
        fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403),
        fault("NOT_FOUND", status=404),
        html(404, "Not here"),
    ):
        network = Replies(trouble)
        with pytest.raises(OrgError):
            client(network).get("limits")
        assert len(network.requests) == 1


@pytest.mark.parametrize(
    "expired",
    [
        fault("INVALID_SESSION_ID", "Session expired or invalid", 401),
        answer({"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"}, 400),
        empty(401),
    ],
)
@pytest.mark.parametrize("effect", [Effect.READ, Effect.WRITE])
def test_an_expired_session_is_renewed_once_and_the_call_goes_on(
    expired: httpx2.Response, effect: Effect
) -> None:
    network = Replies(expired, answer([1]))
    assert client(network).call("PATCH", "composite/sobjects", "{}", effect=effect) == [1]
    tokens = [request.headers["Authorization"] for request in network.requests]
    assert tokens[0] == "Bearer first" and tokens[1].startswith("Bearer token-")


def test_a_session_that_is_refused_again_is_a_failed_login() -> None:
    network = Replies(fault("INVALID_SESSION_ID", "Session expired or invalid", 401))
    with pytest.raises(LoginFailed):
        client(network).get("limits")
    assert len(network.requests) == 2


def test_what_every_request_says_about_itself() -> None:
    network = Replies(answer({}))
    calling = client(network)
    calling.cycle_id = "cycle-7"
    calling.call("PATCH", "composite/sobjects", "{}", effect=Effect.WRITE, attempt_id="7-1")
    sent = network.requests[0]
    assert sent.headers["Sforce-Call-Options"] == "client=diptych"
    assert (sent.headers["X-Diptych-Cycle"], sent.headers["X-Diptych-Attempt"]) == ("cycle-7", "7-1")
    assert sent.headers["Accept-Encoding"] == "gzip"
    assert sent.url.path == "/services/data/v66.0/composite/sobjects"


def test_the_session_never_goes_to_another_host() -> None:
    network = Replies(answer({}))
    client(network).get("https://evil.example/services/data/v66.0/query/01g-2000")
    assert str(network.requests[0].url) == "https://acme.my.salesforce.com/services/data/v66.0/query/01g-2000"


def test_calls_and_the_limit_of_the_org_are_counted() -> None:
    network = Replies(
        CUT, answer({}, **{"Sforce-Limit-Info": "api-usage=18/15000; per-app-api-usage=3/250(appName=x)"})
    )
    calling = client(network)
    calling.get("limits")
    assert calling.transport.calls == 2 and calling.transport.usage == (18, 15000)


def test_server_time_is_an_earlier_answer_plus_what_has_passed_here() -> None:
    ticks = [100.0]
    dates = iter(["Tue, 24 Nov 2026 08:00:00 GMT", "Tue, 24 Nov 2026 07:59:00 GMT"])
    network = httpx2.MockTransport(lambda request: answer({}, Date=next(dates)))
    transport = Transport(adapter=network, monotonic=lambda: ticks[0])
    assert transport.server_time() is None
    transport.send("GET", "https://acme.my.salesforce.com/x", effect=Effect.READ)
    ticks[0] += 61.7
    assert transport.server_time() == datetime(2026, 11, 24, 8, 1, 1, tzinfo=UTC)
    transport.send("GET", "https://acme.my.salesforce.com/x", effect=Effect.READ)
    assert transport.server_time() == datetime(
        2026, 11, 24, 7, 59, tzinfo=UTC
    )  # the org's clock was put back


def test_nothing_is_added_to_the_time_of_a_clock_that_stands_still() -> None:
    ticks = [100.0]
    network = httpx2.MockTransport(lambda request: answer({}))
    transport = Transport(adapter=network, monotonic=lambda: ticks[0])
    for _ in range(2):
        transport.send("GET", "https://acme.my.salesforce.com/x", effect=Effect.READ)
        ticks[0] += 30
    assert transport.server_time() == datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("keep", [10, 0.5])
def test_a_compressed_answer_that_ends_early_is_a_cut_one(keep: float) -> None:
    packed = gzip.compress(b'{"records": [' + b"1," * 500 + b"1]}")
    kept = packed[: int(len(packed) * keep)] if keep < 1 else packed[: -int(keep)]
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    network = Replies(httpx2.Response(200, headers=headers, stream=_Bytes(kept)), answer({"n": 2}))
    assert client(network).get("query") == {"n": 2}
    whole = Replies(httpx2.Response(200, headers=headers, stream=_Bytes(packed)))
    assert len(client(whole).get("query")["records"]) == 501


class _Bytes(httpx2.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self):  # type: ignore[no-untyped-def]
        yield from (self.content[i : i + 7] for i in range(0, len(self.content), 7))


def test_a_part_of_a_composite_that_fails_has_its_own_faults() -> None:
    from diptych.salesforce.client import Sub
    from tests.salesforce.wire import composite

    def network(request: httpx2.Request) -> httpx2.Response:
        return composite(request, lambda url: (200, {"n": 1}) if "good" in url else (503, None))

    good, bad = client(network).composite([Sub("good"), Sub("bad")])
    assert good.document == {"n": 1} and not good.faults
    assert bad.faults and bad.status == 503


def test_a_composite_answer_with_parts_missing_is_no_answer() -> None:
    from diptych.salesforce.client import Sub

    with pytest.raises(OrgUnavailable):
        client(Replies(answer({"compositeResponse": []}))).composite([Sub("limits")])
