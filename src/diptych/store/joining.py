"""Two people become one, and one becomes two again: `Transaction.join_people` and `split_person`.

Whatever refers to the person goes over with it: pairs with their bases, history, conflicts, dead letters, and the rows of any
table that has a `person_id` or a foreign key on `person`. What went is kept in `person_join`, so that it can come back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from diptych.domain.mapping import ObjectMapping
from diptych.domain.merge import Conflict
from diptych.domain.objects import synced_object
from diptych.domain.pair import Observation, Pair, PairState, primary
from diptych.domain.person_merge import HeldPerson, PersonJoin, SplitPlan, StoredJoin
from diptych.domain.values import Value, to_text
from diptych.store import standing
from diptych.store.catalogue import Catalogue, part_table, quote
from diptych.store.chunks import chunks
from diptych.store.engines import is_postgres
from diptych.store.pair_rows import pair_of_row
from diptych.store.pairs import lock, noted_with_standing, values_of_people
from diptych.store.people import allocate, insert_rows, update_rows
from diptych.store.system_tables import (
    base,
    change_log,
    conflict,
    dead_letter,
    pair,
    person_join,
    person_redirect,
)
from diptych.store.values_at_rest import encode_base, pack, unpack

JOINED = "joined"
"""`change_log.side` of what a join or a split did: neither an edit made here nor a change in Salesforce."""

_OWN = ("base", "person_join", "replaced", "suppression", "action")
_ENDED = (PairState.REDIRECTED, PairState.CONVERTED, PairState.DETACHED)


def held_people(connection: Connection, catalogue: Catalogue, ids: Sequence[int]) -> dict[int, HeldPerson]:
    """See `Transaction.held_people`."""
    people = sorted(set(ids))
    lock(connection, people)
    columns = catalogue.columns("person")
    values = values_of_people(
        connection, catalogue, people, list(columns), {name: c.decode for name, c in columns.items()}
    )
    kinds = {name: c.kind for name, c in columns.items()}
    pairs: dict[int, list[Pair]] = {}
    for some in chunks(people):
        wanted = sa.select(pair).where(pair.c.person_id.in_(some)).order_by(pair.c.id)
        for row in connection.execute(wanted):
            pairs.setdefault(row.person_id, []).append(pair_of_row(row))
    noted, apart = noted_with_standing(connection, [one.id for some in pairs.values() for one in some])
    changed = _changed_at(connection, people)
    return {
        number: HeldPerson(
            number,
            held,
            kinds,
            tuple(pairs.get(number, ())),
            {
                one.id: {c: columns[c].decode(raw) for c, raw in noted[one.id].items() if c in columns}
                for one in pairs.get(number, ())
                if one.id in noted
            },
            changed.get(number, {}),
            {one.id: frozenset(apart[one.id]) for one in pairs.get(number, ()) if one.id in apart},
        )
        for number, held in values.items()
    }


def _changed_at(connection: Connection, people: Sequence[int]) -> dict[int, dict[str, datetime]]:
    c = change_log.c
    found: dict[int, dict[str, datetime]] = {}
    for some in chunks(people):
        wanted = (
            sa.select(c.person_id, c.column_name, sa.func.max(c.at).label("latest"))
            .where(c.person_id.in_(some), c.table_name == "person", c.column_name.is_not(None))
            .group_by(c.person_id, c.column_name)
        )
        for row in connection.execute(wanted):
            found.setdefault(row.person_id, {})[row.column_name] = row.latest
    return found


def open_pair(
    connection: Connection,
    catalogue: Catalogue,
    person_id: int,
    object_mapping: ObjectMapping,
    seen: Observation,
    state: PairState,
    redirect_to: str | None,
) -> Pair:
    """See `Transaction.open_pair`."""
    name, record = object_mapping.object_name, seen.record
    there = sa.select(pair.c.id).where(pair.c.object_name == name, pair.c.sf_id == record.sf_id)
    if connection.execute(there).first() is not None:
        raise ValueError(f"{name} {record.sf_id} has a pair already")
    made = connection.execute(
        pair.insert().values(
            person_id=person_id,
            object_name=name,
            sf_id=record.sf_id,
            state=state.value,
            redirect_to=redirect_to,
            seen_modstamp=record.modstamp,
            seen_at=record.read_at,
            mapping_version=object_mapping.version,
            attempts=0,
        )
    )
    assert made.inserted_primary_key is not None
    number = int(made.inserted_primary_key[0])
    if state not in _ENDED:
        held = held_people(connection, catalogue, [person_id])[person_id]
        before = standing.noted(connection, [p.id for p in held.pairs if p.id != number])
        differing = {c: v for c, v in seen.values.items() if held.values.get(c) != v}
        _note(connection, {number: differing})
        standing.restand(connection, [person_id], before)
    summarise(connection, catalogue, [person_id])
    return pair_of_row(connection.execute(sa.select(pair).where(pair.c.id == number)).one())


def open_ended(
    connection: Connection,
    object_mapping: ObjectMapping,
    ended: Sequence[tuple[int, Observation, str]],
    state: PairState,
) -> None:
    """See `Transaction.open_ended`."""
    if ended:
        connection.execute(
            pair.insert(),
            [
                {
                    "person_id": person_id,
                    "object_name": object_mapping.object_name,
                    "sf_id": seen.record.sf_id,
                    "state": state.value,
                    "redirect_to": became,
                    "seen_modstamp": seen.record.modstamp,
                    "seen_at": seen.record.read_at,
                    "mapping_version": object_mapping.version,
                    "attempts": 0,
                }
                for person_id, seen, became in ended
            ],
        )


def redirected_to(connection: Connection, sf_ids: Sequence[str]) -> dict[str, int]:
    """See `Transaction.redirected_to`."""
    found: dict[str, int] = {}
    for some in chunks(list(dict.fromkeys(sf_ids))):
        wanted = (
            sa.select(pair.c.redirect_to, pair.c.person_id)
            .where(pair.c.redirect_to.in_(some), pair.c.state != PairState.DETACHED.value)
            .order_by(pair.c.id)
        )
        for row in connection.execute(wanted):
            found.setdefault(row.redirect_to, row.person_id)
    return found


# ---------------------------------------------------------------- joining


def join_people(
    connection: Connection,
    catalogue: Catalogue,
    join: PersonJoin,
    run_id: int | None,
    now: datetime,
    tables: Sequence[tuple[str, str, bool]],
) -> int:
    """See `Transaction.join_people`; `tables`: what refers to people (`referring`)."""
    winner, loser = join.winner, join.loser
    noted = standing.noted(connection, [p.id for p in (*winner.pairs, *loser.pairs)])
    _set_values(connection, catalogue, winner, join.plan.values, now)
    after = {**winner.values, **join.plan.values}
    _note(connection, {p.id: _bases(p, winner, after) for p in winner.pairs})
    _note(connection, {p.id: _bases(p, loser, after) for p in loser.pairs})
    moved: dict[str, Any] = {"pair": tuple(p.id for p in loser.pairs)}
    connection.execute(pair.update().where(pair.c.person_id == loser.id).values(person_id=winner.id))
    standing.restand(connection, [winner.id], noted)
    for table, column, numbered in tables:
        if numbered:
            moved |= _move(connection, table, column, loser.id, winner.id)
        else:
            moved |= _move_keyed(connection, table, column, loser.id, winner.id)
    _went(connection, winner.id, loser, join, run_id, now)
    _log_conflicts(connection, winner.id, join, run_id, now)
    _remove_person(connection, catalogue, loser.id)
    redirect(connection, loser.id, winner.id, now)
    summarise(connection, catalogue, [winner.id])
    made = connection.execute(
        person_join.insert().values(
            winner_id=winner.id,
            loser_id=loser.id,
            why=join.why,
            detail=join.detail,
            run_id=run_id,
            at=now,
            before_winner=pack(join.before[0].values),
            before_loser=pack(join.before[1].values),
            loser_pairs=json.dumps([p.id for p in loser.pairs]),
            changed=pack(join.plan.values),
            moved=json.dumps(moved),
        )
    )
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def _bases(one: Pair, before: HeldPerson, after: Mapping[str, Value]) -> dict[str, Value]:
    """What base each column of a pair has once the values are `after`: where it differs from them."""
    if one.state in _ENDED:
        return {}
    noted = before.bases.get(one.id, {})
    held = {**before.values, **noted}
    return {column: value for column, value in held.items() if column in after and value != after[column]}


def _note(connection: Connection, wanted: Mapping[int, Mapping[str, Value]]) -> None:
    """The rows of `base` of these pairs are these and no others."""
    postgres = is_postgres(connection)
    if not wanted:
        return
    connection.execute(base.delete().where(base.c.pair_id.in_(list(wanted))))
    rows = [
        {"pair": number, "name": column, "value": encode_base(value, postgres)}
        for number, some in wanted.items()
        for column, value in some.items()
    ]
    if rows:
        connection.execute(
            sa.text("INSERT INTO base (pair_id, column_name, value) VALUES (:pair, :name, :value)"), rows
        )


def _set_values(
    connection: Connection,
    catalogue: Catalogue,
    person: HeldPerson,
    values: Mapping[str, Value],
    now: datetime,
) -> None:
    if not values:
        return
    stamped = now.replace(microsecond=0)
    update_rows(
        connection,
        catalogue,
        "person",
        {person.id: values},
        {person.id: {"updated_at": stamped if is_postgres(connection) else _text_of(stamped)}},
    )
    connection.execute(
        change_log.insert(),
        [
            {
                "person_id": person.id,
                "table_name": "person",
                "column_name": column,
                "old_value": to_text(person.values.get(column)),
                "new_value": to_text(value),
                "side": JOINED,
                "actor": JOINED,
                "at": now,
            }
            for column, value in values.items()
        ],
    )


def _text_of(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _went(
    connection: Connection,
    winner_id: int,
    loser: HeldPerson,
    join: PersonJoin,
    run_id: int | None,
    now: datetime,
) -> None:
    """The last values of the person that joined stay readable in the history of the remaining one (D-59)."""
    last = {c: to_text(v) for c, v in loser.values.items() if v is not None}
    connection.execute(
        change_log.insert().values(
            person_id=winner_id,
            table_name="person",
            old_value=json.dumps(last, ensure_ascii=False),
            side=JOINED,
            actor=join.detail,
            run_id=run_id,
            at=now,
        )
    )


def keep_last_values(
    connection: Connection, person: HeldPerson, detail: str, run_id: int | None, now: datetime
) -> None:
    """One line of history with all values of a person as they are now: before a lead's successor changes them (D-59)."""
    last = {c: to_text(v) for c, v in person.values.items() if v is not None}
    connection.execute(
        change_log.insert().values(
            person_id=person.id,
            table_name="person",
            old_value=json.dumps(last, ensure_ascii=False),
            side=JOINED,
            actor=detail,
            run_id=run_id,
            at=now,
        )
    )


