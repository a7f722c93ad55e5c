"""After a restore: before anything else is read or sent, what waited for Salesforce is compared with what is there (R-5, R-6).

    mark        the restored database says so itself, so that no engine goes on as if nothing had happened
    settle      changes that waited, and what was in flight: sent since, still to be sent, or given up to a newer value
    then        the feed goes on from the restored cursor, and a comparison of both sides finds the rest

Interrupted, it begins anew with the next cycle, which repeats work and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from diptych.domain.mapping import ObjectMapping, UsableMapping, observe
from diptych.domain.outcome import OrgRefused
from diptych.domain.pair import Linked, PairState
from diptych.domain.recovery import Settled, settle
from diptych.domain.values import Value, instant_text, parse_instant
from diptych.sync.decision import Applied
from diptych.sync.engine import Engine, gave_up_waiting
from diptych.sync.ports import Lease, PairChange, Transaction
from diptych.sync.report import CycleReport, begin, note

RESTORED = "restored"
"""The setting that marks a restored database: when the backup was taken (None: not known) and when it was put back."""
OPERATION = "Recover"
_FAR = timedelta(days=3650)
_FENCED = 100_000


def mark(tx: Transaction, taken_at: datetime | None, now: datetime) -> None:
    """Say that this database is older than Salesforce may be."""
    taken = instant_text(taken_at) if taken_at is not None else None
    tx.save_setting(RESTORED, json.dumps({"taken_at": taken, "restored_at": instant_text(now)}))


def is_marked(tx: Transaction) -> bool:
    return tx.setting(RESTORED) is not None


def unmark(tx: Transaction) -> None:
    tx.save_setting(RESTORED, None)


def recover(
    engine: Engine, lease: Lease, report: CycleReport, full: ObjectMapping, usable: UsableMapping
) -> None:
    """Settle what waited in one object. Raises OrgError when Salesforce cannot be read: nothing is sent then."""
    began, total = begin(engine), Applied()
    with engine.store.transaction(lease) as tx:
        fenced = [one.pair.sf_id for one in tx.fenced(full, _FENCED) if one.pair.sf_id]
    size = engine.options.batch
    for start in range(0, len(fenced), size):
        total += _settle(engine, lease, report, full, usable, fenced[start : start + size])
    after = 0
    while True:
        with engine.store.transaction(lease) as tx:
            owing = tx.owed(full, engine.clock.now() + _FAR, after, size)
        if not owing:
            break
        after = owing[-1].pair.id
        ids = [one.pair.sf_id for one in owing if one.pair.sf_id]
        total += _settle(engine, lease, report, full, usable, ids)
    note(engine, lease, report, full.object_name, OPERATION, total, began)


def _settle(
    engine: Engine,
    lease: Lease,
    report: CycleReport,
    full: ObjectMapping,
    usable: UsableMapping,
    ids: Sequence[str],
) -> Applied:
    if not ids:
        return Applied()
    engine.hold(lease)
    engine.budget.reserve("feed")
    sync_user = engine.sync_user()
    fields = tuple(dict.fromkeys(m.field for m in usable.mapping.fields))
    try:
        read = engine.org.retrieve(full.object_name, ids, fields, deleted_too=True)
    except OrgRefused:  # the recycle bin must not be looked into
        engine.budget.reserve("feed")
        read = engine.org.retrieve(full.object_name, ids, fields)
    changes: list[PairChange] = []
    with engine.store.transaction(lease) as tx:
        known = tx.linked(full, ids)
        replaced = _replaced_since(tx, {linked.pair.person_id for linked in known.values()})
        for sf_id, linked in known.items():
            record = read.records.get(sf_id)
            # what was merged, converted or deleted since is judged by what it last held; then the feed says what became of it
            if record is None or linked.pair.state not in (PairState.PAIRED, PairState.PARKED):
                continue
            if linked.pair.fenced and not gave_up_waiting(
                linked.pair, read.read_at, engine.options.zombie_max
            ):
                continue  # it may still land; it is read back as ever
            by_us = record.modified_by == sync_user
            theirs, edited = observe(usable.mapping, record).values, replaced.get(linked.pair.person_id, {})
            change = _change(linked, settle(linked, theirs, usable.mapping, by_us, edited))
            if change is not None:
                changes.append(change)
        tx.save(changes, report.run_id)
    return Applied(updated=len(changes), skipped=len(ids) - len(changes))


def _replaced_since(tx: Transaction, people: Collection[int]) -> dict[int, dict[str, Value]]:
    """By person, what ours was when the backup was put back, in columns that were edited here since."""
    marked = tx.setting(RESTORED)
    if marked is None or not people:
        return {}
    restored_at = parse_instant(json.loads(marked)["restored_at"])
    found: dict[int, dict[str, Value]] = {}
    for number, newest in tx.trail.newest(sorted(people)).items():
        if any(column and line.at >= restored_at for column, line in newest.items()):
            since = [c for c in tx.trail.facts(number).changes if c.column and c.at >= restored_at]
            for one in sorted(since, key=lambda c: c.id):
                if one.column is not None and one.side == "ours":
                    found.setdefault(number, {}).setdefault(one.column, one.old)
    return found


def _change(linked: Linked, settled: Settled) -> PairChange | None:
    if settled.nothing and not linked.pair.fenced:
        return None
    return PairChange(
        linked.pair.id,
        linked.pair.person_id,
        ours=settled.ours,
        base=settled.base,
        lift=linked.pair.fenced,
        conflicts=settled.conflicts,
        attempts=0,
    )
