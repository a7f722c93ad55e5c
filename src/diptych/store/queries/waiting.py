"""Since when changes made here wait for Salesforce."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.store.system_tables import Moment

MOST = 20_000
"""So many waiting values are looked at; of a larger backlog the oldest may be older than what is said."""

_OLDEST = """SELECT w.object_name, min(w.at) AS at FROM (
SELECT b.object_name, (SELECT max(l.at) FROM change_log AS l WHERE l.person_id = b.person_id AND l.table_name = 'person'
AND l.column_name = b.column_name AND l.side = 'ours') AS at FROM (SELECT * FROM v_backlog LIMIT :most) AS b) AS w
GROUP BY w.object_name"""


def oldest(connection: Connection) -> dict[str, datetime]:
    """By object, when the value was edited that waits longest; objects of which nothing waits are missing."""
    wanted = sa.text(_OLDEST).columns(object_name=sa.Text, at=Moment).bindparams(most=MOST)
    return {row.object_name: row.at for row in connection.execute(wanted) if row.at is not None}
