"""Backlog and throughput as terminal and pages show them, from our own database only (S-67, S-68)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from diptych.domain.objects import SYNCED_OBJECTS, synced_object
from diptych.domain.throughput import (
    GROWING_OVER,
    HOURS,
    Hourly,
    Proposal,
    Share,
    by_hour,
    is_growing,
    proposals,
    time_left,
)
from diptych.store.queries.backlog import read_backlog
from diptych.store.queries.throughput import (
    Point,
    Queue,
    makers,
    noisy_fields,
    queues,
    read_and_skipped,
    stretches,
    trend,
)
from diptych.store.sql_store import SqlStore

TREND_DAYS = 7


@dataclass(frozen=True)
class ObjectFlow:
    """One object. `left`: how long what waits takes at the rate at which such writes were sent while any were; `read_up_to`: up
    to when everything changed in Salesforce is here (server time)."""

    object_name: str
    waiting: int
    oldest_at: datetime | None
    left: timedelta | None
    inbound: Hourly
    outbound: Hourly
    read_up_to: datetime | None
    two_way: bool = True


@dataclass(frozen=True)
class Throughput:
    """All of it at `at`. `earlier`: how much waited six hours ago; None when nobody looked then."""

    at: datetime
    objects: Sequence[ObjectFlow]
    waiting: int
    earlier: int | None
    growing: bool
    oldest_at: datetime | None
    left: timedelta | None
    trend: Sequence[Point]
    queues: Sequence[Queue]
    fields: Sequence[Share]
    actors: Sequence[Share]
    noisy: Sequence[Share]
    skipped: Sequence[Share]
    proposals: Sequence[Proposal]


def read_throughput(store: SqlStore, now: datetime) -> Throughput:
    """See the module."""
    day = now - timedelta(hours=HOURS)
    with store.looking() as unit:
        connection = unit.connection
        mapped = [k.name for k in SYNCED_OBJECTS if unit.mapping().of(k.name).fields]
        backlog = read_backlog(connection)
        waiting = {one.object_name: one for one in backlog.waiting}
        steps = stretches(connection, day)
        hours = {(one.object_name, one.outbound): one for one in by_hour(steps, now)}
        cursors = {name: cursor for name in mapped if (cursor := unit.feed_cursor(name)) is not None}
        fields, actors = makers(connection, backlog)
        skipped = read_and_skipped(connection, day)
        points = trend(connection, now - timedelta(days=TREND_DAYS))
        work, noisy = queues(connection), noisy_fields(connection, day)
    rates = _rates([(s.object_name, s.records, s.ended - s.began) for s in steps if s.outbound])
    empty = (0,) * HOURS
    objects = [
        ObjectFlow(
            name,
            waiting[name].count if name in waiting else 0,
            waiting[name].oldest_at if name in waiting else None,
            time_left(waiting[name].count if name in waiting else 0, rates.get(name)),
            hours.get((name, False), Hourly(name, False, empty)),
            hours.get((name, True), Hourly(name, True, empty)),
            cursors[name].cursor if name in cursors else None,
            synced_object(name).two_way,
        )
        for name in mapped
    ]
    total = sum(one.waiting for one in objects)
    before = [point.waiting for point in points if point.at <= now - GROWING_OVER]
    lefts = [one.left for one in objects if one.waiting]
    known = [one for one in lefts if one is not None]
    return Throughput(
        now,
        objects,
        total,
        before[-1] if before else None,
        is_growing(total, before[-1] if before else None),
        min((one.oldest_at for one in objects if one.oldest_at), default=None),
        sum(known, timedelta()) if len(known) == len(lefts) else None,
        points,
        work,
        fields,
        actors,
        noisy,
        list(skipped.values()),
        proposals(fields, actors, skipped),
    )


def _rates(steps: Sequence[tuple[str, int, timedelta]]) -> dict[str, float]:
    """Records a second while any were sent, by object."""
    records: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for name, count, took in steps:
        records[name] = records.get(name, 0) + count
        seconds[name] = seconds.get(name, 0.0) + max(took.total_seconds(), 1.0)
    return {name: n / seconds[name] for name, n in records.items() if n}
