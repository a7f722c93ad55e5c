"""Every step of every run, as Sync Status lists them (S-63..S-65)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.objects import TWO_WAY_OBJECTS
from diptych.store.queries.ledger import told_of
from diptych.store.system_tables import conflict, pair, run, step

_TOLD = frozenset(known.name for known in TWO_WAY_OBJECTS)


@dataclass(frozen=True)
class StepRow:
    """One step, or a run that has none. `conflicts`: decided in that run for that object."""

    id: int
    run_id: int
    kind: str
    object_name: str
    operation: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    new: int
    updated: int
    deleted: int
    failed: int
    skipped: int
    api_calls: int
    detail: str | None
    conflicts: int = 0

    @property
    def told(self) -> bool:
        """Whether what it did is kept line by line: of people; of companies and users the numbers alone are."""
        return self.object_name in _TOLD

    @property
    def rows(self) -> int:
        """How many records it looked at."""
        return self.new + self.updated + self.deleted + self.failed + self.skipped

    @property
    def rate(self) -> float | None:
        """Records a second; None where that says nothing."""
        if self.ended_at is None or not self.rows:
            return None
        seconds = (self.ended_at - self.started_at).total_seconds()
        return self.rows / seconds if seconds > 0 else None


@dataclass(frozen=True)
class StepSums:
    """How many steps, and the sums of their counters."""

    steps: int = 0
    new: int = 0
    updated: int = 0
    deleted: int = 0
    failed: int = 0
    skipped: int = 0
    api_calls: int = 0


STATUSES = ("Succeeded", "Failed", "Incomplete", "In Process", "Cleaned up")
_COUNTERS = ("added", "updated", "deleted", "failed", "skipped", "api_calls")
SORTS = {
    "-started": ("started_at", True),
    "started": ("started_at", False),
    "-ended": ("ended_at", True),
    "ended": ("ended_at", False),
}


def _union(
    since: datetime | None = None,
    until: datetime | None = None,
    object_name: str = "",
    operation: str = "",
    status: str = "",
    kind: str = "",
    run_id: int | None = None,
) -> Any:
    """Steps, and runs without any that did not simply succeed."""
    s, r = step.c, run.c
    steps = sa.select(
        s.id,
        s.run_id,
        r.kind,
        s.object_name,
        s.operation,
        s.status,
        s.started_at,
        s.ended_at,
        *(s[name] for name in _COUNTERS),
        s.detail,
    ).join(run, r.id == s.run_id)
    nothing = [sa.literal(0).label(name) for name in _COUNTERS]
    none_of = ~sa.exists().where(s.run_id == r.id)
    runs = sa.select(
        (-r.id).label("id"),
        r.id.label("run_id"),
        r.kind,
        sa.literal("").label("object_name"),
        sa.literal("").label("operation"),
        r.status,
        r.started_at,
        r.ended_at,
        *nothing,
        r.error.label("detail"),
    ).where(r.status != "Succeeded", none_of)
    for moment, holds in ((since, "__ge__"), (until, "__lt__")):
        if moment is not None:
            steps = steps.where(getattr(s.started_at, holds)(moment))
            runs = runs.where(getattr(r.started_at, holds)(moment))
    if status:
        steps, runs = steps.where(s.status == status), runs.where(r.status == status)
    if kind:
        steps, runs = steps.where(r.kind == kind), runs.where(r.kind == kind)
    if run_id is not None:
        steps, runs = steps.where(s.run_id == run_id), runs.where(r.id == run_id)
    if object_name or operation:
        if object_name:
            steps = steps.where(s.object_name == object_name)
        if operation:
            steps = steps.where(s.operation == operation)
        return steps.subquery()
    return sa.union_all(steps, runs).subquery()


def steps(
    connection: Connection, limit: int, page: int, sort: str = "-started", **filters: Any
) -> tuple[list[StepRow], StepSums]:
    """See `Queries.steps`."""
    wanted = _union(**filters)
    c = wanted.c
    sums = connection.execute(
        sa.select(sa.func.count(), *(sa.func.coalesce(sa.func.sum(c[name]), 0) for name in _COUNTERS))
    ).one()
    name, down = SORTS.get(sort, SORTS["-started"])
    order = c[name].desc() if down else c[name].asc()
    rows = connection.execute(
        sa.select(wanted)
        .order_by(order, c.id.desc() if down else c.id)
        .limit(limit)
        .offset((max(page, 1) - 1) * limit)
    ).all()
    fought = _conflicts(connection, sorted({row.run_id for row in rows}))
    found = [
        StepRow(
            id=row.id,
            run_id=row.run_id,
            kind=row.kind,
            conflicts=fought.get((row.run_id, row.object_name), 0),
            **told_of(row),
        )
        for row in rows
    ]
    return found, StepSums(*(int(n) for n in sums))


def _conflicts(connection: Connection, run_ids: Sequence[int]) -> dict[tuple[int, str], int]:
    if not run_ids:
        return {}
    rows = connection.execute(
        sa.select(conflict.c.run_id, pair.c.object_name, sa.func.count())
        .join(pair, pair.c.id == conflict.c.pair_id)
        .where(conflict.c.run_id.in_(run_ids))
        .group_by(conflict.c.run_id, pair.c.object_name)
    )
    return {(int(row[0]), row[1]): int(row[2]) for row in rows}


def facets(connection: Connection) -> dict[str, list[str]]:
    """The objects, operations and kinds of runs that the ledger has."""
    rows = connection.execute(sa.select(step.c.object_name, step.c.operation).distinct()).all()
    kinds = connection.execute(sa.select(run.c.kind).distinct()).scalars()
    return {
        "objects": sorted({row[0] for row in rows}),
        "operations": sorted({row[1] for row in rows}),
        "kinds": sorted(kinds),
    }
