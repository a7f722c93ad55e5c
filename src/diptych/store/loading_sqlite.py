"""The fast way in on SQLite: rows go from the CSV reader straight into executemany, all conversion happens in SQL.

What was measured (one CPU second counts, rows of 40 columns, against bare csv + executemany = 1.0):
* NULLIF(?, '') on every column costs 8 %; the same in a Python comprehension 60 %, and TRIM(?, chars) on every column
  100 %. So blanks are made NULL in SQL. That a row needs no trimming is seen at 15 %: strip() gives back the same text.
* Row triggers that have nothing to do cost 30 %: those on INSERT are away while a page is written.
* Keeping the page as a list of lists costs more than reading the CSV twice: rows are streamed.
* Column affinity converts numbers for nothing. One SELECT afterwards finds the few cells that are not in canonical form
  yet (a multipicklist out of order, a short id, a number that is none), and only those go through `canonical`.
* Ids are given up front (AUTOINCREMENT would give the same), so that the pairs are written without asking for them.
* A page of rows that are all new is the common case: it is tried without looking for known ids; the unique index says no.
"""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from diptych.domain.mapping import FieldMapping, ObjectMapping
from diptych.domain.objects import SyncedObject, synced_object
from diptych.domain.pair import PairState, Record
from diptych.domain.values import InvalidValue, Kind, Value, canonical, full_id
from diptych.store import tally
from diptych.store.catalogue import Catalogue, part_table, quote
from diptych.store.loading import record_of
from diptych.store.people import allocate
from diptych.store.system_tables import moment_text
from diptych.store.values_at_rest import encode_sqlite
from diptych.sync.ports import PageLoad, SnapshotPage

_EDGES = " \t\r\n"


@dataclass
class _Seen:
    """What is kept of the rows while they stream by."""

    ids: list[str] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)


class _Page:
    """A page, its header and how to read its rows. `known`: ids whose rows are given back; None: not looked up yet."""

    def __init__(self, page: SnapshotPage, known: set[str] | None = None) -> None:
        content = page.content
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._content = content
        self.header = next(self._cells(), [])
        self.place = {name: n for n, name in enumerate(self.header)}
        self.known = known
        self.given_back: dict[str, dict[str, str]] = {}

    def rows(self) -> Iterator[list[str]]:
        """The data rows, as they are in the page."""
        reader = self._cells()
        next(reader, None)
        if "IsConverted" in self.place:
            return self._unconverted(reader if self.known is None else self._unknown(reader))
        return reader if self.known is None else self._unknown(reader)

    def _cells(self) -> Iterator[list[str]]:
        return csv.reader(io.TextIOWrapper(io.BytesIO(self._content), encoding="utf-8", newline=""))

    def _unconverted(self, rows: Iterator[list[str]]) -> Iterator[list[str]]:
        """Without converted leads: they belong to the person of their contact, and are kept aside."""
        place, id_place = self.place["IsConverted"], self.place["Id"]
        for row in rows:
            if row[place] == "true":
                row[id_place] = sf_id = full_id(row[id_place].strip())
                self.given_back[sf_id] = dict(zip(self.header, row, strict=True))
            else:
                yield row

    def _unknown(self, rows: Iterator[list[str]]) -> Iterator[list[str]]:
        """The rows that are not known; the others are kept aside."""
        id_place = self.place["Id"]
        seen = set(self.known or ())
        for row in rows:
            row[id_place] = sf_id = full_id(row[id_place].strip())
            if sf_id in seen:
                self.given_back[sf_id] = dict(zip(self.header, row, strict=True))
            else:
                seen.add(sf_id)
                yield row


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
    """See `Transaction.load_page`. `known_ids` says which of these ids are known."""
    driver: Any = connection.connection.driver_connection
    source = _Page(page)
    if "Id" not in source.place:
        return PageLoad(0)
    known = synced_object(object_mapping.object_name)
    first_row = next(source.rows(), None)
    if first_row is None:
        return PageLoad(0, _given_back(source, page, read_at))
    loader = _Loader(driver, connection, catalogue, object_mapping, known, read_at, now)
    inserted = -1
    if not held_back and not known_ids([full_id(first_row[source.place["Id"]])]):
        inserted = loader.attempt(source)
    if inserted < 0:
        ids = [full_id(row[source.place["Id"]].strip()) for row in source.rows()]
        source = _Page(page, known_ids(ids) | held_back)
        inserted = loader.attempt(source)
        assert inserted >= 0
    return PageLoad(inserted, _given_back(source, page, read_at))


