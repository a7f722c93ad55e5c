"""Reading pairs with both sides, for the engine: what is linked, what is owed, what is in flight.

Base is held implicitly (decision 0001): a row of `base` where a column's base may differ from ours, nothing where base is
our value. So `base` is the outbox too, and what is owed is found from it.

PostgreSQL: the people read are locked until the transaction ends, so that no SQL user changes a value between the
engine's decision and its writing. On SQLite the transaction has the only writer's place anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.domain.causes import HELD
from diptych.domain.mapping import ObjectMapping, Policy
from diptych.domain.objects import synced_object
from diptych.domain.pair import Linked, PairState, Standing
from diptych.domain.policies import owing
from diptych.domain.values import Value
from diptych.store import standing
from diptych.store.catalogue import Catalogue, decoders, quote
from diptych.store.chunks import chunks
from diptych.store.engines import is_postgres
from diptych.store.pair_rows import pair_of_row
from diptych.store.system_tables import base, change_log, dead_letter, pair
from diptych.store.values_at_rest import unpack
from diptych.sync.ports import NOT_VISIBLE, SENDING

_OWING = (PairState.PAIRED.value, PairState.PARKED.value)


def linked(
    connection: Connection, catalogue: Catalogue, object_mapping: ObjectMapping, sf_ids: Sequence[str]
) -> dict[str, Linked]:
    """The pairs of these Salesforce ids, in whatever state."""
    rows: list[Row[Any]] = []
    for some in chunks(list(dict.fromkeys(sf_ids))):
        wanted = sa.select(pair).where(
            pair.c.object_name == object_mapping.object_name, pair.c.sf_id.in_(some)
        )
        rows.extend(connection.execute(wanted))
    return {
        str(found.pair.sf_id): found for found in with_values(connection, catalogue, object_mapping, rows)
    }


def with_values(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    rows: Sequence[Row[Any]],
    keep_inflight: bool = False,
) -> list[Linked]:
    """Both sides of these pairs, in that order. `keep_inflight`: what was sent for people deleted since is told too."""
    people = sorted({row.person_id for row in rows})
    lock(connection, people)
    columns = list(dict.fromkeys(f.column for f in object_mapping.fields))
    read = decoders(catalogue, object_mapping)
    ours = values_of_people(connection, catalogue, people, columns, read)
    numbers = sorted(row.id for row in rows)
    noted, stored = noted_with_standing(connection, numbers)
    standings = (
        standing.edited(connection, object_mapping, {row.id: row.person_id for row in rows}, stored)
        if stored
        else {}
    )
    parked = parked_values(connection, numbers)
    found = []
    for row in rows:
        values = ours.get(row.person_id)
        if values is None:
            found.append(Linked(pair_of_row(row, gone=True, keep_inflight=keep_inflight), {}, {}))
            continue
        bases = dict(values)
        for column, raw in noted.get(row.id, {}).items():
            if column in bases:
                bases[column] = read[column](raw)
        found.append(
            Linked(
                pair_of_row(row),
                values,
                bases,
                parked.get(row.id, {}),
                standing=standings.get(row.id, {}),
            )
        )
    return _with_times(connection, object_mapping, found)


def _with_times(connection: Connection, object_mapping: ObjectMapping, found: list[Linked]) -> list[Linked]:
    """When what is dirty came to be as it is, for the fields whose policy asks: the last line of the change log."""
    asking = {f.column for f in object_mapping.fields if f.policy is Policy.MOST_RECENT}
    people = sorted({one.pair.person_id for one in found if asking & one.dirty.keys()}) if asking else []
    if not people:
        return found
    c = change_log.c
    times: dict[int, dict[str, datetime]] = {}
    for some in chunks(people):
        last = (
            sa.select(sa.func.max(c.id))
            .where(c.person_id.in_(some), c.table_name == "person", c.column_name.in_(sorted(asking)))
            .group_by(c.person_id, c.column_name)
        )
        for row in connection.execute(sa.select(c.person_id, c.column_name, c.at).where(c.id.in_(last))):
            times.setdefault(row.person_id, {})[row.column_name] = row.at
    return [
        replace(
            one,
            edited_at={k: v for k, v in times.get(one.pair.person_id, {}).items() if k in one.dirty},
        )
        for one in found
    ]


def lock(connection: Connection, people: Sequence[int]) -> None:
    """Keep other writers away from these people until the transaction ends."""
    if is_postgres(connection):
        for some in chunks(people):
            connection.execute(
                sa.text("SELECT id FROM person WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"), {"ids": some}
            )


def values_of_people(
    connection: Connection,
    catalogue: Catalogue,
    people: Sequence[int],
    columns: Sequence[str],
    read: Mapping[str, Any],
) -> dict[int, dict[str, Value]]:
    """Our values of these columns, by person; people who are gone are missing."""
    named = "".join(f", {catalogue.expression('person', c)}" for c in columns)
    statement = sa.text(
        f"SELECT t1.id{named} FROM {catalogue.source('person', columns)} WHERE t1.id IN :ids"
    ).bindparams(sa.bindparam("ids", expanding=True))
    readers = [read[c] for c in columns]
    found = {}
    for some in chunks(people):
        for row in connection.execute(statement, {"ids": some}):
            cells = iter(row)
            number = next(cells)
            found[number] = {c: r(v) for c, r, v in zip(columns, readers, cells, strict=True)}
    return found


def noted_bases(connection: Connection, pairs: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The rows of `base`, raw, by pair and column."""
    found: dict[int, dict[str, Any]] = {}
    for some in chunks(pairs):
        for row in connection.execute(sa.select(base).where(base.c.pair_id.in_(some))):
            found.setdefault(row.pair_id, {})[row.column_name] = row.value
    return found


