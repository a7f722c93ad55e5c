"""The rows of other tables that refer to a person: found, moved to another person, and moved back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from diptych.store.chunks import chunks

_OWN = ("base", "person_join", "replaced", "suppression", "action")


def referring(connection: Connection) -> list[tuple[str, str, bool]]:
    """Every table and column that names a person: called `person_id`, or a foreign key on `person`; and whether its rows have
    an `id`."""
    inspector = sa.inspect(connection)
    found = []
    for table in sorted(inspector.get_table_names()):
        if table in (*_OWN, "pair", "person", "person_redirect") or table.startswith("alembic"):
            continue
        names = {c["name"] for c in inspector.get_columns(table)}
        columns = {"person_id"} & names
        for key in inspector.get_foreign_keys(table):
            if key["referred_table"] == "person" and len(key["constrained_columns"]) == 1:
                columns |= set(key["constrained_columns"])
        found += [(table, column, "id" in names) for column in sorted(columns - {"id"})]
    return found


def move_rows(
    connection: Connection, table: str, column: str, source: int, target: int
) -> dict[str, tuple[int, ...]]:
    """Let rows name another person; those of which the target has an equal already, by a unique key, are not doubled: they
    go, and are kept in the answer under `table.column!dropped` as JSON."""
    name, field = plain(table), plain(column)
    rows = connection.execute(
        sa.text(f"SELECT id FROM {name} WHERE {field} = :source ORDER BY id"), {"source": source}
    )
    ids = [int(row[0]) for row in rows]
    if not ids:
        return {}
    statement = sa.text(f"UPDATE {name} SET {field} = :target WHERE {field} = :source")
    try:
        with connection.begin_nested():
            connection.execute(statement, {"target": target, "source": source})
        return {f"{table}.{column}": tuple(ids)}
    except IntegrityError:
        return _move_one_by_one(connection, table, column, ids, target)


def move_keyed(connection: Connection, table: str, column: str, source: int, target: int) -> dict[str, Any]:
    """A row whose key is the person goes over unless the target has its own; then it has said all it could. It is kept in the
    answer, under `table.column!moved` or `!dropped`."""
    name, field = plain(table), plain(column)
    given = {"source": source, "target": target}
    rows = connection.execute(sa.text(f"SELECT * FROM {name} WHERE {field} = :source"), given).all()
    if not rows:
        return {}
    kept = [json.loads(json.dumps(dict(row._mapping), default=str)) for row in rows]
    try:
        with connection.begin_nested():
            connection.execute(sa.text(f"UPDATE {name} SET {field} = :target WHERE {field} = :source"), given)
        return {f"{table}.{column}!moved": kept}
    except IntegrityError:
        connection.execute(sa.text(f"DELETE FROM {name} WHERE {field} = :source"), given)
        return {f"{table}.{column}!dropped": kept}


def _move_one_by_one(
    connection: Connection, table: str, column: str, ids: Sequence[int], target: int
) -> dict[str, Any]:
    name, field = plain(table), plain(column)
    went, dropped = [], []
    for number in ids:
        try:
            with connection.begin_nested():
                connection.execute(
                    sa.text(f"UPDATE {name} SET {field} = :target WHERE id = :number"),
                    {"target": target, "number": number},
                )
            went.append(number)
        except IntegrityError:
            row = connection.execute(
                sa.text(f"SELECT * FROM {name} WHERE id = :number"), {"number": number}
            ).one()
            dropped.append(json.loads(json.dumps(dict(row._mapping), default=str)))
            connection.execute(sa.text(f"DELETE FROM {name} WHERE id = :number"), {"number": number})
    return {f"{table}.{column}": tuple(went), f"{table}.{column}!dropped": dropped}


def move_back(connection: Connection, table: str, column: str, ids: Sequence[int], former: int) -> None:
    """Let these rows name the former person again."""
    for some in chunks(list(ids)):
        connection.execute(
            sa.text(f"UPDATE {plain(table)} SET {plain(column)} = :former WHERE id IN :ids").bindparams(
                sa.bindparam("ids", expanding=True)
            ),
            {"former": former, "ids": some},
        )


def insert_back(connection: Connection, table: str, column: str, row: Any, former: int) -> None:
    """Put a row that was kept back in its table, naming the former person."""
    values = {**row, column: former}
    names = list(values)
    connection.execute(
        sa.text(
            f"INSERT INTO {plain(table)} ({', '.join(map(plain, names))}) "
            f"VALUES ({', '.join(f':v{n}' for n in range(len(names)))})"
        ),
        {f"v{n}": values[name] for n, name in enumerate(names)},
    )


def plain(name: str) -> str:
    """A name that the database itself gave, quoted."""
    return '"' + name.replace('"', '""') + '"'
