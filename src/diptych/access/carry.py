"""Starting over in a demo: who is admitted stays admitted, and the audit log goes on."""

from __future__ import annotations

import sqlalchemy as sa

from diptych.store import SqlStore
from diptych.store.system_tables import access_session, access_user, api_token, audit


def carry_over(old: SqlStore, new: SqlStore) -> None:
    """Copy users, sessions, tokens and the audit log into a new, empty database."""
    with old.reading() as source, new.edit_as("access") as target:
        for table in (access_user, access_session, api_token, audit):
            rows = [dict(row._mapping) for row in source.execute(sa.select(table))]
            if rows:
                target.execute(table.insert(), rows)
