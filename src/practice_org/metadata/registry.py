"""All types of components that the practice org knows, by name and by the directory of their files."""

from __future__ import annotations

from practice_org.errors import ApiError
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work

KINDS: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Make types known; `practice_org.metadata.all_kinds` does so for those that there are."""
    KINDS.update({kind.name: kind for kind in kinds})


def kind_named(name: str) -> Kind:
    """The type of that name.

    Raises ApiError INVALID_TYPE, in the words of the real service, for one that is not known.
    """
    found = KINDS.get(name)
    if found is None:
        raise ApiError(400, "INVALID_TYPE", f"INVALID_TYPE: Unknown type:{name}", ())
    return found


def upsert(kind: Kind, work: Work, full_name: str, value: Value) -> bool:
    """Create the component or, when there is one of that name, update it; whether it was created."""
    if kind.exact_name(work.org, full_name) is not None:
        kind.update(work, full_name, value)
        return False
    kind.create(work, full_name, value)
    return True
