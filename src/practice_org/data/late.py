"""Late commits: a write that is held open and becomes visible only some seconds after its stamp.

On the real platform a record's SystemModstamp is taken when its transaction starts, so a long one shows
up with a stamp that readers have already passed. Here such a write is kept in the org's file until it is
due by the org's clock; meanwhile its record is locked for others, and `latestDateCovered` of the change
feeds does not pass its start. What is due is applied at the next request, before anything is read.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from practice_org.clock import parse_stamp, stamp
from practice_org.data import locks
from practice_org.errors import ApiError
from practice_org.events.origin import act

if TYPE_CHECKING:
    from practice_org.org import Org

_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Held:
    """One open write: when it began and will commit, its record (None when it creates one), its locks."""

    started: datetime
    due: datetime
    record_id: str | None
    locked: tuple[str, ...]


class LateCommits:
    """The open writes of an org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.RLock()
        self._open: dict[int, Held] = {}
        self._committing: set[int] = set()
        self._stopped = False
        for number, started, due, name, record_id, payload in org.reader().execute(
            "SELECT number, started, due, object, record_id, payload FROM _late"
        ):
            locked = self._needed(name, record_id, json.loads(payload))
            self._open[number] = Held(parse_stamp(started), _moment(due), record_id, locked)

    @property
    def any_open(self) -> bool:
        """Whether any write is held open."""
        return bool(self._open)

    def _needed(self, object_name: str, record_id: str | None, values: Mapping[str, Any]) -> tuple[str, ...]:
        obj = self._org.schema.get(object_name)
        if obj is None:
            return () if record_id is None else (record_id,)
        return tuple(locks.needed(self._org.reader(), obj, record_id, values))

    def stop(self) -> None:
        """Apply nothing any more; what is open stays in the file."""
        self._stopped = True

    def hold(
        self,
        user_id: str | None,
        operation: str,
        object_name: str,
        record_id: str | None,
        values: Mapping[str, Any],
        seconds: float,
    ) -> int:
        """Open a write (insert, update, delete or undelete) that commits `seconds` from now.

        Returns its number. The values are checked when it commits; a refused write then vanishes, as a
        rolled back one does. Raises ApiError UNABLE_TO_LOCK_ROW when the record is held already.
        """
        self.settle()
        locked = self._needed(object_name, record_id, values)
        self.await_unlocked(locked)
        with self._org.transaction() as tx, self._lock:
            started = parse_stamp(tx.stamp)
            due = tx.started + timedelta(seconds=seconds)
            number = tx.connection.execute(
                "INSERT INTO _late(started, due, user_id, operation, object, record_id, payload) "
                "VALUES(?, ?, ?, ?, ?, ?, ?)",
                (
                    tx.stamp,
                    due.isoformat(),
                    user_id,
                    operation,
                    object_name,
                    record_id,
                    json.dumps(dict(values)),
                ),
            ).lastrowid
            assert number is not None
            self._open[number] = Held(started, due, record_id, locked)
        return number

    def settle(self) -> None:
        """Commit every write that is due, after the org's own background work."""
        self._org.background.settle()
        if not self._open or self._stopped:
            return
        if not self._ripe():
            return
        # The org's write lock comes first, everywhere: a writer may ask for this one.
        with self._org.writing(), self._lock:
            for number in self._ripe():
                self._committing.add(number)
                try:
                    self._commit(number)
                finally:
                    self._committing.discard(number)
                    self._open.pop(number, None)

    def _ripe(self) -> list[int]:
        now = self._org.clock.now()
        ripe = [
            (held.due, number)
            for number, held in list(self._open.items())
            if held.due <= now and number not in self._committing
        ]
        return [number for _, number in sorted(ripe)]

    def _commit(self, number: int) -> None:
        row = (
            self._org.reader()
            .execute(
                "SELECT started, user_id, operation, object, record_id, payload FROM _late WHERE number = ?",
                (number,),
            )
            .fetchone()
        )
        if row is None:
            return
        started, user_id, operation, object_name, record_id, payload = row
        with self._org.transaction(parse_stamp(started)) as tx:
            tx.connection.execute("DELETE FROM _late WHERE number = ?", (number,))
            copy_context().run(self._perform, user_id, operation, object_name, record_id, json.loads(payload))

    def _perform(
        self,
        user_id: str | None,
        operation: str,
        object_name: str,
        record_id: str | None,
        values: dict[str, Any],
    ) -> None:
        """The held write itself, in a context of its own: it is not the caller's who met it being due."""
        from practice_org.data import dml

        act(user_id)
        try:
            dml.perform(self._org, user_id, operation, object_name, record_id, values)
        except ApiError:
            pass

    def await_unlocked(self, record_ids: Iterable[str]) -> None:
        """Wait shortly for records that open writes hold.

        Raises ApiError UNABLE_TO_LOCK_ROW when one stays held; the setting `lock_wait_seconds` says how
        long to wait, `lock_status` which HTTP status it has (the real one is not settled).
        """
        if not self._open:
            return
        wanted = set(record_ids)
        deadline = time.monotonic() + float(self._org.setting("lock_wait_seconds", 0.2))
        while True:
            self.settle()
            held = [
                record_id
                for number, one in list(self._open.items())
                if number not in self._committing
                for record_id in one.locked
                if record_id in wanted
            ]
            if not held:
                return
            if time.monotonic() >= deadline:
                raise ApiError(
                    int(self._org.setting("lock_status", 400)),
                    "UNABLE_TO_LOCK_ROW",
                    f"unable to obtain exclusive access to this record or 1 records: {held[0]}",
                    (),
                )
            time.sleep(_POLL_SECONDS)

    @property
    def oldest_start(self) -> datetime | None:
        """When the oldest open write began; None when none is open."""
        with self._lock:
            return min((held.started for held in self._open.values()), default=None)

    def listing(self) -> list[dict[str, Any]]:
        """The open writes, for the control plane."""
        with self._lock:
            return [
                {
                    "number": number,
                    "started": stamp(held.started),
                    "due": held.due.isoformat(),
                    "record_id": held.record_id,
                    "locked": list(held.locked),
                }
                for number, held in sorted(self._open.items())
            ]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
