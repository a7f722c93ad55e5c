"""Two people become one: `Transaction.join_people`.

Whatever refers to the person goes over with it: pairs with their bases, history, conflicts, dead letters, and the rows of any
table that has a `person_id` or a foreign key on `person`. What went is kept in `person_join`, so that it can come back (`parting`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.merge import Conflict
from diptych.domain.person_merge import HeldPerson, PersonJoin
from diptych.domain.values import to_text
from diptych.store import standing
from diptych.store.catalogue import Catalogue, part_table, quote
from diptych.store.references import move_keyed, move_rows
from diptych.store.system_tables import change_log, conflict, pair, person_join, person_redirect
from diptych.store.values_at_rest import pack
from diptych.store.whole_people import JOINED, bases_after, note_bases, set_values, summarise


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
    set_values(connection, catalogue, winner, join.plan.values, now)
    after = {**winner.values, **join.plan.values}
    note_bases(connection, {p.id: bases_after(p, winner, after) for p in winner.pairs})
    note_bases(connection, {p.id: bases_after(p, loser, after) for p in loser.pairs})
    moved: dict[str, Any] = {"pair": tuple(p.id for p in loser.pairs)}
    connection.execute(pair.update().where(pair.c.person_id == loser.id).values(person_id=winner.id))
    standing.restand(connection, [winner.id], noted)
    for table, column, numbered in tables:
        if numbered:
            moved |= move_rows(connection, table, column, loser.id, winner.id)
        else:
            moved |= move_keyed(connection, table, column, loser.id, winner.id)
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
