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
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from practice_org.clock import parse_stamp, stamp
from practice_org.errors import ApiError
from practice_org.events.origin import act

if TYPE_CHECKING:
    from practice_org.org import Org

_POLL_SECONDS = 0.01


class LateCommits:
    """The open writes of an org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.RLock()
        self._open: dict[int, tuple[datetime, datetime, str | None]] = {}
        self._committing: set[int] = set()
        self._stopped = False
        for number, started, due, record_id in org.reader().execute(
            "SELECT number, started, due, record_id FROM _late"
        ):
            self._open[number] = (parse_stamp(started), _moment(due), record_id)

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
        if record_id is not None:
            self.await_unlocked([record_id])
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
            self._open[number] = (started, due, record_id)
        return number

    def settle(self) -> None:
        """Commit every write that is due."""
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
            (due, number)
            for number, (_, due, _) in list(self._open.items())
            if due <= now and number not in self._committing
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
                i
                for number, (_, _, i) in list(self._open.items())
                if i in wanted and number not in self._committing
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
            return min((started for started, _, _ in self._open.values()), default=None)

    def listing(self) -> list[dict[str, Any]]:
        """The open writes, for the control plane."""
        with self._lock:
            return [
                {"number": n, "started": stamp(s), "due": d.isoformat(), "record_id": i}
                for n, (s, d, i) in sorted(self._open.items())
            ]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
