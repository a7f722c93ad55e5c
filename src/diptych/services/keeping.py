"""How long what happened is kept: steps, runs, settled errors and past alerts; at least 90 days (S-63, S-66).

What undo and why read - the change log, values sent, arrivals - is kept for good, and so is a run that any of it names.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.causes import HELD
from diptych.domain.values import instant_text, parse_instant
from diptych.store import tally
from diptych.store.sql_store import SqlStore
from diptych.store.system_tables import (
    alert,
    alert_delivery,
    arrival,
    backlog_sample,
    change_log,
    conflict,
    dead_letter,
    pair_event,
    person_join,
    run,
    sent,
    step,
)

LEAST_DAYS, MOST_DAYS, DAYS = 90, 3650, 90
_DAYS, _PRUNED = "keep_days", "pruned_at"
_EVERY = timedelta(hours=24)
_PORTION = 5000


class BadDays(ValueError):
    """That number of days cannot be kept; the text says why."""


def keep_days(store: SqlStore) -> int:
    """How many days are kept."""
    with store.looking() as unit:
        return int(unit.setting(_DAYS) or DAYS)


def set_keep_days(store: SqlStore, days: int) -> None:
    """Keep so many days. Raises BadDays."""
    if not LEAST_DAYS <= days <= MOST_DAYS:
        raise BadDays(f"Between {LEAST_DAYS} and {MOST_DAYS} days can be kept.")
    with store.transaction() as unit:
        unit.save_setting(_DAYS, str(days))


def prune_if_due(store: SqlStore, now: datetime) -> int:
    """Once a day take away what is older, and count anew what is counted; how many rows went."""
    with store.transaction() as unit:
        tally.fold(unit.connection)
    with store.looking() as unit:
        last, days = unit.setting(_PRUNED), int(unit.setting(_DAYS) or DAYS)
    if last is not None and abs(now - parse_instant(last)) < _EVERY:
        return 0
    gone = prune(store, now - timedelta(days=days))
    with store.transaction() as unit:
        tally.recount(unit.connection)
        unit.save_setting(_PRUNED, instant_text(now))
    return gone


def prune(store: SqlStore, before: datetime) -> int:
    """Take away what ended before that, in portions that do not hold up the sync; how many rows went."""
    return sum(
        _in_portions(store, table, condition)
        for table, condition in (
            (step, step.c.started_at < before),
            (run, sa.and_(run.c.ended_at < before, *_unnamed())),
            (dead_letter, sa.and_(dead_letter.c.status.not_in(HELD), dead_letter.c.closed_at < before)),
            (alert_delivery, sa.and_(alert_delivery.c.state != "pending", alert_delivery.c.at < before)),
            (alert, sa.and_(alert.c.state == "ended", alert.c.ended_at < before)),
            (backlog_sample, backlog_sample.c.at < before),
        )
    )


def _unnamed() -> list[sa.ColumnElement[bool]]:
    """Nothing that is kept names the run."""
    naming = (step, change_log, arrival, sent, pair_event, conflict, dead_letter, person_join)
    return [~sa.exists().where(table.c.run_id == run.c.id) for table in naming]


def _in_portions(store: SqlStore, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    gone = 0
    while True:
        with store.transaction() as unit:
            some = _delete(unit.connection, table, condition)
        gone += some
        if some < _PORTION:
            return gone


def _delete(connection: Connection, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    numbers = sa.select(table.c.id).where(condition).order_by(table.c.id).limit(_PORTION)
    chosen = list(connection.execute(numbers).scalars())
    if chosen:
        connection.execute(
            sa.text(
                f"DELETE FROM {table.name} WHERE id BETWEEN :first AND :last AND id IN :numbers"
            ).bindparams(sa.bindparam("numbers", expanding=True)),
            {"first": chosen[0], "last": chosen[-1], "numbers": chosen},
        )
    return len(chosen)
