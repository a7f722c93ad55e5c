"""Work that the org does later by itself: what automations left for then.

It is kept in the org's file until it is due by the org's clock, and done before the next request is
answered, with the stamp of the moment at which it was due.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from practice_org.clock import parse_stamp, stamp
from practice_org.data.rows import update_row
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Org, Transaction


class Background:
    """The work of an org that is still to be done."""

    def __init__(self, org: Org) -> None:
        self._org = org
        row = org.reader().execute("SELECT min(due) FROM _background").fetchone()
        self._next: datetime | None = parse_stamp(row[0]) if row and row[0] else None

    def add(
        self,
        tx: Transaction,
        object_name: str,
        record_id: str,
        values: Mapping[str, Any] | None,
        user_id: str | None,
        seconds: float,
    ) -> None:
        """Set fields of a record `seconds` after this transaction; `values` None: move SystemModstamp alone."""
        due = tx.started + timedelta(seconds=seconds)
        tx.connection.execute(
            "INSERT INTO _background(due, object, record_id, user_id, payload) VALUES(?, ?, ?, ?, ?)",
            (stamp(due), object_name, record_id, user_id, json.dumps(values)),
        )
        due = parse_stamp(stamp(due))
        self._next = due if self._next is None else min(due, self._next)

    def settle(self) -> None:
        """Do what is due."""
        while self._next is not None and self._next <= self._org.clock.now():
            with self._org.writing():
                moment = self._next
                if moment is None:
                    return
                with self._org.transaction(moment) as tx:
                    self._do(tx, stamp(moment))
                    row = tx.connection.execute("SELECT min(due) FROM _background").fetchone()
                self._next = parse_stamp(row[0]) if row[0] else None

    def clear(self) -> None:
        """Forget all that is still to be done."""
        with self._org.transaction() as tx:
            tx.connection.execute("DELETE FROM _background")
        self._next = None

    def _do(self, tx: Transaction, due: str) -> None:
        from practice_org.rules.rulebook import touch

        listed = tx.connection.execute(
            "SELECT number, object, record_id, user_id, payload FROM _background WHERE due <= ? ORDER BY number",
            (due,),
        ).fetchall()
        for number, object_name, record_id, user_id, payload in listed:
            tx.connection.execute("DELETE FROM _background WHERE number = ?", (number,))
            obj, values = self._org.schema.get(object_name), json.loads(payload)
            if obj is None:
                continue
            try:
                if values is None:
                    update_row(tx, obj, record_id, {"SystemModstamp": tx.stamp})
                else:
                    touch(self._org, tx, obj, record_id, values, user_id)
            except ApiError:
                # The record is gone, or a rule objects: a failed background job leaves no trace in records.
                continue
