"""What waits to be sent, since when, and what makes it (S-67..S-69)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.alerts import Waiting
from diptych.store.system_tables import backlog_sample, change_log

SAMPLE_EVERY = timedelta(minutes=15)
_LOOKED_AT = 20_000
"""Of a larger backlog the oldest is looked for among the first so many values: it is where it began to wait."""

_NOT_HELD = """NOT EXISTS (SELECT 1 FROM dead_letter AS d WHERE d.pair_id = v.pair_id
AND d.status IN ('open', 'ignored', 'quarantined') AND (d.column_name IS NULL OR d.column_name = v.column_name))"""
"""What an error holds back does not wait: it is among the errors."""

WAITING = f"SELECT * FROM v_backlog AS v WHERE {_NOT_HELD} ORDER BY pair_id LIMIT :most"
"""Values that Salesforce does not have yet and that nothing holds back."""

_OLDEST = f"""SELECT object_name, count(*) AS records, min(at) AS at FROM (
SELECT b.pair_id, b.object_name, min(
  (SELECT max(c.at) FROM change_log AS c
   WHERE c.person_id = b.person_id AND c.table_name = 'person' AND c.column_name = b.column_name AND c.side = 'ours')) AS at
FROM (SELECT * FROM v_backlog AS v WHERE {_NOT_HELD} ORDER BY pair_id LIMIT {_LOOKED_AT}) AS b GROUP BY b.pair_id, b.object_name) AS waiting
GROUP BY object_name"""


def oldest_waiting(connection: Connection) -> list[tuple[str, int, datetime | None]]:
    """Per object: how many records owe a write, and when the oldest change among them was made here."""
    counts = connection.execute(
        sa.text(
            f"SELECT object_name, count(DISTINCT pair_id) FROM v_backlog AS v WHERE {_NOT_HELD} GROUP BY object_name"
        )
    )
    records = {row[0]: int(row[1]) for row in counts}
    if not records:
        return []
    wanted = sa.text(_OLDEST).columns(
        sa.Column("object_name", sa.Text),
        sa.Column("records", sa.BigInteger),
        sa.Column("at", change_log.c.at.type),
    )
    oldest = {row.object_name: row.at for row in connection.execute(wanted)}
    return [(name, count, oldest.get(name)) for name, count in sorted(records.items())]


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
