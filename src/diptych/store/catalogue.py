"""The catalogue of run-time columns: which mapped column lives in which part of its table, and what it holds.

A part holds at most PART_COLUMNS mapped columns: a PostgreSQL row of 300 filled text columns always fits its page, 340
may not. Part 1 is the table itself, further ones are `person_2`, `person_3` ... with the same key. Column names in SQL
come from here only, and are always quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.mapping import ObjectMapping
from diptych.domain.values import Kind
from diptych.store.system_tables import mapped_column
from diptych.store.values_at_rest import Decode, decoder

PART_COLUMNS = 300
PERSON_SYSTEM = (
    "id",
    "salesforce_id",
    "salesforce_type",
    "salesforce_deleted",
    "link_state",
    "company_id",
    "created_at",
    "updated_at",
)
MIRROR_SYSTEM = ("id", "salesforce_id", "salesforce_deleted", "salesforce_modstamp")
TABLES = ("person", "company", "salesforce_user")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def quote(name: str) -> str:
    """A name as a quoted SQL identifier. Raises ValueError for what cannot be a column or table of ours."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be a column name: use up to 63 small letters, digits and underscores, no digit first"
        )
    return f'"{name}"'


def part_table(table: str, part: int) -> str:
    """The name of a part."""
    return table if part == 1 else f"{table}_{part}"


def system_columns(table: str) -> tuple[str, ...]:
    """The columns of a table that are not mapped ones."""
    return PERSON_SYSTEM if table == "person" else MIRROR_SYSTEM


@dataclass(frozen=True)
class StoredColumn:
    """One run-time column."""

    table: str
    name: str
    kind: Kind
    scale: int
    part: int

    @cached_property
    def decode(self) -> Decode:
        return decoder(self.kind, self.scale)

    @property
    def part_table(self) -> str:
        return part_table(self.table, self.part)


class Catalogue:
    """All run-time columns, in the order in which they were made."""

    def __init__(self, columns: Iterable[StoredColumn]) -> None:
        self._by_table: dict[str, dict[str, StoredColumn]] = {table: {} for table in TABLES}
        for column in columns:
            self._by_table.setdefault(column.table, {})[column.name] = column

    def columns(self, table: str) -> dict[str, StoredColumn]:
        return self._by_table.get(table, {})

    def column(self, table: str, name: str) -> StoredColumn:
        """Raises KeyError for a column that was never made."""
        found = self._by_table.get(table, {}).get(name)
        if found is None:
            raise KeyError(f"table {table} has no column {name}")
        return found

    def parts(self, table: str) -> dict[int, list[StoredColumn]]:
        """The columns of each part; part 1 is always there."""
        found: dict[int, list[StoredColumn]] = {1: []}
        for column in self.columns(table).values():
            found.setdefault(column.part, []).append(column)
        return found

    def source(self, table: str, columns: Iterable[str]) -> str:
        """A FROM clause that offers these columns: t1 is the table, t2 ... the parts needed."""
        needed = sorted({self.column(table, c).part for c in columns} - {1})
        joins = "".join(
            f" LEFT JOIN {quote(part_table(table, n))} AS t{n} ON t{n}.id = t1.id" for n in needed
        )
        return f"{quote(table)} AS t1{joins}"

    def expression(self, table: str, column: str) -> str:
        """The column within `source`; system columns too."""
        if column in system_columns(table):
            return f"t1.{quote(column)}"
        return f"t{self.column(table, column).part}.{quote(column)}"


def read_catalogue(connection: Connection) -> Catalogue:
    """The catalogue as this transaction sees it."""
    c = mapped_column.c
    rows = connection.execute(sa.select(c.table_name, c.column_name, c.kind, c.scale, c.part).order_by(c.id))
    return Catalogue(StoredColumn(r[0], r[1], Kind(r[2]), int(r[3]), int(r[4])) for r in rows)


def decoders(catalogue: Catalogue, object_mapping: ObjectMapping) -> dict[str, Decode]:
    """How to read each mapped column of an object, by column."""
    found = {}
    for mapped in object_mapping.fields:
        catalogue.column(mapped.table, mapped.column)
        found[mapped.column] = decoder(mapped.kind, mapped.scale)
    return found
