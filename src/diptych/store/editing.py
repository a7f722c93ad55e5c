"""A person written by hand (admin): canonical values, all parts, captured by the same triggers as any SQL writer's."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.values import InvalidValue, Value, canonical
from diptych.store.catalogue import Catalogue, quote
from diptych.store.engines import is_postgres
from diptych.store.people import update_rows
from diptych.store.values_at_rest import encoder


class EditedMeanwhile(Exception):
    """Values are no longer what the editor was shown; nothing was written. `current`: what they are now, by column."""

    def __init__(self, current: Mapping[str, Value]) -> None:
        super().__init__(f"changed meanwhile: {', '.join(current)}")
        self.current = current


def _canonical(catalogue: Catalogue, values: Mapping[str, Value]) -> dict[str, Value]:
    found = {}
    for name, value in values.items():
        column = catalogue.column("person", name)
        try:
            found[name] = canonical(column.kind, value, column.scale)
        except InvalidValue as problem:
            raise InvalidValue(f"{name}: {problem}") from problem
    return found


def create(connection: Connection, catalogue: Catalogue, values: Mapping[str, Value]) -> int:
    """Insert a person; the id."""
    given = {c: v for c, v in _canonical(catalogue, values).items() if v is not None}
    first = {c: v for c, v in given.items() if catalogue.column("person", c).part == 1}
    postgres = is_postgres(connection)
    encoded = {
        f"p{n}": encoder(catalogue.column("person", c).kind, postgres)(v)
        for n, (c, v) in enumerate(first.items())
    }
    if first:
        names = ", ".join(quote(c) for c in first)
        inserted = f"INSERT INTO person ({names}) VALUES ({', '.join(f':{p}' for p in encoded)}) RETURNING id"
    else:
        inserted = "INSERT INTO person DEFAULT VALUES RETURNING id"
    number = int(connection.execute(sa.text(inserted), encoded).scalar_one())
    rest = {c: v for c, v in given.items() if c not in first}
    if rest:
        update_rows(connection, catalogue, "person", {number: rest}, {})
    return number


def edit(
    connection: Connection,
    catalogue: Catalogue,
    person_id: int,
    values: Mapping[str, Value],
    shown: Mapping[str, Value] | None = None,
) -> list[str]:
    """Update the columns whose value differs; their names. See `SqlStore.edit_person`."""
    wanted = _canonical(catalogue, values)
    if not wanted:
        return []
    columns = list(wanted)
    expressions = ", ".join(catalogue.expression("person", c) for c in columns)
    locking = " FOR UPDATE OF t1" if is_postgres(connection) else ""
    row = connection.execute(
        sa.text(
            f"SELECT {expressions} FROM {catalogue.source('person', columns)} WHERE t1.id = :number{locking}"
        ),
        {"number": person_id},
    ).first()
    if row is None:
        raise KeyError(f"there is no person {person_id}")
    current = {c: catalogue.column("person", c).decode(raw) for c, raw in zip(columns, row, strict=True)}
    changed = {c: value for c, value in wanted.items() if current[c] != value}
    expected = _canonical(catalogue, shown or {})
    moved = {c: current[c] for c in changed if c in expected and current[c] != expected[c]}
    if moved:
        raise EditedMeanwhile(moved)
    update_rows(connection, catalogue, "person", {person_id: changed}, {})
    return list(changed)
