"""Kept counts: how many people, pairs, errors and conflicts there are of which kind, right at every commit, whoever writes.

Counting a hundred thousand rows takes a tenth of a second, and every page says such a number. Triggers keep the counts with the rows
themselves, in the same transaction, also for those who write with plain SQL. SQLite has one row a kind, changed in place: there is one
writer. On PostgreSQL writers only add rows, so that none waits for another: a statement adds what it changed, and `fold` makes one row
of many now and then. A first load on SQLite counts its pages itself (`add`). Once a day all is counted anew (`recount`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.store.engines import is_postgres

MANY = 1000
"""So many rows of PostgreSQL's are folded into few."""
_ADVISORY_LOCK = 0x74616C79


@dataclass(frozen=True)
class _Counted:
    """One table: what its rows are told apart by, in terms of `{row}`, and the columns that decide it."""

    table: str
    a: str
    b: str
    columns: tuple[str, ...]

    def of(self, row: str) -> tuple[str, str]:
        return self.a.format(row=row), self.b.format(row=row)


_OBJECT = "COALESCE((SELECT of_pair.object_name FROM pair AS of_pair WHERE of_pair.id = {row}.pair_id), '')"
_LIVE = "CASE WHEN {row}.salesforce_deleted THEN 'deleted' ELSE 'live' END"
COUNTED = (
    _Counted(
        "person", "COALESCE({row}.salesforce_type, '')", "{row}.link_state", ("salesforce_type", "link_state")
    ),
    _Counted("pair", "{row}.object_name", "{row}.state", ("state",)),
    _Counted("company", "''", _LIVE, ("salesforce_deleted",)),
    _Counted("salesforce_user", "''", _LIVE, ("salesforce_deleted",)),
    _Counted("dead_letter", _OBJECT, "{row}.status", ("status",)),
    _Counted("conflict", _OBJECT, "{row}.winner", ("winner",)),
)


def counts(connection: Connection, table: str) -> dict[tuple[str, str], int]:
    """How many rows of each kind: people by (Salesforce type, link state), pairs by (object, state), companies and users by
    ('', live or deleted), errors by (object, status), conflicts by (object, winner)."""
    rows = connection.execute(
        sa.text("SELECT a, b, sum(n) FROM tally WHERE what = :table GROUP BY a, b"), {"table": table}
    )
    return {(row[0], row[1]): int(row[2]) for row in rows if row[2]}


def total(kept: Mapping[tuple[str, str], int], a: str | None = None, b: str | None = None) -> int:
    """The sum of those counts that are of this first and second kind; None: of any."""
    return sum(n for (x, y), n in kept.items() if a in (None, x) and b in (None, y))


def add(connection: Connection, table: str, a: str, b: str, number: int) -> None:
    """Count rows that were put in without the triggers."""
    given = {"what": table, "a": a, "b": b, "n": number}
    if not is_postgres(connection):
        connection.execute(
            sa.text(
                "INSERT INTO tally (what, a, b, n) SELECT :what, :a, :b, 0 WHERE NOT EXISTS "
                "(SELECT 1 FROM tally WHERE what = :what AND a = :a AND b = :b)"
            ),
            given,
        )
        connection.execute(
            sa.text("UPDATE tally SET n = n + :n WHERE what = :what AND a = :a AND b = :b"), given
        )
        return
    connection.execute(sa.text("INSERT INTO tally (what, a, b, n) VALUES (:what, :a, :b, :n)"), given)


def recount(connection: Connection) -> None:
    """Count everything anew: the way out should a count ever be wrong, as after a TRUNCATE."""
    counted = " UNION ALL ".join(_counting(one) for one in COUNTED)
    if is_postgres(connection):
        _alone(connection)
        # one statement, one snapshot: what others commit meanwhile is not in the counts, and its rows stay
        connection.exec_driver_sql(
            f"WITH gone AS (DELETE FROM tally) INSERT INTO tally (what, a, b, n) {counted}"
        )
        return
    connection.exec_driver_sql("DELETE FROM tally")
    connection.exec_driver_sql(f"INSERT INTO tally (what, a, b, n) {counted}")


def fold(connection: Connection) -> int:
    """Make one row of the many of each kind, where there are many; how many there were. Nothing on SQLite."""
    if not is_postgres(connection):
        return 0
    found = int(connection.exec_driver_sql("SELECT count(*) FROM tally").scalar_one())
    if found > MANY:
        _alone(connection)
        connection.exec_driver_sql(
            "WITH gone AS (DELETE FROM tally RETURNING what, a, b, n) INSERT INTO tally (what, a, b, n) "
            "SELECT what, a, b, sum(n) FROM gone GROUP BY what, a, b HAVING sum(n) <> 0"
        )
    return found


