"""Components that are kept and given back as they came: they change nothing in the practice org."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from practice_org.errors import ApiError
from practice_org.metadata import store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, no_such
from practice_org.metadata.value_types import value_type

if TYPE_CHECKING:
    from practice_org.org import Org


class DocumentKind(Kind):
    """A type whose components are only stored; required elements and enumerations are checked."""

    name: ClassVar[str] = ""

    def names(self, org: Org) -> list[str]:
        return [row.name for row in store.every(org, self.name)]

    def read(self, org: Org, full_name: str) -> Value | None:
        row = store.find(org, self.name, full_name)
        return None if row is None else {**row.definition, "fullName": row.name}

    def create(self, work: Work, full_name: str, value: Value) -> None:
        if store.find(work.org, self.name, full_name):
            raise ApiError(
                400, "DUPLICATE_DEVELOPER_NAME", f"Duplicate developer name: {full_name}", ("DeveloperName",)
            )
        self._put(work, full_name, value)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        row = store.find(work.org, self.name, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        self._put(work, row.name, value)

    def delete(self, work: Work, full_name: str) -> None:
        row = store.find(work.org, self.name, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        store.drop(work.org, self.name, row.name)

    def _put(self, work: Work, full_name: str, value: Value) -> None:
        shape = value_type(self.name)
        assert shape is not None
        for element in shape.elements:
            if element.required and value.get(element.name) in (None, "", []):
                raise ApiError(
                    400,
                    "REQUIRED_FIELD_MISSING",
                    f"Required field is missing: {element.name}",
                    (element.name,),
                )
        definition = {name: entry for name, entry in value.items() if name != "fullName"}
        store.put(work.org, work.user_id, self.name, full_name, definition)


class CustomTabKind(DocumentKind):
    """Tabs: the practice org's pages have none."""

    name = "CustomTab"
    directory = "tabs"
    suffix = "tab"


class ChannelKind(DocumentKind):
    """Custom channels of events."""

    name = "PlatformEventChannel"
    directory = "platformEventChannels"
    suffix = "platformEventChannel"