def _given_back(source: _Page, page: SnapshotPage, read_at: datetime) -> tuple[Record, ...]:
    return tuple(
        record_of(page.object_name, {k: v or None for k, v in row.items()}, read_at)
        for row in source.given_back.values()
    )


class _Loader:
    def __init__(
        self,
        driver: sqlite3.Connection,
        connection: Connection,
        catalogue: Catalogue,
        object_mapping: ObjectMapping,
        known: SyncedObject,
        read_at: datetime,
        now: datetime,
    ) -> None:
        self.driver, self.connection, self.catalogue = driver, connection, catalogue
        self.mapping, self.known, self.read_at, self.now = object_mapping, known, read_at, now

    def attempt(self, source: _Page) -> int:
        """Rows inserted; -1, and nothing is changed, when an id turned out to be known, double or in short form."""
        self.driver.execute("SAVEPOINT load_page")
        try:
            with self._without_insert_triggers():
                count = self._insert(source)
            self._count(count)
        except sqlite3.IntegrityError:
            if source.known is not None:
                raise
            count = -1
        if count < 0:
            self.driver.execute("ROLLBACK TO load_page")
        self.driver.execute("RELEASE load_page")
        return count

    @contextmanager
    def _without_insert_triggers(self) -> Iterator[None]:
        """They would do nothing for us, but are asked for each row. Nobody else can write until our transaction ends."""
        triggers = self.driver.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN (?, 'pair') AND name LIKE '%_insert'",
            (self.known.table,),
        ).fetchall()
        for name, _ in triggers:
            self.driver.execute(f'DROP TRIGGER "{name}"')
        yield
        for _, statement in triggers:
            self.driver.execute(statement)

    def _count(self, number: int) -> None:
        """What the triggers would have counted one by one."""
        if number <= 0:
            return
        if not self.known.two_way:
            tally.add(self.connection, self.known.table, "", "live", number)
            return
        kind = str(self.known.salesforce_type)
        tally.add(self.connection, "person", kind, kind, number)
        tally.add(self.connection, "pair", self.known.name, PairState.PAIRED.value, number)

    def _insert(self, source: _Page) -> int:
        table = self.known.table
        first = allocate(self.connection, table, 0)
        by_part = self._fields(source)
        seen = _Seen()
        self._insert_part(source, 1, by_part.get(1, []), first, seen)
        if source.known is None and set(map(len, seen.ids)) - {18}:
            return -1
        count = len(seen.ids)
        for part in self.catalogue.parts(table):
            if part != 1:
                self._insert_part(source, part, by_part.get(part, []), first, None)
        if self.known.two_way:
            self._insert_pairs(first, seen)
        for part, fields in by_part.items():
            self._finish_cells(part, fields, first, first + count - 1)
        return count

    def _fields(self, source: _Page) -> dict[int, list[FieldMapping]]:
        found: dict[int, list[FieldMapping]] = {}
        for mapped in self.mapping.fields:
            if mapped.field in source.place:
                part = self.catalogue.column(mapped.table, mapped.column).part
                found.setdefault(part, []).append(mapped)
        return found

    def _insert_part(
        self, source: _Page, part: int, fields: list[FieldMapping], first: int, seen: _Seen | None
    ) -> None:
        width = len(source.header)
        columns, values = self._system(source) if part == 1 else (["id"], [f"?{width + 1}"])
        for mapped in fields:
            columns.append(quote(mapped.column))
            values.append(_expression(mapped.kind, f"?{source.place[mapped.field] + 1}"))
        if part == 1 and f"?{width}" not in re.findall(r"\?\d+", " ".join(values)):
            columns.append("salesforce_deleted")
            values.append(f"(?{width} IS NULL AND 0)")  # sqlite3 wants every cell bound
        statement = f"INSERT INTO {quote(part_table(self.known.table, part))} ({', '.join(columns)}) VALUES ({', '.join(values)})"
        rows = source.rows()
        if seen is not None:
            self.driver.executemany(statement, self._noted(source, rows, seen))
        else:
            self.driver.executemany(statement, _numbered(rows, first))

    def _noted(self, source: _Page, rows: Iterator[list[str]], seen: _Seen) -> Iterator[list[str]]:
        id_place, stamp_place = source.place["Id"], source.place["SystemModstamp"]
        add_id, add_stamp = seen.ids.append, seen.stamps.append
        strip = str.strip
        for row in rows:
            # most rows have no blanks at the edges: strip() then gives back the very same texts
            if list(map(strip, row)) != row:
                row = [cell.strip(_EDGES) for cell in row]
            add_id(row[id_place])
            add_stamp(row[stamp_place])
            yield row

    def _system(self, source: _Page) -> tuple[list[str], list[str]]:
        sf_id, stamp = f"?{source.place['Id'] + 1}", f"?{source.place['SystemModstamp'] + 1}"
        if not self.known.two_way:
            return ["salesforce_id", "salesforce_modstamp"], [sf_id, _moment(stamp)]
        state = f"'{self.known.salesforce_type}'"
        now = moment_text(self.now.replace(microsecond=0))
        columns = ["salesforce_id", "salesforce_type", "link_state", "created_at", "updated_at"]
        values = [sf_id, f"'{self.known.salesforce_type}'", state, f"'{now}'", f"'{now}'"]
        account = self.mapping.by_column.get("account_id")
        if account is not None and account.field in source.place:
            place = f"?{source.place[account.field] + 1}"
            columns.append("company_id")
            values.append(f"(SELECT c.id FROM company AS c WHERE c.salesforce_id = {place})")
        return columns, values

    def _insert_pairs(self, first: int, seen: _Seen) -> None:
        name, read_at = self.known.name, moment_text(self.read_at)
        statement = (
            "INSERT INTO pair (person_id, sf_id, seen_modstamp, state, object_name, seen_at, mapping_version) "
            f"VALUES (?1, ?2, {_moment('?3')}, 'paired', '{name}', '{read_at}', {int(self.mapping.version)})"
        )
        numbers = range(first, first + len(seen.ids))
        self.driver.executemany(statement, zip(numbers, seen.ids, seen.stamps, strict=True))

    def _finish_cells(self, part: int, fields: list[FieldMapping], first: int, last: int) -> None:
        """Bring the cells into canonical form that SQL could not."""
        tests = {f.column: test for f in fields if (test := _unfinished(f.kind, quote(f.column)))}
        if not tests:
            return
        table = quote(part_table(self.known.table, part))
        named = ", ".join(quote(c) for c in tests)
        found = self.driver.execute(
            f"SELECT id, {named} FROM {table} WHERE id BETWEEN ? AND ? AND ({' OR '.join(tests.values())})",
            (first, last),
        ).fetchall()
        for n, column in enumerate(tests, 1):
            mapped = self.mapping.by_column[column]
            changes = []
            for row in found:
                value = _read(mapped, row[n])
                if value != row[n] or type(value) is not type(row[n]):
                    changes.append((value, row[0]))
            if changes:
                self.driver.executemany(f"UPDATE {table} SET {quote(column)} = ? WHERE id = ?", changes)


