"""The fast way in on PostgreSQL: the raw bytes of a page go through COPY into a temporary table of texts, and are cast in SQL.

One CPU second of the client then loads about a million rows. Only rows whose every cell has Salesforce's usual form are
cast; those with any other cell, and those whose id is known, come back to be read by `canonical`, row by row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.mapping import FieldMapping, ObjectMapping, observe
from diptych.domain.objects import synced_object
from diptych.domain.values import Kind, full_id
from diptych.store.catalogue import Catalogue, part_table, quote
from diptych.store.loading import record_of
from diptych.store.mirror import mirror
from diptych.store.people import add_people, allocate
from diptych.store.values_at_rest import column_type
from diptych.sync.ports import PageLoad, SnapshotPage

_BLANKS = r"E' \t\r\n'"
_USUAL = {
    Kind.INTEGER: r"^-?\d{1,18}(\.\d{1,9})?$",
    Kind.DECIMAL: r"^-?\d{1,30}(\.\d{1,30})?$",
    Kind.BOOLEAN: r"^(true|false)$",
    Kind.DATE: r"^[1-9]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$",
    Kind.DATETIME: r"^[1-9]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.000(Z|\+0000)$",
    Kind.TIME: r"^\d\d:\d\d:\d\d(\.\d+)?Z$",
    Kind.MULTI: r"^[^;]*[^;\s]$",
    Kind.ID: r"^[0-9A-Za-z]{18}$",
}
# the last days of a month are dates too, in the months that have them
_LATE_DAY = r"^[1-9]\d{3}-((0[13578]|1[02])-(29|30|31)|(0[469]|11)-(29|30))"


def load_page(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    page: SnapshotPage,
    read_at: datetime,
    now: datetime,
    known_ids: Callable[[Sequence[str]], set[str]],
    held_back: frozenset[str] = frozenset(),
) -> PageLoad:
    """See `Transaction.load_page`."""
    content = page.content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\x00", b"")
    header = next(csv.reader(io.StringIO(content.decode(), newline="")), [])
    if "Id" not in header:
        return PageLoad(0)
    place = {name: f"c{n}" for n, name in enumerate(header)}
    _copy(connection, content, len(header))
    known = synced_object(object_mapping.object_name)
    fields = [f for f in object_mapping.fields if f.field in place]
    _mark(connection, known.table, object_mapping, place, fields, sorted(held_back))
    inserted = _insert(connection, catalogue, object_mapping, place, fields, read_at)
    known_records, added = _the_rest(
        connection,
        catalogue,
        object_mapping,
        page.object_name,
        header,
        read_at,
        now,
        lambda ids: known_ids(ids) | (held_back & set(ids)),
    )
    connection.exec_driver_sql("DROP TABLE load_page")
    return PageLoad(inserted + added, known_records)


def _copy(connection: Connection, content: bytes, width: int) -> None:
    columns = ", ".join(f"c{n} TEXT" for n in range(width))
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE load_page (n BIGINT GENERATED ALWAYS AS IDENTITY, usual BOOLEAN, person_id BIGINT, {columns}) "
        "ON COMMIT DROP"
    )
    names = ", ".join(f"c{n}" for n in range(width))
    driver: Any = connection.connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY load_page ({names}) FROM STDIN (FORMAT csv, HEADER)") as copy,
    ):
        copy.write(content)


def _mark(
    connection: Connection,
    table: str,
    object_mapping: ObjectMapping,
    place: dict[str, str],
    fields: list[FieldMapping],
    held_back: list[str],
) -> None:
    """Number the rows that can be inserted at once: new, not held back, the only one of its id, every cell of the usual form."""
    sf_id = place["Id"]
    if held_back:
        connection.exec_driver_sql("ALTER TABLE load_page ADD COLUMN held BOOLEAN")
        connection.execute(
            sa.text(f"UPDATE load_page SET held = true WHERE {sf_id} = ANY(:held_back)"),
            {"held_back": held_back},
        )
    tests = [f"{sf_id} ~ '{_USUAL[Kind.ID]}'", _is_usual(Kind.DATETIME, place["SystemModstamp"], blank=False)]
    tests += [_is_usual(f.kind, place[f.field]) for f in fields if f.kind in _USUAL]
    if held_back:
        tests.append("held IS NULL")
    if "IsConverted" in place:  # converted leads belong to the person of their contact
        tests.append(f"{place['IsConverted']} IS DISTINCT FROM 'true'")
    if synced_object(object_mapping.object_name).two_way:
        there = f"SELECT 1 FROM pair AS p WHERE p.object_name = '{object_mapping.object_name}' AND p.sf_id = l.{sf_id}"
    else:
        there = f"SELECT 1 FROM {quote(table)} AS t WHERE t.salesforce_id = l.{sf_id}"
    _run(
        connection,
        f"UPDATE load_page AS l SET usual = true WHERE {' AND '.join(tests)} AND NOT EXISTS ({there}) "
        f"AND NOT EXISTS (SELECT 1 FROM load_page AS o WHERE o.{sf_id} = l.{sf_id} AND o.n < l.n)"
        if _doubles(connection, sf_id)
        else f"UPDATE load_page AS l SET usual = true WHERE {' AND '.join(tests)} AND NOT EXISTS ({there})",
    )
    count = _count(connection)
    if not count:
        return
    first = allocate(connection, table, count)
    _run(
        connection,
        f"UPDATE load_page AS l SET person_id = {first} - 1 + o.place FROM "
        "(SELECT n, row_number() OVER (ORDER BY n) AS place FROM load_page WHERE usual) AS o WHERE o.n = l.n",
    )


def _doubles(connection: Connection, sf_id: str) -> bool:
    found = connection.exec_driver_sql(f"SELECT count(*) <> count(DISTINCT {sf_id}) FROM load_page")
    return bool(found.scalar_one())


def _count(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM load_page WHERE usual").scalar_one())


def _run(connection: Connection, statement: str) -> int:
    return connection.exec_driver_sql(statement.replace("%", "%%")).rowcount


def _is_usual(kind: Kind, cell: str, blank: bool = True) -> str:
    usual = f"{cell} ~ '{_USUAL[kind]}'"
    if kind in (Kind.DATE, Kind.DATETIME):
        tail = "$" if kind is Kind.DATE else r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.000(Z|\+0000)$"
        usual = f"({usual} OR {cell} ~ '{_LATE_DAY}{tail}')"
    return f"({cell} IS NULL OR {cell} = '' OR {usual})" if blank else f"COALESCE({usual}, false)"


def _cast(mapped: FieldMapping, cell: str, kind: Kind) -> str:
    """The value of a cell as a column of `kind` takes it; the field's own kind may be narrower."""
    value = f"NULLIF({cell}, '')"
    if mapped.kind is Kind.TEXT:
        value = f"NULLIF(btrim({cell}, {_BLANKS}), '')"
    elif mapped.kind is Kind.INTEGER:
        value = f"round({value}::numeric)::bigint"
    elif mapped.kind is Kind.DECIMAL:
        value = f"round({value}::numeric, {int(mapped.scale)})"
    elif mapped.kind is Kind.BOOLEAN:
        value = f"({value})::boolean"
    elif mapped.kind is Kind.DATETIME:
        value = f"left({value}, 19) || 'Z'"
    elif mapped.kind is Kind.TIME:
        value = f"left({value}, 8) || 'Z'"
    elif mapped.kind is Kind.MULTI:
        value = f"NULLIF(btrim({cell}, {_BLANKS}), '')"
    wanted = column_type(kind, True)
    return f"({value})::{wanted}"