def noted_with_standing(
    connection: Connection, pairs: Sequence[int]
) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, Standing]]]:
    """The rows of `base`, raw, and what they say of where ours came from, by pair and column."""
    found: dict[int, dict[str, Any]] = {}
    stored: dict[int, dict[str, Standing]] = {}
    for some in chunks(pairs):
        for row in connection.execute(sa.select(base).where(base.c.pair_id.in_(some))):
            found.setdefault(row.pair_id, {})[row.column_name] = row.value
            if row.standing is not None:
                stored.setdefault(row.pair_id, {})[row.column_name] = Standing(row.standing)
    return found, stored


def parked_values(connection: Connection, pairs: Sequence[int]) -> dict[int, dict[str, Value]]:
    """The values held back by an error, by pair and column."""
    c = dead_letter.c
    found: dict[int, dict[str, Value]] = {}
    for some in chunks(pairs):
        wanted = sa.select(c.pair_id, c.column_name, c.ours).where(c.pair_id.in_(some), c.status.in_(HELD))
        for row in connection.execute(wanted.order_by(c.id)):
            values = unpack(row.ours)
            held = values if row.column_name is None else {row.column_name: values.get(row.column_name)}
            found.setdefault(row.pair_id, {}).update(held)
    return found


def owed(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    now: datetime,
    after_pair: int,
    limit: int,
) -> list[Linked]:
    """See `Transaction.owed`. Rows of `base` that turn out to equal ours are removed on the way."""
    found: list[Linked] = []
    position = after_pair
    while len(found) < limit:
        numbers = _candidates(connection, object_mapping, now, position, limit)
        if not numbers:
            break
        position = numbers[-1]
        rows = connection.execute(sa.select(pair).where(pair.c.id.in_(numbers)).order_by(pair.c.id)).all()
        clean: list[tuple[int, list[str]]] = []
        for one in with_values(connection, catalogue, object_mapping, rows):
            dirty = one.dirty
            if any(c not in one.parked or one.parked[c] != v for c, v in owing(object_mapping, one).items()):
                found.append(one)
            clean.append((one.pair.id, [c for c in one.ours if c not in dirty]))
        _forget(connection, clean)
        if len(numbers) < limit:
            break
    return found[:limit]


