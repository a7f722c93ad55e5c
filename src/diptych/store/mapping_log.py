"""The versions of the mapping, and the values that a change of it is about: `sync.mapping_log`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.causes import OPEN
from diptych.domain.mapping import FieldMapping
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.mapping_effect import Differing
from diptych.domain.pair import PairState, Standing
from diptych.domain.values import Value
from diptych.store import sync_state
from diptych.store.catalogue import Catalogue, part_table, quote
from diptych.store.pairs import parked_values, values_of_people
from diptych.store.system_tables import base, dead_letter, field_mapping, mapping_version, pair
from diptych.store.values_at_rest import decoder
from diptych.sync.mapping_log import Filled, SavedMapping

_LIVE = (PairState.PAIRED.value, PairState.PARKED.value)


class SqlMappingLog:
    """Of one transaction; it only reads."""

    def __init__(self, connection: Connection, catalogue: Catalogue) -> None:
        self._connection, self._catalogue = connection, catalogue

    def versions(self, limit: int, before: int | None = None) -> list[SavedMapping]:
        c = mapping_version.c
        wanted = sa.select(c.version, c.at, c.author, c.reason).order_by(c.id.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(c.version < before)
        return [
            SavedMapping(row.version, row.at, row.author, row.reason)
            for row in self._connection.execute(wanted)
        ]

    def of(self, version: int) -> FieldMappings | None:
        c = mapping_version.c
        text = self._connection.execute(sa.select(c.fields).where(c.version == version)).scalar()
        return sync_state.mapping_of_text(version, text) if text is not None else None

    def differing(self, mapped: FieldMapping, limit: int) -> list[Differing]:
        if mapped.column not in self._catalogue.columns(mapped.table):
            return []
        rows = self._connection.execute(
            self._noted(mapped, pair.c.id, pair.c.person_id, pair.c.sf_id, base.c.value, base.c.standing)
            .order_by(pair.c.id)
            .limit(limit)
        ).all()
        read = decoder(mapped.kind, mapped.scale)
        people = sorted({row.person_id for row in rows})
        ours = values_of_people(
            self._connection, self._catalogue, people, [mapped.column], {mapped.column: read}
        )
        parked = parked_values(self._connection, [row.id for row in rows])
        found = []
        for row in rows:
            if row.person_id not in ours or row.sf_id is None:
                continue
            value, noted = ours[row.person_id][mapped.column], read(row.value)
            held = parked.get(row.id, {})
            waits = mapped.column in held and held[mapped.column] == value
            if value != noted:
                standing = Standing(row.standing) if row.standing else None
                found.append(Differing(row.person_id, row.sf_id, noted, value, noted, waits, standing))
        return found

    def differing_count(self, mapped: FieldMapping) -> int:
        return int(self._connection.execute(self._noted(mapped, sa.func.count())).scalar_one())

    def _noted(self, mapped: FieldMapping, *columns: Any) -> sa.Select[Any]:
        return (
            sa.select(*columns)
            .select_from(base.join(pair, pair.c.id == base.c.pair_id))
            .where(
                base.c.column_name == mapped.column,
                pair.c.object_name == mapped.object_name,
                pair.c.state.in_(_LIVE),
            )
        )

    def held(self, mapped: FieldMapping, sf_ids: Sequence[str]) -> Mapping[str, tuple[int, Value]]:
        if mapped.table != "person" or not sf_ids:
            return {}
        rows = self._connection.execute(
            sa.select(pair.c.sf_id, pair.c.person_id).where(
                pair.c.object_name == mapped.object_name,
                pair.c.state.in_(_LIVE),
                pair.c.sf_id.in_(list(sf_ids)),
            )
        ).all()
        there = mapped.column in self._catalogue.columns(mapped.table)
        read = {mapped.column: decoder(mapped.kind, mapped.scale)} if there else {}
        people = sorted({row.person_id for row in rows})
        ours = values_of_people(self._connection, self._catalogue, people, list(read), read)
        return {
            row.sf_id: (row.person_id, ours[row.person_id].get(mapped.column))
            for row in rows
            if row.person_id in ours
        }

    def errors(self) -> Mapping[tuple[str, str], int]:
        c = dead_letter.c
        rows = self._connection.execute(
            sa.select(pair.c.object_name, c.column_name, c.fields, sa.func.count().label("n"))
            .select_from(dead_letter.join(pair, pair.c.id == c.pair_id))
            .where(c.status == OPEN)
            .group_by(pair.c.object_name, c.column_name, c.fields)
        )
        m = field_mapping.c
        columns = {
            (row[0], row[1]): row[2]
            for row in self._connection.execute(sa.select(m.object_name, m.field, m.column_name))
        }
        found: dict[tuple[str, str], int] = {}
        for row in rows:
            named = (
                [row.column_name]
                if row.column_name
                else [
                    columns[row.object_name, name]
                    for name in json.loads(row.fields or "[]")
                    if (row.object_name, name) in columns
                ]
            )
            for column in named:
                key = (row.object_name, column)
                found[key] = found.get(key, 0) + int(row.n)
        return found

    def filled(self, table: str, sample: bool = False) -> Filled:
        rows, found = 0, dict[str, int]()
        first, last = self._connection.execute(
            sa.text(f"SELECT (SELECT min(id) FROM {quote(table)}), (SELECT max(id) FROM {quote(table)})")
        ).one()
        stretches = [(first, last)]
        if sample and first is not None and last - first >= _SAMPLE:
            stretches = list(_spread(int(first), int(last)))
        for part, columns in self._catalogue.parts(table).items():
            counts = ", ".join(["count(*)", *(f"count({quote(c.name)})" for c in columns)])
            wanted = sa.text(
                f"SELECT {counts} FROM {quote(part_table(table, part))} WHERE id BETWEEN :first AND :last"
            )
            for begin, end in stretches:
                row = self._connection.execute(wanted, {"first": begin, "last": end}).one()
                rows += int(row[0]) if part == 1 else 0
                for column, n in zip(columns, row[1:], strict=True):
                    found[column.name] = found.get(column.name, 0) + int(n)
        return Filled(rows, found)


_SAMPLE, _STRETCHES = 10_000, 10


def _spread(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Stretches of ids, as many ids together, that lie evenly between the two."""
    length, step = _SAMPLE // _STRETCHES, (last - first + 1) // _STRETCHES
    for n in range(_STRETCHES):
        begin = first + n * step
        yield begin, begin + length - 1
