"""A reconciliation of ids as a person asks for it: which objects, only looked at or carried out, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diptych.setup.state import SetupRefused
from diptych.sync.engine import Engine
from diptych.sync.ports import Lease
from diptych.sync.repair import passes, schedule
from diptych.sync.repair.compare import ObjectComparison
from diptych.sync.repair.reconcile import look_through


@dataclass(frozen=True)
class Outcome:
    """What became of the ids of one object that only we held. `gone`: counts by deleted, merged, converted, purged, hidden;
    `shown_again`: how many are there after all; `records`: the first of them, by id; `stopped`: why nothing was concluded.
    """

    object: str
    looked_only: bool
    gone: Mapping[str, int] = field(default_factory=dict)
    shown_again: int = 0
    records: Mapping[str, str] = field(default_factory=dict)
    stopped: str | None = None


def objects(engine: Engine, wanted: str | None) -> list[str]:
    """The objects to go through. Raises SetupRefused for one that is not synced."""
    if wanted is None:
        return list(engine.usable)
    if wanted not in engine.usable:
        raise SetupRefused(
            f"{wanted} is not synced.", f"It is one of {', '.join(engine.usable) or 'none as yet'}."
        )
    return [wanted]


def look(engine: Engine, name: str) -> Outcome:
    """What a reconciliation would find; changes nothing."""
    found = look_through(engine, name)
    return _outcome(name, found, None, looked_only=True)


def run(engine: Engine, lease: Lease, names: Sequence[str], allowed: bool) -> list[Outcome]:
    """Reconcile these objects, to the end. `allowed`: a person says that very many may be gone."""
    done = schedule.run_to_end(engine, lease, passes.RECONCILE, dict.fromkeys(names, ()), allowed)
    return [_outcome(one.object_name, one.found, one.waits) for one in done]


def _outcome(name: str, found: ObjectComparison, stopped: str | None, looked_only: bool = False) -> Outcome:
    return Outcome(name, looked_only, dict(found.gone), found.repaired, dict(found.told), stopped)
