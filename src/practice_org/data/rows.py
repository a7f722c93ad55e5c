"""The statements that write records: every change of a record's row, but for bulk seeding, goes through here.

Who wants to know of changes (change events, counters) need look nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from practice_org.data.tables import quoted
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.org import Transaction


def insert_row(tx: Transaction, obj: ObjectType, row: Mapping[str, Any]) -> None:
    """Store a new record; `row` holds its stored columns, Id among them."""
    columns = ", ".join(quoted(name) for name in row)
    marks = ", ".join("?" * len(row))
    tx.connection.execute(f"INSERT INTO {quoted(obj.name)}({columns}) VALUES({marks})", tuple(row.values()))


def update_row(tx: Transaction, obj: ObjectType, record_id: str, changes: Mapping[str, Any]) -> None:
    """Set columns of a record; the caller includes the stamps."""
    listed = ", ".join(f"{quoted(name)} = ?" for name in changes)
    tx.connection.execute(
        f'UPDATE {quoted(obj.name)} SET {listed} WHERE "Id" = ?', (*changes.values(), record_id)
    )


def flag_row(
    tx: Transaction, obj: ObjectType, record_id: str, stamps: Mapping[str, Any], *, deleted: bool
) -> None:
    """Put a record into the recycle bin, or take it out; `stamps` says when and by whom."""
    update_row(tx, obj, record_id, {"IsDeleted": int(deleted), **stamps})


def remove_row(tx: Transaction, obj: ObjectType, record_id: str) -> None:
    """Do away with a record's row."""
    tx.connection.execute(f'DELETE FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,))
