"""People whole, with their pairs and bases: read together, changed together, and what their row says of Salesforce."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.objects import synced_object
from diptych.domain.pair import Pair, PairState, primary
from diptych.domain.person_merge import HeldPerson
from diptych.domain.values import Value, to_text
from diptych.store.catalogue import Catalogue
from diptych.store.chunks import chunks
from diptych.store.engines import is_postgres
from diptych.store.pair_rows import pair_of_row
from diptych.store.pairs import lock, noted_with_standing, values_of_people
from diptych.store.people import update_rows
from diptych.store.system_tables import base, change_log, pair
from diptych.store.values_at_rest import encode_base

JOINED = "joined"
"""`change_log.side` of what a join or a split did: neither an edit made here nor a change in Salesforce."""

ENDED = (PairState.REDIRECTED, PairState.CONVERTED, PairState.DETACHED)


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


def bases_after(one: Pair, before: HeldPerson, after: Mapping[str, Value]) -> dict[str, Value]:
    """What base each column of a pair has once the values are `after`: where it differs from them."""
    if one.state in ENDED:
        return {}
    noted = before.bases.get(one.id, {})
    held = {**before.values, **noted}
    return {column: value for column, value in held.items() if column in after and value != after[column]}


def note_bases(connection: Connection, wanted: Mapping[int, Mapping[str, Value]]) -> None:
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


def set_values(
    connection: Connection,
    catalogue: Catalogue,
    person: HeldPerson,
    values: Mapping[str, Value],
    now: datetime,
) -> None:
    """Values of a person as a join or a split leaves them, with a line of history for each; the caller sees to the bases."""
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
