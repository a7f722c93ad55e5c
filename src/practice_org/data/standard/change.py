"""One write of a standard object, as its own rules see it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.data.rows import insert_row, update_row
from practice_org.data.stamps import stamps
from practice_org.data.tables import quoted
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org, Transaction


@dataclass
class Change:
    """A row about to be stored (`row`, to be completed in place) and the row before (None: a new one).

    `given` are the columns that the caller set; `kept` is for what a rule wants to remember until the row
    is stored.
    """

    org: Org
    tx: Transaction
    obj: ObjectType
    actor: str
    given: Mapping[str, Any]
    row: dict[str, Any]
    before: dict[str, Any] | None = None
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def creating(self) -> bool:
        return self.before is None

    @property
    def connection(self) -> sqlite3.Connection:
        return self.tx.connection

    def altered(self, name: str) -> bool:
        """Whether the field gets another value; true of every value of a new record."""
        old = None if self.before is None else self.before.get(name)
        return self.before is None or old != self.row.get(name)

    def one(self, sql: str, *values: Any) -> Any:
        """The first row of a statement, or None."""
        return self.connection.execute(sql, values).fetchone()

    def add(self, object_name: str, row: Mapping[str, Any]) -> str:
        """Store a record that comes along with this one; returns its id."""
        obj = self.org.schema[object_name]
        whole = {
            **{f.name: int(f.default == "true") for f in obj.stored_fields if f.type == "boolean"},
            **stamps(obj, self.tx.stamp, self.actor, creating=True),
            **row,
        }
        if not whole.get("Id"):
            whole["Id"] = ids.mint(self.connection, obj.prefix)[0]
        insert_row(self.tx, obj, whole)
        return str(whole["Id"])

    def touch(self, object_name: str, record_id: str, changes: Mapping[str, Any]) -> None:
        """Change a record that follows this one, with stamps."""
        obj = self.org.schema[object_name]
        update_row(self.tx, obj, record_id, {**changes, **stamps(obj, self.tx.stamp, self.actor)})


def value_of(connection: sqlite3.Connection, object_name: str, record_id: str, column: str) -> Any:
    """One column of one record; None when there is no such record."""
    row = connection.execute(
        f'SELECT {quoted(column)} FROM {quoted(object_name)} WHERE "Id" = ?', (record_id,)
    ).fetchone()
    return row[0] if row else None
