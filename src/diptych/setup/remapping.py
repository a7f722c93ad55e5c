"""One change of the mapping, saved with all that belongs to it: version, columns, chosen fields, what is to be filled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.proposal import MappingRefused
from diptych.setup import state as kept
from diptych.setup.state import SetupRefused
from diptych.sync.ports import Clock, Store, Transaction


class Remapping:
    """Changes the mapping of one database. `wake` tells the worker that there is something to do."""

    def __init__(self, store: Store, clock: Clock, wake: Callable[[], None]) -> None:
        self._store, self._clock, self._wake = store, clock, wake

    def __call__(
        self, change: Callable[[Mappings], Mappings], reason: str, expected: int | None = None
    ) -> Mappings:
        """Save what `change` makes of the mapping. Raises SetupRefused where it refuses, where there is no mapping, and where the
        mapping is another version than `expected` by now."""
        with self._store.transaction() as unit:
            before = unit.mapping()
            if not before.fields:
                raise SetupRefused("There is no mapping yet.", "Run Sync Fields first.")
            if expected is not None and before.version != expected:
                raise SetupRefused(
                    f"The mapping was changed meanwhile: it is version {before.version} now, and version {expected} was "
                    "looked at. Nothing was changed.",
                    "Look at the change again.",
                )
            try:
                after = change(before)
            except MappingRefused as problem:
                raise SetupRefused(str(problem)) from problem
            unit.save_mapping(after, self._clock.now(), reason)
            unit.provision(after)
            kept.follow_mapping(unit, before, after)
            reload_if_new(unit, before, after)
        self._wake()
        return after


def reload_if_new(unit: Transaction, before: Mappings, after: Mappings) -> None:
    """After the start, a newly mapped, moved or retyped field is filled by a backfill, so that values that are already there
    arrive too (D-12); the sync goes on meanwhile. A load that is under way is begun anew."""
    if not unit.setting(kept.STARTED):
        return
    for known in SYNCED_OBJECTS:
        was = {(f.field, f.column, f.kind) for f in before.of(known.name).fields}
        new = {f.field for f in after.of(known.name).fields if (f.field, f.column, f.kind) not in was}
        if new:
            done = unit.snapshot(known.name)
            if done is not None and done.state == "complete":
                unit.save_snapshot(replace(done, fields=tuple(f for f in done.fields if f not in new)))
            elif done is not None:
                unit.save_snapshot(
                    replace(done, state="requested", job_id=None, locator=None, rows_applied=0, error=None)
                )
