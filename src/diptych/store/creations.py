"""People on their way into Salesforce: who may be created, what is said about each, and pairs that have no id yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.domain.creating import Candidate, Creation, Wish
from diptych.domain.mapping import ObjectMapping
from diptych.domain.matching import Group
from diptych.domain.objects import synced_object
from diptych.domain.pair import Linked, Pair, PairState, becomes_primary
from diptych.domain.values import Kind, Value
from diptych.store.backup import DATABASE_ID
from diptych.store.catalogue import Catalogue, quote
from diptych.store.chunks import chunks
from diptych.store.engines import is_postgres
from diptych.store.pair_rows import pair_of_row
from diptych.store.pairs import lock, values_of_people, with_values
from diptych.store.system_tables import creation, pair, setting

_LIVE = [
    s.value for s in (PairState.NEW, PairState.PAIRED, PairState.PARKED, PairState.HIDDEN, PairState.DETACHED)
]


def candidates(
    connection: Connection,
    catalogue: Catalogue,
    columns: Sequence[str],
    everyone: bool,
    after_person: int,
    limit: int,
) -> list[Candidate]:
    """See `Transaction.candidates`."""
    source = (
        "person AS t1 LEFT JOIN creation AS c ON c.person_id = t1.id"
        if everyone
        else "creation AS c JOIN person AS t1 ON t1.id = c.person_id"
    )
    statement = sa.text(
        f"SELECT t1.id FROM {source} WHERE t1.id > :after "
        "AND (c.wish IS NULL OR c.wish NOT IN ('review', 'dismissed')) "
        "AND NOT EXISTS (SELECT 1 FROM pair AS p WHERE p.person_id = t1.id "
        "AND (p.state IN :live OR c.recreate IS NULL OR NOT c.recreate)) ORDER BY t1.id LIMIT :limit"
    ).bindparams(sa.bindparam("live", expanding=True))
    found = list(
        connection.execute(statement, {"after": after_person, "live": _LIVE, "limit": limit}).scalars()
    )
    read = {column: catalogue.column("person", column).decode for column in columns}
    values = values_of_people(connection, catalogue, found, columns, read)
    said = {
        one.person_id: one
        for some in chunks(found)
        for one in _said(connection, creation.c.person_id.in_(some))
    }
    return [Candidate(number, values[number], said.get(number)) for number in found if number in values]


def people_values(
    connection: Connection, catalogue: Catalogue, columns: Sequence[str], people: Sequence[int]
) -> dict[int, dict[str, Value]]:
    """See `Transaction.people_values`."""
    lock(connection, sorted(people))
    read = {column: catalogue.column("person", column).decode for column in columns}
    return values_of_people(connection, catalogue, people, columns, read)


# ---------------------------------------------------------------- what is said about a person


def said(connection: Connection, person_id: int) -> Creation | None:
    """What has been said about one person."""
    return next(iter(_said(connection, creation.c.person_id == person_id)), None)


def all_said(connection: Connection, wishes: Sequence[Wish], limit: int) -> list[Creation]:
    """See `Transaction.creations`."""
    conditions = [creation.c.wish.in_([w.value for w in wishes])] if wishes else []
    return _said(connection, *conditions, limit=limit)


def _said(connection: Connection, *conditions: Any, limit: int | None = None) -> list[Creation]:
    wanted = sa.select(creation).where(*conditions).order_by(creation.c.person_id).limit(limit)
    return [creation_of(row) for row in connection.execute(wanted)]


def creation_of(row: Row[Any]) -> Creation:
    """A row of `creation`."""
    return Creation(
        row.person_id,
        Wish(row.wish),
        row.at,
        row.reason or "",
        tuple(json.loads(row.fields or "[]")),
        tuple(json.loads(row.matches or "[]")),
        row.target,
        bool(row.by_hand),
        bool(row.recreate),
    )


def save(connection: Connection, one: Creation) -> None:
    """See `Transaction.save_creation`."""
    drop(connection, [one.person_id])
    connection.execute(
        creation.insert().values(
            person_id=one.person_id,
            wish=one.wish.value,
            reason=one.reason,
            fields=json.dumps(one.fields),
            matches=json.dumps(one.matches),
            target=one.target,
            by_hand=one.by_hand,
            recreate=one.recreate,
            at=one.at,
        )
    )


def drop(connection: Connection, people: Sequence[int]) -> None:
    """See `Transaction.drop_creations`."""
    for some in chunks(people):
        connection.execute(creation.delete().where(creation.c.person_id.in_(some)))


# ---------------------------------------------------------------- pairs without an id


def external_keys(connection: Connection, people: Sequence[int]) -> dict[int, str]:
    """See `Transaction.external_keys`."""
    database = connection.execute(
        sa.select(setting.c.value).where(setting.c.name == DATABASE_ID)
    ).scalar_one()
    statement = sa.text("SELECT id, created_at FROM person WHERE id IN :ids").bindparams(
        sa.bindparam("ids", expanding=True)
    )
    return {
        row.id: external_key(str(database), row.id, row.created_at)
        for some in chunks(people)
        for row in connection.execute(statement, {"ids": some})
    }


def begin(connection: Connection, object_mapping: ObjectMapping, people: Sequence[int]) -> dict[int, Pair]:
    """See `Transaction.begin_pairs`."""
    found: dict[int, Pair] = {}
    keys = external_keys(connection, people)
    columns = list(dict.fromkeys(f.column for f in object_mapping.fields))
    for number in people:
        key = keys[number]
        made = connection.execute(
            pair.insert().values(
                person_id=number,
                object_name=object_mapping.object_name,
                ext_key=key,
                state=PairState.NEW.value,
                mapping_version=object_mapping.version,
                attempts=0,
            )
        )
        made_key = made.inserted_primary_key
        assert made_key is not None
        pair_id = int(made_key[0])
        if columns:
            connection.execute(
                sa.text("INSERT INTO base (pair_id, column_name, value) VALUES (:pair, :name, NULL)"),
                [{"pair": pair_id, "name": column} for column in columns],
            )
        found[number] = Pair(
            pair_id,
            number,
            object_mapping.object_name,
            None,
            key,
            PairState.NEW,
            None,
            None,
            object_mapping.version,
        )
    return found


def external_key(database: str, person_id: int, created_at: object) -> str:
    """The key of a person: the same after a restore of the same database, another one for another person who has come to the
    same number since."""
    text = created_at.astimezone(UTC).isoformat() if isinstance(created_at, datetime) else str(created_at)
    return "d-" + hashlib.sha256(f"{database}:{person_id}:{text}".encode()).hexdigest()[:30]


def identify(connection: Connection, pair_id: int, sf_id: str) -> None:
    """See `Transaction.identify`."""
    row = connection.execute(
        sa.select(pair.c.person_id, pair.c.object_name).where(pair.c.id == pair_id)
    ).one()
    taken = connection.execute(
        sa.select(pair.c.id).where(pair.c.object_name == row.object_name, pair.c.sf_id == sf_id)
    ).scalar()
    if taken is not None:
        raise ValueError(f"{row.object_name} {sf_id} has a pair already")
    connection.execute(pair.update().where(pair.c.id == pair_id).values(sf_id=sf_id))
    rows = connection.execute(sa.select(pair).where(pair.c.person_id == row.person_id)).all()
    if not becomes_primary([pair_of_row(one) for one in rows], pair_id):
        return
    kind = synced_object(row.object_name).salesforce_type
    connection.execute(
        sa.text(
            "UPDATE person SET salesforce_id = :sf_id, salesforce_type = :kind, link_state = :kind, "
            "salesforce_deleted = :no WHERE id = :number"
        ),
        {"sf_id": sf_id, "kind": kind, "no": False, "number": row.person_id},
    )


def people_alike(
    connection: Connection, catalogue: Catalogue, columns: Sequence[str], first: Sequence[str]
) -> dict[int, dict[str, Value]]:
    """See `Transaction.people_alike`."""
    text = _folded(catalogue.expression("person", columns[0]))
    statement = sa.text(
        f"SELECT t1.id FROM {catalogue.source('person', columns[:1])} WHERE NOT t1.salesforce_deleted AND {text} IN :first"
    ).bindparams(sa.bindparam("first", expanding=True))
    people: list[int] = []
    for some in chunks(first):
        people += connection.execute(statement, {"first": some}).scalars()
    return people_values(connection, catalogue, columns, sorted(people))


_UNSTEADY = (Kind.DATE, Kind.DATETIME, Kind.TIME)
"""Kinds whose text depends on settings of the database, so that it cannot be indexed."""


def match_by(connection: Connection, catalogue: Catalogue, column: str | None) -> None:
    """See `Transaction.match_by`."""
    connection.exec_driver_sql("DROP INDEX IF EXISTS person_alike")
    held = catalogue.column("person", column) if column is not None else None
    if held is not None and held.kind not in _UNSTEADY:
        connection.exec_driver_sql(
            f"CREATE INDEX person_alike ON {quote(held.part_table)} ({_folded(quote(held.name))})"
        )


def _folded(expression: str) -> str:
    """The text that is compared: the index is on this very expression."""
    return f"lower(trim(CAST({expression} AS TEXT)))"


def alike(connection: Connection, catalogue: Catalogue, column: str, after: str, limit: int) -> list[Group]:
    """See `Transaction.alike`. Order is by code point on both databases."""
    text = _folded(catalogue.expression("person", column))
    order = f'{text} COLLATE "C"' if is_postgres(connection) else text
    here = (
        f"{catalogue.source('person', [column])} WHERE NOT t1.salesforce_deleted AND NOT EXISTS "
        "(SELECT 1 FROM creation AS c WHERE c.person_id = t1.id AND c.wish = 'dismissed')"
    )
    statement = sa.text(
        f"SELECT {text} AS shared, t1.id FROM {here} AND {text} IN (SELECT {text} FROM {here} "
        f"AND {order} > :after GROUP BY {text} HAVING count(*) > 1 ORDER BY {order} LIMIT :limit) ORDER BY {order}, t1.id"
    )
    found: dict[str, list[int]] = {}
    for shared, number in connection.execute(statement, {"after": after, "limit": limit}):
        found.setdefault(shared, []).append(number)
    return [Group((shared,), tuple(people)) for shared, people in found.items()]


def unsent(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    now: datetime,
    after_pair: int,
    limit: int,
) -> list[Linked]:
    """See `Transaction.unsent`."""
    c = pair.c
    wanted = (
        sa.select(pair)
        .where(
            c.object_name == object_mapping.object_name,
            c.sf_id.is_(None),
            c.state == PairState.NEW.value,
            c.inflight.is_(None),
            sa.or_(c.next_try_at.is_(None), c.next_try_at <= now),
            c.id > after_pair,
            ~sa.exists().where(
                creation.c.person_id == c.person_id,
                creation.c.wish.in_([Wish.REVIEW.value, Wish.DISMISSED.value]),
            ),
        )
        .order_by(c.id)
        .limit(limit)
    )
    return with_values(connection, catalogue, object_mapping, connection.execute(wanted).all())


def pending(connection: Connection, catalogue: Catalogue, object_mapping: ObjectMapping) -> list[Linked]:
    """See `Transaction.pending`. What is in flight of a person deleted here is kept too."""
    c = pair.c
    wanted = sa.select(pair).where(
        c.object_name == object_mapping.object_name, c.sf_id.is_(None), c.inflight.is_not(None)
    )
    return with_values(
        connection,
        catalogue,
        object_mapping,
        connection.execute(wanted.order_by(c.id)).all(),
        keep_inflight=True,
    )