def _numbered(rows: Iterator[list[str]], first: int) -> Iterator[list[Any]]:
    """For the further parts: trimmed, with the person's id at the end."""
    for number, row in enumerate(rows, first):
        yield [*(cell.strip(_EDGES) for cell in row), number]


def _read(mapped: FieldMapping, raw: Any) -> Any:
    try:
        # affinity has made a number of a 2 where yes or no was expected
        given = str(raw) if mapped.kind is Kind.BOOLEAN and raw is not None else raw
        value: Value = canonical(mapped.kind, given, mapped.scale)
    except InvalidValue:
        return None  # not of its kind: unknown, as when it is observed
    return encode_sqlite(value)


def _moment(cell: str) -> str:
    plain = f"substr({cell}, 1, 19) || 'Z'"
    return (
        f"CASE substr({cell}, 20) WHEN '.000Z' THEN {plain} WHEN '.000+0000' THEN {plain} WHEN 'Z' THEN {cell} "
        f"ELSE NULLIF({cell}, '') END"
    )


def _expression(kind: Kind, cell: str) -> str:
    """What is stored for a cell."""
    if kind is Kind.BOOLEAN:
        return f"CASE {cell} WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE NULLIF({cell}, '') END"
    if kind is Kind.DATETIME:
        return _moment(cell)
    return f"NULLIF({cell}, '')"


def _unfinished(kind: Kind, column: str) -> str | None:
    """A test that finds cells which are not canonical yet; it may find others too. None: there are none."""
    return {
        Kind.INTEGER: f"typeof({column}) IN ('text', 'real')",
        Kind.DECIMAL: f"typeof({column}) = 'text'",
        Kind.BOOLEAN: f"{column} NOT IN (0, 1)",
        Kind.DATE: f"date({column}, '+0 days') IS NOT {column}",
        Kind.DATETIME: f"strftime('%Y-%m-%dT%H:%M:%SZ', {column}, '+0 days') IS NOT {column}",
        Kind.TIME: f"{column} IS NOT NULL",
        Kind.MULTI: f"instr({column}, ';')",
        Kind.ID: f"length({column}) = 15",
    }.get(kind)
