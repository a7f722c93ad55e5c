"""The statements that write records: every change of a record's row, but for bulk seeding, goes through here.

Who wants to know of changes (change events, counters) need look nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
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
    tx.changes.record(tx, "CREATE", obj, str(row["Id"]), row)


def update_row(tx: Transaction, obj: ObjectType, record_id: str, changes: Mapping[str, Any]) -> None:
    """Set columns of a record; the caller includes the stamps."""
    _set(tx, obj, record_id, changes)
    tx.changes.record(tx, "UPDATE", obj, record_id, changes)


def _set(tx: Transaction, obj: ObjectType, record_id: str, changes: Mapping[str, Any]) -> None:
    tx.connection.execute(_update_sql(obj.name, tuple(changes)), (*changes.values(), record_id))


@lru_cache(1024)
def _update_sql(object_name: str, columns: tuple[str, ...]) -> str:
    listed = ", ".join(f"{quoted(name)} = ?" for name in columns)
    return f'UPDATE {quoted(object_name)} SET {listed} WHERE "Id" = ?'


def flag_row(
    tx: Transaction, obj: ObjectType, record_id: str, stamps: Mapping[str, Any], *, deleted: bool
) -> None:
    """Put a record into the recycle bin, or take it out; `stamps` says when and by whom."""
    _set(tx, obj, record_id, {"IsDeleted": int(deleted), **stamps})
    if deleted:
        tx.changes.record(tx, "DELETE", obj, record_id)
    elif tx.changes.captures(obj):
        tx.changes.record(tx, "UNDELETE", obj, record_id, _row(tx, obj, record_id))


def remove_row(tx: Transaction, obj: ObjectType, record_id: str) -> None:
    """Do away with a record's row, live or in the recycle bin."""
    live = True
    if obj.soft_deletes and tx.changes.captures(obj):
        live = not _row(tx, obj, record_id).get("IsDeleted", 1)
    tx.connection.execute(f'DELETE FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,))
    if live:
        tx.changes.record(tx, "DELETE", obj, record_id)


def _row(tx: Transaction, obj: ObjectType, record_id: str) -> dict[str, Any]:
    cursor = tx.connection.execute(f'SELECT * FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,))
    row = cursor.fetchone()
    return dict(zip((d[0] for d in cursor.description), row, strict=True)) if row else {}
