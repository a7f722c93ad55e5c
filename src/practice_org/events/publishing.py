"""Putting platform events on the bus."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from practice_org.data.values import to_stored
from practice_org.errors import ApiError
from practice_org.events import avro, encoding, messages, platform_events, reading
from practice_org.events.topics import Topic

if TYPE_CHECKING:
    from practice_org.org import Org

MOST_BYTES = 1 << 20
"""Of one event message (Salesforce's table of Pub/Sub API limits)."""


def schema_id(topic: Topic) -> str:
    """The id of a topic's present schema."""
    return avro.schema_id(topic.definition)


def publish(org: Org, topic: Topic, events: Iterable[Any]) -> list[Any]:
    """Put ProducerEvents on the bus; those that do not fit get an error in their result, the others go."""
    entity = next(iter(topic.entities))
    shape = encoding.shape(schema_id(topic), topic.definition)
    results = []
    with org.transaction() as tx:
        for event in events:
            problem = _problem(org, entity, shape, event)
            made = messages.PublishResult(correlation_key=event.id)
            if problem is not None:
                made.error.code = messages.PUBLISH
                made.error.msg = problem
            else:
                number = tx.changes.publish(
                    tx, entity, _definition(org, topic, event), event.id or str(uuid.uuid4()), event.payload
                )
                made.replay_id = reading.replay_id(number)
            results.append(made)
    return results


def _definition(org: Org, topic: Topic, event: Any) -> str:
    found = reading.schema_by_id(org, event.schema_id)
    return found[1] if found else topic.definition


def _problem(org: Org, entity: str, shape: encoding.Shape, event: Any) -> str | None:
    if len(event.payload) > MOST_BYTES:
        return "The event message exceeds the maximum size of 1 MB."
    if event.schema_id != shape.schema_id:
        found = reading.schema_by_id(org, event.schema_id)
        if found is None or found[0] != entity:
            return f"The schema ID is not one of this topic: {event.schema_id}."
        shape = encoding.shape(event.schema_id, found[1])
    try:
        encoding.read(shape, event.payload)
    except ValueError as error:
        return f"The event could not be read: {error}."
    return None


def publish_values(org: Org, name: str, values: Mapping[str, Any], user_id: str) -> str:
    """Publish a platform event given by its fields, as REST and Apex do; returns the event's id.

    Raises ApiError NOT_FOUND for an unknown event, INVALID_FIELD for an unknown field, and the refusals of
    values.
    """
    event = platform_events.find(org, name)
    if event is None:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    known = {f.name.lower(): f for f in event.fields}
    shape = encoding.shape(avro.schema_id(event.definition), event.definition)
    record: dict[str, Any] = {
        "CreatedDate": int(org.clock.now().timestamp()) * 1000,
        "CreatedById": user_id,
    }
    for given, value in values.items():
        f = known.get(given.lower())
        if given == "attributes":
            continue
        if f is None:
            raise ApiError(400, "INVALID_FIELD", f"No such column '{given}' on sobject of type {event.name}")
        record[f.name] = encoding.wire_value(shape.columns[f.name], to_stored(f, value))
    event_id = str(uuid.uuid4())
    with org.transaction() as tx:
        tx.changes.publish(tx, event.name, event.definition, event_id, encoding.written(shape, record))
    return event_id
