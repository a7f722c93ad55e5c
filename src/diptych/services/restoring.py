"""Putting a backup in the place of the people database, or saying that it was put back by other means.

All is prepared in a draft beside the database, which is then replaced in one transaction: killed at any line, either the old
database is in place or the new one, marked as restored. The next cycle settles what waited for Salesforce (`sync/repair/recovery`).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from diptych.store import SqlStore, backup, open_store
from diptych.store.auditing import note
from diptych.store.backup import Backup, BackupRefused, CarriedOver
from diptych.sync.ports import Transaction
from diptych.sync.repair import recovery

_ACTOR = "restore"


@dataclass(frozen=True)
class Restored:
    """`kept`: where the database that was there is now (None: there was none); `carried`: what was taken over from it."""

    backup: Backup
    kept: Path | None
    carried: CarriedOver = field(default_factory=CarriedOver)


def restore(file: Path, database: Path, now: datetime, another: bool = False) -> Restored:
    """Put the backup in the place of `database`; `another`: also a backup of another database.

    Raises BackupRefused, StoreUnusable (a backup of a newer version), OSError.
    """
    found = backup.examine(file)
    kept = backup.set_aside(database, now)
    same = kept is not None and _is_of(kept, found.database_id)
    if kept is not None and not same and not another and database.exists():
        kept.unlink()
        raise BackupRefused(
            f"{file} is a backup of another database than {database}. Add --another to put it in its place all the same."
        )
    draft = database.with_name(f".{database.name}.{os.getpid()}.restore")
    try:
        shutil.copyfile(file, draft)
        os.chmod(draft, 0o600)
        carried = backup.carry_over(draft, kept) if same and kept is not None else CarriedOver()
        store = open_store(f"sqlite:///{draft}", lambda: now)
        try:
            with store.transaction() as unit:
                _settle(store, unit, found, carried, now)
        finally:
            store.close()
        backup.replace(database, draft)
    finally:
        for ending in ("", "-wal", "-shm"):
            draft.with_name(draft.name + ending).unlink(missing_ok=True)
    return Restored(found, kept, carried)


def put_back_by_other_means(store: SqlStore) -> None:
    """This database was put back (pg_restore, a copy of the disk): it is older than Salesforce may be."""
    with store.transaction() as unit:
        backup.begin_anew(unit.connection)
        recovery.mark(unit, None, store.now())
        note(unit.connection, "database", "in use", "restored by other means", store.now)


def _settle(store: SqlStore, unit: Transaction, found: Backup, carried: CarriedOver, now: datetime) -> None:
    connection = unit.connection  # type: ignore[attr-defined]
    backup.begin_anew(connection)
    unit.save_setting(backup.TAKEN, None)
    recovery.mark(unit, found.taken_at, now)
    note(
        connection, "database", "in use", f"restored as of {found.taken_at:%Y-%m-%d %H:%M:%S} UTC", store.now
    )
    gone = [*carried.forgotten, *carried.suppressed]
    if gone:
        run_id = unit.open_run("restore", now)
        for person_id in gone:
            if person_id in carried.forgotten:
                unit.suppressions.erase(person_id)
            unit.trail.remove([person_id], _ACTOR, run_id)
            if person_id in carried.forgotten:
                unit.suppressions.erase(person_id)
        unit.close_run(run_id, "Succeeded", now, None)


def _is_of(file: Path, database_id: str) -> bool:
    try:
        return backup.examine(file).database_id == database_id
    except BackupRefused:
        return False  # damaged: nothing is taken over from it
