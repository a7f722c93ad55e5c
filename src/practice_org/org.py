"""One simulated org: a SQLite file, a clock, switches, and the locks that keep them consistent.

Durability: every write commits in WAL mode before its answer leaves, so that killing the process
loses nothing that was acknowledged. There is one writer at a time (`transaction`); each thread reads
on a connection of its own (`reader`). A transaction stamps its rows with the org's time at its
*start*, as Salesforce does (spec 5.4).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from practice_org.clock import OrgClock, parse_stamp, stamp
from practice_org.data import tables
from practice_org.events.log import EventLog
from practice_org.events.trouble import Trouble
from practice_org.formula.sql import register_functions
from practice_org.rules.settings import RULE_SETTINGS
from practice_org.schema.catalogue import Schema

FILE_VERSION = 1


class OrgFileError(Exception):
    """The org's file cannot be used; the text says why and what to do."""


class Faults(Protocol):
    """What may be made to go wrong around an effect."""

    def check(self, trigger: str, object_name: str | None, record_id: str | None = None) -> None: ...

    def wrote(self, record_ids: Sequence[str]) -> None: ...


class NoFaults:
    """Nothing goes wrong."""

    def check(self, trigger: str, object_name: str | None, record_id: str | None = None) -> None:
        return None

    def wrote(self, record_ids: Sequence[str]) -> None:
        return None


class AccessCache(dict[str, Any]):
    """What users may do, as last worked out. `version` tells whether it was forgotten meanwhile."""

    version = 0

    def clear(self) -> None:
        """Forget all of it; a working-out that is under way will not be kept."""
        self.version += 1
        super().clear()


@dataclass(frozen=True)
class Transaction:
    """An open write: its connection, the moment at which it began, and the log that its changes go into."""

    connection: sqlite3.Connection
    started: datetime
    changes: EventLog

    @cached_property
    def stamp(self) -> str:
        return stamp(self.started)


