"""Where a value came from of which a person's records differ: the column `standing` of `base` (`domain.standing`).

Written whenever the engine gives a person a record's value, and when people, or records of theirs, come or go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.mapping import Direction, ObjectMapping
from diptych.domain.pair import Pair, PairState, Standing
from diptych.domain.standing import left_over, standings
from diptych.store.chunks import chunks
from diptych.store.pair_rows import pair_of_row
from diptych.store.system_tables import base, change_log, pair

_LIVE = (PairState.PAIRED.value, PairState.PARKED.value)


def inbound_columns(object_mapping: ObjectMapping) -> list[str]:
    return [f.column for f in object_mapping.fields if f.direction is Direction.INBOUND]


def noted(connection: Connection, pairs: Sequence[int]) -> dict[int, dict[str, Standing | None]]:
    """By pair, the columns whose base is noted, each with what is noted of it."""
    found: dict[int, dict[str, Standing | None]] = {}
    c = base.c
    for some in chunks(pairs):
        wanted = sa.select(c.pair_id, c.column_name, c.standing).where(c.pair_id.in_(some))
        for row in connection.execute(wanted):
            found.setdefault(row.pair_id, {})[row.column_name] = (
                Standing(row.standing) if row.standing else None
            )
    return found


def edited(
    connection: Connection,
    object_mapping: ObjectMapping,
    people: Mapping[int, int],
    stored: Mapping[int, Mapping[str, Standing]],
) -> dict[int, dict[str, Standing]]:
    """What is noted of these pairs, and where ours was edited here since: EDITED where another live record puts it back; no
    standing where the record it came from is gone, for then it is for this one to put it back. `people`: by pair, its person.
    """
    columns = [c for c in inbound_columns(object_mapping) if any(c in some for some in stored.values())]
    numbers = sorted({people[number] for number, some in stored.items() if some})
    if not columns or not numbers:
        return {number: dict(some) for number, some in stored.items()}
    owed = _owed_elsewhere(connection, object_mapping, numbers, columns)
    left = {people[n] for n, some in stored.items() if Standing.LEFT in some.values()}
    typed = _typed_last(connection, sorted(left), columns)
    found: dict[int, dict[str, Standing]] = {}
    for number, some in stored.items():
        for column, standing in some.items():
            key = (people[number], column)
            if standing is Standing.LEFT and key in typed:
                continue
            changed = standing is Standing.APART and key in owed
            found.setdefault(number, {})[column] = Standing.EDITED if changed else standing
    return found


def _owed_elsewhere(
    connection: Connection, object_mapping: ObjectMapping, people: Sequence[int], columns: Sequence[str]
) -> set[tuple[int, str]]:
    """People and columns of which a live pair holds an edit; one beside a blank that may not overwrite is none."""
    kept = {c for c in columns if object_mapping.by_column[c].blanks.keeps_ours}
    found: set[tuple[int, str]] = set()
    for some in chunks(people):
        wanted = (
            sa.select(pair.c.person_id, base.c.column_name, base.c.value.is_(None).label("blank"))
            .select_from(base.join(pair, pair.c.id == base.c.pair_id))
            .where(
                pair.c.person_id.in_(some),
                pair.c.state.in_(_LIVE),
                base.c.column_name.in_(columns),
                base.c.standing.is_(None),
            )
        )
        for row in connection.execute(wanted):
            if not (row.blank and row.column_name in kept):
                found.add((row.person_id, row.column_name))
    return found


def _typed_last(
    connection: Connection, people: Sequence[int], columns: Sequence[str]
) -> set[tuple[int, str]]:
    """People and columns of which the last change was an edit made here."""
    c, found = change_log.c, set[tuple[int, str]]()
    for some in chunks(people):
        last = (
            sa.select(sa.func.max(c.id))
            .where(c.person_id.in_(some), c.table_name == "person", c.column_name.in_(columns))
            .group_by(c.person_id, c.column_name)
        )
        wanted = sa.select(c.person_id, c.column_name).where(c.id.in_(last), c.side == "ours")
        found |= {(row.person_id, row.column_name) for row in connection.execute(wanted)}
    return found


def mark(connection: Connection, rows: Iterable[tuple[int, str, Standing | None]]) -> None:
    """Note this of these pairs and columns."""
    given = [{"pair": n, "name": c, "standing": s.value if s else None} for n, c, s in rows]
    if given:
        connection.execute(
            sa.text("UPDATE base SET standing = :standing WHERE pair_id = :pair AND column_name = :name"),
            given,
        )


def of_people(connection: Connection, people: Sequence[int]) -> dict[int, list[Pair]]:
    """All pairs of these people."""
    found: dict[int, list[Pair]] = {}
    for some in chunks(people):
        wanted = sa.select(pair).where(pair.c.person_id.in_(some)).order_by(pair.c.id)
        for row in connection.execute(wanted):
            found.setdefault(row.person_id, []).append(pair_of_row(row))
    return found


def restand(
    connection: Connection, people: Sequence[int], before: Mapping[int, Mapping[str, Standing | None]]
) -> None:
    """After people were joined or taken apart, or a record was linked. `before`: what was noted of their pairs until then."""
    pairs_of = of_people(connection, people)
    for some in pairs_of.values():
        if len(some) < 2:
            continue
        now = noted(connection, [p.id for p in some])
        kept = {n: {c: before[n][c] for c in columns if c in before.get(n, {})} for n, columns in now.items()}
        fresh = {n: {c: None for c in columns if c not in before.get(n, {})} for n, columns in now.items()}
        mark(
            connection,
            [
                (n, c, s)
                for n, columns in standings(some, kept, fresh).items()
                for c, s in columns.items()
                if now[n][c] is not s
            ],
        )
    settle(connection, pairs_of)


def settle(connection: Connection, pairs_of: Mapping[int, Sequence[Pair]]) -> None:
    """After records of these people have gone: the first that is left counts where ours came from none of them."""
    several = {number: some for number, some in pairs_of.items() if len(some) > 1}
    held = noted(connection, sorted(p.id for some in several.values() for p in some))
    mark(
        connection,
        [
            (pair_id, column, Standing.LEFT)
            for some in several.values()
            for pair_id, columns in left_over(some, held).items()
            for column in columns
        ],
    )
