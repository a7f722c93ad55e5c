"""Reading the event log: positions, what is still kept, and the events after a position."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from practice_org.events.log import PUBLISHED, earliest, latest

if TYPE_CHECKING:
    from practice_org.events.topics import Topic
    from practice_org.org import Org

_COLUMNS = (
    "e.replay, e.entity, e.kind, e.ids, e.schema, e.data, t.first, t.at, t.commit_number, t.key, t.user_id, "
    "t.origin"
)


@dataclass(frozen=True)
class Stored:
    """One event of the log with the facts of its transaction; `at` in seconds, `data` JSON or a payload."""

    replay: int
    entity: str
    kind: str
    ids: str
    schema: int
    data: str | bytes | None
    first: int
    at: int
    commit_number: int
    key: str
    user_id: str
    origin: str


def replay_id(number: int) -> bytes:
    """A position as clients get it: eight bytes, big-endian, and two of zero (the form of a real one)."""
    return number.to_bytes(8, "big") + b"\0\0"


def replay_number(replay: bytes) -> int | None:
    """The number of a position; None for what cannot be one. Clients may send its first eight bytes alone."""
    if len(replay) not in (8, 10) or replay[8:].strip(b"\0"):
        return None
    return int.from_bytes(replay[:8], "big")


def tip(org: Org) -> int:
    """The position after which the next event will stand."""
    return latest(org.reader())


def oldest(org: Org) -> int:
    """The position before the oldest event that is still kept."""
    with org.snapshot() as connection:
        return earliest(connection, org.changes.horizon()) - 1


def is_kept(org: Org, number: int) -> bool:
    """Whether a subscription may start after this position without having missed anything."""
    return oldest(org) <= number <= tip(org)


def after(org: Org, topic: Topic, position: int, most: int) -> tuple[list[Stored], int]:
    """Up to `most` events of a topic after a position, and the position up to which all was looked at."""
    with org.snapshot() as connection:
        end = latest(connection)
        if position >= end:
            return [], position
        start = max(position, earliest(connection, org.changes.horizon()) - 1)
        rows = _rows(connection, topic, start, most)
    found = [Stored(*row) for row in rows]
    return found, found[-1].replay if len(found) == most else max(end, position)


def _rows(connection: sqlite3.Connection, topic: Topic, start: int, most: int) -> list[Any]:
    names = sorted(topic.entities)
    marks = ",".join("?" * len(names))
    compared = "=" if topic.publishable else "<>"
    return connection.execute(
        f"SELECT {_COLUMNS} FROM _event e JOIN _event_txn t ON t.number = e.txn "
        f"WHERE e.replay > ? AND e.entity IN ({marks}) AND e.kind {compared} ? ORDER BY e.replay LIMIT ?",
        (start, *names, PUBLISHED, most),
    ).fetchall()


def schema_by_number(org: Org, number: int) -> tuple[str, str]:
    """Id and text of a schema that an event refers to."""
    row = org.reader().execute("SELECT id, definition FROM _event_schema WHERE number = ?", (number,))
    found: tuple[str, str] = row.fetchone()
    return found


def schema_by_id(org: Org, schema_id: str) -> tuple[str, str] | None:
    """Entity and text of the schema of an id; None for an unknown one."""
    row = org.reader().execute("SELECT entity, definition FROM _event_schema WHERE id = ?", (schema_id,))
    found: tuple[str, str] | None = row.fetchone()
    return found