def _insert(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    place: dict[str, str],
    fields: list[FieldMapping],
    read_at: datetime,
) -> int:
    known = synced_object(object_mapping.object_name)
    inserted = 0
    for part in catalogue.parts(known.table):
        if part == 1:
            columns, values = _system(object_mapping, place)
        else:
            columns, values = ["id"], ["person_id"]
        for mapped in fields:
            column = catalogue.column(mapped.table, mapped.column)
            if column.part == part:
                columns.append(quote(column.name))
                values.append(_cast(mapped, place[mapped.field], column.kind))
        count = _run(
            connection,
            f"INSERT INTO {quote(part_table(known.table, part))} ({', '.join(columns)}) "
            f"SELECT {', '.join(values)} FROM load_page WHERE usual ORDER BY n",
        )
        inserted = count if part == 1 else inserted
    if known.two_way:
        connection.execute(
            sa.text(
                "INSERT INTO pair (person_id, object_name, sf_id, state, seen_modstamp, seen_at, mapping_version) "
                f"SELECT person_id, :name, {place['Id']}, 'paired', {place['SystemModstamp']}::timestamptz, :read_at, :version "
                "FROM load_page WHERE usual ORDER BY n"
            ),
            {"name": known.name, "read_at": read_at, "version": object_mapping.version},
        )
    return inserted


def _system(object_mapping: ObjectMapping, place: dict[str, str]) -> tuple[list[str], list[str]]:
    known = synced_object(object_mapping.object_name)
    if not known.two_way:
        columns = ["id", "salesforce_id", "salesforce_modstamp"]
        return columns, ["person_id", place["Id"], f"{place['SystemModstamp']}::timestamptz"]
    state = f"'{known.salesforce_type}'"
    columns = ["id", "salesforce_id", "salesforce_type", "link_state"]
    values = ["person_id", place["Id"], f"'{known.salesforce_type}'", state]
    account = object_mapping.by_column.get("account_id")
    if account is not None and account.field in place:
        columns.append("company_id")
        values.append(
            f"(SELECT c.id FROM company AS c WHERE c.salesforce_id = load_page.{place[account.field]})"
        )
    return columns, values


def _the_rest(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    object_name: str,
    header: list[str],
    read_at: datetime,
    now: datetime,
    known_ids: Callable[[Sequence[str]], set[str]],
) -> tuple[tuple[Any, ...], int]:
    """Rows that were not inserted: given back when their id is known, else read one by one and added."""
    names = ", ".join(f"c{n}" for n in range(len(header)))
    rows = connection.exec_driver_sql(f"SELECT {names} FROM load_page WHERE usual IS NULL ORDER BY n").all()
    if not rows:
        return (), 0
    records = [
        record_of(object_name, {name: cell or None for name, cell in zip(header, row, strict=True)}, read_at)
        for row in rows
    ]
    seen = known_ids([full_id(r.sf_id) for r in records])
    known, new = [], []
    for record in records:
        if record.sf_id in seen or record.converted:
            known.append(record)
        else:
            seen.add(record.sf_id)
            new.append(observe(object_mapping, record))
    if synced_object(object_mapping.object_name).two_way:
        add_people(connection, catalogue, object_mapping, new, None, now)
    else:
        mirror(connection, catalogue, object_mapping, new, now)
    return tuple(known), len(new)