def _candidates(
    connection: Connection, object_mapping: ObjectMapping, now: datetime, after: int, limit: int
) -> list[int]:
    # CROSS JOIN keeps SQLite from walking all pairs: the few rows of base come first
    c, columns = pair.c, [f.column for f in object_mapping.fields]
    names = sa.text(
        "SELECT DISTINCT b.pair_id FROM base AS b CROSS JOIN pair AS p WHERE p.id = b.pair_id AND b.pair_id > :after "
        "AND p.object_name = :name AND p.state IN :states AND p.inflight IS NULL "
        "AND (p.next_try_at IS NULL OR p.next_try_at <= :now) AND b.column_name IN :columns "
        "AND NOT (b.standing IS NOT NULL AND b.standing = 'apart' AND b.column_name IN :inbound) "
        "ORDER BY b.pair_id LIMIT :limit"
    ).bindparams(
        sa.bindparam("states", expanding=True),
        sa.bindparam("columns", expanding=True),
        sa.bindparam("inbound", expanding=True, type_=sa.Text()),
        sa.bindparam("now", type_=c.next_try_at.type),
    )
    given = {
        "after": after,
        "name": object_mapping.object_name,
        "states": _OWING,
        "now": now,
        "columns": columns,
        "inbound": standing.inbound_columns(object_mapping),
        "limit": limit,
    }
    return list(connection.execute(names, given).scalars())


def moot(connection: Connection, object_mapping: ObjectMapping, now: datetime, limit: int) -> list[str]:
    """See `Transaction.moot`."""
    c, letter = pair.c, dead_letter.c
    dirty = sa.exists().where(
        base.c.pair_id == c.id,
        sa.or_(
            base.c.standing.is_(None),
            base.c.standing != Standing.APART.value,
            base.c.column_name.not_in(standing.inbound_columns(object_mapping)),
        ),
        sa.or_(letter.column_name.is_(None), base.c.column_name == letter.column_name),
    )
    columns = [f.column for f in object_mapping.fields]
    wanted = (
        sa.select(c.id, c.sf_id)
        .distinct()
        .select_from(dead_letter.join(pair, c.id == letter.pair_id))
        .where(
            letter.status.in_(HELD),
            letter.operation.in_(SENDING),
            letter.code != NOT_VISIBLE,
            sa.or_(letter.column_name.is_(None), letter.column_name.in_(columns)),
            c.object_name == object_mapping.object_name,
            c.state.in_(_OWING),
            c.inflight.is_(None),
            sa.or_(c.next_try_at.is_(None), c.next_try_at <= now),
            ~dirty,
        )
        .order_by(c.id)
        .limit(limit)
    )
    return [row.sf_id for row in connection.execute(wanted) if row.sf_id]


def _forget(connection: Connection, clean: Iterable[tuple[int, Sequence[str]]]) -> None:
    numbers = dict(clean)
    noted = noted_bases(connection, list(numbers))
    gone = [
        {"pair": number, "name": column}
        for number, columns in numbers.items()
        for column in columns
        if column in noted.get(number, {})
    ]
    if gone:
        connection.execute(sa.text("DELETE FROM base WHERE pair_id = :pair AND column_name = :name"), gone)


def fenced(
    connection: Connection, catalogue: Catalogue, object_mapping: ObjectMapping, limit: int
) -> list[Linked]:
    """See `Transaction.fenced`."""
    wanted = (
        sa.select(pair)
        .where(
            pair.c.object_name == object_mapping.object_name,
            pair.c.inflight.is_not(None),
            pair.c.state != PairState.DETACHED.value,
        )
        .order_by(pair.c.sent_at, pair.c.id)
        .limit(limit)
    )
    return with_values(connection, catalogue, object_mapping, connection.execute(wanted).all())


