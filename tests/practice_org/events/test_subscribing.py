"""Subscriptions over gRPC: topics, positions, flow control, keepalives, and who may."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from practice_org.events import messages
from tests.practice_org.events.bus import Bus, refusal
from tests.practice_org.server import RunningOrg, serve_in_thread, start_practice_org

ALL = "/data/ChangeEvents"


def make(org: RunningOrg, object_name: str = "Lead", count: int = 1, **values: str) -> list[str]:
    with org.api() as api:
        base = {"Name": "A"} if object_name == "Account" else {"LastName": "L", "Company": "C"}
        made = []
        for _ in range(count):
            answer = api.post(f"sobjects/{object_name}", json={**base, **values})
            assert answer.status_code == 201, answer.text
            made.append(answer.json()["id"])
    return made


def patch(org: RunningOrg, record_id: str, **values: str | None) -> None:
    with org.api() as api:
        assert api.patch(f"sobjects/Lead/{record_id}", json=values).status_code == 204


def test_the_messages_are_those_of_the_published_proto() -> None:
    proto = Path(__file__).parents[4] / "shared" / "salesforce" / "proto" / "pubsub_api.proto"
    if not proto.exists():
        pytest.skip("the proto is not there")
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", proto.read_text(), flags=re.DOTALL)
    found = {
        name: {
            (("*" if repeated else "") + f"{field}:{kind}", int(number))
            for repeated, kind, field, number in re.findall(r"(repeated )?(\w+) (\w+) = (\d+);", body)
        }
        for name, body in re.findall(r"message (\w+) \{(.*?)\}", text, flags=re.DOTALL)
    }
    ours = {
        name: {(one, number) for number, one in enumerate(fields.split(), 1)}
        for name, fields in messages.MESSAGES.items()
    }
    assert found == ours
    rpcs = re.findall(r"rpc (\w+) \((stream )?(\w+)\) returns \((stream )?(\w+)\)", text)
    assert {(n, a, b, bool(s)) for n, s, a, _, b in rpcs} == {
        (name, *signature) for name, signature in messages.METHODS.items()
    }


def test_a_topic_of_each_kind(served: RunningOrg, bus: Bus) -> None:
    served.control("events", {"channels": {"Firms__chn": ["Account"]}, "define": {"name": "Ping"}})
    for topic in (ALL, "/data/LeadChangeEvent", "/data/Firms__chn", "/event/Ping__e"):
        info = bus.call("GetTopic", topic_name=topic)
        assert info.topic_name == topic and info.can_subscribe and info.rpc_id
        assert info.can_publish is (topic == "/event/Ping__e")
        assert bool(info.schema_id) is ("Lead" in topic or "Ping" in topic)
    every, leads, firms = (bus.subscribe(t) for t in (ALL, "/data/LeadChangeEvent", "/data/Firms__chn"))
    served.control("events", {"keepalive_seconds": 0.1})
    for stream in (every, leads, firms):
        assert not stream.response().events
    (account,), (lead,) = make(served, "Account"), make(served, "Lead")
    both = [("Account", "CREATE", [account]), ("Lead", "CREATE", [lead])]
    assert [one.brief for one in every.events(2)] == both
    assert [one.brief for one in leads.events(1)] == both[1:]
    assert [one.brief for one in firms.events(1)] == both[:1]


def test_what_is_changed_is_told_field_by_field(served: RunningOrg, bus: Bus) -> None:
    stream = bus.earliest("/data/LeadChangeEvent")
    (lead,) = make(served, FirstName="Eva", Street="1 Road", City="Bonn", AnnualRevenue="12")
    patch(served, lead, LastName="New", City="Köln", FirstName=None, Title="Boss")
    with served.api() as api:
        api.delete(f"sobjects/Lead/{lead}")
    create, update, delete = stream.events(3)
    assert create.header["changedFields"] == [] and create.body["AnnualRevenue"] == 12.0
    assert create.body["Name"]["FirstName"] == "Eva" and create.body["Address"]["City"] == "Bonn"
    assert create.body["IsConverted"] is False and create.body["CreatedDate"] % 1000 == 0
    assert update.changed == {"Name.LastName", "Name.FirstName", "Address.City", "Title", "LastModifiedDate"}
    assert update.nulled == {"Name.FirstName"}
    assert {k: v for k, v in update.body["Name"].items() if v} == {"LastName": "New"}
    assert update.body["Address"]["City"] == "Köln" and set(update.body) == {
        "Name", "Address", "Title", "LastModifiedDate",
    }  # fmt: skip
    assert delete.body == {} and delete.header["changedFields"] == []
    assert [one.header["changeType"] for one in (create, update, delete)] == ["CREATE", "UPDATE", "DELETE"]
    assert update.header["commitTimestamp"] % 1000 == 0
    assert create.header["commitNumber"] < update.header["commitNumber"] < delete.header["commitNumber"]
    assert create.header["commitUser"] == served.user("sync")["user_id"]


def test_a_change_says_through_which_api_it_came(served: RunningOrg, bus: Bus) -> None:
    stream = bus.earliest(ALL)
    with served.api(version="58.0") as api:
        headers = {"Sforce-Call-Options": "client=Diptych"}
        api.post("sobjects/Lead", json={"LastName": "A", "Company": "C"}, headers=headers)
        api.post("sobjects/Lead", json={"LastName": "A", "Company": "C"})
        job = api.post("jobs/ingest", json={"object": "Lead", "operation": "insert"}).json()["id"]
        api.put(f"jobs/ingest/{job}/batches", content=b"LastName,Company\nB,C\n")
        api.patch(f"jobs/ingest/{job}", json={"state": "UploadComplete"})
    assert [one.header["changeOrigin"] for one in stream.events(3)] == [
        "com/salesforce/api/rest/58.0;client=Diptych",
        "com/salesforce/api/rest/58.0",
        "com/salesforce/api/bulkapi/58.0",
    ]


def test_no_more_events_than_were_asked_for(served: RunningOrg, bus: Bus) -> None:
    ids = make(served, count=7)
    stream = bus.earliest("/data/LeadChangeEvent", 3)
    response = stream.response()
    assert len(response.events) == 3 and response.pending_num_requested == 0
    assert response.latest_replay_id == response.events[-1].replay_id
    served.control("events", {"keepalive_seconds": 0.2})
    assert not stream.response().events
    served.control("events", {"keepalive_seconds": 60})
    stream.ask(num_requested=2).ask(num_requested=1)
    got = [bus.decoded(one) for one in response.events] + stream.events(3)
    assert [one.header["recordIds"][0] for one in got] == ids[:6]
    assert refusal(lambda: stream.ask(num_requested=0).response())[:2] == (
        "INVALID_ARGUMENT",
        "subscription.fetch.requested.events.invalid",
    )


def test_a_subscription_goes_on_after_a_replay_id(served: RunningOrg, bus: Bus) -> None:
    ids = make(served, count=4)
    first, second = bus.earliest(ALL).events(4)[1:3]
    for given in (second.replay_id, second.replay_id[:8]):
        stream = bus.subscribe(ALL, replay_preset=messages.CUSTOM, replay_id=given)
        assert [one.header["recordIds"] for one in stream.events(1)] == [ids[3:]]
    assert first.replay_id < second.replay_id and len(first.replay_id) == 10


def test_latest_begins_at_the_tip_and_the_keepalive_tells_it(served: RunningOrg, bus: Bus) -> None:
    make(served)
    served.control("events", {"keepalive_seconds": 0.1})
    stream = bus.subscribe(ALL)
    empty = stream.response()
    assert not empty.events and empty.pending_num_requested == 100
    served.control("events", {"keepalive_seconds": 60})
    (account,) = make(served, "Account")
    found = stream.events(1)
    assert [one.brief for one in found] == [("Account", "CREATE", [account])]
    resumed = bus.subscribe(ALL, replay_preset=messages.CUSTOM, replay_id=empty.latest_replay_id)
    assert [one.brief for one in resumed.events(1)] == [("Account", "CREATE", [account])]


def test_a_replay_id_that_is_none(served: RunningOrg, bus: Bus) -> None:
    make(served)
    for given in (b"", b"abc", b"\xff" * 10, (10**6).to_bytes(8, "big"), b"52432448" * 2):
        stream = bus.subscribe(ALL, replay_preset=messages.CUSTOM, replay_id=given)
        status, code, message = refusal(stream.response)
        assert status == "INVALID_ARGUMENT"
        kind = "corrupted" if given else "validation.failed"
        assert code == f"subscription.fetch.replayid.{kind}"
        assert re.match(r"The Replay ID validation failed\. .* rpcId: [0-9a-f-]{36}$", message)


def test_events_are_gone_after_three_days(served: RunningOrg, bus: Bus) -> None:
    make(served, count=2)
    old = bus.earliest(ALL).events(2)[0]
    served.control("clock", {"advance": 72 * 3600 + 5})
    fresh = Bus.of(served)
    (late,) = make(served)
    status, code, _ = refusal(
        fresh.subscribe(ALL, replay_preset=messages.CUSTOM, replay_id=old.replay_id).response
    )
    assert (status, code) == ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")
    assert [one.header["recordIds"] for one in fresh.earliest(ALL).events(1)] == [[late]]
    fresh.close()


def test_who_may_not_subscribe(served: RunningOrg, bus: Bus) -> None:
    anonymous = Bus(served, (), bus.channel)
    unknown = Bus.of(served, token="00D!wrong")
    other = Bus(served, (*bus.metadata[:2], ("tenantid", "00D000000000001AAA")), bus.channel)
    for one in (anonymous, unknown, other):
        for call in (lambda b=one: b.call("GetTopic", topic_name=ALL), one.subscribe(ALL).response):
            assert refusal(call)[:2] == ("UNAUTHENTICATED", "service.auth.error")
    sales = Bus.of(served, "sales")
    assert refusal(lambda: sales.call("GetTopic", topic_name=ALL))[0] == "NOT_FOUND"
    assert refusal(lambda: bus.call("GetTopic", topic_name="/data/NopeChangeEvent"))[0] == "NOT_FOUND"
    assert refusal(lambda: bus.call("GetTopic", topic_name="/data/ProfileChangeEvent"))[0] == "NOT_FOUND"
    assert refusal(lambda: bus.call("GetSchema", schema_id="nope"))[0] == "NOT_FOUND"
    unknown.close()
    sales.close()


def test_a_session_that_ends_ends_its_streams(served: RunningOrg, bus: Bus) -> None:
    stream = bus.earliest(ALL)
    make(served)
    stream.events(1)
    served.control("sessions", {"expire": "all"})
    assert refusal(stream.response)[:2] == ("UNAUTHENTICATED", "service.auth.error")


def test_hidden_fields_do_not_show(served: RunningOrg, bus: Bus) -> None:
    served.control("users", {"username": served.username, "fields": {"Lead.Title": "hidden"}})
    (lead,) = make(served)
    with served.api("admin") as api:
        api.patch(f"sobjects/Lead/{lead}", json={"Title": "secret", "Fax": "1"})
    create, update = bus.earliest("/data/LeadChangeEvent").events(2)
    assert update.changed == {"Fax", "LastModifiedDate", "LastModifiedById"} and "Title" not in update.body
    assert "Title" not in create.body


def test_the_topic_of_a_stream_stays(served: RunningOrg, bus: Bus) -> None:
    stream = bus.subscribe(ALL)
    stream.ask(topic_name="/data/LeadChangeEvent", num_requested=1)
    assert refusal(stream.response)[0] == "INVALID_ARGUMENT"


def test_a_new_field_is_a_new_schema_and_old_events_keep_theirs(served: RunningOrg, bus: Bus) -> None:
    topic = "/data/LeadChangeEvent"
    before = bus.call("GetTopic", topic_name=topic).schema_id
    make(served)
    served.control("fields", {"object": "Lead", "name": "Score", "type": "number", "length": 6})
    after = bus.call("GetTopic", topic_name=topic).schema_id
    make(served, Score__c="3")
    old, new = bus.earliest(topic).events(2)
    assert (old.schema_id, new.schema_id) == (before, after) and before != after
    assert "Score__c" not in old.value and new.body["Score__c"] == 3.0
    assert bus.schema(after)["fields"][-1]["doc"].startswith("Data:Double:00N")


def test_a_place_of_its_own_is_a_compound_field(served: RunningOrg, bus: Bus) -> None:
    served.control("fields", {"object": "Lead", "name": "Spot", "type": "location", "scale": 4})
    (lead,) = make(served, Street="1 Road")
    with served.api() as api:
        values = {"Spot__Latitude__s": 50.5, "Spot__Longitude__s": 7.25}
        assert api.patch(f"sobjects/Lead/{lead}", json=values).status_code == 204
    _, update = bus.earliest("/data/LeadChangeEvent").events(2)
    assert update.body["Spot__c"] == {"Latitude": 50.5, "Longitude": 7.25}
    spot = next(f for f in bus.schema(update.schema_id)["fields"] if f["name"] == "Spot__c")
    assert spot["doc"].startswith("Data:Location:00N") and update.header["changedFields"][0].startswith("0x")
    number = bus.schema(update.schema_id)["fields"].index(spot)
    assert update.header["changedFields"][1:] == [f"{number}-0x03"]


def test_a_bulk_load_arrives_complete_and_in_order(served: RunningOrg, bus: Bus) -> None:
    stream = bus.subscribe("/data/LeadChangeEvent")
    served.control("events", {"keepalive_seconds": 0.05})
    assert not stream.response().events
    served.control("events", {"keepalive_seconds": 60})
    rows = "".join(f"L{n},C\n" for n in range(5000))
    with served.api() as api:
        job = api.post("jobs/ingest", json={"object": "Lead", "operation": "insert"}).json()["id"]
        api.put(f"jobs/ingest/{job}/batches", content=f"LastName,Company\n{rows}".encode())
        api.patch(f"jobs/ingest/{job}", json={"state": "UploadComplete"})
    got = []
    while len(got) < 5000:
        got += stream.events(100)
        stream.ask(num_requested=100)
    assert [one.value["Name"]["LastName"] for one in got] == [f"L{n}" for n in range(5000)]
    keys: dict[str, list[int]] = {}
    for one in got:
        keys.setdefault(one.header["transactionKey"], []).append(one.header["sequenceNumber"])
    assert all(numbers == list(range(1, 201)) for numbers in keys.values()) and len(keys) == 25
    replays = [one.replay_id for one in got]
    assert replays == sorted(set(replays)) and len({one.id for one in got}) == 5000


def test_a_late_commit_comes_at_its_commit(served: RunningOrg, bus: Bus) -> None:
    (lead,) = make(served)
    served.control("clock", {"freeze": True})
    stream = bus.earliest(ALL)
    served.control(
        "late_commit",
        {"operation": "update", "object": "Lead", "id": lead, "values": {"Title": "x"}, "seconds": 30},
    )
    (account,) = make(served, "Account")
    assert [one.brief[0] for one in stream.events(2)] == ["Lead", "Account"]
    served.control("clock", {"advance": 31})
    (update,) = stream.events(1)
    assert update.brief == ("Lead", "UPDATE", [lead]) and account
    assert update.header["commitTimestamp"] - update.body["LastModifiedDate"] == 31_000


def test_positions_survive_a_restart(tmp_path: Path) -> None:
    with start_practice_org(tmp_path, events=True) as org:
        make(org, count=3)
        bus = Bus.of(org)
        first = bus.earliest(ALL).events(3)
        token = bus.metadata[0][1]
        bus.close()
        org.kill()
    with start_practice_org(tmp_path, events=True) as org:
        bus = Bus.of(org, token=token)
        stream = bus.subscribe(ALL, replay_preset=messages.CUSTOM, replay_id=first[0].replay_id)
        (lead,) = make(org)
        again = stream.events(3)
        assert [one.value for one in again[:2]] == [one.value for one in first[1:]]
        assert [one.id for one in again[:2]] == [one.id for one in first[1:]]
        assert again[2].header["recordIds"] == [lead]
        bus.close()


def test_a_server_that_stops_ends_its_streams(tmp_path: Path) -> None:
    with serve_in_thread(tmp_path, events=True) as org:
        bus = Bus.of(org)
        stream = bus.earliest(ALL)
        make(org)
        stream.events(1)
    assert refusal(stream.response)[0] in ("UNAVAILABLE", "CANCELLED")
    bus.close()
