"""Runs and their steps (S-63)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.store.system_tables import change_log, run, step
from diptych.sync.ports import Step


@dataclass(frozen=True)
class RunRow:
    """A run with its steps, oldest step first."""

    id: int
    kind: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    steps: tuple[Step, ...] = ()
    trace_id: str | None = None
    """Under which number it is traced, where OpenTelemetry is set up."""


_KEPT_AS = {"new": "added"}
"""Columns of `step` with another name than the engine's: this one is a word of SQL."""


def told_of(row: Row[Any]) -> dict[str, Any]:
    """What a step is, in the engine's words, from a row with the columns of `step`."""
    return {one.name: getattr(row, _KEPT_AS.get(one.name, one.name)) for one in fields(Step)}


def step_of(row: Row[Any]) -> Step:
    """A row of `step` as the engine wrote it."""
    return Step(**told_of(row))


def run_kinds(connection: Connection) -> list[str]:
    """The kinds of runs that there are, by index: one step for each of them, however many runs there are."""
    found: list[str] = []
    while True:
        wanted = sa.select(run.c.kind).order_by(run.c.kind).limit(1)
        kind = connection.execute(wanted.where(run.c.kind > found[-1]) if found else wanted).scalar()
        if kind is None:
            return found
        found.append(kind)


def step_kinds(connection: Connection) -> list[tuple[str, str]]:
    """The objects and operations that there are steps of, by index as `run_kinds`."""
    c = step.c
    found: list[tuple[str, str]] = []
    while True:
        wanted = sa.select(c.object_name, c.operation).order_by(c.object_name, c.operation).limit(1)
        if found:
            wanted = wanted.where(sa.tuple_(c.object_name, c.operation) > sa.tuple_(*found[-1]))
        row = connection.execute(wanted).first()
        if row is None:
            return found
        found.append((row[0], row[1]))


def runs(connection: Connection, limit: int, before: int | None, kind: str) -> list[RunRow]:
    """See `Queries.runs`."""
    wanted = sa.select(run).order_by(run.c.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(run.c.id < before)
    if kind:
        wanted = wanted.where(run.c.kind == kind)
    return with_steps(connection, connection.execute(wanted).all())


def with_steps(connection: Connection, rows: Sequence[Row[Any]]) -> list[RunRow]:
    """These runs with their steps."""
    steps: dict[int, list[Step]] = {}
    numbers = [row.id for row in rows]
    if numbers:
        wanted = sa.select(step).where(step.c.run_id.in_(numbers)).order_by(step.c.id)
        for one in connection.execute(wanted):
            steps.setdefault(one.run_id, []).append(step_of(one))
    return [
        RunRow(
            row.id,
            row.kind,
            row.status,
            row.started_at,
            row.ended_at,
            row.error,
            tuple(steps.get(row.id, ())),
            row.trace_id,
        )
        for row in rows
    ]


def run_of(connection: Connection, run_id: int) -> RunRow | None:
    """One run with its steps."""
    rows = connection.execute(sa.select(run).where(run.c.id == run_id)).all()
    return with_steps(connection, rows)[0] if rows else None


def edits_since(connection: Connection, after: int) -> tuple[int, bool]:
    """See `Queries.edits_since`."""
    c = change_log.c
    newest = connection.execute(sa.select(sa.func.max(c.id))).scalar() or 0
    edited = connection.execute(sa.select(c.id).where(c.id > after, c.side == "ours").limit(1)).first()
    return int(newest), edited is not None
