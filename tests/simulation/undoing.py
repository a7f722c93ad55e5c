"""An administrator undoes a run, or what it did to one person or column (decision 0012): an edit like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diptych.sync.engine import Engine
from diptych.sync.ports import Lease
from diptych.sync.repair.undo import NoSuchRun, Undone, Wanted, undo
from tests.simulation.watched_org import Violation
from tests.simulation.world import COLUMNS, World

People = dict[int, dict[str, Any]]


def undo_some(world: World, engine: Engine, lease: Lease, a: int, b: int, c: int) -> bool:
    """Undo a run that touched people; whether there was one. Whoever undoes an edit has seen it: nothing is lost by that."""
    lines = [line for line in world.store.tables.change_log.values() if line.run_id is not None]
    if not lines:
        return False
    line = lines[a % len(lines)]
    person = line.person_id if b % 4 else None
    wanted = Wanted(line.run_id or 0, person, (line.column or None) if b % 4 > 1 else None)
    before: People = {number: dict(row) for number, row in world.store.tables.person.items()}
    bases = {number: dict(noted) for number, noted in world.store.tables.base.items()}
    try:
        done = undo(engine, lease, wanted)
    except NoSuchRun:
        return False
    _is_as_before(world, done)
    _note(world, before, bases)
    return True


def _is_as_before(world: World, done: Undone) -> None:
    """What was undone holds its before-image; what was refused is told why."""
    for item in done.items:
        person = world.store.tables.person.get(item.person_id)
        world.counters[f"undo {item.action if item.does else 'refused' if item.refused else 'same'}"] += 1
        restored = item.action == "restore" and item.does and person is not None and item.column
        if person is not None and restored in COLUMNS and person.get(restored) != item.becomes:
            raise Violation("undo", f"{item} was not put back: {person.get(restored)!r}")
        if item.action == "remove" and item.does and person is not None:
            raise Violation("undo", f"{item} is still here")


def _note(world: World, before: People, bases: People) -> None:
    """Each value that changed is an edit of the administrator, who saw the one before; whom the undo removed is gone."""
    tables = world.store.tables
    for number, was in before.items():
        row: Mapping[str, Any] | None = tables.person.get(number)
        if row is None:
            world.graph.settle(*was.values())
            continue
        changed = {c: row[c] for c in COLUMNS if row.get(c) != was.get(c) or row.get(c) is not was.get(c)}
        fresh = {c: world.undone(row, c, was.get(c), value, bases) for c, value in changed.items()}
        tables.person[number] = {**row, **fresh}
        if was.get("unsubscribed") and not row.get("unsubscribed"):
            world.opt_in(number)
