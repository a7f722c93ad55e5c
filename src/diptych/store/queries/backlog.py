"""What waits to be sent, since when, and what makes it (S-67..S-69)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.alerts import Waiting
from diptych.domain.throughput import COUNTED_UP_TO
from diptych.store.system_tables import backlog_sample, change_log

SAMPLE_EVERY = timedelta(minutes=15)
_LOOKED_AT = 20_000
"""Of a larger backlog so many values are looked at, the first ones: they have waited longest."""

_NOT_HELD = """NOT EXISTS (SELECT 1 FROM dead_letter AS d WHERE d.pair_id = v.pair_id
AND d.status IN ('open', 'ignored', 'quarantined') AND (d.column_name IS NULL OR d.column_name = v.column_name))"""
"""What an error holds back does not wait: it is among the errors."""

# what v_backlog says. CROSS JOIN is for SQLite, which else begins with every pair there is and looks for what waits of each
_OWED = """(SELECT b.pair_id, p.person_id, p.object_name, b.column_name FROM base AS b CROSS JOIN pair AS p
WHERE p.id = b.pair_id AND p.state IN ('paired', 'parked') AND EXISTS (
SELECT 1 FROM field_mapping AS f WHERE f.object_name = p.object_name AND f.table_name = 'person'
AND f.column_name = b.column_name AND f.direction <> 'inbound')) AS v"""

_WAITING = f"""SELECT w.object_name, w.pair_id, w.column_name, c.at, c.actor
FROM (SELECT * FROM {_OWED} WHERE {_NOT_HELD} ORDER BY v.pair_id LIMIT {_LOOKED_AT}) AS w
LEFT JOIN change_log AS c ON c.id = (SELECT max(l.id) FROM change_log AS l WHERE l.person_id = w.person_id
AND l.table_name = 'person' AND l.column_name = w.column_name AND l.side = 'ours')"""


@dataclass(frozen=True)
class Backlog:
    """Values that Salesforce does not have yet and that nothing holds back. `records`, `oldest`: by object; `columns`: values by
    (object, column); `actors`: values by who changed them."""

    records: Mapping[str, int]
    oldest: Mapping[str, datetime]
    columns: Mapping[tuple[str, str], int]
    actors: Mapping[str, int]

    @property
    def waiting(self) -> list[Waiting]:
        """Per object: how many records wait, since when."""
        return [Waiting(name, n, self.oldest.get(name)) for name, n in sorted(self.records.items())]


def owed(connection: Connection) -> dict[str, int]:
    """By object, how many pairs owe a write, those that an error holds back too; counted up to COUNTED_UP_TO."""
    return _records(connection, "")


def _records(connection: Connection, condition: str) -> dict[str, int]:
    rows = connection.execute(
        sa.text(
            f"SELECT object_name, count(*) FROM (SELECT DISTINCT v.pair_id, v.object_name FROM {_OWED} "
            f"{condition} LIMIT {COUNTED_UP_TO}) AS w GROUP BY object_name"
        )
    )
    return {row[0]: int(row[1]) for row in rows}


def read_backlog(connection: Connection) -> Backlog:
    """What waits. Of a large backlog the records are counted, and the first 20,000 values looked at."""
    records = _records(connection, f"WHERE {_NOT_HELD}")
    oldest: dict[str, datetime] = {}
    columns: Counter[tuple[str, str]] = Counter()
    actors: Counter[str] = Counter()
    wanted = sa.text(_WAITING).columns(
        sa.Column("object_name", sa.Text),
        sa.Column("pair_id", sa.BigInteger),
        sa.Column("column_name", sa.Text),
        sa.Column("at", change_log.c.at.type),
        sa.Column("actor", sa.Text),
    )
    for row in connection.execute(wanted) if records else ():
        columns[row.object_name, row.column_name] += 1
        if row.at is not None:
            actors[row.actor or "sql"] += 1
            oldest[row.object_name] = min(oldest.get(row.object_name, row.at), row.at)
    return Backlog(records, oldest, columns, actors)


def owing(connection: Connection, size: int, page: int) -> tuple[list[tuple[int, int, str]], int]:
    """See `Queries.owing`."""
    total = sum(owed(connection).values())
    rows = connection.execute(
        sa.text(
            "SELECT DISTINCT v.pair_id, v.person_id, v.object_name "
            f"FROM {_OWED} ORDER BY v.pair_id LIMIT :size OFFSET :skip"
        ),
        {"size": size, "skip": (max(page, 1) - 1) * size},
    )
    return [(int(row[0]), int(row[1]), str(row[2])) for row in rows], total


def keep_sample(connection: Connection, waiting: Sequence[Waiting], now: datetime) -> None:
    """Remember how much waits, every quarter of an hour, for the trend; an empty backlog counts too."""
    c = backlog_sample.c
    last = connection.execute(sa.select(sa.func.max(c.at, type_=c.at.type))).scalar()
    if last is not None and abs(now - last) < SAMPLE_EVERY:
        return
    rows = [
        {"at": now, "object_name": one.object_name, "waiting": one.count, "oldest_at": one.oldest_at}
        for one in waiting
    ]
    connection.execute(
        backlog_sample.insert(), rows or [{"at": now, "object_name": "", "waiting": 0, "oldest_at": None}]
    )
