"""Platform event channels and their members: which objects' changes are published (Change Data Capture).

The selection on the standard channel `ChangeEvents` is the org's setting `cdc_entities`, a list of object
names; those of custom channels are the setting `event_channels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from practice_org.errors import ApiError
from practice_org.events.settings import CHANNELS, DEFAULT_ENTITIES, ENTITIES
from practice_org.metadata import store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, integrity, no_such, required

if TYPE_CHECKING:
    from practice_org.org import Org

STANDARD_CHANNEL = "ChangeEvents"


class ChannelMemberKind(Kind):
    """Full names are like `ChangeEvents_LeadChangeEvent`; the name says nothing, the value does."""

    name = "PlatformEventChannelMember"
    directory = "platformEventChannelMembers"
    suffix = "platformEventChannelMember"

    def names(self, org: Org) -> list[str]:
        stored = store.every(org, self.name)
        told = {row.definition.get("selectedEntity") for row in stored if _standard(row.definition)}
        others = [
            f"{STANDARD_CHANNEL}_{_event(name)}"
            for name in org.setting(ENTITIES, DEFAULT_ENTITIES)
            if _event(name) not in told
        ]
        return sorted([row.name for row in stored] + others)

    def read(self, org: Org, full_name: str) -> Value | None:
        exact = self.exact_name(org, full_name)
        if exact is None:
            return None
        row = store.find(org, self.name, exact)
        if row is not None and row.definition:
            return {"fullName": exact, **row.definition}
        return {
            "fullName": exact,
            "eventChannel": STANDARD_CHANNEL,
            "selectedEntity": exact.removeprefix(STANDARD_CHANNEL + "_"),
        }

    def create(self, work: Work, full_name: str, value: Value) -> None:
        if self.exact_name(work.org, full_name):
            raise ApiError(
                400, "DUPLICATE_DEVELOPER_NAME", f"Duplicate developer name: {full_name}", ("DeveloperName",)
            )
        self._put(work, full_name, value)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        exact = self.exact_name(work.org, full_name)
        if exact is None:
            raise no_such(self.name, full_name)
        self._put(work, exact, value)

    def delete(self, work: Work, full_name: str) -> None:
        found = self.read(work.org, full_name)
        if found is None:
            raise no_such(self.name, full_name)
        with work.org.transaction():
            store.drop(work.org, self.name, str(found["fullName"]))
            if not _standard(found):
                _select_custom(work.org)
            else:
                gone = _object_of(work.org, str(found["selectedEntity"]))
                _select(work.org, [n for n in work.org.setting(ENTITIES, DEFAULT_ENTITIES) if n != gone])

    def _put(self, work: Work, name: str, value: Value) -> None:
        required(value, "eventChannel", self.name)
        required(value, "selectedEntity", self.name)
        entity = _object_of(work.org, str(value["selectedEntity"]))
        if entity is None:
            raise integrity(
                f"SelectedEntity: bad value for restricted picklist field: {value['selectedEntity']}",
                "selectedEntity",
            )
        if (
            not _standard(value)
            and store.find(work.org, "PlatformEventChannel", str(value["eventChannel"])) is None
        ):
            raise no_such("PlatformEventChannel", str(value["eventChannel"]))
        with work.org.transaction():
            store.put(
                work.org, work.user_id, self.name, name, {k: v for k, v in value.items() if k != "fullName"}
            )
            if not _standard(value):
                _select_custom(work.org)
            else:
                _select(work.org, sorted({*(work.org.setting(ENTITIES, DEFAULT_ENTITIES)), entity}))


def _select(org: Org, names: list[str]) -> None:
    org.set_setting(ENTITIES, names)


def _select_custom(org: Org) -> None:
    """The members of custom channels as they are stored; channels without members, of other makers, stay."""
    chosen: dict[str, list[str]] = {}
    for row in store.every(org, ChannelMemberKind.name):
        entity = _object_of(org, str(row.definition.get("selectedEntity")))
        if entity is not None and not _standard(row.definition):
            channel = str(row.definition["eventChannel"]).removeprefix("data/")
            chosen.setdefault(channel, []).append(entity)
    known = {row.name for row in store.every(org, "PlatformEventChannel")}
    others = {name: members for name, members in org.setting(CHANNELS, {}).items() if name not in known}
    org.set_setting(CHANNELS, {**others, **chosen})


def _standard(value: Value) -> bool:
    return value.get("eventChannel") in (STANDARD_CHANNEL, f"data/{STANDARD_CHANNEL}", None)


def _event(object_name: str) -> str:
    return object_name[:-3] + "__ChangeEvent" if object_name.endswith("__c") else object_name + "ChangeEvent"


def _object_of(org: Org, event: str) -> str | None:
    if event.endswith("__ChangeEvent"):
        obj = org.schema.get(event.removesuffix("__ChangeEvent") + "__c")
    else:
        obj = org.schema.get(event.removesuffix("ChangeEvent")) if event.endswith("ChangeEvent") else None
    return obj.name if obj else None
