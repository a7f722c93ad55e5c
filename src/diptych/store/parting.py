"""One person becomes two again: joins are looked up, and taken apart with all that went over (`joining`)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.domain.mapping import ObjectMapping
from diptych.domain.pair import Observation
from diptych.domain.person_merge import HeldPerson, SplitPlan, StoredJoin
from diptych.store import standing
from diptych.store.catalogue import Catalogue
from diptych.store.people import allocate, insert_rows
from diptych.store.references import insert_back, move_back, plain
from diptych.store.system_tables import base, conflict, dead_letter, pair, person_join, person_redirect
from diptych.store.values_at_rest import unpack
from diptych.store.whole_people import bases_after, held_people, note_bases, set_values, summarise


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
    move_back(connection, "pair", "person_id", split.pairs, former)
    for place, ids in split.rows.items():
        table, _, column = place.partition(".")
        if "!" in column:
            column, _, how = column.partition("!")
            if how == "moved":
                connection.execute(
                    sa.text(f"DELETE FROM {plain(table)} WHERE {plain(column)} = :winner"),
                    {"winner": split.winner_id},
                )
            for dropped in ids:
                insert_back(connection, table, column, dropped, former)
        elif table != "pair":
            move_back(connection, table, column, ids, former)
    for log in (conflict, dead_letter):
        if split.pairs:
            connection.execute(log.update().where(log.c.pair_id.in_(split.pairs)).values(person_id=former))
    went = {p.id: p for person in held.values() for p in person.pairs if p.id in split.pairs}
    was = held.get(split.winner_id)
    if was is not None:
        note_bases(connection, {number: bases_after(p, was, values) for number, p in went.items()})
    standing.restand(connection, [former, *held], noted)
    connection.execute(person_redirect.delete().where(person_redirect.c.former_id == former))
    connection.execute(person_join.update().where(c.id == split.join_id).values(undone_at=now))
    summarise(connection, catalogue, [former, *held])
    return former


def _put_back(
    connection: Connection, catalogue: Catalogue, person: HeldPerson, split: SplitPlan, now: datetime
) -> None:
    set_values(connection, catalogue, person, split.winner, now)
    after = {**person.values, **split.winner}
    going = set(split.pairs)
    note_bases(connection, {p.id: bases_after(p, person, after) for p in person.pairs if p.id not in going})