class Org:
    """An open org. Use `Org.create` and `Org.open`."""

    def __init__(self, path: Path) -> None:
        from practice_org.data.late import LateCommits
        from practice_org.limits import Limits
        from practice_org.rules.background import Background
        from practice_org.rules.rulebook import Rulebook
        from practice_org.schema import custom

        self.path = path
        self.files = path.with_name(path.name + ".files")
        self.clock = OrgClock()
        self.faults: Faults = NoFaults()
        self._write_lock = threading.RLock()
        self._transaction: Transaction | None = None
        self._stamp_lock = threading.Lock()
        self._open_since: datetime | None = None
        self._local = threading.local()
        self._generation = 0
        self._zone: ZoneInfo | None = None
        self._connections: list[sqlite3.Connection] = []
        self._connections_lock = threading.Lock()
        self.access_cache = AccessCache()
        self.changes = EventLog(self)
        self.trouble = Trouble()
        self.jobs: dict[str, threading.Thread] = {}
        self.closing = threading.Event()
        self._writer = self._connect()
        self._settings = {
            key: json.loads(value) for key, value in self._writer.execute("SELECT key, value FROM _setting")
        }
        self._restore_clock()
        self.schema: Schema = custom.load_schema(self._writer)
        self.limits = Limits(self)
        self.late = LateCommits(self)
        self.rulebook = Rulebook(self)
        self.background = Background(self)

    # -- life ---------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: Path | str,
        *,
        name: str = "Practice Org",
        sandbox: bool = False,
        edition: str = "Enterprise Edition",
    ) -> Org:
        """A new org in a new file, with organization, licence and the two standard profiles.

        Raises OrgFileError when the file exists or cannot be written.
        """
        from practice_org.schema import birth

        path = Path(path)
        if path.exists() and path.stat().st_size:
            raise OrgFileError(f"{path} exists already: open it, or choose another file.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(tables.INTERNAL_TABLES)
            connection.execute("INSERT INTO _meta VALUES('file_version', ?)", (str(FILE_VERSION),))
            connection.close()
        except (OSError, sqlite3.Error) as error:
            raise OrgFileError(f"The org's file {path} cannot be written: {error}.") from error
        org = cls(path)
        with org.changes.silent():
            birth.populate(org, name=name, sandbox=sandbox, edition=edition)
        return org

    @classmethod
    def open(cls, path: Path | str) -> Org:
        """The org of an existing file.

        Raises OrgFileError when there is no such file, it is no org, or a newer version wrote it.
        """
        from practice_org.schema import birth

        path = Path(path)
        if not path.exists():
            raise OrgFileError(f"There is no file {path}.")
        try:
            connection = sqlite3.connect(path, isolation_level=None)
            found = connection.execute("SELECT value FROM _meta WHERE key='file_version'").fetchone()
            if found and int(found[0]) <= FILE_VERSION:
                connection.executescript(tables.INTERNAL_TABLES)
            connection.close()
        except sqlite3.Error as error:
            raise OrgFileError(f"{path} is not a practice org's file ({error}).") from error
        if not found:
            raise OrgFileError(f"{path} is not a practice org's file.")
        if int(found[0]) > FILE_VERSION:
            raise OrgFileError(
                f"{path} was written by a newer version (file version {found[0]}, this one knows "
                f"{FILE_VERSION}): update practice-org, or use another file."
            )
        org = cls(path)
        birth.upgrade(org)
        return org

    def close(self) -> None:
        """Close every connection; the org must not be used afterwards."""
        self.closing.set()
        for job in list(self.jobs.values()):
            job.join()
        self.late.stop()
        self.limits.flush()
        with self._connections_lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA cache_size=-32000")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA mmap_size=67108864")
        if read_only:
            connection.execute("PRAGMA query_only=1")
        else:
            connection.execute("PRAGMA journal_mode=WAL")
        tables.register_functions(connection)
        connection.create_function("sf_now", 0, lambda: stamp(self.clock.now()))
        register_functions(connection, lambda: stamp(self.clock.now()), self.today)
        with self._connections_lock:
            self._connections.append(connection)
        return connection

    # -- reading and writing ------------------------------------------------------------------------

    def reader(self) -> sqlite3.Connection:
        """This thread's read connection; inside a transaction of this thread, the writer itself."""
        if self._transaction is not None and self._local.__dict__.get("writing"):
            return self._transaction.connection
        connection: sqlite3.Connection | None = self._local.__dict__.get("connection")
        if connection is None:
            connection = self._connect(read_only=True)
            self._local.connection = connection
        return connection

    def release_reader(self) -> None:
        """Close this thread's read connection, for threads that end."""
        connection: sqlite3.Connection | None = self._local.__dict__.pop("connection", None)
        if connection is not None:
            with self._connections_lock:
                self._connections.remove(connection)
            connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A read connection that sees one consistent state until the block ends."""
        connection = self.reader()
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    @contextmanager
    def transaction(self, started: datetime | None = None) -> Iterator[Transaction]:
        """The org's one writer: commits when the block ends, rolls back when it raises.

        A transaction inside another joins it.
        """
        with self._write_lock:
            if self._transaction is not None:
                yield self._transaction
                return
            with self._stamp_lock:
                opened = Transaction(self._writer, started or self.clock.now(), self.changes)
                self._open_since = opened.started
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                self._transaction = opened
                self._local.writing = True
                yield opened
                told = self.changes.finish(opened)
            except BaseException:
                self.changes.discard()
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                self.access_cache.clear()
                raise
            else:
                self._writer.execute("COMMIT")
                if told:
                    self.changes.announce()
            finally:
                self._transaction = None
                self._open_since = None
                self._local.writing = False

    def writing(self) -> threading.RLock:
        """The lock of the one writer, for those that must hold it before another lock."""
        return self._write_lock

    def certain_until(self) -> datetime:
        """The moment before which no change is still to come: now, or the start of the oldest open write.

        Read it before the rows. A write that starts later bears a later stamp, to the second: readers go
        on from here inclusively.
        """
        with self._stamp_lock:
            now, writing = self.clock.now(), self._open_since
        # After the lock, because a write that is held open is registered before its transaction ends.
        candidates = (now, writing, self.late.oldest_start)
        return min(moment for moment in candidates if moment is not None)

    def today(self) -> str:
        """The day by the organization's time zone, as stored."""
        if self._zone is None:
            # A connection of its own: formulas ask while the thread's own is busy with their query.
            connection = sqlite3.connect(self.path)
            row = connection.execute('SELECT "TimeZoneSidKey" FROM "Organization"').fetchone()
            connection.close()
            self._zone = ZoneInfo(row[0]) if row and row[0] else ZoneInfo("UTC")
        return self.clock.now().astimezone(self._zone).date().isoformat()

    # -- switches -----------------------------------------------------------------------------------

    def setting(self, key: str, default: Any = None) -> Any:
        """A switch of the org, by name."""
        return self._settings.get(key, default)

    def set_setting(self, key: str, value: Any) -> None:
        """Set a switch; it survives a restart. The value must be JSON."""
        with self.transaction() as tx:
            tx.connection.execute(
                "INSERT INTO _setting VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                (key, json.dumps(value)),
            )
        self._settings[key] = value
        if key in RULE_SETTINGS:
            self.rulebook.changed()

    def save_clock(self) -> None:
        """Keep the clock's offset or frozen moment over a restart."""
        frozen = self.clock.frozen_at
        self.set_setting("clock_offset", self.clock.offset_seconds)
        self.set_setting("clock_header_offset", self.clock.header_offset_seconds)
        self.set_setting("clock_frozen", stamp(frozen) if frozen else None)

    def _restore_clock(self) -> None:
        self.clock.set_offset(float(self.setting("clock_offset", 0.0)))
        self.clock.set_header_offset(float(self.setting("clock_header_offset", 0.0)))
        frozen = self.setting("clock_frozen")
        if frozen:
            self.clock.freeze(parse_stamp(frozen))

    def replace_schema(self, schema: Schema) -> None:
        """Publish a changed schema; what was worked out from the old one is forgotten."""
        self.schema = schema
        self.access_cache.clear()

    def reload(self) -> None:
        """Read settings and schema again, after a rollback has undone what changed them."""
        from practice_org.schema import custom

        with self._write_lock:
            rows = self._writer.execute("SELECT key, value FROM _setting")
            self._settings = {key: json.loads(value) for key, value in rows}
            self.replace_schema(custom.load_schema(self._writer))

    @property
    def id(self) -> str:
        """The organization's id."""
        row = self.reader().execute('SELECT "Id" FROM "Organization"').fetchone()
        return str(row[0])

    def file(self, name: str) -> Path:
        """A file beside the database, for results that are too large to keep in it."""
        self.files.mkdir(parents=True, exist_ok=True)
        return self.files / name
