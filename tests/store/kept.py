"""Kept counts against counting: what every test of a store ends with."""

from __future__ import annotations

import sqlalchemy as sa

from diptych.store import SqlStore, tally


def kept_and_counted(store: SqlStore) -> tuple[dict[str, dict[tuple[str, str], int]], ...]:
    """The counts as they are kept, and as they are when all is counted anew (which is then undone)."""
    with store.engine.connect() as connection:
        kept = _all(connection)
        tally.recount(connection)
        counted = _all(connection)
        connection.rollback()
    return kept, counted


def _all(connection: sa.Connection) -> dict[str, dict[tuple[str, str], int]]:
    return {one.table: tally.counts(connection, one.table) for one in tally.COUNTED}