def _log_conflicts(
    connection: Connection, winner_id: int, join: PersonJoin, run_id: int | None, now: datetime
) -> None:
    given_up: Sequence[Conflict] = join.plan.conflicts
    at = join.conflict_pair or next((p.id for p in (*join.winner.pairs, *join.loser.pairs)), None)
    if not given_up or at is None:
        return
    connection.execute(
        conflict.insert(),
        [
            {
                "pair_id": at,
                "person_id": winner_id,
                "column_name": one.column,
                "base_value": to_text(one.base),
                "ours_value": to_text(one.ours),
                "theirs_value": to_text(one.theirs),
                "winner": one.winner,
                "reason": one.reason,
                "run_id": run_id,
                "at": now,
            }
            for one in given_up
        ],
    )


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


def _move_keyed(connection: Connection, table: str, column: str, source: int, target: int) -> dict[str, Any]:
    """A row whose key is the person goes over unless the target has its own; then it has said all it could. It is kept in the
    answer, under `table.column!moved` or `!dropped`."""
    name, field = _plain(table), _plain(column)
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


def _move(
    connection: Connection, table: str, column: str, source: int, target: int
) -> dict[str, tuple[int, ...]]:
    """Let rows name another person; those of which the target has an equal already, by a unique key, are not doubled: they
    go, and are kept in the answer under `table.column!dropped` as JSON."""
    name, field = _plain(table), _plain(column)
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


