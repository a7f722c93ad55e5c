"""When passes run: what is due, and one slice of it a cycle. Our own clock decides when, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from diptych.domain.mapping import ObjectMapping, usable
from diptych.domain.outcome import ErrorClass, LimitExceeded, OrgRefused
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import instant_text, parse_instant
from diptych.sync.drift import read_waiting, without
from diptych.sync.engine import Engine, described_at, is_paused, refreshed
from diptych.sync.ports import Lease, SnapshotProgress, Transaction
from diptych.sync.repair.passes import (
    BACKFILL,
    KINDS,
    LANE,
    RECONCILE,
    REFRESH,
    RETRY_AFTER,
    VERIFY,
    Pass,
    advance,
    failed_at,
    start,
    under_way,
    verified,
)
from diptych.sync.repair.reconcile import missed, reconcile_missed, reconciled


def run_passes(engine: Engine, lease: Lease) -> None:
    """One slice of the first pass that is under way or due. Out of calls, nothing happens, which is no trouble."""
    with engine.store.transaction(lease) as tx:
        if is_paused(tx):
            return
        absent = missed(engine, tx)
        going = [one for kind in KINDS if (one := under_way(tx, kind)) is not None]
        due = None
        if all(one.kind != BACKFILL for one in going):
            due = _due(engine, tx, BACKFILL)  # new fields do not wait for a comparison to end
        if due is None and not going:
            due = _due(engine, tx, VERIFY) or _due(engine, tx, RECONCILE) or _due(engine, tx, REFRESH)
    reconcile_missed(engine, lease, absent)
    try:
        one = start(engine, lease, *due) if due is not None else going[0] if going else None
    except LimitExceeded:
        return
    except OrgRefused as problem:
        if due is not None:
            _note_refusal(engine, lease, due[0], due[1], problem)
        return
    if one is not None:
        _slice(engine, lease, one)


def _slice(engine: Engine, lease: Lease, one: Pass) -> Pass:
    with engine.observer.piece(f"{one.kind} {one.object_name}", {"diptych.object": one.object_name}):
        return advance(engine, lease, one)


def run_to_end(
    engine: Engine, lease: Lease, kind: str, wanted: Mapping[str, Sequence[str]], allowed: bool = False
) -> list[Pass]:
    """Passes over these fields, by object, one after another, waiting for the org; as they ended.

    Raises OrgError, and LimitExceeded when the share of calls is used up.
    """
    ended = []
    for name, fields in wanted.items():
        one = start(engine, lease, kind, name, fields, allowed=allowed)
        poll = engine.options.poll_seconds
        while not one.ended:
            one = _slice(engine, lease, one)
            if one.waits is not None and not one.ended:
                engine.budget.reserve(LANE)  # says why
            if one.stage == "asked":
                engine.clock.sleep(poll)
                poll = min(poll * 1.5, engine.options.poll_max_seconds)
        ended.append(one)
    return ended


def describe_kept(engine: Engine) -> None:
    """Make the engine know each object's usable mapping as it was last described; asks the org nothing."""
    with engine.store.transaction() as tx:
        for known in engine.objects:
            description = tx.schema(known.name)
            if description is not None and tx.mapping().of(known.name).fields:
                held = read_waiting(tx, known.name)
                engine.usable[known.name] = without(usable(tx.mapping().of(known.name), description), held)
                engine.schemas[known.name] = description


def to_refresh(engine: Engine, fields: Collection[str] | None) -> dict[str, list[str]]:
    """What of these fields (`Object.Field`, or a path) to read again, by object; None: all that change without a modstamp.

    Raises KeyError for one that is not mapped and usable.
    """
    wanted: dict[str, list[str]] = {}
    describe_kept(engine)
    for name, one in engine.usable.items():
        mapped = set(one.mapping.by_field)
        chosen = (
            changing_silently(one.mapping, engine.schemas.get(name))
            if fields is None
            else [f.partition(".")[2] for f in fields if f.partition(".")[0] == name]
        )
        for field in chosen:
            if field not in mapped:
                raise KeyError(f"{name}.{field}")
        if chosen:
            wanted[name] = chosen
    for field in fields or ():
        if field.partition(".")[0] not in wanted:
            raise KeyError(field)
    return wanted


def changing_silently(mapping: ObjectMapping, description: ObjectDescription | None) -> list[str]:
    """Mapped fields whose value can change without a new modstamp of the record: formulas and roll-ups, and what comes along a
    relationship (D-23)."""
    described = description.fields if description is not None else {}
    return list(
        dict.fromkeys(
            m.field
            for m in mapping.fields
            if "." in m.field or (described[m.field].calculated if m.field in described else m.calculated)
        )
    )


def _due(engine: Engine, tx: Transaction, kind: str) -> tuple[str, str, tuple[str, ...]] | None:
    """The object whose turn it is, and the fields to look at."""
    now = engine.clock.now()
    waiting: list[tuple[datetime, str, tuple[str, ...]]] = []
    for known in engine.objects:
        now_usable = engine.usable.get(known.name)
        progress = tx.snapshot(known.name)
        if now_usable is None or progress is None or progress.state != "complete":
            continue
        if _is_near(tx.setting(failed_at(kind, known.name)), now, RETRY_AFTER):
            continue
        every = tuple(dict.fromkeys(m.field for m in now_usable.mapping.fields))
        if kind == BACKFILL:
            fields = tuple(f for f in every if f not in progress.fields)
            if fields:
                return kind, known.name, fields
            continue
        interval = {
            VERIFY: engine.options.verify_every,
            RECONCILE: engine.options.reconcile_every,
            REFRESH: engine.options.refresh_every,
        }[kind]
        if interval is None:
            continue
        if kind == REFRESH:
            every = tuple(changing_silently(now_usable.mapping, engine.schemas.get(known.name)))
        last = _last(tx, kind, known.name, progress, every)
        if every and (last is None or abs(now - last) >= interval):
            waiting.append((last or datetime.min.replace(tzinfo=now.tzinfo), known.name, every))
    if not waiting:
        return None
    _, name, fields = min(waiting, key=lambda one: one[0])
    return kind, name, fields


def _last(
    tx: Transaction, kind: str, name: str, progress: SnapshotProgress, fields: Sequence[str]
) -> datetime | None:
    """When the object was last gone through in full: by such a pass, or else by its load."""
    if kind in (VERIFY, RECONCILE):
        kept = tx.setting(verified(name) if kind == VERIFY else reconciled(name))
        done_at = json.loads(kept)["done_at"] if kept else None
        return parse_instant(done_at) if done_at else progress.finished_at
    held = json.loads(tx.setting(refreshed(name)) or "{}")
    if any(f in held and held[f] is None for f in fields):
        return None  # a formula was edited
    times = [parse_instant(held[f]) if f in held else progress.finished_at for f in fields]
    return min((at for at in times if at is not None), default=None)


def _is_near(text: str | None, now: datetime, within: timedelta) -> bool:
    return text is not None and abs(now - parse_instant(text)) < within


def _note_refusal(engine: Engine, lease: Lease, kind: str, name: str, problem: OrgRefused) -> None:
    now = engine.clock.now()
    with engine.store.transaction(lease) as tx:
        if problem.problem.error_class is ErrorClass.SCHEMA:
            tx.save_setting(described_at(name), None)
        tx.save_setting(failed_at(kind, name), instant_text(now))
        tx.close_run(tx.open_run(kind, now), "Failed", now, str(problem))
