"""A copy of our tables is put back in their place, as `diptych restore` puts a backup (N-25, decision 0018).

The edit graph gives up what only the replaced database had known at that moment, and nothing else: edits of ours that were never sent, and
what its logs held. What stands in Salesforce, what has been replaced there since and what the backup knows is judged as ever.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from datetime import datetime

from diptych.domain.pair import PairState
from diptych.sync.repair import recovery
from diptych.testing.tables import Tables
from tests.simulation import checks
from tests.simulation.graph import token_of
from tests.simulation.watched_org import OPT_OUT
from tests.simulation.world import COLUMNS, FIELDS, World, lost_to_conflicts

RESTORE_TAKES = 1000.0
"""Seconds: longer than a request whose answer was lost can still be executed, which nobody would know of any more."""
_EPOCHS_AHEAD = 1000


@dataclass(frozen=True)
class Backup:
    """Our tables as they were. What is put into them is never changed in place."""

    tables: Tables
    taken_at: datetime


def take(world: World) -> Backup:
    return Backup(_copied(world.store.tables), world.clock.now())


def restore(world: World, backup: Backup) -> None:
    """Put the backup in the place of the tables."""
    world.clock.advance(RESTORE_TAKES)
    world.org.settle()
    world.org.note_agreement()
    checks.no_silent_loss(world)
    replaced, tables = world.store.tables, _copied(backup.tables)
    for name, number in replaced.numbers.items():  # no number is given twice
        tables.numbers[name] = max(number, tables.numbers.get(name, 0))
    last = next(reversed(replaced.runs), None)
    if last is not None:
        tables.runs[last] = replaced.runs[last]
    tables.lease = {"holder": None, "epoch": replaced.lease["epoch"] + _EPOCHS_AHEAD, "until": None}
    world.store.tables = tables
    with world.store.transaction() as tx:
        recovery.mark(tx, backup.taken_at, world.clock.now())
    world.org.pages.clear()  # read for the database that was replaced
    _give_up(world, replaced)


def _copied(tables: Tables) -> Tables:
    made = Tables()
    for name, table in vars(tables).items():
        setattr(made, name, copy(table))
    return made


def _give_up(world: World, replaced: Tables) -> None:
    """What only the replaced database knew; and what nobody can tell from it any more."""
    world.org.note_agreement()
    world.org.older_than = len(world.graph.edits)
    for kept in world.store.tables.conflicts.values():
        ours, theirs = token_of(kept.conflict.ours), token_of(kept.conflict.theirs)
        if kept.conflict.winner == "ours" and ours is not None and theirs is not None:
            world.org.decided.add((ours, theirs))
    logged = [t for t in map(token_of, lost_to_conflicts(replaced)) if t is not None]
    decided = world.graph.ancestors(logged, generous=True)
    there = world.graph.ancestors(world.tokens_there(), generous=True)
    world.graph.gone |= world.graph.lost(world.kept_tokens()) | (decided - there)
    tables = world.store.tables
    for number, noted in tables.base.items():
        person = tables.person.get(tables.pairs[number].person_id, {})
        world.waited.update(t for c in noted if (t := token_of(person.get(c))) is not None)
    for name, fields in FIELDS.items():
        for row in world.records.rows[name].values():
            pair = world.pair(name, row.sf_id)
            noted = tables.base.get(pair.id, {}) if pair else {}
            for column in COLUMNS:
                value = row.values.get(fields[column])
                if column not in noted or noted[column] != value:
                    continue
                waiting = token_of(tables.person.get(pair.person_id, {}).get(column)) if pair else None
                if waiting is not None and (row.deleted or row.values.get("IsConverted")):
                    world.org.followed.add(waiting)
                if token_of(noted[column]) != token_of(value):
                    # changed and changed back to what was agreed on then: it looks as if nothing had been sent
                    world.counters["changed back before a restore"] += 1
                    world.graph.settle(value)
    world.opted_out = {sf_id for sf_id in world.opted_out if _says_no(world, sf_id)}


def _says_no(world: World, sf_id: str) -> bool:
    """Whether the refusal of this record's person is known in Salesforce or to the restored database."""
    for name in FIELDS:
        row, pair = world.records.rows[name].get(sf_id), world.pair(name, sf_id)
        person = (
            world.store.tables.person.get(pair.person_id)
            if pair is not None and pair.state is not PairState.DETACHED
            else None
        )
        if (row is not None and row.values.get(OPT_OUT)) or (
            person is not None and person.get("unsubscribed")
        ):
            return True
    return False