def _move_one_by_one(
    connection: Connection, table: str, column: str, ids: Sequence[int], target: int
) -> dict[str, Any]:
    name, field = _plain(table), _plain(column)
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


def _plain(name: str) -> str:
    """A name that the database itself gave, quoted."""
    return '"' + name.replace('"', '""') + '"'


def _remove_person(connection: Connection, catalogue: Catalogue, person_id: int) -> None:
    newest = connection.execute(sa.select(sa.func.max(change_log.c.id))).scalar() or 0
    for part in sorted(catalogue.parts("person")):
        connection.execute(
            sa.text(f"DELETE FROM {quote(part_table('person', part))} WHERE id = :number"),
            {"number": person_id},
        )
    # SQLite's trigger tells of every row that goes; this one has not gone but joined
    connection.execute(
        change_log.delete().where(change_log.c.id > newest, change_log.c.person_id == person_id)
    )


def redirect(connection: Connection, former_id: int, now_id: int, now: datetime) -> None:
    """The former id, and all ids that led to it, lead to the remaining person."""
    c = person_redirect.c
    connection.execute(person_redirect.update().where(c.now_id == former_id).values(now_id=now_id))
    connection.execute(person_redirect.delete().where(c.former_id.in_((former_id, now_id))))
    connection.execute(person_redirect.insert().values(former_id=former_id, now_id=now_id, at=now))


