"""Rows of set-up objects, stored as they are: what an org is made of besides its records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from practice_org.org import Org


def insert_row(org: Org, table: str, row: Mapping[str, object]) -> None:
    """Store a row as it is."""
    columns = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    with org.transaction() as tx:
        tx.connection.execute(f'INSERT INTO "{table}"({columns}) VALUES({marks})', tuple(row.values()))
        tx.changes.record(tx, "CREATE", org.schema[table], str(row["Id"]), row)


def first_user(org: Org) -> str:
    """The user that the org itself acts as when nobody else does: its first."""
    row = org.reader().execute('SELECT "Id" FROM "User" ORDER BY "Id" LIMIT 1').fetchone()
    return str(row[0])
