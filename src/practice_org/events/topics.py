"""Topics: the channels of change events and the platform events, by the names that clients give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from practice_org.events import avro, platform_events
from practice_org.events.settings import CHANNELS, DEFAULT_ENTITIES, ENTITIES
from practice_org.schema.access import SETUP_OBJECTS

if TYPE_CHECKING:
    from practice_org.org import Org
    from practice_org.schema.catalogue import ObjectType

ALL_CHANGES = "/data/ChangeEvents"


@dataclass(frozen=True)
class Topic:
    """A topic. `definition` is its one schema's text; empty for a channel of several objects."""

    name: str
    entities: frozenset[str]
    definition: str = ""
    publishable: bool = False


def find(org: Org, name: str) -> Topic | None:
    """The topic of a name; None when there is none. Objects that the org does not capture have one, too."""
    folder, _, last = name.strip("/").partition("/")
    if folder == "event":
        event = platform_events.find(org, last)
        if event is None:
            return None
        return Topic(f"/event/{event.name}", frozenset({event.name}), event.definition, publishable=True)
    if folder != "data":
        return None
    if last == "ChangeEvents":
        return Topic(ALL_CHANGES, frozenset(_known(org, org.setting(ENTITIES, DEFAULT_ENTITIES))))
    channels: Mapping[str, Sequence[str]] = org.setting(CHANNELS, {})
    for channel, members in channels.items():
        if channel.lower() == last.lower():
            return Topic(f"/data/{channel}", frozenset(_known(org, members)))
    obj = _object(org, last)
    if obj is None:
        return None
    return Topic(
        f"/data/{avro.change_event_name(obj.name)}",
        frozenset({obj.name}),
        avro.change_event_schema(obj),
    )


def _object(org: Org, name: str) -> ObjectType | None:
    lowered = name.lower()
    if not lowered.endswith("changeevent"):
        return None
    stem = name[: -len("ChangeEvent")]
    obj = org.schema.get(f"{stem[:-2]}__c" if stem.endswith("__") else stem)
    return None if obj is None or obj.name in SETUP_OBJECTS - {"User"} else obj


def _known(org: Org, names: Sequence[str]) -> list[str]:
    return [obj.name for name in names if (obj := org.schema.get(name)) is not None]