def summarise(connection: Connection, catalogue: Catalogue, people: Iterable[int]) -> None:
    """What a person's row says of Salesforce is what its primary pair says; for people with more than one pair or none."""
    system: dict[int, dict[str, Any]] = {}
    for number in people:
        rows = connection.execute(sa.select(pair).where(pair.c.person_id == number).order_by(pair.c.id)).all()
        chosen = primary([pair_of_row(row) for row in rows])
        if chosen is None:
            system[number] = {
                "salesforce_id": None,
                "salesforce_type": None,
                "salesforce_deleted": False,
                "link_state": "none",
            }
            continue
        kind = synced_object(chosen.object_name).salesforce_type
        system[number] = {"salesforce_id": chosen.sf_id, "salesforce_type": kind}
        if chosen.state in (PairState.PAIRED, PairState.PARKED, PairState.NEW):
            system[number] |= {"salesforce_deleted": False, "link_state": kind or "none"}
        elif chosen.state is PairState.TOMBSTONED:
            system[number] |= {"salesforce_deleted": True, "link_state": "deleted"}
        elif chosen.state is PairState.HIDDEN:
            system[number] |= {"salesforce_deleted": False, "link_state": "out_of_scope"}
    update_rows(connection, catalogue, "person", {}, system)


# ---------------------------------------------------------------- looking, and taking apart


def joins(connection: Connection, person_id: int) -> list[StoredJoin]:
    """See `Transaction.joins`."""
    c = person_join.c
    found: dict[int, StoredJoin] = {}
    edge = {person_id}
    wanted = sa.select(person_join).where(sa.or_(c.winner_id == person_id, c.loser_id == person_id))
    while edge:
        rows = [_stored(row) for row in connection.execute(wanted)]
        fresh = [one for one in rows if one.id not in found]
        found |= {one.id: one for one in fresh}
        edge = {one.loser_id for one in fresh if one.undone_at is None and one.loser_id != person_id}
        wanted = sa.select(person_join).where(c.winner_id.in_(sorted(edge)))
    return [found[number] for number in sorted(found, reverse=True)]


def joins_of_run(connection: Connection, run_id: int) -> list[StoredJoin]:
    """See `Transaction.joins_of_run`."""
    wanted = sa.select(person_join).where(person_join.c.run_id == run_id).order_by(person_join.c.id.desc())
    return [_stored(row) for row in connection.execute(wanted)]


def part_pair(
    connection: Connection,
    catalogue: Catalogue,
    pair_id: int,
    object_mapping: ObjectMapping,
    seen: Observation,
) -> int:
    """See `Transaction.part_pair`."""
    former = connection.execute(sa.select(pair.c.person_id).where(pair.c.id == pair_id)).scalar_one()
    number = allocate(connection, "person", 1)
    fixed = {"id": number, "salesforce_deleted": False, "link_state": "none"}
    insert_rows(connection, catalogue, "person", [fixed], [seen.values])
    connection.execute(pair.update().where(pair.c.id == pair_id).values(person_id=number))
    connection.execute(base.delete().where(base.c.pair_id == pair_id))
    for log in (conflict, dead_letter):
        connection.execute(log.update().where(log.c.pair_id == pair_id).values(person_id=number))
    summarise(connection, catalogue, [number, former])
    standing.settle(connection, standing.of_people(connection, [former]))
    return number


