"""Backups of a SQLite database while it is in use, and putting one back in its place.

Both go through SQLite's own online backup, page by page into one file, so that other processes neither hold it up nor see a
half of it. `diptych.services.restoring` says in which order a database is put back.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.values import instant_text, parse_instant
from diptych.store.engines import BUSY_SECONDS, StoreUnusable

DATABASE_ID = "database_id"
TAKEN = "backup"
"""The setting, in a backup only, that says when it was taken."""
_EPOCHS_AHEAD = 1000
_NUMBERED = (
    "person",
    "pair",
    "run",
    "change_log",
    "conflict",
    "dead_letter",
    "api_token",
    "access_user",
    "audit",
    "action",
)


class BackupRefused(Exception):
    """It cannot be backed up or put back; the text says why and what to do."""


@dataclass(frozen=True)
class Backup:
    """A backup file. `schema`: the version of its tables; `people`: how many are in it."""

    file: Path
    taken_at: datetime
    schema: str
    database_id: str
    people: int
    bytes: int


@dataclass(frozen=True)
class CarriedOver:
    """What the replaced database knew and the backup does not: `revoked` tokens, `disabled` users, lines of the audit log, people
    who were `forgotten` (and are to be again) or deleted for good (`suppressed`)."""

    revoked: int = 0
    disabled: int = 0
    audited: int = 0
    forgotten: tuple[int, ...] = ()
    suppressed: tuple[int, ...] = ()


def take(database: Path, file: Path, now: datetime) -> Backup:
    """Back `database` up into a new file that only its owner can read. Raises BackupRefused, OSError."""
    if file.exists():
        raise BackupRefused(f"{file} is there already. Give the backup a name of its own.")
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with _opened(database) as source, _opened(draft) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            target.execute(
                "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)",
                (TAKEN, json.dumps(instant_text(now))),
            )
            target.commit()
        with open(draft, "rb") as written:
            os.fsync(written.fileno())
        found = examine(draft)
        draft.rename(file)
    except sqlite3.Error as problem:
        raise BackupRefused(
            f"{database} could not be backed up: {problem}. Try again in a moment."
        ) from problem
    finally:
        draft.unlink(missing_ok=True)
    return Backup(file, found.taken_at, found.schema, found.database_id, found.people, found.bytes)


def examine(file: Path) -> Backup:
    """What a backup file holds. Raises BackupRefused for a file that is none, or is damaged."""
    if not file.is_file():
        raise BackupRefused(f"There is no file {file}.")
    try:
        with closing(sqlite3.connect(f"file:{file.absolute()}?mode=ro&immutable=1", uri=True)) as source:
            sound = source.execute("PRAGMA quick_check(1)").fetchone()[0]
            if sound != "ok":
                raise BackupRefused(f"{file} is damaged ({sound}). Take another backup.")
            taken = source.execute("SELECT value FROM setting WHERE name = ?", (TAKEN,)).fetchone()
            if taken is None:
                raise BackupRefused(
                    f"{file} is a database, but no backup made by diptych backup. "
                    "To use a copy made by other means, put it in place and run: diptych restore --in-place"
                )
            return Backup(
                file,
                parse_instant(json.loads(taken[0])),
                source.execute("SELECT version_num FROM alembic_version").fetchone()[0],
                source.execute("SELECT value FROM setting WHERE name = ?", (DATABASE_ID,)).fetchone()[0],
                source.execute("SELECT count(*) FROM person").fetchone()[0],
                file.stat().st_size,
            )
    except (sqlite3.Error, TypeError, ValueError) as problem:
        raise BackupRefused(f"{file} is not a backup of Diptych.") from problem


def set_aside(database: Path, now: datetime) -> Path | None:
    """A backup of what is in place now, beside it; where that is damaged, the files themselves. None: there is nothing."""
    if not database.exists() or not database.stat().st_size:
        return None
    kept = database.with_name(f"{database.stem}-before-restore-{now:%Y%m%dT%H%M%S}.db")
    try:
        take(database, kept, now)
    except BackupRefused:
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                database.with_name(database.name + ending).rename(kept.with_name(kept.name + ending))
    return kept


def replace(database: Path, made: Path) -> None:
    """Make `database` what `made` is, in one transaction, whatever processes have it open. Raises BackupRefused."""
    try:
        with _opened(made) as source, _opened(database) as target:
            target.execute("PRAGMA journal_mode=WAL")
            source.backup(target)
    except sqlite3.Error as problem:
        raise BackupRefused(
            f"{database} could not be replaced: {problem}. End what uses it (diptych serve), and try again."
        ) from problem


def begin_anew(connection: Connection) -> None:
    """Nobody is admitted any more, and whatever engine was at work has lost its lease."""
    connection.execute(sa.text("DELETE FROM access_session"))
    connection.execute(
        sa.text(f"UPDATE lease SET holder = NULL, expires_at = NULL, epoch = epoch + {_EPOCHS_AHEAD}")
    )


def carry_over(target: Path, kept: Path) -> CarriedOver:
    """Take over from the replaced database `kept` what must not be lost with it. Both have the schema of this program, or
    older ones; what a table or column is missing for is left."""
    with _opened(target) as connection:
        connection.execute("ATTACH DATABASE ? AS old", (f"file:{kept.absolute()}?mode=ro&immutable=1",))
        both = {
            name
            for (name,) in connection.execute(
                "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name IN "
                "(SELECT name FROM old.sqlite_master WHERE type = 'table')"
            )
        }
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE lease SET epoch = max(epoch, (SELECT max(epoch) FROM old.lease))")
        for name in _NUMBERED:  # no number is given twice
            connection.execute(
                "INSERT INTO main.sqlite_sequence (name, seq) SELECT name, seq FROM old.sqlite_sequence AS o WHERE o.name = ? "
                "AND NOT EXISTS (SELECT 1 FROM main.sqlite_sequence AS m WHERE m.name = o.name)",
                (name,),
            )
            connection.execute(
                "UPDATE main.sqlite_sequence SET seq = max(seq, coalesce((SELECT seq FROM old.sqlite_sequence AS o "
                "WHERE o.name = main.sqlite_sequence.name), 0)) WHERE name = ?",
                (name,),
            )
        revoked = disabled = audited = 0
        if {"api_token", "access_user", "audit"} <= both:
            revoked = connection.execute(_REVOKED).rowcount
            disabled = connection.execute(_DISABLED).rowcount
            audited = connection.execute(
                "INSERT INTO main.audit SELECT * FROM old.audit WHERE id > (SELECT coalesce(max(id), 0) FROM main.audit)"
            ).rowcount
        gone: dict[str, set[int]] = {}
        if "suppression" in both:
            for former, reason in connection.execute(f"SELECT former_id, reason {_NEW_SUPPRESSIONS}"):
                gone.setdefault(reason, set()).add(former)
            connection.execute(
                f"INSERT INTO main.suppression ({_SUPPRESSED}) SELECT {_SUPPRESSED} {_NEW_SUPPRESSIONS}"
            )
            connection.execute(
                "INSERT OR REPLACE INTO main.setting SELECT * FROM old.setting WHERE name = 'suppression.salt'"
            )
        connection.commit()
        connection.execute("DETACH DATABASE old")
    forgotten = gone.pop("forgotten", set())
    others: set[int] = set().union(*gone.values())
    return CarriedOver(
        revoked, disabled, audited, tuple(sorted(forgotten)), tuple(sorted(others - forgotten))
    )


_SUPPRESSED = "object_name, sf_id, address_hash, former_id, reason, at"
_NEW_SUPPRESSIONS = """FROM old.suppression AS o WHERE NOT EXISTS (SELECT 1 FROM main.suppression AS s
WHERE s.object_name = o.object_name AND s.sf_id = o.sf_id)"""
_REVOKED = """UPDATE main.api_token SET revoked_at = (SELECT o.revoked_at FROM old.api_token AS o
WHERE o.token_hash = api_token.token_hash) WHERE revoked_at IS NULL AND EXISTS (SELECT 1 FROM old.api_token AS o
WHERE o.token_hash = api_token.token_hash AND o.revoked_at IS NOT NULL)"""
_DISABLED = """UPDATE main.access_user SET disabled_at = (SELECT o.disabled_at FROM old.access_user AS o
WHERE o.name = access_user.name) WHERE disabled_at IS NULL AND EXISTS (SELECT 1 FROM old.access_user AS o
WHERE o.name = access_user.name AND o.disabled_at IS NOT NULL)"""


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"file:{path.absolute()}", uri=True, timeout=BUSY_SECONDS)
    except sqlite3.Error as problem:
        raise StoreUnusable(f"{path} cannot be opened: {problem}") from problem
    with closing(connection):
        yield connection
