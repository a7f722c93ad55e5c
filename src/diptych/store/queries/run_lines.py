"""What one run did, and to whom: the lines behind the numbers of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.values import Value
from diptych.store.queries.causes import api_names
from diptych.store.system_tables import arrival, change_log, conflict, dead_letter, pair, pair_event, sent


@dataclass(frozen=True)
class RunLine:
    """One thing a run did. `what`: one of WHATS; `link`: the conflict's number or the key of the error's cause."""

    what: str
    person_id: int
    object_name: str
    sf_id: str | None
    column: str | None
    field: str | None
    before: Value
    after: Value
    by: str
    at: datetime | None
    link: int | str | None = None


_NOTHING = sa.null()


def _select(table: Any, condition: Any, at: Any, **shown: Any) -> Any:
    """Lines of a table that names the pair. `shown`: column_name, old, new, by, link."""
    told = {name: shown.get(name, _NOTHING) for name in ("column_name", "old", "new", "by", "link")}
    return (
        sa.select(
            table.c.id,
            table.c.person_id,
            pair.c.object_name,
            pair.c.sf_id,
            at.label("at"),
            *(value.label(name) for name, value in told.items()),
        )
        .select_from(table.join(pair, pair.c.id == table.c.pair_id))
        .where(condition)
    )


def _new(run_id: int) -> Any:
    c = arrival.c
    told = [_NOTHING.label(name) for name in ("column_name", "old", "new", "by", "link")]
    met = pair.join(
        arrival,
        sa.and_(c.object_name == pair.c.object_name, pair.c.person_id.between(c.first_person, c.last_person)),
    )
    shown = (pair.c.id, pair.c.person_id, pair.c.object_name, pair.c.sf_id, c.at)
    return sa.select(*shown, *told).select_from(met).where(c.run_id == run_id)


def _updated(run_id: int) -> Any:
    """Values that came in. The log knows the person alone: its first record stands for it."""
    c, other = change_log.c, pair.alias()
    first = sa.select(sa.func.min(other.c.id)).where(other.c.person_id == c.person_id).scalar_subquery()
    return (
        sa.select(
            c.id,
            c.person_id,
            pair.c.object_name,
            pair.c.sf_id,
            c.at,
            c.column_name,
            c.old_value.label("old"),
            c.new_value.label("new"),
            c.actor.label("by"),
            _NOTHING.label("link"),
        )
        .select_from(change_log.outerjoin(pair, pair.c.id == first))
        .where(c.run_id == run_id, c.table_name == "person", c.column_name.is_not(None))
    )


def _sent(run_id: int) -> Any:
    c = sent.c
    return _select(
        sent,
        c.run_id == run_id,
        c.at,
        column_name=c.column_name,
        old=c.before_value,
        new=c.value,
        by=c.outcome,
    )


def _created(run_id: int) -> Any:
    c = pair_event.c
    mine = sa.and_(c.run_id == run_id, c.from_state == "new")
    return _select(pair_event, mine, c.at, old=c.from_state, new=c.to_state)


def _deleted(run_id: int) -> Any:
    c = pair_event.c
    mine = sa.and_(c.run_id == run_id, c.to_state == "tombstoned")
    return _select(pair_event, mine, c.at, old=c.from_state, new=c.to_state)


def _failed(run_id: int) -> Any:
    c = dead_letter.c
    return _select(
        dead_letter,
        c.run_id == run_id,
        c.last_at,
        column_name=c.column_name,
        new=c.message,
        by=c.status,
        link=c.cause_key,
    )


def _fought(run_id: int) -> Any:
    c = conflict.c
    return _select(
        conflict,
        c.run_id == run_id,
        c.at,
        column_name=c.column_name,
        old=c.ours_value,
        new=c.theirs_value,
        by=c.winner,
        link=c.id,
    )


_LINES: Mapping[str, Callable[[int], Any]] = {
    "new": _new,
    "updated": _updated,
    "sent": _sent,
    "created": _created,
    "deleted": _deleted,
    "failed": _failed,
    "conflicts": _fought,
}
WHATS = tuple(_LINES)


def run_counts(connection: Connection, run_id: int) -> dict[str, int]:
    """How many lines of each kind a run has."""
    return {what: _count(connection, lines(run_id)) for what, lines in _LINES.items()}


def _count(connection: Connection, wanted: Any) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(wanted.subquery())).scalar_one())


def run_lines(
    connection: Connection, run_id: int, what: str, limit: int, page: int, object_name: str = ""
) -> tuple[list[RunLine], int]:
    """See `Queries.run_lines`."""
    wanted = _LINES[what](run_id)
    if object_name:
        wanted = wanted.where(pair.c.object_name == object_name)
    total = _count(connection, wanted)
    rows = connection.execute(
        wanted.order_by(wanted.selected_columns[0]).limit(limit).offset((max(page, 1) - 1) * limit)
    )
    names = api_names(connection)
    found = [
        RunLine(
            what,
            row.person_id,
            row.object_name or "",
            row.sf_id,
            row.column_name,
            names.get((row.object_name or "", row.column_name or ""), row.column_name),
            row.old,
            row.new,
            row.by or "",
            row.at,
            row.link,
        )
        for row in rows
    ]
    return found, total
