"""How fast the sync was, how the backlog went, and what makes it (S-67..S-69)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.throughput import Share, Stretch
from diptych.store import tally
from diptych.store.queries.backlog import Backlog
from diptych.store.queries.causes import api_names
from diptych.store.system_tables import action, backlog_sample, change_log, creation, step

OUTBOUND = ("Push updates", "Create records")
_NO_RECORDS = ("Sync schema",)


@dataclass(frozen=True)
class Point:
    """How much waited at a moment, all objects together."""

    at: datetime
    waiting: int


@dataclass(frozen=True)
class Queue:
    """Work beside changed values: `kind` of action, or people to be created; how many, since when."""

    kind: str
    count: int
    oldest_at: datetime | None


def stretches(connection: Connection, since: datetime) -> list[Stretch]:
    """The steps that ended since then and did something."""
    c = step.c
    wanted = sa.select(
        c.object_name, c.operation, c.started_at, c.ended_at, c.added, c.updated, c.deleted
    ).where(
        c.ended_at >= since,
        c.started_at >= since - timedelta(days=2),
        c.operation.not_in(_NO_RECORDS),
        c.added + c.updated + c.deleted > 0,
    )
    return [
        Stretch(
            row.object_name,
            row.operation in OUTBOUND,
            row.started_at,
            row.ended_at,
            row.added + row.updated + row.deleted,
        )
        for row in connection.execute(wanted)
    ]


def read_and_skipped(connection: Connection, since: datetime) -> dict[str, Share]:
    """By object: records read since then in which nothing that is synced had changed, of all that were read."""
    c = step.c
    rows = connection.execute(
        sa.select(
            c.object_name, sa.func.sum(c.skipped), sa.func.sum(c.added + c.updated + c.deleted + c.skipped)
        )
        .where(c.started_at >= since, c.operation == "Pull updates")
        .group_by(c.object_name)
    )
    return {row[0]: Share(row[0], int(row[1]), int(row[2])) for row in rows if row[2]}


def trend(connection: Connection, since: datetime) -> list[Point]:
    """The samples of the backlog since then, oldest first."""
    c = backlog_sample.c
    rows = connection.execute(
        sa.select(c.at, sa.func.sum(c.waiting)).where(c.at >= since).group_by(c.at).order_by(c.at)
    )
    return [Point(row[0], int(row[1])) for row in rows]


def makers(connection: Connection, backlog: Backlog, limit: int = 8) -> tuple[list[Share], list[Share]]:
    """What makes the backlog: the fields (`Object.Field`), and who changed the values, most first."""
    names = api_names(connection)
    fields = {f"{key[0]}.{names.get(key, key[1])}": n for key, n in backlog.columns.items()}
    return _shares(fields, limit), _shares(backlog.actors, limit)


def _shares(counts: Mapping[str, int], limit: int) -> list[Share]:
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [Share(name, n, total) for name, n in ranked[:limit]]


def noisy_fields(connection: Connection, since: datetime, limit: int = 8) -> list[Share]:
    """Which of our columns Salesforce changed most since then, among its latest 50,000 changes."""
    c = change_log.c
    newest = connection.execute(sa.select(sa.func.max(c.id))).scalar() or 0
    rows = connection.execute(
        sa.select(c.column_name, sa.func.count().label("n"))
        .where(c.id > newest - 50_000, c.side == "salesforce", c.at >= since, c.column_name.is_not(None))
        .group_by(c.column_name)
        .order_by(sa.desc("n"))
    ).all()
    total = sum(int(row.n) for row in rows)
    return [Share(row.column_name, int(row.n), total) for row in rows[:limit]]


def queues(connection: Connection) -> list[Queue]:
    """Work that is not a changed value: orders under way (merge, convert, delete), people to be created in Salesforce."""
    a, w = action.c, creation.c
    found = [
        _queue(row)
        for row in connection.execute(
            sa.select(a.kind, sa.func.count().label("n"), sa.func.min(a.at, type_=a.at.type).label("oldest"))
            .where(a.ended_at.is_(None))
            .group_by(a.kind)
            .order_by(a.kind)
        )
    ]
    wishes = (
        sa.select(
            (sa.literal("create: ") + w.wish).label("kind"),
            sa.func.count().label("n"),
            sa.func.min(w.at, type_=w.at.type).label("oldest"),
        )
        .where(w.wish != "dismissed")
        .group_by(w.wish)
        .order_by(w.wish)
    )
    found += [_queue(row) for row in connection.execute(wishes)]
    unsent = tally.total(tally.counts(connection, "pair"), b="new")
    if unsent:
        found.append(Queue("create: under way", int(unsent), None))
    return found


def _queue(row: Any) -> Queue:
    return Queue(row.kind, int(row.n), row.oldest)
