"""Platform events: defined, published one by one and on a stream, and managed subscriptions to them."""

from __future__ import annotations

from typing import Any

from practice_org.events import messages
from tests.practice_org.events.bus import Bus, refusal
from tests.practice_org.server import RunningOrg

TOPIC = "/event/Shipped__e"


def define(org: RunningOrg) -> None:
    org.control(
        "events",
        {"define": {"name": "Shipped", "fields": {"Order": "text", "Weight__c": "number", "At": "datetime"}}},
    )


def event(bus: Bus, order: str, **more: Any) -> dict[str, Any]:
    schema_id = bus.call("GetTopic", topic_name=TOPIC).schema_id
    value = {"CreatedDate": 1700000000000, "CreatedById": "005000000000001AAA", "Order__c": order, **more}
    return {"id": f"id-{order}", "schema_id": schema_id, "payload": bus.encoded(schema_id, value)}


def test_an_event_published_is_delivered_as_it_was(served: RunningOrg, bus: Bus) -> None:
    define(served)
    stream = bus.earliest(TOPIC)
    done = bus.call("Publish", topic_name=TOPIC, events=[event(bus, "A", Weight__c=1.5), event(bus, "B")])
    assert [one.correlation_key for one in done.results] == ["id-A", "id-B"]
    got = stream.events(2)
    assert [one.replay_id for one in done.results] == [one.replay_id for one in got]
    assert [one.id for one in got] == ["id-A", "id-B"] and got[0].schema_id == done.schema_id
    assert got[0].value == {
        "CreatedDate": 1700000000000,
        "CreatedById": "005000000000001AAA",
        "Order__c": "A",
        "Weight__c": 1.5,
        "At__c": None,
    }


def test_the_schema_of_a_platform_event(served: RunningOrg, bus: Bus) -> None:
    define(served)
    schema = bus.schema(bus.call("GetTopic", topic_name=TOPIC).schema_id)
    assert (schema["name"], schema["namespace"]) == ("Shipped__e", "com.sforce.eventbus")
    assert schema["fields"][:2] == [
        {"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"},
        {"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"},
    ]
    assert [f["name"] for f in schema["fields"][2:]] == ["Order__c", "Weight__c", "At__c"]
    assert schema["fields"][2]["type"] == ["null", "string"]


def test_what_does_not_fit_gets_an_error_of_its_own(served: RunningOrg, bus: Bus) -> None:
    define(served)
    good = event(bus, "A")
    events = [
        {**good, "payload": b"\xff\xff"},
        {**good, "payload": good["payload"] + b"x"},
        {**good, "schema_id": "unknown"},
        good,
    ]
    results = bus.call("Publish", topic_name=TOPIC, events=events).results
    assert [one.HasField("error") for one in results] == [True, True, True, False]
    assert {one.error.code for one in results[:3]} == {messages.PUBLISH} and not results[0].replay_id
    assert len(bus.earliest(TOPIC).events(1)) == 1
    assert refusal(lambda: bus.call("Publish", topic_name="/data/ChangeEvents", events=[good]))[0] == (
        "PERMISSION_DENIED"
    )
    assert refusal(lambda: bus.call("Publish", topic_name="/event/No__e", events=[good]))[0] == "NOT_FOUND"


def test_a_stream_of_batches(served: RunningOrg, bus: Bus) -> None:
    define(served)
    stream = bus.stream("PublishStream").ask(topic_name=TOPIC, events=[event(bus, "1"), event(bus, "2")])
    first = stream.response()
    second = stream.ask(events=[event(bus, "3")]).response()
    assert [one.correlation_key for one in (*first.results, *second.results)] == ["id-1", "id-2", "id-3"]
    assert [one.value["Order__c"] for one in bus.earliest(TOPIC).events(3)] == ["1", "2", "3"]
    served.control("events", {"publish_idle_seconds": 0.1})
    assert refusal(stream.response)[0] == "CANCELLED"


def test_an_event_of_the_org_itself(served: RunningOrg, bus: Bus) -> None:
    define(served)
    values = {"Order__c": "Z", "At__c": "2026-01-31T12:00:00Z"}
    served.control("events", {"publish": {"name": "Shipped__e", "values": values}})
    (got,) = bus.earliest(TOPIC).events(1)
    assert got.value["Order__c"] == "Z" and got.value["At__c"] == 1769860800000


def test_an_event_published_by_rest(served: RunningOrg, bus: Bus) -> None:
    define(served)
    with served.api() as api:
        answer = api.post("sobjects/Shipped__e", json={"Order__c": "R", "weight__c": 2})
        assert answer.status_code == 201 and answer.json()["success"] is True
        assert len(answer.json()["id"]) == 18
        (queued,) = answer.json()["errors"]
        assert queued["statusCode"] == "OPERATION_ENQUEUED"
        for path, body, code in (
            ("Shipped__e", {"Nope__c": 1}, "INVALID_FIELD"),
            ("Shipped__e", {"Weight__c": "x"}, "JSON_PARSER_ERROR"),
            ("Nothing__e", {}, "NOT_FOUND"),
        ):
            assert api.post(f"sobjects/{path}", json=body).json()[0]["errorCode"] == code
    (got,) = bus.earliest(TOPIC).events(1)
    assert got.id == queued["message"] and got.value["Weight__c"] == 2.0
    assert got.value["CreatedById"] == served.user("sync")["user_id"]


def test_a_changed_definition_takes_the_old_schema_still(served: RunningOrg, bus: Bus) -> None:
    define(served)
    old = event(bus, "old")
    served.control("events", {"define": {"name": "Shipped", "fields": {"Order": "text"}}})
    new = event(bus, "new")
    assert old["schema_id"] != new["schema_id"]
    bus.call("Publish", topic_name=TOPIC, events=[old, new])
    assert ["At__c" in one.value for one in bus.earliest(TOPIC).events(2)] == [True, False]


def test_a_managed_subscription_goes_on_where_it_was_committed(served: RunningOrg, bus: Bus) -> None:
    define(served)
    served.control("events", {"managed": {"name": "Mine", "topic": TOPIC, "default_replay": "EARLIEST"}})
    bus.call("Publish", topic_name=TOPIC, events=[event(bus, str(n)) for n in range(3)])
    stream = bus.stream("ManagedSubscribe").ask(developer_name="Mine", num_requested=2)
    got = stream.events(2)
    stream.ask(commit_replay_id_request={"commit_request_id": "c1", "replay_id": got[0].replay_id})
    answer = stream.response().commit_response
    assert (answer.commit_request_id, answer.replay_id) == ("c1", got[0].replay_id)
    assert answer.process_time > 0 and not answer.HasField("error")
    stream.ask(commit_replay_id_request={"commit_request_id": "c2", "replay_id": b"nonsense"})
    assert stream.response().commit_response.error.code == messages.COMMIT
    stream.close()
    key = served.control("events")["managed"][0]["id"]
    again = bus.stream("ManagedSubscribe").ask(subscription_id=key, num_requested=5)
    assert [one.value["Order__c"] for one in again.events(2)] == ["1", "2"]
    unknown = bus.stream("ManagedSubscribe").ask(developer_name="Nobody", num_requested=1)
    assert refusal(unknown.response)[0] == "INVALID_ARGUMENT"
