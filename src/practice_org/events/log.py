"""The log of events: every change of a captured object, in the transaction of its rows.

Changes are written as they are made, so that a rolled back savepoint takes its events with it. When the
transaction ends, equal changes of several records become one event, and what goes beyond the overflow
threshold one event an object; then the transaction's own facts (key, commit number, user, origin) follow.
Avro is made only when somebody reads. Replay ids rise and are never used again.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from practice_org.events import avro
from practice_org.events.origin import ACTOR, ORIGIN
from practice_org.events.settings import CHANNELS, DEFAULT_ENTITIES, ENTITIES, OVERFLOW, OVERFLOW_FROM

if TYPE_CHECKING:
    from practice_org.org import Org, Transaction
    from practice_org.schema.catalogue import ObjectType

TABLES = """
CREATE TABLE IF NOT EXISTS _event(
  replay INTEGER PRIMARY KEY AUTOINCREMENT, txn INTEGER NOT NULL, entity TEXT NOT NULL, kind TEXT NOT NULL,
  ids TEXT NOT NULL, schema INTEGER NOT NULL, data);
CREATE TABLE IF NOT EXISTS _event_txn(
  number INTEGER PRIMARY KEY, first INTEGER NOT NULL, at INTEGER NOT NULL, commit_number INTEGER NOT NULL,
  key TEXT NOT NULL, user_id TEXT NOT NULL, origin TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS _event_txn_at ON _event_txn(at);
CREATE TABLE IF NOT EXISTS _event_schema(
  number INTEGER PRIMARY KEY, entity TEXT NOT NULL, id TEXT NOT NULL UNIQUE, definition TEXT NOT NULL);
"""
NONE: Mapping[str, Sequence[str]] = {}
RETENTION = timedelta(hours=72)
NO_RECORD = "000000000000000AAA"
PRUNE_EVERY = 500
PUBLISHED = "PUBLISHED"
"""The kind of a platform event, whose `data` is the Avro payload as it was published."""
_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
MERGED = frozenset({"UPDATE", "DELETE"})


@dataclass(frozen=True)
class _Schema:
    """An event schema in use. `entity` is the object or platform event."""

    number: int
    entity: str
    definition: str


@dataclass(frozen=True)
class _Captured:
    """What is captured of an object as schema and setting now stand; `columns` is None for nothing."""

    obj: ObjectType
    chosen: tuple[Sequence[str], Mapping[str, Sequence[str]]]
    columns: frozenset[str] | None
    schema: _Schema


@dataclass
class _Open:
    """What an open transaction has recorded so far."""

    number: int
    after: int
    user_id: str | None
    origin: str
    most: int
    count: int = 0
    seen: set[tuple[str, str, str | None]] = field(default_factory=set)
    repeated: bool = False
    overflown: dict[str, int] = field(default_factory=dict)
    schemas: dict[int, _Schema] = field(default_factory=dict)


class EventLog:
    """Records changes and tells those that wait for them. `gaps`: so many changes will lose their data."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._open: _Open | None = None
        self._captured: dict[str, _Captured] = {}
        self._flushes = 0
        self._silent = False
        self._waiting: set[threading.Event] = set()
        self._waiting_lock = threading.Lock()
        self.gaps = 0

    # -- recording ----------------------------------------------------------------------------------

    def captures(self, obj: ObjectType) -> bool:
        """True when changes of this object are recorded (setting `cdc_entities`)."""
        return self._captured_of(obj).columns is not None and not self._silent

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Record nothing: for what a new org is born with, before anybody can subscribe."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    def record(
        self,
        tx: Transaction,
        kind: str,
        obj: ObjectType,
        record_id: str,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Record one change inside the writer's transaction; does nothing for objects not captured.

        `kind` is CREATE, UPDATE, DELETE or UNDELETE. `values` are stored values by column: all of a record
        that is created or undeleted, those that changed (null: emptied) of one that is updated.
        """
        captured = self._captured_of(obj)
        kept = captured.columns
        if kept is None or self._silent:
            return
        data = None
        if values is not None:
            if kind == "UPDATE":
                chosen = {n: v for n, v in values.items() if n in kept}
                if not chosen:
                    return
                if "LastModifiedDate" in kept:
                    # It may be the second of the change before: the event names it all the same.
                    chosen.setdefault("LastModifiedDate", tx.stamp)
            else:
                chosen = {n: v for n, v in values.items() if v is not None and n in kept}
            data = _json(chosen)
        state = self._begin(tx, captured.schema)
        state.count += 1
        number = captured.schema.number
        if state.count > state.most:
            state.overflown[obj.name] = number
            return
        if self.gaps:
            self.gaps -= 1
            kind, data = f"GAP_{kind}", None
        elif kind in MERGED and not state.repeated:
            same = (obj.name, kind, data)
            state.repeated = same in state.seen
            state.seen.add(same)
        self._insert(tx.connection, state.number, obj.name, kind, record_id, number, data)

    def overflow(self, tx: Transaction, obj: ObjectType) -> None:
        """Record that many records of an object changed, without saying which: GAP_OVERFLOW."""
        if self.captures(obj):
            schema = self._captured_of(obj).schema
            self._begin(tx, schema).overflown[obj.name] = schema.number

    def publish(self, tx: Transaction, entity: str, definition: str, event_id: str, payload: bytes) -> int:
        """Put a platform event on the bus; returns its replay number."""
        schema = _Schema(avro.schema_number(definition), entity, definition)
        state = self._begin(tx, schema)
        return self._insert(tx.connection, state.number, entity, PUBLISHED, event_id, schema.number, payload)

    def _captured_of(self, obj: ObjectType) -> _Captured:
        entities, channels = self._org.setting(ENTITIES, DEFAULT_ENTITIES), self._org.setting(CHANNELS, NONE)
        found = self._captured.get(obj.name)
        if (
            found is None
            or found.obj is not obj
            or found.chosen[0] is not entities
            or found.chosen[1] is not channels
        ):
            definition = avro.change_event_schema(obj)
            schema = _Schema(avro.schema_number(definition), obj.name, definition)
            wanted = obj.name.lower() in {name.lower() for name in chain(entities, *channels.values())}
            columns = avro.captured(obj) if wanted else None
            found = _Captured(obj, (entities, channels), columns, schema)
            self._captured[obj.name] = found
        return found

    def _begin(self, tx: Transaction, schema: _Schema) -> _Open:
        state = self._open
        if state is None:
            connection = tx.connection
            number = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM _event_txn").fetchone()[0]
            most = int(self._org.setting(OVERFLOW, OVERFLOW_FROM))
            state = self._open = _Open(number, latest(connection), ACTOR.get(), ORIGIN.get(), most)
        state.schemas[schema.number] = schema
        return state

    def _insert(
        self,
        connection: sqlite3.Connection,
        txn: int,
        entity: str,
        kind: str,
        ids: str,
        schema: int,
        data: str | bytes | None,
    ) -> int:
        made = connection.execute(
            "INSERT INTO _event(txn, entity, kind, ids, schema, data) VALUES(?, ?, ?, ?, ?, ?)",
            (txn, entity, kind, ids, schema, data),
        ).lastrowid
        assert made is not None
        return made

    # -- the end of a transaction -------------------------------------------------------------------

    def finish(self, tx: Transaction) -> bool:
        """Complete the events of a transaction that is about to commit; False when it has none."""
        state, self._open = self._open, None
        if state is None:
            return False
        connection = tx.connection
        if state.repeated:
            self._merge(connection, state)
        for entity, schema in state.overflown.items():
            self._insert(connection, state.number, entity, "GAP_OVERFLOW", NO_RECORD, schema, None)
        first = connection.execute("SELECT min(replay) FROM _event WHERE replay > ?", (state.after,))
        if (start := first.fetchone()[0]) is None:
            return False
        for used in state.schemas.values():
            keep_schema(connection, used.entity, used.definition)
        now = self._org.clock.now()
        before = connection.execute("SELECT coalesce(max(commit_number), 0) FROM _event_txn").fetchone()[0]
        nanoseconds = int(now.timestamp() * 1_000_000) * 1000
        connection.execute(
            "INSERT INTO _event_txn VALUES(?, ?, ?, ?, ?, ?, ?)",
            (
                state.number,
                start,
                int(now.timestamp()),
                max(before + 1, nanoseconds),
                _transaction_key(),
                state.user_id or self._modifier(connection, start),
                state.origin,
            ),
        )
        self._flushes += 1
        if self._flushes % PRUNE_EVERY == 0:
            self._prune(connection)
        return True

    def _modifier(self, connection: sqlite3.Connection, replay: int) -> str:
        """Who last changed the record of an event; the org's first user when the record does not say."""
        entity, ids = connection.execute(
            "SELECT entity, ids FROM _event WHERE replay = ?", (replay,)
        ).fetchone()
        obj = self._org.schema.get(entity)
        row = None
        if obj is not None and obj.get("LastModifiedById"):
            row = connection.execute(
                f'SELECT "LastModifiedById" FROM "{obj.name}" WHERE "Id" = ?', (ids[:18],)
            ).fetchone()
        if row is None or not row[0]:
            row = connection.execute('SELECT min("Id") FROM "User"').fetchone()
        return str(row[0])

    def discard(self) -> None:
        """Forget what a transaction recorded that was rolled back."""
        self._open = None

    def announce(self) -> None:
        """Wake those who wait for events."""
        if self._waiting:
            with self._waiting_lock:
                for one in self._waiting:
                    one.set()

    @contextmanager
    def woken(self, wake: threading.Event) -> Iterator[None]:
        """Have this set whenever events came, until the block ends."""
        with self._waiting_lock:
            self._waiting.add(wake)
        try:
            yield
        finally:
            with self._waiting_lock:
                self._waiting.discard(wake)

    def _merge(self, connection: sqlite3.Connection, state: _Open) -> None:
        """One event for equal changes of several records, unless a record would be seen out of order."""
        rows = connection.execute(
            "SELECT entity, kind, ids, schema, data FROM _event WHERE replay > ? ORDER BY replay",
            (state.after,),
        ).fetchall()
        merged: list[list[Any]] = []
        place: dict[tuple[Any, ...], int] = {}
        last: dict[str, int] = {}
        for entity, kind, ids, schema, data in rows:
            same = (entity, kind, schema, data)
            at = place.get(same)
            if kind in MERGED and at is not None and last.get(ids, -1) < at:
                merged[at][2].append(ids)
            else:
                at = len(merged)
                merged.append([entity, kind, [ids], schema, data])
                place[same] = at
            last[ids] = at
        connection.execute("DELETE FROM _event WHERE replay > ?", (state.after,))
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = '_event'", (state.after,))
        for entity, kind, ids, schema, data in merged:
            self._insert(connection, state.number, entity, kind, " ".join(ids), schema, data)

    def _prune(self, connection: sqlite3.Connection) -> None:
        start = earliest(connection, self.horizon())
        connection.execute("DELETE FROM _event WHERE replay < ?", (start,))
        connection.execute(
            "DELETE FROM _event_txn WHERE first < ? AND number < (SELECT max(number) FROM _event_txn)",
            (start,),
        )

    def horizon(self) -> int:
        """The oldest second, by the org's clock, whose events are still kept."""
        return int((self._org.clock.now() - RETENTION).timestamp())


def keep_schema(connection: sqlite3.Connection, entity: str, definition: str) -> None:
    """Store a schema, so that its id can be asked for."""
    connection.execute(
        "INSERT OR IGNORE INTO _event_schema(number, entity, id, definition) VALUES(?, ?, ?, ?)",
        (avro.schema_number(definition), entity, avro.schema_id(definition), definition),
    )


def expire(connection: sqlite3.Connection, upto: int) -> None:
    """Have the events up to a number gone, as if their time were over."""
    connection.execute("DELETE FROM _event WHERE replay <= ?", (upto,))
    connection.execute("DELETE FROM _event_txn WHERE NOT EXISTS (SELECT 1 FROM _event WHERE txn = number)")


def latest(connection: sqlite3.Connection) -> int:
    """The number of the newest event there ever was; 0 when there was none."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = '_event'").fetchone()
    return int(row[0]) if row else 0


def earliest(connection: sqlite3.Connection, horizon: int) -> int:
    """The number of the oldest event that is still kept; the one after the newest when none is."""
    first = connection.execute("SELECT min(first) FROM _event_txn WHERE at >= ?", (horizon,)).fetchone()[0]
    there = connection.execute("SELECT min(replay) FROM _event").fetchone()[0]
    return latest(connection) + 1 if first is None or there is None else max(int(first), int(there))


def _transaction_key() -> str:
    """A transaction key in the recorded form: a UUID whose first group is small."""
    digits = secrets.token_hex(14)
    return f"0000{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:28]}"
