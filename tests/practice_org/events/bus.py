"""A small client of the Pub/Sub API for tests: grpc and fastavro, and a decoder of bitmaps of its own."""

from __future__ import annotations

import io
import json
import queue
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro
import grpc

from practice_org.events import messages
from tests.practice_org.server import RunningOrg

SECONDS = 60


@dataclass
class Decoded:
    """An event as a subscriber sees it; `changed` and `nulled` are names (`Name.LastName`)."""

    replay_id: bytes
    id: str
    schema_id: str
    value: dict[str, Any]
    changed: set[str]
    nulled: set[str]

    @property
    def header(self) -> dict[str, Any]:
        header: dict[str, Any] = self.value["ChangeEventHeader"]
        return header

    @property
    def brief(self) -> tuple[str, str, list[str]]:
        return self.header["entityName"], self.header["changeType"], self.header["recordIds"]

    @property
    def body(self) -> dict[str, Any]:
        """The fields that carry a value."""
        return {k: v for k, v in self.value.items() if k != "ChangeEventHeader" and v is not None}


class Stream:
    """A subscription that can be asked for more."""

    def __init__(self, bus: Bus, call: Any, name: str) -> None:
        self._bus = bus
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._came: list[Decoded] = []
        self.name = name
        self.call = call(iter(self._requests.get, None), metadata=bus.metadata, timeout=SECONDS)

    def ask(self, **request: Any) -> Stream:
        self._requests.put(messages.message(self.name)(**request))
        return self

    def response(self) -> Any:
        return next(self.call)

    def events(self, count: int) -> list[Decoded]:
        """The next `count` events, however many responses they take."""
        while len(self._came) < count:
            self._came += [self._bus.decoded(one) for one in self.response().events]
        found, self._came = self._came[:count], self._came[count:]
        return found

    def close(self) -> None:
        self._requests.put(None)
        self.call.cancel()


@dataclass
class Bus:
    """The Pub/Sub API of a running org, called as one user."""

    org: RunningOrg
    metadata: tuple[tuple[str, str], ...]
    channel: grpc.Channel
    _schemas: dict[str, Any] = field(default_factory=dict)
    _open: list[Stream] = field(default_factory=list)

    @classmethod
    def of(cls, org: RunningOrg, role: str = "sync", token: str | None = None) -> Bus:
        metadata = (
            ("accesstoken", token or org.token(role)),
            ("instanceurl", org.base_url),
            ("tenantid", org.org_id),
        )
        credentials = grpc.ssl_channel_credentials(Path(org.ca_file).read_bytes())
        return cls(org, metadata, grpc.secure_channel(f"127.0.0.1:{org.facts['events_port']}", credentials))

    def close(self) -> None:
        for stream in self._open:
            stream.close()
        self.channel.close()

    def _method(self, name: str) -> Any:
        request, response, streams = messages.METHODS[name]
        make = self.channel.stream_stream if streams else self.channel.unary_unary
        return make(
            f"/eventbus.v1.PubSub/{name}",
            request_serializer=messages.message(request).SerializeToString,
            response_deserializer=messages.message(response).FromString,
        )

    def call(self, name: str, **request: Any) -> Any:
        made = messages.message(messages.METHODS[name][0])(**request)
        return self._method(name)(made, metadata=self.metadata, timeout=SECONDS)

    def stream(self, name: str) -> Stream:
        stream = Stream(self, self._method(name), messages.METHODS[name][0])
        self._open.append(stream)
        return stream

    def subscribe(self, topic: str, number: int = 100, **more: Any) -> Stream:
        return self.stream("Subscribe").ask(topic_name=topic, num_requested=number, **more)

    def earliest(self, topic: str, number: int = 100) -> Stream:
        return self.subscribe(topic, number, replay_preset=messages.EARLIEST)

    def schema(self, schema_id: str) -> Any:
        if schema_id not in self._schemas:
            self._schemas[schema_id] = json.loads(self.call("GetSchema", schema_id=schema_id).schema_json)
        return self._schemas[schema_id]

    def decoded(self, event: Any) -> Decoded:
        schema = self.schema(event.event.schema_id)
        source = io.BytesIO(event.event.payload)
        value: Any = fastavro.schemaless_reader(source, fastavro.parse_schema(schema), None)
        assert not source.read()
        header = value.get("ChangeEventHeader", {})
        return Decoded(
            event.replay_id,
            event.event.id,
            event.event.schema_id,
            value,
            set(named(schema, header.get("changedFields", []))),
            set(named(schema, header.get("nulledFields", []))),
        )

    def encoded(self, schema_id: str, value: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(self.schema(schema_id)), value)
        return out.getvalue()


def named(schema: Any, bitmaps: list[str]) -> Iterator[str]:
    """The names of fields in bitmaps, read bit by bit from the hex digits' end."""
    records: dict[str, Any] = {}
    waiting = list(schema["fields"])
    while waiting:
        f = waiting.pop()
        for kind in f["type"] if isinstance(f["type"], list) else [f["type"]]:
            if isinstance(kind, dict) and kind.get("type") == "record":
                records[kind["name"]] = kind["fields"]
                waiting += kind["fields"]
    for text in bitmaps:
        number, _, digits = text.rpartition("-")
        fields, prefix = schema["fields"], ""
        if number:
            parent = schema["fields"][int(number)]
            last = parent["type"][-1]
            fields, prefix = records[last if isinstance(last, str) else last["name"]], parent["name"] + "."
        assert digits.startswith("0x") and digits[2:] == digits[2:].upper() and len(digits) % 2 == 0
        for place, digit in enumerate(reversed(digits[2:])):
            for bit in range(4):
                if int(digit, 16) >> bit & 1:
                    yield prefix + fields[place * 4 + bit]["name"]


def refusal(call: Any) -> tuple[str, str, str]:
    """Status, error code and message of a call that is refused."""
    try:
        call()
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata())
        code = str(trailers.get("error-code", "")).removeprefix("sfdc.platform.eventbus.grpc.")
        return error.code().name, code, error.details()
    raise AssertionError("it was not refused")