def _stored(row: Row[Any]) -> StoredJoin:
    moved = {name: tuple(ids) for name, ids in json.loads(row.moved).items()}
    return StoredJoin(
        row.id,
        row.winner_id,
        row.loser_id,
        row.why,
        row.detail,
        row.at,
        unpack(row.before_winner),
        unpack(row.before_loser),
        tuple(json.loads(row.loser_pairs)),
        unpack(row.changed),
        moved,
        row.undone_at,
        row.run_id,
    )


def split_person(
    connection: Connection, catalogue: Catalogue, split: SplitPlan, run_id: int | None, now: datetime
) -> int:
    """See `Transaction.split_person`. Raises KeyError for a join that is not there or was taken apart already."""
    c = person_join.c
    row = connection.execute(
        sa.select(person_join).where(c.id == split.join_id, c.undone_at.is_(None))
    ).first()
    if row is None:
        raise KeyError(f"there is no join {split.join_id} to take apart")
    former = int(row.loser_id)
    values = {name: split.restored.get(name) for name in catalogue.columns("person")}
    fixed = {"id": former, "salesforce_deleted": False, "link_state": "none"}
    insert_rows(connection, catalogue, "person", [fixed], [values])
    held = held_people(connection, catalogue, [split.winner_id])
    noted = standing.noted(connection, [p.id for person in held.values() for p in person.pairs])
    if split.winner_id in held:
        _put_back(connection, catalogue, held[split.winner_id], split, now)
    _back(connection, "pair", "person_id", split.pairs, former)
    for place, ids in split.rows.items():
        table, _, column = place.partition(".")
        if "!" in column:
            column, _, how = column.partition("!")
            if how == "moved":
                connection.execute(
                    sa.text(f"DELETE FROM {_plain(table)} WHERE {_plain(column)} = :winner"),
                    {"winner": split.winner_id},
                )
            for dropped in ids:
                _insert_back(connection, table, column, dropped, former)
        elif table != "pair":
            _back(connection, table, column, ids, former)
    for log in (conflict, dead_letter):
        if split.pairs:
            connection.execute(log.update().where(log.c.pair_id.in_(split.pairs)).values(person_id=former))
    went = {p.id: p for person in held.values() for p in person.pairs if p.id in split.pairs}
    was = held.get(split.winner_id)
    if was is not None:
        _note(connection, {number: _bases(p, was, values) for number, p in went.items()})
    standing.restand(connection, [former, *held], noted)
    connection.execute(person_redirect.delete().where(person_redirect.c.former_id == former))
    connection.execute(person_join.update().where(c.id == split.join_id).values(undone_at=now))
    summarise(connection, catalogue, [former, *held])
    return former


def _put_back(
    connection: Connection, catalogue: Catalogue, person: HeldPerson, split: SplitPlan, now: datetime
) -> None:
    _set_values(connection, catalogue, person, split.winner, now)
    after = {**person.values, **split.winner}
    going = set(split.pairs)
    _note(connection, {p.id: _bases(p, person, after) for p in person.pairs if p.id not in going})


def _back(connection: Connection, table: str, column: str, ids: Sequence[int], former: int) -> None:
    for some in chunks(list(ids)):
        connection.execute(
            sa.text(f"UPDATE {_plain(table)} SET {_plain(column)} = :former WHERE id IN :ids").bindparams(
                sa.bindparam("ids", expanding=True)
            ),
            {"former": former, "ids": some},
        )


def _insert_back(connection: Connection, table: str, column: str, row: Any, former: int) -> None:
    values = {**row, column: former}
    names = list(values)
    connection.execute(
        sa.text(
            f"INSERT INTO {_plain(table)} ({', '.join(map(_plain, names))}) "
            f"VALUES ({', '.join(f':v{n}' for n in range(len(names)))})"
        ),
        {f"v{n}": values[name] for n, name in enumerate(names)},
    )