def _alone(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _counting(one: _Counted) -> str:
    a, b = one.of("r")
    return f"SELECT '{one.table}', {a}, {b}, count(*) FROM {one.table} AS r GROUP BY 2, 3"


# ------------------------------------------------------------------------------------------------ SQLite


def plus(table: str, row: str) -> str:
    """Statements of a trigger that count a row in."""
    what, a, b = _kind(table, row)
    there = f"what = {what} AND a = {a} AND b = {b}"
    return (
        f"INSERT INTO tally (what, a, b, n) SELECT {what}, {a}, {b}, 0 WHERE NOT EXISTS (SELECT 1 FROM tally WHERE {there});\n"
        f"UPDATE tally SET n = n + 1 WHERE {there};"
    )


def minus(table: str, row: str) -> str:
    """Statements of a trigger that count a row out."""
    what, a, b = _kind(table, row)
    return f"UPDATE tally SET n = n - 1 WHERE what = {what} AND a = {a} AND b = {b};"


def _kind(table: str, row: str) -> tuple[str, str, str]:
    a, b = next(one for one in COUNTED if one.table == table).of(row)
    return f"'{table}'", a, b


def sqlite_triggers(not_engine: str) -> Iterator[tuple[str, str]]:
    """Name and DDL of each trigger. People whom others insert are counted by the trigger that also knows whom they replace
    (`triggers_sqlite`); it is not asked for the program's own, which replace nobody."""
    for one in COUNTED:
        table = one.table
        ours = f" WHEN NOT {not_engine}" if table == "person" else ""
        # within a REPLACE the row that goes is counted out by the trigger of the one that comes
        kept = (
            " WHEN NOT EXISTS (SELECT 1 FROM replaced WHERE person_id = OLD.id)" if table == "person" else ""
        )
        changed = " OR ".join(f"OLD.{c} IS NOT NEW.{c}" for c in one.columns)
        yield (
            f"tally_{table}_insert",
            f"CREATE TRIGGER tally_{table}_insert AFTER INSERT ON {table}{ours}\nBEGIN\n{plus(table, 'NEW')}\nEND",
        )
        yield (
            f"tally_{table}_delete",
            f"CREATE TRIGGER tally_{table}_delete AFTER DELETE ON {table}{kept}\nBEGIN\n{minus(table, 'OLD')}\nEND",
        )
        yield (
            f"tally_{table}_update",
            f"CREATE TRIGGER tally_{table}_update AFTER UPDATE OF {', '.join(one.columns)} ON {table} WHEN {changed}\n"
            f"BEGIN\n{minus(table, 'OLD')}\n{plus(table, 'NEW')}\nEND",
        )


# ------------------------------------------------------------------------------------------------ PostgreSQL


def postgres_statements() -> Iterator[str]:
    """DDL of functions and triggers; safe to run again."""
    for one in COUNTED:
        table = one.table
        (came_a, came_b), (gone_a, gone_b) = one.of("came"), one.of("gone")
        (old_a, old_b), (new_a, new_b) = one.of("OLD"), one.of("NEW")
        yield f"""CREATE OR REPLACE FUNCTION diptych_tally_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO tally (what, a, b, n) SELECT '{table}', {came_a}, {came_b}, count(*) FROM came GROUP BY 2, 3;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO tally (what, a, b, n) SELECT '{table}', {gone_a}, {gone_b}, -count(*) FROM gone GROUP BY 2, 3;
    ELSE
        INSERT INTO tally (what, a, b, n) VALUES ('{table}', {old_a}, {old_b}, -1), ('{table}', {new_a}, {new_b}, 1);
    END IF;
    RETURN NULL;
END $$"""
        changed = " OR ".join(f"OLD.{c} IS DISTINCT FROM NEW.{c}" for c in one.columns)
        runs = f"EXECUTE FUNCTION diptych_tally_{table}()"
        yield (
            f"CREATE OR REPLACE TRIGGER tally_{table}_insert AFTER INSERT ON {table} "
            f"REFERENCING NEW TABLE AS came FOR EACH STATEMENT {runs}"
        )
        yield (
            f"CREATE OR REPLACE TRIGGER tally_{table}_delete AFTER DELETE ON {table} "
            f"REFERENCING OLD TABLE AS gone FOR EACH STATEMENT {runs}"
        )
        yield (
            f"CREATE OR REPLACE TRIGGER tally_{table}_update AFTER UPDATE OF {', '.join(one.columns)} ON {table} "
            f"FOR EACH ROW WHEN ({changed}) {runs}"
        )
