"""Errors by cause, as lists show them (S-66)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.causes import HELD, IGNORED, OPEN, QUARANTINED
from diptych.store import tally
from diptych.store.causes import counted
from diptych.store.system_tables import dead_letter, field_mapping, pair, run


@dataclass(frozen=True)
class CauseRow:
    """One cause and how many errors have it, by state. Texts are those of its latest error. `field`: API name, or column name
    where it is not mapped; `people`: how many people are concerned; `times`: how often it was refused in all."""

    key: str
    object_name: str
    operation: str
    column: str | None
    field: str | None
    error_class: str
    code: str
    message: str
    cause: str
    remedy: str
    fields: tuple[str, ...]
    open: int
    quarantined: int
    ignored: int
    people: int
    times: int
    first_at: datetime
    last_at: datetime

    @property
    def count(self) -> int:
        return self.open + self.quarantined + self.ignored


@dataclass(frozen=True)
class JobError:
    """What stopped or shortened runs: one text (numbers aside), how many runs ended with it, and the latest."""

    kind: str
    status: str
    error: str
    error_class: str
    count: int
    first_at: datetime
    last_at: datetime
    last_run: int


ANY = "any"
"""Errors of every state, closed ones too."""
_STATES = {
    "": (OPEN,),
    OPEN: (OPEN,),
    QUARANTINED: (QUARANTINED,),
    IGNORED: (IGNORED,),
    "held": HELD,
}


def conditions(
    status: str = "",
    object_name: str = "",
    error_class: str = "",
    field: str = "",
    since: datetime | None = None,
    key: str = "",
) -> list[Any]:
    """What these filters ask of a dead letter joined with its pair. `field`: an API name or a column."""
    c = dead_letter.c
    asked: list[Any] = [] if status == ANY else [c.status.in_(_STATES.get(status, (status,)))]
    if key:
        asked.append(c.cause_key == key)
    if object_name:
        asked.append(pair.c.object_name == object_name)
    if error_class:
        asked.append(c.error_class == error_class)
    if since is not None:
        asked.append(c.last_at >= since)
    if field:
        m = field_mapping.c
        columns = sa.select(m.column_name).where(
            m.object_name == pair.c.object_name, sa.func.lower(m.field) == field.lower()
        )
        asked.append(
            sa.or_(c.column_name == field, c.column_name.in_(columns), c.fields.like(f'%"{field}"%'))
        )
    return asked


def causes(connection: Connection, limit: int = 200, **filters: Any) -> list[CauseRow]:
    """See `Queries.causes`."""
    c = dead_letter.c
    groups = (
        sa.select(
            c.cause_key,
            sa.func.max(c.id).label("newest"),
            counted(OPEN).label("open"),
            counted(QUARANTINED).label("quarantined"),
            counted(IGNORED).label("ignored"),
            sa.func.count(sa.distinct(c.person_id)).label("people"),
            sa.func.sum(c.times).label("tried"),
            sa.func.min(c.first_at, type_=c.first_at.type).label("since"),
            sa.func.max(c.last_at, type_=c.last_at.type).label("latest"),
            sa.func.count().label("n"),
        )
        .select_from(dead_letter.join(pair, pair.c.id == c.pair_id))
        .where(*conditions(**filters))
        .group_by(c.cause_key)
        .order_by(sa.desc("n"), c.cause_key)
        .limit(limit)
        .subquery()
    )
    wanted = (
        sa.select(groups, dead_letter, pair.c.object_name)
        .join(dead_letter, c.id == groups.c.newest)
        .join(pair, pair.c.id == c.pair_id)
        .order_by(groups.c.n.desc(), groups.c.cause_key)
    )
    names = api_names(connection)
    return [_cause(row, names) for row in connection.execute(wanted)]


def _cause(row: Any, names: Mapping[tuple[str, str], str]) -> CauseRow:
    column = row.column_name
    return CauseRow(
        row[0],
        row.object_name,
        row.operation,
        column,
        names.get((row.object_name, column), column) if column else None,
        row.error_class,
        row.code,
        row.message,
        row.cause or "",
        row.remedy or "",
        tuple(json.loads(row.fields or "[]")),
        int(row.open),
        int(row.quarantined),
        int(row.ignored),
        int(row.people),
        int(row.tried),
        row.since,
        row.latest,
    )


def api_names(connection: Connection) -> dict[tuple[str, str], str]:
    """API names by object and column."""
    c = field_mapping.c
    rows = connection.execute(sa.select(c.object_name, c.column_name, c.field))
    return {(row[0], row[1]): row[2] for row in rows}


def facets(connection: Connection) -> dict[str, list[str]]:
    """What the held errors can be filtered by: objects, classes, fields, statuses."""
    c = dead_letter.c
    rows = connection.execute(
        sa.select(c.status, c.error_class, pair.c.object_name, c.column_name)
        .select_from(dead_letter.join(pair, pair.c.id == c.pair_id))
        .where(c.status.in_(HELD))
        .distinct()
    ).all()
    names = api_names(connection)
    return {
        "objects": sorted({row.object_name for row in rows}),
        "classes": sorted({row.error_class for row in rows}),
        "fields": sorted({names.get((row[2], row[3]), row[3]) for row in rows if row[3]}),
    }


def totals(connection: Connection) -> dict[str, int]:
    """How many errors there are in each state in which they are held."""
    kept = tally.counts(connection, "dead_letter")
    return {status: tally.total(kept, b=status) for status in HELD}


def job_errors(connection: Connection, since: datetime, limit: int = 2000) -> list[JobError]:
    """See `Queries.job_errors`."""
    from diptych.domain.causes import said_of

    wanted = (
        sa.select(run)
        .where(run.c.error.is_not(None), run.c.started_at >= since)
        .order_by(run.c.id.desc())
        .limit(limit)
    )
    groups: dict[tuple[str, str, str], list[Any]] = {}
    for row in connection.execute(wanted):
        groups.setdefault((row.kind, row.status, said_of(row.error)), []).append(row)
    return [_job(kind, status, rows) for (kind, status, _), rows in groups.items()]


def _job(kind: str, status: str, rows: Sequence[Any]) -> JobError:
    newest = rows[0]
    return JobError(
        kind,
        status,
        newest.error,
        newest.error_class or "other",
        len(rows),
        rows[-1].started_at,
        newest.started_at,
        newest.id,
    )
