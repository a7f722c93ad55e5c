"""Conflicts and dead letters as lists show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.values import Value
from diptych.store import tally
from diptych.store.queries.causes import api_names
from diptych.store.queries.causes import conditions as conditions_of
from diptych.store.system_tables import conflict, dead_letter, pair
from diptych.store.values_at_rest import unpack


@dataclass(frozen=True)
class DeadLetterRow:
    """A dead letter with what it is about. `field` is the API name of the column, where it is mapped."""

    id: int
    pair_id: int
    person_id: int
    object_name: str
    sf_id: str | None
    operation: str
    column: str | None
    field: str | None
    code: str
    message: str
    error_class: str
    cause: str
    remedy: str
    fields: tuple[str, ...]
    ours: Mapping[str, Value]
    theirs: Mapping[str, Value]
    status: str
    times: int
    first_at: datetime
    last_at: datetime
    run_id: int | None = None
    cause_key: str = ""


@dataclass(frozen=True)
class ConflictRow:
    """A decided conflict; values as text."""

    id: int
    pair_id: int
    person_id: int
    object_name: str
    sf_id: str | None
    column: str
    field: str | None
    base: str | None
    ours: str | None
    theirs: str | None
    winner: str
    reason: str
    run_id: int | None
    at: datetime


def dead_letters(
    connection: Connection,
    limit: int,
    page: int,
    person_id: int | None = None,
    letter_id: int | None = None,
    before: int | None = None,
    **filters: Any,
) -> tuple[list[DeadLetterRow], int]:
    """See `Queries.dead_letters`."""
    c = dead_letter.c
    conditions = conditions_of(**filters)
    if before is not None:
        conditions.append(c.id < before)
    if person_id is not None:
        conditions.append(c.person_id == person_id)
    if letter_id is not None:
        conditions.append(c.id == letter_id)
    joined = dead_letter.join(pair, pair.c.id == c.pair_id)
    total = connection.execute(sa.select(sa.func.count()).select_from(joined).where(*conditions)).scalar_one()
    wanted = (
        sa.select(dead_letter, pair.c.object_name, pair.c.sf_id)
        .select_from(joined)
        .where(*conditions)
        .order_by(*([c.last_at.desc()] if before is None else []), c.id.desc())
        .limit(limit)
        .offset((max(page, 1) - 1) * limit)
    )
    names = api_names(connection)
    found = [
        DeadLetterRow(
            row.id,
            row.pair_id,
            row.person_id,
            row.object_name,
            row.sf_id,
            row.operation,
            row.column_name,
            names.get((row.object_name, row.column_name or "")),
            row.code,
            row.message,
            row.error_class,
            row.cause or "",
            row.remedy or "",
            tuple(json.loads(row.fields or "[]")),
            unpack(row.ours),
            unpack(row.theirs),
            row.status,
            row.times,
            row.first_at,
            row.last_at,
            row.run_id,
            row.cause_key,
        )
        for row in connection.execute(wanted)
    ]
    return found, int(total)


def conflicts(
    connection: Connection,
    limit: int,
    page: int,
    object_name: str = "",
    person_id: int | None = None,
    column: str = "",
    winner: str = "",
    reason: str = "",
    since: datetime | None = None,
    conflict_id: int | None = None,
    before: int | None = None,
) -> tuple[list[ConflictRow], int]:
    """See `Queries.conflicts`."""
    c = conflict.c
    exact = ((c.column_name, column), (c.winner, winner), (c.reason, reason))
    conditions: list[Any] = [name == wanted for name, wanted in exact if wanted]
    if since is not None:
        conditions.append(c.at >= since)
    if conflict_id is not None:
        conditions.append(c.id == conflict_id)
    if before is not None:
        conditions.append(c.id < before)
    if object_name:
        conditions.append(pair.c.object_name == object_name)
    if person_id is not None:
        conditions.append(c.person_id == person_id)
    joined = conflict.join(pair, pair.c.id == c.pair_id)
    if (person_id, column, reason, since, conflict_id, before) == (None, "", "", None, None, None):
        total = tally.total(tally.counts(connection, "conflict"), object_name or None, winner or None)
    else:
        total = connection.execute(
            sa.select(sa.func.count()).select_from(joined).where(*conditions)
        ).scalar_one()
    wanted = (
        sa.select(conflict, pair.c.object_name, pair.c.sf_id)
        .select_from(joined)
        .where(*conditions)
        .order_by(c.id.desc())
        .limit(limit)
        .offset((max(page, 1) - 1) * limit)
    )
    names = api_names(connection)
    found = [
        ConflictRow(
            row.id,
            row.pair_id,
            row.person_id,
            row.object_name,
            row.sf_id,
            row.column_name,
            names.get((row.object_name, row.column_name)),
            row.base_value,
            row.ours_value,
            row.theirs_value,
            row.winner,
            row.reason,
            row.run_id,
            row.at,
        )
        for row in connection.execute(wanted)
    ]
    return found, int(total)
