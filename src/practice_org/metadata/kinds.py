"""What every type of component can do: be listed, read, created, changed, deleted, renamed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from practice_org.errors import ApiError
from practice_org.metadata import codec, store
from practice_org.metadata.codec import Value
from practice_org.metadata.store import Stored

if TYPE_CHECKING:
    from practice_org.org import Org


@dataclass(frozen=True)
class Work:
    """Who changes components, and in which API version."""

    org: Org
    user_id: str
    version: float


class Kind(ABC):
    """A type of component. `name` is its XML name; files lie in `directory` and end with `suffix`.

    `part_of`: the type in whose file it stands, under `element`, for components without a file of their own.
    """

    name: ClassVar[str]
    directory: ClassVar[str]
    suffix: ClassVar[str]
    part_of: ClassVar[str | None] = None
    element: ClassVar[str] = ""
    root: ClassVar[str | None] = None
    creatable: ClassVar[bool] = True

    @abstractmethod
    def names(self, org: Org) -> list[str]:
        """The full names of all components of this type."""

    @abstractmethod
    def read(self, org: Org, full_name: str) -> Value | None:
        """The component with its `fullName`; None when there is none of that name."""

    @abstractmethod
    def create(self, work: Work, full_name: str, value: Value) -> None:
        """Create a component. Raises ApiError."""

    @abstractmethod
    def update(self, work: Work, full_name: str, value: Value) -> None:
        """Give an existing component this definition. Raises ApiError."""

    @abstractmethod
    def delete(self, work: Work, full_name: str) -> None:
        """Delete an existing component. Raises ApiError."""

    def rename(self, work: Work, old: str, new: str) -> None:
        """Give a component another full name. Raises ApiError."""
        raise ApiError(400, "INVALID_TYPE", f"Rename is not supported for type {self.name}", ())

    def exact_name(self, org: Org, full_name: str) -> str | None:
        """The name in the org's own spelling, or None when there is no such component."""
        wanted = full_name.lower()
        return next((name for name in self.names(org) if name.lower() == wanted), None)

    def stored(self, org: Org, full_name: str) -> Stored:
        """Id and stamps of an existing component."""
        return store.known(org, self.name, full_name)

    def owner_and_name(self, full_name: str) -> tuple[str, str]:
        """The component in whose file it stands, and its name in there."""
        owner, _, name = full_name.partition(".")
        return owner, name

    def file_name(self, full_name: str) -> str:
        """The path of the component's file in a package."""
        return f"{self.directory}/{full_name}.{self.suffix}"

    def package_files(self, full_name: str, value: Value) -> dict[str, bytes]:
        """The files of a component, by their paths in a package."""
        return {self.file_name(full_name): codec.file_xml(self.name, value, self.root).encode()}


def no_such(type_name: str, full_name: str) -> ApiError:
    """The refusal to touch a component that is not there (quoted from deployments)."""
    return ApiError(400, "INVALID_CROSS_REFERENCE_KEY", f"no {type_name} named {full_name} found", ())


def integrity(message: str, *fields: str) -> ApiError:
    """FIELD_INTEGRITY_EXCEPTION, the code of most refusals of a definition."""
    return ApiError(400, "FIELD_INTEGRITY_EXCEPTION", message, fields)


def required(value: Value, key: str, type_name: str) -> str:
    """The text of a required element.

    Raises ApiError REQUIRED_FIELD_MISSING.
    """
    found = str(value.get(key) or "").strip()
    if not found:
        raise ApiError(400, "REQUIRED_FIELD_MISSING", f"Required field is missing: {key}", (key,))
    return found
