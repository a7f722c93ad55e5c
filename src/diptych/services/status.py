"""The state of the whole, as the terminal, the admin and outside checks see it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from diptych.domain.objects import SYNCED_OBJECTS, synced_object
from diptych.domain.values import parse_instant
from diptych.setup.ports import Connection
from diptych.setup.state import SetupState, Step
from diptych.store.queries import ObjectCounts, RunRow, StoreStatus
from diptych.sync import drift, engine
from diptych.sync.budget import USAGE
from diptych.sync.ports import OrgIdentity, Transaction
from diptych.sync.repair import passes
from diptych.sync.repair.reconcile import reconciled

_SYNC_RUNS = ("cycle", "initial load")


@dataclass(frozen=True)
class ObjectStatus:
    """One object. `ours`: live records we hold; `backlog`: pairs that owe a write; `fenced`: in flight; `loaded` of `total`:
    the initial load, `load_state` as the snapshot says it ('waiting' before it was asked for). `covered`: up to when the org
    said, at the last read, that all changes are visible; `verified_at`: server time of the last whole comparison, `differing`
    what it left unequal; `refreshed_at`: when the oldest of its calculated fields was last read again; `held`: mapped fields
    that are not synced now, with the reason; `hidden`: records that are not shown to the sync user and not known to be deleted;
    `reconciled_at`: server time when ids were last told apart, `missing`: why nothing was concluded then."""

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
    covered: datetime | None = None
    verified_at: datetime | None = None
    differing: int | None = None
    refreshed_at: datetime | None = None
    held: Mapping[str, str] = field(default_factory=dict)
    hidden: int = 0
    reconciled_at: datetime | None = None
    missing: str | None = None


@dataclass(frozen=True)
class PassStatus:
    """A comparison that runs in slices: verify, reconcile, refresh or backfill. `rows` of `total` are done; `waits`: what for."""

    kind: str
    object: str
    fields: tuple[str, ...]
    stage: str
    rows: int
    total: int | None
    began_at: datetime
    repaired: int
    waits: str | None


@dataclass(frozen=True)
class ApiUsage:
    """What the org last said of API calls in 24 hours: `used` by all its users together, of those `allowed`; `limit`: what
    our share of them allows us."""

    limit: int
    used: int
    allowed: int


@dataclass(frozen=True)
class Background:
    """What is kept about comparisons and schemas, by object: results of verifications, times of refreshing by field, how far
    the org vouches for its changes, held fields; and the passes under way. `reconciled`: results of reconciliations."""

    verified: Mapping[str, Mapping[str, Any]]
    refreshed: Mapping[str, Mapping[str, str]]
    covered: Mapping[str, datetime]
    held: Mapping[str, Mapping[str, str]]
    passes: tuple[PassStatus, ...]
    reconciled: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    usage: ApiUsage | None = None


def read_background(unit: Transaction) -> Background:
    """See `Background`."""
    names = [known.name for known in SYNCED_OBJECTS]
    verified = {n: json.loads(text) for n in names if (text := unit.setting(passes.verified(n)))}
    refreshed = {n: json.loads(text) for n in names if (text := unit.setting(engine.refreshed(n)))}
    cursors = [cursor for n in names if (cursor := unit.feed_cursor(n)) is not None]
    going = [one for kind in passes.KINDS if (one := passes.under_way(unit, kind)) is not None]
    return Background(
        verified,
        refreshed,
        {c.object_name: c.covered for c in cursors if c.covered is not None},
        {n: held for n in names if (held := drift.held_now(unit, n))},
        tuple(
            PassStatus(
                one.kind,
                one.object_name,
                one.fields,
                one.stage,
                one.rows,
                one.rows_total,
                one.began,
                one.found.repaired,
                one.waits,
            )
            for one in going
        ),
        {n: json.loads(text) for n in names if (text := unit.setting(reconciled(n)))},
        ApiUsage(**json.loads(text)) if (text := unit.setting(USAGE)) else None,
    )


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
    passes: tuple[PassStatus, ...] = ()
    api_usage: ApiUsage | None = None


def read_status(
    counts: StoreStatus,
    mapped: Collection[str],
    state: SetupState,
    connection: Connection | None,
    pause_seconds: float,
    ledger: str | None,
    background: Background,
    now: datetime,
) -> Status:
    """The status, from our own database only. `mapped`: objects of which a field is mapped; `ledger`: the calls made."""
    objects = tuple(_object(one, background) for one in counts.objects if one.object_name in mapped)
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
        _verified([background.verified[o.object] for o in objects if o.object in background.verified]),
        counts.waiting_for_data,
        counts.for_review,
        background.passes,
        background.usage,
    )


def _verified(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last comparisons of all objects taken together; `at` is that of the oldest."""
    if not results:
        return None
    at = min(one["at"] for one in results)
    return {"equal": all(one["equal"] for one in results), "at": at, "objects": list(results)}


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


def _object(counts: ObjectCounts, background: Background) -> ObjectStatus:
    load, name = counts.load, counts.object_name
    verified, told = background.verified.get(name), background.reconciled.get(name)
    times = [t for t in background.refreshed.get(name, {}).values() if t]
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
        background.covered.get(name),
        parse_instant(verified["at"]) if verified else None,
        verified["differing_count"] if verified else None,
        parse_instant(min(times)) if times else None,
        background.held.get(name, {}),
        counts.hidden,
        parse_instant(told["at"]) if told else None,
        told["stopped"] if told else None,
    )


def _calls(ledger: str | None, now: datetime) -> int | None:
    if not ledger:
        return None
    since = (now - timedelta(hours=24)).strftime("%Y-%m-%dT%H")
    return sum(n for hour, n in json.loads(ledger).items() if hour > since)
