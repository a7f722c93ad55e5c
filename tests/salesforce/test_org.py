"""The org as a whole: identity, server time and coverage, describe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from diptych.domain.outcome import ErrorClass, OrgRefused, OrgUnavailable
from diptych.salesforce.auth import Grant
from diptych.salesforce.errors import Effect
from diptych.salesforce.org import SalesforceOrg
from tests.salesforce.wire import HOST, answer, client, composite, fault, org

NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


def http_date(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


class Clockwork:
    """An org that has a clock and tells how far its changes are covered."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        def part(url: str) -> tuple[int, Any]:
            self.asked.append(url)
            if "/Profile/" in url:
                return 404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
            return 200, {"ids": [], "latestDateCovered": self.now.strftime("%Y-%m-%dT%H:%M:%S.000+0000")}

        found = composite(request, part) if request.method == "POST" else answer([])
        found.headers["Date"] = http_date(self.now)
        return found


def test_a_watermark_asks_for_a_span_that_covers_this_minute() -> None:
    network = Clockwork(NOON)
    mark = org(network).watermark(["Lead", "Profile"])
    assert mark.server_time == NOON and mark.covered == {"Lead": NOON}
    assert network.asked[0].endswith(
        "/sobjects/Lead/updated?start=2026-11-24T11:59:00Z&end=2026-11-24T12:01:00Z"
    )


@pytest.mark.parametrize("jump", [timedelta(hours=5), -timedelta(hours=5)])
def test_a_watermark_after_the_orgs_clock_was_set(jump: timedelta) -> None:
    network = Clockwork(NOON)
    adapter = org(network)
    adapter.watermark(["Lead"])
    network.now = NOON + jump
    mark = adapter.watermark(["Lead"])
    assert mark.server_time == mark.covered["Lead"] == NOON + jump
    assert network.asked[-1].endswith((NOON + jump).strftime("end=%Y-%m-%dT%H:01:00Z"))


def test_answers_without_a_date_cannot_be_worked_with() -> None:
    def network(request: httpx2.Request) -> httpx2.Response:
        found = answer([])
        del found.headers["Date"]
        return found

    with pytest.raises(OrgUnavailable, match="Date header"):
        org(network).watermark(["Lead"])


def test_what_was_read_is_dated_before_it_was_read() -> None:
    network = Clockwork(NOON)
    adapter = org(network)
    adapter.watermark(["Lead"])
    lead = {"Id": "00Q000000000001EAA", "SystemModstamp": "2026-11-24T12:00:00.000+0000"}

    def later(request: httpx2.Request) -> httpx2.Response:
        found = composite(request, lambda url: (200, {"done": True, "records": [lead]}))
        found.headers["Date"] = http_date(
            NOON + timedelta(seconds=9)
        )  # the answer was nine seconds in coming
        return found

    adapter.client.transport._http._transport = httpx2.MockTransport(later)
    found = adapter.retrieve("Lead", [lead["Id"]], ())
    record = found.records[lead["Id"]]
    assert found.read_at == NOON and record is not None and record.read_at == NOON


def test_too_many_ids_are_a_mistake() -> None:
    with pytest.raises(ValueError):
        org(Clockwork(NOON)).retrieve("Lead", ["00Q000000000001EAA"] * 201, ())


def test_a_login_that_did_not_say_who_it_is_asks_for_it() -> None:
    seen: list[str] = []

    def rows(url: str) -> tuple[int, Any]:
        seen.append(url)
        row = {"Id": "00D000000000001EAA" if "Organization" in url else "005000000000001AAA", "Name": "X"}
        return 200, {"done": True, "records": [row]}

    def network(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/services/oauth2/userinfo":
            return answer({"user_id": "005000000000001", "organization_id": "00D000000000001"})
        return composite(request, rows)

    calling = client(network)
    calling.session.adopt(Grant("token", HOST))
    adapter = SalesforceOrg(calling)
    assert adapter.identity().user_id == "005000000000001AAA"
    calls = adapter.usage().ours
    adapter.identity()
    assert adapter.usage().ours == calls  # who we are does not change within a session


def test_describe_in_our_terms() -> None:
    fields = [
        {
            "name": "Rating__c",
            "label": "Rating",
            "type": "picklist",
            "length": 40,
            "nillable": True,
            "updateable": True,
            "custom": True,
            "restrictedPicklist": True,
            "picklistValues": [
                {"value": "Hot", "active": True, "label": "Hot!"},
                {"value": "Old", "active": False, "label": "Old"},
            ],
        },
        {
            "name": "OwnerId",
            "label": "Owner",
            "type": "reference",
            "referenceTo": ["Group", "User"],
            "relationshipName": "Owner",
        },
        {"name": "Retired__c", "label": "Retired", "type": "string", "deprecatedAndHidden": True},
        {"name": "Count__c", "label": "Count", "type": "int", "digits": 9, "precision": 0},
    ]
    document = {
        "name": "Lead",
        "label": "Lead",
        "labelPlural": "Leads",
        "keyPrefix": "00Q",
        "queryable": True,
        "fields": fields,
    }
    found = org(lambda request: answer(document)).describe("Lead")
    assert list(found.fields) == ["Rating__c", "OwnerId", "Count__c"]
    rating = found.fields["Rating__c"]
    assert (
        rating.picklist == ("Hot",) and rating.restricted_picklist and rating.custom and rating.length == 40
    )
    assert found.fields["OwnerId"].reference_to == ("Group", "User")
    assert found.fields["Count__c"].precision == 9
    assert found.queryable and not found.updateable and found.key_prefix == "00Q"


def test_an_object_out_of_sight_says_which_right_is_missing() -> None:
    adapter = org(lambda request: fault("NOT_FOUND", "The requested resource does not exist", 404))
    with pytest.raises(OrgRefused) as raised:
        adapter.describe("Opportunity")
    assert raised.value.problem.error_class is ErrorClass.PERMISSION
    assert "Read on Opportunity" in raised.value.problem.remedy


@pytest.mark.parametrize("body", [{}, [], {"error_count": 0}, "text"])
def test_json_that_is_not_the_apis_is_trouble_and_no_crash(body: Any) -> None:
    from diptych.sync.ports import FeedRead

    def network(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/composite"):
            return composite(request, lambda url: (200, body))
        return answer(body)

    adapter = org(network)
    adapter.client.transport.send("GET", HOST, effect=Effect.READ)
    reads = (
        lambda: adapter.describe("Lead"),
        lambda: adapter.count("Lead"),
        lambda: adapter.watermark(["Lead"]),
        lambda: adapter.changed([FeedRead("Lead", ("City",), NOON)]),
        lambda: adapter.retrieve("Lead", ["00Q000000000001EAA"], ()),
        lambda: adapter.start_snapshot("Lead", ()),
        adapter.identity,
        adapter.visible_objects,
    )
    for read in reads:
        with pytest.raises(OrgUnavailable):
            read()
