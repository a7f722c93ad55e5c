"""People on their way into Salesforce of whom there is something to say: under review, waiting for data, dismissed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.creating import Creation, Wish
from diptych.domain.pair import THERE
from diptych.domain.values import Value
from diptych.store.catalogue import read_catalogue
from diptych.store.chunks import chunks
from diptych.store.creations import creation_of
from diptych.store.pairs import values_of_people
from diptych.store.system_tables import creation, pair

TELLING = ("first_name", "last_name", "email", "company_name")
_LIVE = [state.value for state in THERE]


@dataclass(frozen=True)
class CreationRow:
    """One person of the list. `values`: what tells who it is, those columns that are mapped; `has_record`: there is a live record in
    Salesforce; `people`: of the records to choose from, whose person here they are."""

    creation: Creation
    values: Mapping[str, Value] = field(default_factory=dict)
    has_record: bool = False
    people: Mapping[str, int] = field(default_factory=dict)


def listed(
    connection: Connection, wishes: Sequence[Wish], limit: int, page: int
) -> tuple[list[CreationRow], int]:
    """See `Queries.creations`."""
    among = creation.c.wish.in_([wish.value for wish in wishes])
    total = connection.execute(sa.select(sa.func.count()).select_from(creation).where(among)).scalar_one()
    wanted = sa.select(creation).where(among).order_by(creation.c.person_id)
    rows = connection.execute(wanted.limit(limit).offset((page - 1) * limit))
    found = [creation_of(row) for row in rows]
    people = [one.person_id for one in found]
    catalogue = read_catalogue(connection)
    columns = [name for name in TELLING if name in catalogue.columns("person")]
    read = {name: catalogue.column("person", name).decode for name in columns}
    values = values_of_people(connection, catalogue, people, columns, read)
    records = _people_with_a_record(connection, people)
    holders = _holders(connection, [sf_id for one in found for sf_id in one.matches])
    return [
        CreationRow(
            one,
            values.get(one.person_id, {}),
            one.person_id in records,
            {sf_id: holders[sf_id] for sf_id in one.matches if sf_id in holders},
        )
        for one in found
    ], int(total)


def _people_with_a_record(connection: Connection, people: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for some in chunks(people):
        wanted = sa.select(pair.c.person_id).where(pair.c.person_id.in_(some), pair.c.state.in_(_LIVE))
        found.update(connection.execute(wanted).scalars())
    return found


def _holders(connection: Connection, sf_ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(list(dict.fromkeys(sf_ids))):
        wanted = sa.select(pair.c.sf_id, pair.c.person_id).where(
            pair.c.sf_id.in_(some), pair.c.object_name.in_(("Lead", "Contact")), pair.c.state.in_(_LIVE)
        )
        found.update({row.sf_id: row.person_id for row in connection.execute(wanted)})
    return found
