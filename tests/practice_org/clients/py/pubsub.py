"""Drives unmodified pysfpubsub against a practice org. Orders as JSON on stdin, answers as JSON.

The library trusts what certifi names when it is imported; there the org's CA is put.
"""

import json
import sys
import urllib.request

import certifi

given = json.load(sys.stdin)
certifi.where = lambda: given["ca"]

import avro.schema  # noqa: E402
from pysfpubsub import Client  # noqa: E402


class Enough(Exception):
    """As many events came as were waited for."""


def client() -> Client:
    made = Client(
        given["url"],
        given["username"],
        given["password"],
        grpc_host="127.0.0.1",
        grpc_port=given["port"],
    )
    made.auth()
    return made


def names(schema: dict, bitmaps: list) -> list:
    """What Salesforce's sample does with bitmaps: the top level first, then the parts of compound fields."""
    found = []
    for text in bitmaps:
        number, _, digits = text.rpartition("-")
        bits = bin(int(digits, 16))[:1:-1]
        fields, prefix = schema.fields, ""
        if number:
            parent = schema.fields[int(number)]
            record = next(kind for kind in parent.type.schemas if kind.type == "record")
            fields, prefix = record.fields, f"{parent.name}."
        found += [prefix + fields[place].name for place, bit in enumerate(bits) if bit == "1"]
    return found


def received(topic: str, preset: str, replay_id: bytes, count: int, then=None) -> list:
    """Subscribe until `count` events came; `then` is called when the stream stands."""
    events = []
    asked = client()

    def take(response, it) -> None:
        if then is not None and not take.called:
            take.called = True
            then()
        for one in response.events:
            text = it.get_schema_json(one.event.schema_id)
            value = it.decode(text, one.event.payload)
            header = value.get("ChangeEventHeader")
            if header:
                header["changedFields"] = names(avro.schema.parse(text), header["changedFields"])
            events.append({"replay": one.replay_id.hex(), "value": value})
        if len(events) >= count:
            raise Enough
        if response.pending_num_requested == 0:
            it.release_subscription_semaphore()

    take.called = False
    try:
        asked.subscribe(topic, preset, replay_id, 3, take)
    except Enough:
        pass
    return events


def rest(method: str, path: str, body: dict) -> None:
    caller = client()
    request = urllib.request.Request(
        f"{given['url']}/services/data/v60.0/{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {caller.session_id}", "Content-Type": "application/json"},
        method=method,
    )
    urllib.request.urlopen(request).read()


said: dict = {}
topic = "/data/LeadChangeEvent"
events = received(topic, "EARLIEST", b"", 4)
said["events"] = [one["value"] for one in events]
said["resumed"] = [
    one["replay"] == other["replay"]
    for one, other in zip(
        received(topic, "CUSTOM", bytes.fromhex(events[1]["replay"]), 2), events[2:], strict=True
    )
]
said["live"] = [
    one["value"]["ChangeEventHeader"]["changedFields"]
    for one in received(
        topic,
        "LATEST",
        b"",
        1,
        then=lambda: rest("PATCH", f"sobjects/Lead/{given['lead']}", {"Title": given["title"]}),
    )
]

publisher = client()
info = publisher.get_topic(given["event"])
schema = publisher.get_schema_json(info.schema_id)
payload = {"CreatedDate": 1700000000000, "CreatedById": "005000000000001AAA", "Text__c": given["text"]}
done = publisher.publish(given["event"], [publisher.format_payload(schema, info.schema_id, payload)])
said["published"] = [one.replay_id.hex() for one in done.results]
back = received(given["event"], "EARLIEST", b"", 1)[-1]
said["back"] = [back["replay"], back["value"]]
print(json.dumps(said))
