"""Objects whose records lie under records of their own kind: no record lies under itself."""

from __future__ import annotations

from practice_org.data.standard.change import Change, value_of
from practice_org.errors import ApiError


def fill(change: Change) -> None:
    """Refuse a parent that is the record itself or lies below it.

    The code is documented; the wording is platform knowledge.
    """
    parent = change.row.get("ParentId")
    if change.creating or parent is None or not change.altered("ParentId"):
        return
    own, seen = change.row["Id"], set()
    while parent is not None and parent not in seen:
        if parent == own:
            raise ApiError(
                400, "CIRCULAR_DEPENDENCY", "attempt to violate hierarchy constraints", ("ParentId",)
            )
        seen.add(parent)
        parent = value_of(change.connection, change.obj.name, parent, "ParentId")
