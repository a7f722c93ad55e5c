"""Errors by cause, over the database: `sync.causes.Causes`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.causes import HELD, OPEN, QUARANTINED
from diptych.domain.outcome import Problem
from diptych.domain.pair import PairState
from diptych.store import trouble
from diptych.store.system_tables import base, dead_letter, pair, run
from diptych.sync.causes import HeldCause
from diptych.sync.ports import StoredDeadLetter

_LIVE = (PairState.NEW.value, PairState.PAIRED.value, PairState.PARKED.value)


def counted(status: str) -> Any:
    """How many rows of a group are in that state."""
    return sa.func.coalesce(sa.func.sum(sa.case((dead_letter.c.status == status, 1), else_=0)), 0)


class SqlCauses:
    """See `sync.causes.Causes`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[HeldCause]:
        c = dead_letter.c
        groups = (
            sa.select(
                c.cause_key,
                sa.func.max(c.id).label("newest"),
                counted(OPEN).label("open"),
                counted(QUARANTINED).label("quarantined"),
                sa.func.min(c.first_at, type_=c.first_at.type).label("first_at"),
                sa.func.max(c.last_at, type_=c.last_at.type).label("last_at"),
            )
            .where(c.status.in_((OPEN, QUARANTINED)))
            .group_by(c.cause_key)
            .subquery()
        )
        wanted = (
            sa.select(groups, c.operation, c.column_name, c.code, c.error_class, pair.c.object_name)
            .join(dead_letter, c.id == groups.c.newest)
            .join(pair, pair.c.id == c.pair_id)
            .order_by((groups.c.open + groups.c.quarantined).desc(), groups.c.cause_key)
        )
        return [
            HeldCause(
                row.cause_key,
                row.object_name,
                row.operation,
                row.column_name,
                row.code,
                row.error_class,
                int(row.open),
                int(row.quarantined),
                row.first_at,
                row.last_at,
            )
            for row in self._connection.execute(wanted)
        ]

    def letters(self, key: str, statuses: Collection[str], after: int, limit: int) -> list[StoredDeadLetter]:
        c = dead_letter.c
        wanted = (
            sa.select(c.id)
            .where(c.cause_key == key, c.status.in_(tuple(statuses)), c.id > after)
            .order_by(c.id)
            .limit(limit)
        )
        numbers = list(self._connection.execute(wanted).scalars())
        return trouble.letters(self._connection, c.id.in_(numbers)) if numbers else []

    def held(self, pair_id: int) -> list[StoredDeadLetter]:
        c = dead_letter.c
        return trouble.letters(self._connection, c.pair_id == pair_id, c.status.in_(HELD))

    def blame(self, run_id: int, problem: Problem) -> None:
        told = {"error_class": problem.error_class.value, "code": problem.code}
        self._connection.execute(run.update().where(run.c.id == run_id).values(**told))

    def fate(self, pair_id: int, columns: Sequence[str]) -> str:
        row = self._connection.execute(
            sa.select(pair.c.state, pair.c.inflight).where(pair.c.id == pair_id)
        ).first()
        if row is None or row.state not in _LIVE:
            return "ended"
        if row.state == PairState.NEW.value or row.inflight:
            return "owing"
        noted = sa.select(base.c.column_name).where(
            base.c.pair_id == pair_id, base.c.column_name.in_(tuple(columns))
        )
        return "settled" if self._connection.execute(noted.limit(1)).first() is None else "owing"
