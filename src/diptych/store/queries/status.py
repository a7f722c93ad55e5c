"""The state of the sync in numbers, for the status page and `diptych status`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.causes import OPEN
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.store import tally
from diptych.store.queries.backlog import owed
from diptych.store.queries.ledger import RunRow, run_kinds, step_kinds, step_of, with_steps
from diptych.store.sync_state import snapshot_of
from diptych.store.system_tables import run, snapshot, step
from diptych.sync.ports import SnapshotProgress, Step


@dataclass(frozen=True)
class ObjectCounts:
    """`ours`: live records we hold. `backlog`: pairs that owe a write. `steps`: the latest one of each operation. `hidden`:
    records not shown to the sync user."""

    object_name: str
    ours: int
    backlog: int
    fenced: int
    parked: int
    dead_letters: int
    deleted: int
    load: SnapshotProgress | None
    steps: tuple[Step, ...]
    hidden: int = 0


@dataclass(frozen=True)
class StoreStatus:
    """`people` counts everyone, those made here included; `last_run` per kind."""

    objects: tuple[ObjectCounts, ...]
    people: int
    people_made_here: int
    backlog: int
    dead_letters: int
    conflicts: int
    api_calls_24h: int
    last_runs: dict[str, RunRow]
    waiting_for_data: int = 0
    for_review: int = 0

    def of(self, object_name: str) -> ObjectCounts:
        """Raises KeyError for an object that is not synced."""
        for found in self.objects:
            if found.object_name == object_name:
                return found
        raise KeyError(object_name)


def read(connection: Connection) -> StoreStatus:
    """See `Queries.status`."""
    states, people = tally.counts(connection, "pair"), tally.counts(connection, "person")
    backlog = owed(connection)
    fenced = _by_object(
        connection,
        "SELECT object_name, count(*) FROM pair WHERE inflight IS NOT NULL AND state <> 'detached' GROUP BY object_name",
    )
    letters = tally.counts(connection, "dead_letter")
    loads = {row.object_name: snapshot_of(row) for row in connection.execute(sa.select(snapshot))}
    steps = _latest_steps(connection)
    objects = []
    for known in SYNCED_OBJECTS:
        ours, deleted = states.get((known.name, "paired"), 0), states.get((known.name, "tombstoned"), 0)
        if known.two_way:
            ours += states.get((known.name, "parked"), 0) + states.get((known.name, "converted"), 0)
        else:
            held = tally.counts(connection, known.table)
            ours, deleted = held.get(("", "live"), 0), held.get(("", "deleted"), 0)
        objects.append(
            ObjectCounts(
                known.name,
                ours,
                backlog.get(known.name, 0),
                fenced.get(known.name, 0),
                states.get((known.name, "parked"), 0),
                letters.get((known.name, OPEN), 0),
                deleted,
                loads.get(known.name),
                tuple(steps.get(known.name, ())),
                states.get((known.name, "hidden"), 0) if known.two_way else 0,
            )
        )
    return StoreStatus(
        tuple(objects),
        tally.total(people),
        tally.total(people, b="none"),
        sum(backlog.values()),
        tally.total(letters, b=OPEN),
        tally.total(tally.counts(connection, "conflict")),
        _calls(connection),
        _last_runs(connection),
        _count(connection, "SELECT count(*) FROM creation WHERE wish = 'waiting'"),
        _count(connection, "SELECT count(*) FROM creation WHERE wish = 'review'"),
    )


def _by_object(connection: Connection, statement: str) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in connection.execute(sa.text(statement))}


def _count(connection: Connection, statement: str) -> int:
    return int(connection.execute(sa.text(statement)).scalar_one())


def _latest_steps(connection: Connection) -> dict[str, list[Step]]:
    kinds = step_kinds(connection)
    latest = [
        connection.execute(
            sa.select(sa.func.max(step.c.id)).where(step.c.object_name == name, step.c.operation == operation)
        ).scalar()
        for name, operation in kinds
    ]
    found: dict[str, list[Step]] = {}
    for row in connection.execute(sa.select(step).where(step.c.id.in_(latest)).order_by(step.c.id)):
        found.setdefault(row.object_name, []).append(step_of(row))
    return found


def _calls(connection: Connection) -> int:
    # counted back from the latest step: the ledger's own clock, not the database's
    newest = connection.execute(
        sa.select(sa.func.max(step.c.started_at, type_=step.c.started_at.type))
    ).scalar()
    if newest is None:
        return 0
    wanted = sa.select(sa.func.coalesce(sa.func.sum(step.c.api_calls), 0)).where(
        step.c.started_at > newest - timedelta(hours=24)
    )
    return int(connection.execute(wanted).scalar_one())


def _last_runs(connection: Connection) -> dict[str, RunRow]:
    latest = [
        connection.execute(sa.select(sa.func.max(run.c.id)).where(run.c.kind == kind)).scalar()
        for kind in run_kinds(connection)
    ]
    rows = connection.execute(sa.select(run).where(run.c.id.in_(latest))).all()
    return {found.kind: found for found in with_steps(connection, rows)}
