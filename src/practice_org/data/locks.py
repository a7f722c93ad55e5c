"""Row locks: which records a write holds, and the refusal of one that needs a record held by another.

A write locks its record and the parents that the platform keeps in step with it: accounts, campaigns and
the masters of master-detail fields. A write that is held open (`data.late`) keeps its locks until it
commits; others wait `lock_wait_seconds` and are refused then (UNABLE_TO_LOCK_ROW).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    import sqlite3

    from practice_org.data.dml import Write
    from practice_org.org import Org

LOCKING = frozenset({"AccountId", "CampaignId", "OpportunityId"})
"""Standard references whose target is locked along with the record."""


def held(org: Org, writes: Sequence[Write]) -> dict[int, ApiError]:
    """The writes that need a record which another open transaction holds, by position."""
    if not org.late.any_open:
        return {}
    out: dict[int, ApiError] = {}
    for number, write in enumerate(writes):
        try:
            org.late.await_unlocked(needed(org.reader(), write.obj, write.id, write.values))
        except ApiError as error:
            out[number] = error
    return out


def needed(
    connection: sqlite3.Connection, obj: ObjectType, record_id: str | None, values: Mapping[str, Any]
) -> list[str]:
    """The records that a write locks: its own and the parents before and after it."""
    parents = [
        f.name for f in obj.fields if f.type == "reference" and (f.name in LOCKING or f.has("cascadeDelete"))
    ]
    out = [] if record_id is None else [record_id]
    lowered = {key.lower(): value for key, value in values.items()}
    out += [str(lowered[name.lower()]) for name in parents if lowered.get(name.lower())]
    if record_id is not None and parents:
        listed = ", ".join(quoted(name) for name in parents)
        row = connection.execute(
            f'SELECT {listed} FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,)
        ).fetchone()
        out += [str(value) for value in row or () if value]
    return out
