"""Platform events of the org's own (`Order_Shipped__e`): their definitions, and values to publish."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from practice_org.errors import ApiError
from practice_org.events import avro
from practice_org.schema.catalogue import Field

if TYPE_CHECKING:
    from practice_org.org import Org

SETTING = "platform_events"
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_))*(?<!_)\Z")
KINDS = {
    "text": "string",
    "string": "string",
    "longtextarea": "textarea",
    "textarea": "textarea",
    "number": "double",
    "double": "double",
    "checkbox": "boolean",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}
"""The types that a field of a platform event may have, and the describe type of each."""


@dataclass(frozen=True)
class PlatformEvent:
    """A defined platform event."""

    name: str
    label: str
    fields: tuple[Field, ...]

    @property
    def definition(self) -> str:
        """The text of its Avro schema."""
        return avro.platform_event_schema(self.name, self.fields)


def define(org: Org, name: str, fields: Mapping[str, str], label: str | None = None) -> PlatformEvent:
    """Define a platform event, or give it other fields (names to types of KINDS); `__e`, `__c` may lack.

    Raises ApiError FIELD_INTEGRITY_EXCEPTION for a name that cannot be, INVALID_TYPE for an unknown type.
    """
    stem = name[:-3] if name.endswith("__e") else name
    for one in (stem, *(f[:-3] if f.endswith("__c") else f for f in fields)):
        if not _NAME.match(one):
            raise ApiError(400, "FIELD_INTEGRITY_EXCEPTION", f"No name of an event or field: {one}")
    for kind in fields.values():
        if str(kind).lower() not in KINDS:
            raise ApiError(
                400, "INVALID_TYPE", f"'{kind}' is no type of an event's field: {', '.join(KINDS)}"
            )
    stored = {
        "label": label or stem.replace("_", " "),
        "fields": {(f if f.endswith("__c") else f"{f}__c"): str(kind).lower() for f, kind in fields.items()},
    }
    full = f"{stem}__e"
    known = {k: v for k, v in _stored(org).items() if k.lower() != full.lower()}
    org.set_setting(SETTING, {**known, full: stored})
    return _event(full, stored)


def remove(org: Org, name: str) -> bool:
    """Undefine a platform event; False when there was none. Its events stay until they expire."""
    known = _stored(org)
    left = {k: v for k, v in known.items() if k.lower() != name.lower()}
    org.set_setting(SETTING, left)
    return len(left) < len(known)


def every(org: Org) -> list[PlatformEvent]:
    """All defined platform events."""
    return [_event(name, stored) for name, stored in sorted(_stored(org).items())]


def find(org: Org, name: str) -> PlatformEvent | None:
    """The platform event of that name, in any case."""
    return next((event for event in every(org) if event.name.lower() == name.lower()), None)


def _stored(org: Org) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = org.setting(SETTING, {})
    return found


def _event(name: str, stored: Mapping[str, Any]) -> PlatformEvent:
    return PlatformEvent(name, stored["label"], tuple(_fields(stored["fields"].items())))


def _fields(pairs: Iterable[tuple[str, str]]) -> Iterable[Field]:
    for name, kind in pairs:
        described = KINDS[kind]
        length = {"string": 255, "textarea": 32768}.get(described, 0)
        label = name[:-3].replace("_", " ")
        yield Field(name, label, described, length=length, flags=frozenset({"custom", "nillable"}))
