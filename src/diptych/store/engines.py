"""One engine factory for both databases: how connections are opened, transactions begun, and trouble told apart.

SQLite: WAL, synchronous=FULL (a power cut must not keep 'page 7 done' and lose page 7), foreign keys, 30 s of waiting
for the one writer, and `isolation_level=None` with an explicit BEGIN IMMEDIATE, so that DDL rolls back too. Only the
standard library's sqlite3 may open the file: two SQLite libraries in one process corrupt it.
PostgreSQL: READ COMMITTED with row locks (see `people`), session time zone UTC.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError

from diptych.sync.ports import StoreBusy

BUSY_SECONDS = 30
_SQLITE_BUSY = {5, 6, 8, 10, 13, 14, 15}  # busy, locked, read-only, I/O, full, cannot open, locking protocol
_POSTGRES_BUSY = ("08", "40", "53", "57", "58")  # connection, serialisation, resources, operator, system
_LOCK_NOT_AVAILABLE = "55P03"


class StoreUnusable(Exception):
    """The database cannot be opened; the text says why and what to do, in one line."""


def open_engine(url: str) -> Engine:
    """An engine for a `sqlite:///FILE` or `postgresql://...` URL; creates the folder of a SQLite file.

    Raises StoreUnusable when the folder or file cannot be written or the URL is of another kind.
    """
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _sqlite(parsed)
    if kind == "postgresql":
        return _postgres(parsed)
    raise StoreUnusable(f"The database {kind} is not supported. Use sqlite:///FILE or postgresql://...")


def is_postgres(engine: Engine | Connection) -> bool:
    return engine.dialect.name == "postgresql"


def reading(engine: Engine) -> Engine:
    """The same engine for units that only read: they do not wait for the writer."""
    return engine.execution_options(diptych_reading=True)


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise StoreUnusable("A SQLite database needs a file, as in sqlite:////srv/diptych/app.db")
    _must_be_writable(Path(url.database).absolute())
    engine = sa.create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=10,
        max_overflow=20,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-16384")
        connection.execute("PRAGMA temp_store=MEMORY")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql("BEGIN" if options.get("diptych_reading") else "BEGIN IMMEDIATE")

    return engine


def _must_be_writable(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreUnusable(
            f"The folder {file.parent} cannot be made ({problem.strerror}). "
            "Choose another one with DIPTYCH_DATA_DIR, or mend its rights."
        ) from problem
    if file.is_dir():
        raise StoreUnusable(
            f"{file} is a folder; the database has to be a file. Choose another DIPTYCH_DATABASE_URL."
        )
    checked = file if file.exists() else file.parent
    if not os.access(checked, os.W_OK) or not os.access(file.parent, os.W_OK):
        raise StoreUnusable(
            f"{checked} cannot be written. Choose another place with DIPTYCH_DATA_DIR, or mend its rights."
        )


def _postgres(url: URL) -> Engine:
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"options": "-c timezone=UTC -c lock_timeout=30s", "application_name": "diptych"},
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
    )


def busy(problem: BaseException) -> bool:
    """Whether a database error is of the kind 'not now': nothing of the unit was kept, and later may do."""
    original = problem.orig if isinstance(problem, DBAPIError) else problem
    if isinstance(problem, DBAPIError) and problem.connection_invalidated:
        return True
    if isinstance(original, sqlite3.OperationalError):
        return (getattr(original, "sqlite_errorcode", 0) & 0xFF) in _SQLITE_BUSY
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return state[:2] in _POSTGRES_BUSY or state == _LOCK_NOT_AVAILABLE
    return type(original).__module__.startswith("psycopg") and type(original).__name__ == "OperationalError"


@contextmanager
def told_apart() -> Iterator[None]:
    """Database errors of the kind 'not now' leave as StoreBusy, all others as they are."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as problem:
        if busy(problem):
            what = str(problem.orig if isinstance(problem, DBAPIError) else problem).strip().splitlines()
            raise StoreBusy(
                f"The database could not be used just now: {what[0] if what else problem}"
            ) from problem
        raise
