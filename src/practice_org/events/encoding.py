"""From the log to the wire: the Avro payload of a stored event, by the schema that it was written with.

Everything is read from that schema, so that an event can still be told after its fields have changed.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import fastavro

from practice_org.events import reading
from practice_org.events.avro import LOCATION_PARTS
from practice_org.events.bitmaps import Place, bitmaps
from practice_org.events.log import PUBLISHED
from practice_org.events.messages import ConsumerEvent, ProducerEvent
from practice_org.events.reading import Stored

if TYPE_CHECKING:
    from practice_org.org import Org

_EVENT_IDS = uuid.UUID("b3c1f0de-6a57-4c1d-9a60-1f6f0e5d8a11")


@dataclass(frozen=True)
class _Column:
    """Where a column's value goes: field, part of a compound field, its place, and how it is written."""

    field: str
    part: str | None
    place: Place
    token: str
    kind: str


@dataclass(frozen=True)
class Shape:
    """A schema ready for use."""

    schema_id: str
    parsed: Any
    columns: Mapping[str, _Column]


def shape(schema_id: str, definition: str) -> Shape:
    """The shape of a schema text."""
    schema = json.loads(definition)
    records: dict[str, list[str]] = {}
    columns: dict[str, _Column] = {}
    for number, f in enumerate(schema["fields"]):
        if f["name"] == "ChangeEventHeader":
            continue
        kinds = f["type"] if isinstance(f["type"], list) else [f["type"]]
        token = [*f.get("doc", "").split(":"), ""][1]
        parts = _parts(kinds, records)
        for index, part in enumerate(parts):
            kind = "double" if part in LOCATION_PARTS else "string"
            column = _Column(f["name"], part, (number, index), "", kind)
            columns.setdefault(_column_name(f["name"], token, part), column)
        if not parts or "string" in kinds:
            columns[f["name"]] = _Column(f["name"], None, (number, None), token, str(kinds[-1]))
    return Shape(schema_id, fastavro.parse_schema(schema), columns)


def _column_name(field: str, token: str, part: str) -> str:
    """The column behind a part of a compound field."""
    if token.endswith("PersonName"):
        return part
    if token == "Location":
        return f"{field[:-3]}__{part}__s"
    return field.removesuffix("Address") + part


def _parts(kinds: list[Any], records: dict[str, list[str]]) -> list[str]:
    """The parts of a compound field; a record type is spelled out once and named afterwards."""
    for kind in kinds:
        if isinstance(kind, dict) and kind["type"] == "record":
            for part in kind["fields"]:
                _parts(part["type"], records)
            records[kind["name"]] = [part["name"] for part in kind["fields"]]
            return records[kind["name"]]
        if isinstance(kind, str) and kind in records:
            return records[kind]
    return []


def wire_value(column: _Column, value: Any) -> Any:
    """A stored value as Avro carries it: dates and datetimes are milliseconds since 1970."""
    if value is None:
        return None
    if column.token == "DateOnly":
        return int(datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC).timestamp()) * 1000
    if column.token == "DateTime":
        return int(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()) * 1000
    if column.kind == "boolean":
        return bool(value)
    if column.kind == "double":
        return float(value)
    return int(value) if column.kind in ("int", "long") else str(value)


class Encoder:
    """Makes wire events for one subscriber; `hidden` gives the columns of an object that it may not see."""

    def __init__(self, org: Org, hidden: Mapping[str, frozenset[str]]) -> None:
        self._org = org
        self._hidden = hidden
        self._space = uuid.uuid5(_EVENT_IDS, org.id)
        self._shapes: dict[int, Shape] = {}

    def event(self, stored: Stored) -> Any:
        """The ConsumerEvent of a stored event."""
        found = self._shapes.get(stored.schema)
        if found is None:
            found = shape(*reading.schema_by_number(self._org, stored.schema))
            self._shapes[stored.schema] = found
        if stored.kind == PUBLISHED:
            event_id, payload = stored.ids, stored.data
        else:
            event_id = str(uuid.uuid5(self._space, str(stored.replay)))
            payload = written(found, self._change(found, stored))
        made = ProducerEvent(id=event_id, schema_id=found.schema_id, payload=payload)
        return ConsumerEvent(event=made, replay_id=reading.replay_id(stored.replay))

    def _change(self, found: Shape, stored: Stored) -> dict[str, Any]:
        hidden = self._hidden.get(stored.entity, frozenset())
        data: dict[str, Any] = json.loads(stored.data) if stored.data else {}
        known = {
            name: (found.columns[name], value)
            for name, value in data.items()
            if name in found.columns and name not in hidden
        }
        record: dict[str, Any] = {}
        for column, value in known.values():
            if column.part is None:
                record[column.field] = wire_value(column, value)
            elif value is not None:
                record.setdefault(column.field, {})[column.part] = wire_value(column, value)
        update = stored.kind == "UPDATE"
        record["ChangeEventHeader"] = {
            "entityName": stored.entity,
            "recordIds": stored.ids.split(),
            "changeType": stored.kind,
            "changeOrigin": stored.origin,
            "transactionKey": stored.key,
            "sequenceNumber": stored.replay - stored.first + 1,
            "commitTimestamp": stored.at * 1000,
            "commitNumber": stored.commit_number,
            "commitUser": stored.user_id,
            "nulledFields": bitmaps(c.place for c, v in known.values() if v is None) if update else [],
            "diffFields": [],
            "changedFields": bitmaps(c.place for c, _ in known.values()) if update else [],
        }
        return record


def written(found: Shape, record: Mapping[str, Any]) -> bytes:
    """A record as Avro, without a header. Raises what fastavro raises for a record that does not fit."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, found.parsed, dict(record))
    return out.getvalue()


def read(found: Shape, payload: bytes) -> dict[str, Any]:
    """The record of a payload. Raises ValueError when the payload is not of this schema."""
    source = io.BytesIO(payload)
    try:
        record = fastavro.schemaless_reader(source, found.parsed, None)
    except (
        EOFError,
        IndexError,
        ValueError,
        KeyError,
        TypeError,
        UnicodeDecodeError,
        OverflowError,
    ) as error:
        raise ValueError(f"the payload does not fit the schema ({type(error).__name__})") from error
    if source.read(1) or not isinstance(record, dict):
        raise ValueError("the payload is longer than the schema says")
    return record
