"""Run-time columns: provisioning makes what a mapping needs, with parts, capture triggers and views. It never drops a column.

Everything happens in the caller's transaction: DDL rolls back on both databases. Columns are added online.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.values import Kind
from diptych.store import tally, triggers_postgres, triggers_sqlite
from diptych.store.catalogue import (
    PART_COLUMNS,
    TABLES,
    Catalogue,
    StoredColumn,
    part_table,
    quote,
    read_catalogue,
    system_columns,
)
from diptych.store.engines import is_postgres
from diptych.store.system_tables import mapped_column
from diptych.store.values_at_rest import column_type
from diptych.store.views import NAMES, view_statements


def provision(connection: Connection, mapping: FieldMappings) -> list[str]:
    """Make every mapped column exist; the names of those made, in order. Idempotent.

    A column that is mapped with another kind than it was made with becomes text, which holds them all.
    Raises ValueError for a name that cannot be a column, or that is one of the system's own.
    """
    before = read_catalogue(connection)
    made = []
    changed = False
    for table in TABLES:
        count = len(before.columns(table))
        for name in mapping.columns(table):
            wanted = _wanted(mapping, table, name)
            held = before.columns(table).get(name)
            if held is None:
                _add(connection, wanted, part=1 + count // PART_COLUMNS)
                count += 1
                made.append(name)
            elif (held.kind, held.scale) != (wanted.kind, wanted.scale):
                _widen(connection, held, wanted)
                changed = True
    if made or changed or not _prepared(connection):
        rebuild(connection, read_catalogue(connection))
    return made


def _wanted(mapping: FieldMappings, table: str, name: str) -> StoredColumn:
    if name in system_columns(table):
        raise ValueError(
            f"{name} is a column of the system in table {table}; choose another name for this field"
        )
    quote(name)
    fields = [f for f in mapping.fields if f.table == table and f.column == name]
    kinds = {f.kind for f in fields}
    kind = fields[0].kind if len(kinds) == 1 else Kind.DECIMAL if kinds <= _NUMBERS else Kind.TEXT
    return StoredColumn(table, name, kind, max(f.scale for f in fields), 1)


_NUMBERS = {Kind.INTEGER, Kind.DECIMAL}


def _add(connection: Connection, column: StoredColumn, part: int) -> None:
    name = part_table(column.table, part)
    if part > 1 and not sa.inspect(connection).has_table(name):
        key = "BIGINT" if is_postgres(connection) else "INTEGER"
        connection.exec_driver_sql(f"CREATE TABLE {quote(name)} (id {key} PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT INTO {quote(name)} (id) SELECT id FROM {quote(column.table)}")
    kind = column_type(column.kind, is_postgres(connection))
    connection.exec_driver_sql(f"ALTER TABLE {quote(name)} ADD COLUMN {quote(column.name)} {kind}")
    connection.execute(
        mapped_column.insert().values(
            table_name=column.table,
            column_name=column.name,
            kind=column.kind.value,
            scale=column.scale,
            part=part,
        )
    )


def _widen(connection: Connection, held: StoredColumn, wanted: StoredColumn) -> None:
    kind = wanted.kind
    if kind is not held.kind and not {held.kind, kind} <= _NUMBERS:
        kind = Kind.TEXT
    elif held.kind is Kind.DECIMAL:
        kind = Kind.DECIMAL
    if is_postgres(connection) and column_type(kind, True) != column_type(held.kind, True):
        connection.exec_driver_sql("DROP VIEW IF EXISTS v_people")
        text = f"{quote(held.name)}::text"
        using = f"diptych_shown('{held.kind.value}', replace({text}, ' ', 'T') || ':00')"
        if kind is not Kind.TEXT or held.kind is not Kind.DATETIME:
            using = f"{quote(held.name)}::{column_type(kind, True)}"
        connection.exec_driver_sql(
            f"ALTER TABLE {quote(held.part_table)} ALTER COLUMN {quote(held.name)} "
            f"TYPE {column_type(kind, True)} USING {using}"
        )
    c = mapped_column.c
    connection.execute(
        mapped_column.update()
        .where(c.table_name == held.table, c.column_name == held.name)
        .values(kind=kind.value, scale=max(held.scale, wanted.scale))
    )


def _prepared(connection: Connection) -> bool:
    return "v_people" in sa.inspect(connection).get_view_names()


def rebuild(connection: Connection, catalogue: Catalogue) -> None:
    """Make views, and the triggers that name all columns, anew from the catalogue."""
    _indexes(connection, catalogue)
    if is_postgres(connection):
        _triggers_postgres(connection, catalogue)
    else:
        _triggers_sqlite(connection, catalogue)
    _views(connection, catalogue)


def _indexes(connection: Connection, catalogue: Catalogue) -> None:
    account = catalogue.columns("person").get("account_id")
    if account is not None and account.part == 1:
        connection.exec_driver_sql(
            "CREATE INDEX IF NOT EXISTS person_waits_for_company ON person(account_id) "
            "WHERE company_id IS NULL AND account_id IS NOT NULL"
        )
        # for `related`: whose company changed; leads have none, so that their load pays nothing
        connection.exec_driver_sql(
            "CREATE INDEX IF NOT EXISTS person_account ON person(account_id) WHERE account_id IS NOT NULL"
        )


def _views(connection: Connection, catalogue: Catalogue) -> None:
    made = dict(view_statements(catalogue))
    replace = is_postgres(connection)  # keeps views that a user built on ours
    for name in NAMES:
        if replace:
            connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {name} AS {made[name]}")
        else:
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE VIEW {name} AS {made[name]}")


def _triggers_sqlite(connection: Connection, catalogue: Catalogue) -> None:
    there = {
        row[0]: row[1]
        for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    }
    wanted: list[tuple[str, str]] = [
        *triggers_sqlite.row_triggers(catalogue),
        *tally.sqlite_triggers(triggers_sqlite.NOT_ENGINE),
    ]
    for table in TABLES:
        for column in catalogue.columns(table).values():
            wanted.extend(triggers_sqlite.column_triggers(column))
    for name, statement in wanted:
        if there.get(name) == statement:
            continue
        if name in there:
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        connection.exec_driver_sql(statement)


def _triggers_postgres(connection: Connection, catalogue: Catalogue) -> None:
    statements: list[str] = list(triggers_postgres.FUNCTIONS)
    for table in TABLES:
        for part in catalogue.parts(table):
            statements.extend(triggers_postgres.part_triggers(table, part, part_table(table, part)))
    further = [part_table("person", n) for n in catalogue.parts("person") if n != 1]
    if further:
        statements.extend(triggers_postgres.parts_of_new_people(further))
    statements.extend(tally.postgres_statements())
    _run_all(connection, statements)


def _run_all(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))
