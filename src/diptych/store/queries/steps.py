"""Every step of every run, as Sync Status lists them (S-63..S-65)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.objects import TWO_WAY_OBJECTS
from diptych.store.queries.ledger import run_kinds, step_kinds, told_of
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


def _conditions(
    since: datetime | None = None,
    until: datetime | None = None,
    object_name: str = "",
    operation: str = "",
    status: str = "",
    kind: str = "",
    run_id: int | None = None,
) -> tuple[list[Any], list[Any] | None]:
    """What is asked of steps; and of runs without any that did not simply succeed, None where those are not wanted."""
    s, r = step.c, run.c
    of_steps: list[Any] = []
    of_runs: list[Any] = [r.status != "Succeeded", ~sa.exists().where(s.run_id == r.id)]
    for moment, holds in ((since, "__ge__"), (until, "__lt__")):
        if moment is not None:
            of_steps.append(getattr(s.started_at, holds)(moment))
            of_runs.append(getattr(r.started_at, holds)(moment))
    if status:
        of_steps.append(s.status == status)
        of_runs.append(r.status == status)
    if kind:
        of_steps.append(s.run_id.in_(sa.select(r.id).where(r.kind == kind)))
        of_runs.append(r.kind == kind)
    if run_id is not None:
        of_steps.append(s.run_id == run_id)
        of_runs.append(r.id == run_id)
    if object_name:
        of_steps.append(s.object_name == object_name)
    if operation:
        of_steps.append(s.operation == operation)
    return of_steps, None if object_name or operation else of_runs


def _rows(of_steps: list[Any], of_runs: list[Any] | None, name: str, down: bool, reach: int) -> Any:
    """The first `reach` of both together: each of the two comes in order, by index."""
    s, r = step.c, run.c
    nothing = [sa.literal(0).label(counter) for counter in _COUNTERS]

    def first(wanted: Any, moment: Any, number: Any) -> Any:
        order = (moment.desc(), number.desc()) if down else (moment.asc(), number.asc())
        return sa.select(wanted.order_by(*order).limit(reach).subquery())

    steps = sa.select(
        s.id,
        s.run_id,
        r.kind,
        s.object_name,
        s.operation,
        s.status,
        s.started_at,
        s.ended_at,
        *(s[counter] for counter in _COUNTERS),
        s.detail,
    ).select_from(step.join(run, r.id == s.run_id))
    arms = [first(steps.where(*of_steps), s[name], s.id)]
    if of_runs is not None:
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
        )
        arms.append(first(runs.where(*of_runs), r[name], r.id))
    return sa.union_all(*arms).subquery()


def steps(
    connection: Connection, limit: int, page: int, sort: str = "-started", **filters: Any
) -> tuple[list[StepRow], StepSums]:
    """See `Queries.steps`."""
    of_steps, of_runs = _conditions(**filters)
    sums = connection.execute(
        sa.select(
            sa.func.count(), *(sa.func.coalesce(sa.func.sum(step.c[name]), 0) for name in _COUNTERS)
        ).where(*of_steps)
    ).one()
    alone = 0
    if of_runs is not None:
        counted = sa.select(sa.func.count()).select_from(run).where(*of_runs)
        alone = int(connection.execute(counted).scalar_one())
    name, down = SORTS.get(sort, SORTS["-started"])
    skip = (max(page, 1) - 1) * limit
    wanted = _rows(of_steps, of_runs, name, down, skip + limit)
    c = wanted.c
    order = (c[name].desc(), c.id.desc()) if down else (c[name].asc(), c.id.asc())
    rows = connection.execute(sa.select(wanted).order_by(*order).limit(limit).offset(skip)).all()
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
    count, *counters = (int(n) for n in sums)
    return found, StepSums(count + alone, *counters)


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
    rows = step_kinds(connection)
    return {
        "objects": sorted({row[0] for row in rows}),
        "operations": sorted({row[1] for row in rows}),
        "kinds": run_kinds(connection),
    }
