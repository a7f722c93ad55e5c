"""Conflicts and dead letters: what a change of a pair brings, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.domain.causes import HELD, OPEN, cause_key
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.values import to_text
from diptych.store.system_tables import conflict, dead_letter, pair
from diptych.store.values_at_rest import pack, unpack
from diptych.sync.ports import DeadLetter, PairChange, StoredDeadLetter


def record(connection: Connection, changes: Sequence[PairChange], run_id: int | None, now: datetime) -> None:
    """Keep the conflicts and dead letters of these changes; close those that are over."""
    lost = [
        {
            "pair_id": change.pair_id,
            "person_id": change.person_id,
            "column_name": one.column,
            "base_value": to_text(one.base),
            "ours_value": to_text(one.ours),
            "theirs_value": to_text(one.theirs),
            "winner": one.winner,
            "reason": one.reason,
            "run_id": run_id,
            "at": now,
        }
        for change in changes
        for one in change.conflicts
    ]
    if lost:
        connection.execute(conflict.insert(), lost)
    for change in changes:
        if change.clear_dead_letters or change.clear_columns or change.dead_letters:
            _letters(connection, change, run_id, now)


def _letters(connection: Connection, change: PairChange, run_id: int | None, now: datetime) -> None:
    c = dead_letter.c
    held = connection.execute(
        sa.select(c.id, c.column_name, c.times, c.first_at).where(
            c.pair_id == change.pair_id, c.status.in_(HELD)
        )
    ).all()
    coming = {letter.column for letter in change.dead_letters}
    before: dict[str | None, Any] = {}
    for row in held:
        if change.clear_dead_letters or (
            row.column_name is not None and row.column_name in change.clear_columns
        ):
            close(connection, row.id, "resolved", now)
        elif row.column_name in coming:
            before[row.column_name] = row
            close(connection, row.id, "replaced", now)
    if not change.dead_letters:
        return
    object_name = connection.execute(
        sa.select(pair.c.object_name).where(pair.c.id == change.pair_id)
    ).scalar_one()
    for letter in change.dead_letters:
        earlier = before.get(letter.column) or _tried(connection, change.pair_id, letter)
        connection.execute(
            dead_letter.insert().values(
                pair_id=change.pair_id,
                person_id=change.person_id,
                operation=letter.operation,
                column_name=letter.column,
                code=letter.problem.code,
                message=letter.problem.message,
                error_class=letter.problem.error_class.value,
                cause=letter.problem.cause,
                remedy=letter.problem.remedy,
                fields=json.dumps(letter.problem.fields),
                ours=pack(letter.ours),
                theirs=pack(letter.theirs),
                run_id=run_id,
                times=earlier.times + 1 if earlier else 1,
                first_at=earlier.first_at if earlier else now,
                last_at=now,
                status=OPEN,
                cause_key=cause_key(object_name, letter.operation, letter.column, letter.problem),
            )
        )


def _tried(connection: Connection, pair_id: int, letter: DeadLetter) -> Any:
    """The last error of that pair and column, if it was tried again: what comes now is that one still."""
    c = dead_letter.c
    wanted = (
        sa.select(c.times, c.first_at, c.status, c.code)
        .where(c.pair_id == pair_id, c.column_name.is_not_distinct_from(letter.column))
        .order_by(c.id.desc())
        .limit(1)
    )
    row = connection.execute(wanted).first()
    return row if row is not None and (row.status, row.code) == ("retried", letter.problem.code) else None


def close(connection: Connection, letter_id: int, status: str, now: datetime) -> None:
    """Give a dead letter another status."""
    connection.execute(
        dead_letter.update().where(dead_letter.c.id == letter_id).values(status=status, closed_at=now)
    )


def letters(connection: Connection, *conditions: Any) -> list[StoredDeadLetter]:
    """Dead letters that meet these conditions, oldest first."""
    wanted = (
        sa.select(dead_letter, pair.c.object_name)
        .join(pair, pair.c.id == dead_letter.c.pair_id)
        .where(*conditions)
        .order_by(dead_letter.c.id)
    )
    return [stored(row) for row in connection.execute(wanted)]


def stored(row: Row[Any]) -> StoredDeadLetter:
    """A row of dead_letter, with the pair's object name, as the engine knows it."""
    problem = Problem(
        row.code,
        row.message,
        ErrorClass(row.error_class),
        row.cause or "",
        row.remedy or "",
        tuple(json.loads(row.fields or "[]")),
    )
    letter = DeadLetter(row.operation, problem, row.column_name, unpack(row.ours), unpack(row.theirs))
    return StoredDeadLetter(
        row.id, row.pair_id, row.person_id, row.object_name, row.status, letter, row.last_at
    )
