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


_SHOWN = ("column_name", "old", "new", "by", "link")


def _line(number: Any, person_id: Any, at: Any, shown: Mapping[str, Any]) -> Any:
    """What a line is made of. `shown`: what it has of _SHOWN."""
    told = (shown.get(name, sa.null()).label(name) for name in _SHOWN)
    return sa.select(number, person_id, pair.c.object_name, pair.c.sf_id, at.label("at"), *told)


def _of_pairs(table: sa.Table, condition: Any, at: Any, **shown: Any) -> Any:
    """Lines of a table that names the pair."""
    line = _line(table.c.id, table.c.person_id, at, shown)
    return line.select_from(table.join(pair, pair.c.id == table.c.pair_id)).where(condition)


def _new(run_id: int) -> Any:
    c = arrival.c
    within = pair.c.person_id.between(c.first_person, c.last_person)
    # by the index of people: by that of objects every record of the object would be looked at
    of_object = sa.func.coalesce(pair.c.object_name, "") == c.object_name
    came = pair.join(arrival, sa.and_(of_object, within))
    return _line(pair.c.id, pair.c.person_id, c.at, {}).select_from(came).where(c.run_id == run_id)


def _updated(run_id: int) -> Any:
    """Values that came in. The log knows the person alone: its first record stands for it."""
    c, other = change_log.c, pair.alias()
    first = sa.select(sa.func.min(other.c.id)).where(other.c.person_id == c.person_id).scalar_subquery()
    shown = {"column_name": c.column_name, "old": c.old_value, "new": c.new_value, "by": c.actor}
    return (
        _line(c.id, c.person_id, c.at, shown)
        .select_from(change_log.outerjoin(pair, pair.c.id == first))
        .where(c.run_id == run_id, c.table_name == "person", c.column_name.is_not(None))
    )


def _sent(run_id: int) -> Any:
    c = sent.c
    shown = {"column_name": c.column_name, "old": c.before_value, "new": c.value, "by": c.outcome}
    return _of_pairs(sent, c.run_id == run_id, c.at, **shown)


def _became(run_id: int, what: Any) -> Any:
    """Records whose state has changed so."""
    c = pair_event.c
    return _of_pairs(pair_event, sa.and_(c.run_id == run_id, what), c.at, old=c.from_state, new=c.to_state)


def _created(run_id: int) -> Any:
    return _became(run_id, pair_event.c.from_state == "new")


def _deleted(run_id: int) -> Any:
    return _became(run_id, pair_event.c.to_state == "tombstoned")


def _failed(run_id: int) -> Any:
    c = dead_letter.c
    shown = {"column_name": c.column_name, "new": c.message, "by": c.status, "link": c.cause_key}
    return _of_pairs(dead_letter, c.run_id == run_id, c.last_at, **shown)


def _fought(run_id: int) -> Any:
    c = conflict.c
    shown = {"column_name": c.column_name, "old": c.ours_value, "new": c.theirs_value, "by": c.winner}
    return _of_pairs(conflict, c.run_id == run_id, c.at, **shown, link=c.id)


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
    return {what: _lines_of(connection, run_id, what) for what in _LINES}


def _lines_of(connection: Connection, run_id: int, what: str) -> int:
    """How many, without a look at each pair: the first load's are as many as there are people."""
    if what == "new":
        c = arrival.c
        many = sa.select(sa.func.coalesce(sa.func.sum(c.last_person - c.first_person + 1), 0))
        return int(connection.execute(many.where(c.run_id == run_id)).scalar_one())
    if what == "updated":
        log = change_log.c
        lines = sa.select(sa.func.count()).where(
            log.run_id == run_id, log.table_name == "person", log.column_name.is_not(None)
        )
        return int(connection.execute(lines).scalar_one())
    return _count(connection, _LINES[what](run_id))


def _count(connection: Connection, wanted: Any) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(wanted.subquery())).scalar_one())


def run_lines(
    connection: Connection, run_id: int, what: str, limit: int, page: int, object_name: str = ""
) -> tuple[list[RunLine], int]:
    """See `Queries.run_lines`."""
    wanted = _LINES[what](run_id)
    if object_name:
        wanted = wanted.where(pair.c.object_name == object_name)
    total = _count(connection, wanted) if object_name else _lines_of(connection, run_id, what)
    # people arrived in the order of their ids, stretch by stretch: both are found by index
    order = (arrival.c.id, pair.c.person_id, pair.c.id) if what == "new" else (wanted.selected_columns[0],)
    rows = connection.execute(wanted.order_by(*order).limit(limit).offset((max(page, 1) - 1) * limit))
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