def related(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    column: str,
    values: Sequence[str],
    after: str,
    limit: int,
) -> list[str]:
    """See `Transaction.related`. Order is by code point on both databases."""
    table, order = (
        synced_object(object_mapping.object_name).table,
        'COLLATE "C"' if is_postgres(connection) else "",
    )
    statement = sa.text(
        f"SELECT p.sf_id FROM {catalogue.source(table, [column])} JOIN pair AS p ON p.person_id = t1.id "
        f"WHERE p.object_name = :name AND p.state IN :states AND {catalogue.expression(table, column)} IN :wanted "
        f"AND p.sf_id {order} > :after ORDER BY p.sf_id {order} LIMIT :limit"
    ).bindparams(sa.bindparam("states", expanding=True), sa.bindparam("wanted", expanding=True))
    given = {
        "name": object_mapping.object_name,
        "states": _OWING,
        "wanted": list(values),
        "after": after,
        "limit": limit,
    }
    return list(connection.execute(statement, given).scalars())


_HELD_STATES = "('paired', 'parked', 'converted', 'detached')"


def live_ids(connection: Connection, object_name: str, after: str, limit: int) -> list[str]:
    """See `Transaction.live_ids`. Order is by code point on both databases."""
    return _ids(connection, object_name, after, limit, "('paired')")


def held_ids(connection: Connection, object_name: str, after: str, limit: int) -> list[str]:
    """See `Transaction.held_ids`."""
    return _ids(connection, object_name, after, limit, _HELD_STATES)


def awaited_ids(connection: Connection, object_name: str, after: str, limit: int) -> list[str]:
    """See `Transaction.awaited_ids`. Order is by code point on both databases."""
    if not synced_object(object_name).two_way:
        return []
    order = 'COLLATE "C"' if is_postgres(connection) else ""
    came_from = "p.object_name = 'Lead' AND p.state <> 'redirected'" if object_name == "Contact" else "1 = 0"
    statement = sa.text(
        f"SELECT sf_id {order} AS awaited FROM pair WHERE object_name = :name AND state = 'hidden' AND sf_id {order} > :after "
        f"UNION SELECT p.redirect_to {order} FROM pair AS p JOIN person AS t ON t.id = p.person_id "
        f"WHERE p.redirect_to {order} > :after AND NOT t.salesforce_deleted AND p.state <> 'detached' "
        f"AND ((p.object_name = :name AND p.state = 'redirected') OR ({came_from})) "
        "AND NOT EXISTS (SELECT 1 FROM pair AS q WHERE q.object_name = :name AND q.sf_id = p.redirect_to) "
        "ORDER BY awaited LIMIT :limit"
    )
    given = {"name": object_name, "after": after, "limit": limit}
    return list(connection.execute(statement, given).scalars())


def ended_ids(connection: Connection, object_name: str, after: str, until: str, limit: int) -> list[str]:
    """See `Transaction.ended_ids`. Order is by code point on both databases."""
    if not synced_object(object_name).two_way:
        return []
    order = 'COLLATE "C"' if is_postgres(connection) else ""
    bound = f"AND sf_id {order} <= :until " if until else ""
    statement = sa.text(
        "SELECT sf_id FROM pair WHERE object_name = :name AND state IN ('tombstoned', 'redirected') "
        f"AND sf_id {order} > :after {bound}ORDER BY sf_id {order} LIMIT :limit"
    )
    given = {"name": object_name, "after": after, "limit": limit, **({"until": until} if until else {})}
    return list(connection.execute(statement, given).scalars())


def _ids(connection: Connection, object_name: str, after: str, limit: int, states: str) -> list[str]:
    known = synced_object(object_name)
    order = 'COLLATE "C"' if is_postgres(connection) else ""
    if known.two_way:
        statement = sa.text(
            f"SELECT sf_id FROM pair WHERE object_name = :name AND state IN {states} AND sf_id {order} > :after "
            f"ORDER BY sf_id {order} LIMIT :limit"
        )
    else:
        statement = sa.text(
            f"SELECT salesforce_id FROM {quote(known.table)} WHERE NOT salesforce_deleted "
            f"AND salesforce_id {order} > :after ORDER BY salesforce_id {order} LIMIT :limit"
        )
    given = {"after": after, "limit": limit, **({"name": object_name} if known.two_way else {})}
    return list(connection.execute(statement, given).scalars())
