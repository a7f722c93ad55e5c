"""The event bus misbehaves on order."""

from __future__ import annotations

import pytest

from practice_org.events import messages
from tests.practice_org.events.bus import Bus, refusal
from tests.practice_org.events.test_subscribing import ALL, make, patch
from tests.practice_org.server import RunningOrg


def trouble(org: RunningOrg, **orders: object) -> None:
    org.control("events", {"trouble": orders})


def test_gaps_come_instead_of_data(served: RunningOrg, bus: Bus) -> None:
    (lead,) = make(served)
    served.control("events", {"gaps": 2})
    patch(served, lead, Title="lost")
    make(served)
    patch(served, lead, Title="there")
    _, first, second, third = bus.earliest(ALL).events(4)
    assert first.brief == ("Lead", "GAP_UPDATE", [lead]) and first.body == {} and first.changed == set()
    assert second.brief[1] == "GAP_CREATE" and second.body == {}
    assert third.brief[1] == "UPDATE" and third.body["Title"] == "there"


def test_every_kind_of_gap(served: RunningOrg, bus: Bus) -> None:
    (lead,) = make(served)
    served.control("events", {"gaps": 10})
    patch(served, lead, Title="x")
    with served.api() as api:
        api.delete(f"sobjects/Lead/{lead}")
    envelope = (
        "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Header>"
        f"<SessionHeader xmlns='urn:partner.soap.sforce.com'><sessionId>{served.token()}</sessionId>"
        f"</SessionHeader></e:Header><e:Body><undelete xmlns='urn:partner.soap.sforce.com'><ids>{lead}</ids>"
        "</undelete></e:Body></e:Envelope>"
    )
    answer = served._client.post(
        f"{served.base_url}/services/Soap/u/60.0",
        content=envelope,
        headers={"Content-Type": "text/xml", "SOAPAction": '""'},
    )
    assert "<success>true</success>" in answer.text, answer.text
    kinds = [one.header["changeType"] for one in bus.earliest(ALL).events(4)]
    assert kinds == ["CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"]


def test_too_much_for_one_transaction(served: RunningOrg, bus: Bus) -> None:
    served.control("events", {"overflow_from": 3})
    records = [{"attributes": {"type": "Lead"}, "LastName": f"L{n}", "Company": "C"} for n in range(10)]
    with served.api() as api:
        assert api.post("composite/sobjects", json={"records": records}).status_code == 200
    events = bus.earliest(ALL).events(4)
    assert [one.header["changeType"] for one in events] == ["CREATE"] * 3 + ["GAP_OVERFLOW"]
    assert events[3].header["recordIds"] == ["000000000000000AAA"]
    assert [one.header["sequenceNumber"] for one in events] == [1, 2, 3, 4]


def test_people_sown_while_it_runs_overflow(served: RunningOrg, bus: Bus) -> None:
    served.control("seed", {"people": 10})
    found = {one.brief[:2] for one in bus.earliest(ALL).events(3)}
    assert found == {(name, "GAP_OVERFLOW") for name in ("Account", "Contact", "Lead")}


def test_events_delivered_twice(served: RunningOrg, bus: Bus) -> None:
    ids = make(served, count=3)
    trouble(served, duplicates=1)
    events = bus.earliest(ALL).events(4)
    assert [one.header["recordIds"][0] for one in events] == [ids[0], *ids]
    assert events[0].replay_id == events[1].replay_id and events[0].id == events[1].id


def test_a_stream_drops_after_some_events(served: RunningOrg, bus: Bus) -> None:
    make(served, count=5)
    trouble(served, drop_after=3)
    stream = bus.earliest(ALL)
    last = stream.events(3)[-1]
    assert refusal(stream.response)[:2] == ("UNAVAILABLE", "service.unavailable")
    resumed = bus.subscribe(ALL, replay_preset=messages.CUSTOM, replay_id=last.replay_id)
    assert len(resumed.events(2)) == 2


def test_refusals_on_order(served: RunningOrg, bus: Bus) -> None:
    make(served, count=2)
    kept = bus.earliest(ALL).events(1)[0].replay_id
    trouble(served, exhausted=1, unavailable=1, refuse_replay=1)

    def resume() -> object:
        return bus.subscribe(ALL, replay_preset=messages.CUSTOM, replay_id=kept).response()

    assert refusal(resume)[:2] == ("UNAVAILABLE", "service.unavailable")
    assert refusal(resume)[:2] == ("RESOURCE_EXHAUSTED", "subscription.limit.exceeded")
    assert refusal(resume)[:2] == ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")
    assert resume()


def test_positions_expire_on_order(served: RunningOrg, bus: Bus) -> None:
    make(served, count=3)
    events = bus.earliest(ALL).events(3)
    served.control("events", {"expire": int.from_bytes(events[1].replay_id[:8], "big")})
    stream = bus.subscribe(ALL, replay_preset=messages.CUSTOM, replay_id=events[0].replay_id)
    assert refusal(stream.response)[0] == "INVALID_ARGUMENT"
    assert [one.replay_id for one in bus.earliest(ALL).events(1)] == [events[2].replay_id]
    served.control("events", {"expire": True})
    (lead,) = make(served)
    assert [one.header["recordIds"] for one in bus.earliest(ALL).events(1)] == [[lead]]


def test_only_keepalives(served: RunningOrg, bus: Bus) -> None:
    make(served)
    served.control("events", {"keepalive_seconds": 0.1})
    trouble(served, keepalive_only=True)
    stream = bus.earliest(ALL)
    assert not stream.response().events and not stream.response().events
    trouble(served, keepalive_only=False, delay_seconds=0.01)
    assert stream.events(1)


def test_reset_ends_it(served: RunningOrg, bus: Bus) -> None:
    trouble(served, keepalive_only=True, exhausted=5)
    served.control("events", {"gaps": 3, "entities": ["Account"], "overflow_from": 1})
    served.control("reset", {})
    (lead,) = make(served)
    assert [one.brief for one in bus.earliest(ALL).events(1)] == [("Lead", "CREATE", [lead])]


NO_SENSE: list[dict[str, object]] = [
    {"nonsense": 1},
    {"trouble": {"nope": 1}},
    {"trouble": {"duplicates": -1}},
    {"gaps": "x"},
    {"entities": ["Nope"]},
    {"entities": "Lead"},
    {"channels": {"x": []}},
    {"keepalive_seconds": -1},
    {"define": {"name": "1x"}},
    {"define": {"name": "X", "fields": {"A": "blob"}}},
    {"managed": {"name": "M", "topic": "/data/Nope__chn"}},
]


def test_an_order_that_makes_no_sense_changes_nothing(served: RunningOrg) -> None:
    before = served.control("events")
    for order in NO_SENSE:
        with pytest.raises(ValueError, match="400"):
            served.control("events", order)
        assert served.control("events") == before
