"""Pairs opened for people who are there already, live ones and ones that have ended."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.mapping import ObjectMapping
from diptych.domain.pair import Observation, Pair, PairState
from diptych.store import standing
from diptych.store.catalogue import Catalogue
from diptych.store.chunks import chunks
from diptych.store.pair_rows import pair_of_row
from diptych.store.system_tables import pair
from diptych.store.whole_people import ENDED, held_people, note_bases, summarise


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
    if state not in ENDED:
        held = held_people(connection, catalogue, [person_id])[person_id]
        before = standing.noted(connection, [p.id for p in held.pairs if p.id != number])
        differing = {c: v for c, v in seen.values.items() if held.values.get(c) != v}
        note_bases(connection, {number: differing})
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
