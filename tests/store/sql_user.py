"""Someone with a SQL client on the database under test: plain statements over a connection of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from diptych.domain.mapping import ObjectMapping
from diptych.domain.merge import Conflict
from diptych.domain.pair import PairState, Record
from diptych.domain.values import Value, from_text
from diptych.store import SqlStore, trouble
from diptych.store.catalogue import Catalogue, read_catalogue
from diptych.store.system_tables import change_log, conflict, pair
from diptych.store.values_at_rest import encoder
from diptych.sync.ports import StoredDeadLetter


@dataclass(frozen=True)
class LoggedChange:
    """One line of the change log."""

    column: str | None
    old: Value
    new: Value
    side: str
    actor: str
    at: datetime


class SqlUser:
    """A StoreUser of the contract, and `run` for any statement."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.postgres = store.engine.dialect.name == "postgresql"

    def run(self, statement: str, **values: Any) -> list[Any]:
        """Run one statement in a transaction of its own; the rows, if any."""
        with self._store.engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result.mappings()) if result.returns_rows else []

    def catalogue(self) -> Catalogue:
        with self._store.reading() as connection:
            return read_catalogue(connection)

    def _bound(self, column: str, value: Value) -> Any:
        return encoder(self.catalogue().column("person", column).kind, self.postgres)(value)

    def insert(self, **values: Value) -> int:
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        bound = {name: self._bound(name, value) for name, value in values.items()}
        return int(self.run(f"INSERT INTO person ({names}) VALUES ({places}) RETURNING id", **bound)[0]["id"])

    def edit(self, person_id: int, column: str, value: Value) -> None:
        table = self.catalogue().column("person", column).part_table
        self.run(
            f"UPDATE {table} SET {column} = :value WHERE id = :number",
            value=self._bound(column, value),
            number=person_id,
        )

    def delete(self, person_id: int) -> None:
        self.run("DELETE FROM person WHERE id = :number", number=person_id)

    def person(self, person_id: int) -> Mapping[str, Any] | None:
        found = self.run("SELECT * FROM v_people WHERE id = :number", number=person_id)
        return dict(found[0]) if found else None

    def people(self) -> Sequence[Mapping[str, Any]]:
        return self.run("SELECT * FROM v_people ORDER BY id")

    def mirror_row(self, table: str, sf_id: str) -> Mapping[str, Any] | None:
        found = self.run(f"SELECT * FROM {table} WHERE salesforce_id = :sf_id", sf_id=sf_id)
        return dict(found[0]) if found else None

    def changes(self, person_id: int) -> Sequence[LoggedChange]:
        columns = self.catalogue().columns("person")
        wanted = sa.select(change_log).where(
            change_log.c.person_id == person_id, change_log.c.table_name == "person"
        )
        found = []
        with self._store.reading() as connection:
            for row in connection.execute(wanted.order_by(change_log.c.id)):
                old, new = row.old_value, row.new_value
                if row.column_name is not None:
                    column = columns[row.column_name]
                    old, new = (from_text(column.kind, text, column.scale) for text in (old, new))
                found.append(LoggedChange(row.column_name, old, new, row.side, row.actor, row.at))
        return found

    def conflicts(self) -> Sequence[Conflict]:
        columns = self.catalogue().columns("person")
        found = []
        with self._store.reading() as connection:
            for row in connection.execute(sa.select(conflict).order_by(conflict.c.id)):
                column = columns[row.column_name]
                base, ours, theirs = (
                    from_text(column.kind, text, column.scale)
                    for text in (row.base_value, row.ours_value, row.theirs_value)
                )
                found.append(Conflict(column.name, base, ours, theirs, row.winner, row.reason))
        return found

    def dead_letters(self) -> Sequence[StoredDeadLetter]:
        with self._store.reading() as connection:
            return trouble.letters(connection)

    def run_status(self, run_id: int) -> str:
        return str(self.run("SELECT status FROM run WHERE id = :number", number=run_id)[0]["status"])

    def add_pair(self, person_id: int, object_mapping: ObjectMapping, record: Record) -> int:
        with self._store.engine.begin() as connection:
            made = connection.execute(
                pair.insert().values(
                    person_id=person_id,
                    object_name=object_mapping.object_name,
                    sf_id=record.sf_id,
                    state=PairState.PAIRED.value,
                    seen_modstamp=record.modstamp,
                    seen_at=record.read_at,
                    mapping_version=object_mapping.version,
                    attempts=0,
                )
            )
            key = made.inserted_primary_key
            assert key is not None
            return int(key[0])
