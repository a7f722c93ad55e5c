"""The state of the whole, as the terminal, the admin and outside checks see it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from diptych.domain.objects import synced_object
from diptych.setup.ports import Connection
from diptych.setup.state import SetupState, Step
from diptych.store.queries import ObjectCounts, RunRow, StoreStatus
from diptych.sync.ports import OrgIdentity

_SYNC_RUNS = ("cycle", "initial load")


@dataclass(frozen=True)
class ObjectStatus:
    """One object. `ours`: live records we hold; `backlog`: pairs that owe a write; `fenced`: in flight; `loaded` of `total`:
    the initial load, `load_state` as the snapshot says it ('waiting' before it was asked for)."""

    object: str
    label: str
    ours: int
    backlog: int
    fenced: int
    dead_letters: int
    load_state: str
    loaded: int | None
    total: int | None
    began_at: datetime | None
    finished_at: datetime | None
    error: str | None


@dataclass(frozen=True)
class Status:
    """`state`: not_connected, connected, fields_synced, ready, initial_load, last_sync, in_progress, failed, paused.

    `waiting_for_data`, `for_review`: people who are to be created in Salesforce, and what they wait for.
    `last_sync_at`: end of the last cycle that succeeded. `error`: why it failed, one line with the way out.
    """

    state: str
    last_sync_at: datetime | None
    backlog: int
    dead_letters: int
    conflicts: int
    objects: tuple[ObjectStatus, ...]
    api_calls_today: int | None
    error: str | None
    step: str
    paused: bool
    org: OrgIdentity | None
    last_run: RunRow | None
    pause_seconds: float
    verified: Mapping[str, Any] | None
    waiting_for_data: int = 0
    for_review: int = 0


def read_status(
    counts: StoreStatus,
    mapped: Collection[str],
    state: SetupState,
    connection: Connection | None,
    pause_seconds: float,
    ledger: str | None,
    verified: str | None,
    now: datetime,
) -> Status:
    """The status, from our own database only. `mapped`: objects of which a field is mapped; `ledger`: the calls made."""
    objects = tuple(_object(one) for one in counts.objects if one.object_name in mapped)
    runs = [run for kind, run in counts.last_runs.items() if kind in _SYNC_RUNS]
    last = max(runs, key=lambda run: run.id, default=None)
    done = [run.ended_at for run in runs if run.ended_at and run.status == "Succeeded"]
    return Status(
        overall(state, objects, last),
        max(done, default=None),
        counts.backlog,
        counts.dead_letters,
        counts.conflicts,
        objects,
        _calls(ledger, now),
        _error(objects, last),
        state.step.value,
        state.paused,
        connection.identity if connection else None,
        last,
        pause_seconds,
        json.loads(verified) if verified else None,
        counts.waiting_for_data,
        counts.for_review,
    )


def overall(state: SetupState, objects: Sequence[ObjectStatus], last: RunRow | None) -> str:
    """The one word at the top right of every page (S-61)."""
    if not state.connected:
        return "not_connected"
    if state.step is not Step.RUNNING:
        if state.fields_synced_at is None:
            return "connected"
        return "ready" if state.confirmed_at else "fields_synced"
    if state.paused:
        return "paused"
    if _error(objects, last):
        return "failed"
    if any(o.load_state != "complete" for o in objects):
        return "initial_load"
    return "in_progress" if last is None or last.ended_at is None else "last_sync"


def _error(objects: Sequence[ObjectStatus], last: RunRow | None) -> str | None:
    broken = next((o for o in objects if o.load_state == "failed"), None)
    if broken is not None:
        return f"{broken.label}: {broken.error}"
    return (last.error or "Failed") if last is not None and last.status == "Failed" else None


def _object(counts: ObjectCounts) -> ObjectStatus:
    load = counts.load
    return ObjectStatus(
        counts.object_name,
        synced_object(counts.object_name).label_plural,
        counts.ours,
        counts.backlog,
        counts.fenced,
        counts.dead_letters,
        load.state if load else "waiting",
        load.rows_applied if load else None,
        load.rows_total if load else None,
        load.began_at if load else None,
        load.finished_at if load else None,
        load.error if load else None,
    )


def _calls(ledger: str | None, now: datetime) -> int | None:
    if not ledger:
        return None
    since = (now - timedelta(hours=24)).strftime("%Y-%m-%dT%H")
    return sum(n for hour, n in json.loads(ledger).items() if hour > since)
