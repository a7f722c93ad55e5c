"""Ids that only we hold, told apart: live after all, deleted, merged, converted, deleted for good, or hidden (D-75..D-77).

    1  which ids: ranges of ours are counted in the org; where counts differ they are cut and counted again (decision 0009)
    2  what is known: its log of deletes and what sharing lets us see (`trace`), then the records themselves, recycle bin included
    3  what follows, in one transaction: records that are shown go through `apply` like any observation, so a delete, a merge
       or a conversion is followed as if the feed had brought it; what was purged leaves a tombstone, what we owed it a dead
       letter; what is hidden is marked `out_of_scope`, keeps everything, and is owed nothing until it is shown again

So many ids at once that it may be a mistake (`guard`) stop all of it until a person allows it. That nothing may be hidden
is asked before the records are read and once more after it: a permission that changes in between must not make a tombstone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from diptych.domain.identity import ENDED
from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import synced_object
from diptych.domain.outcome import ErrorClass, LimitExceeded, OrgRefused, Problem
from diptych.domain.pair import Linked, PairState, Record
from diptych.domain.policies import is_anothers
from diptych.domain.values import instant_text
from diptych.domain.whereabouts import Evidence, Whereabouts, tell
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.decision import Applied
from diptych.sync.doubt import believed
from diptych.sync.engine import Engine
from diptych.sync.guard import mass_disappearance
from diptych.sync.noted import ABSENT, FOLLOW, forget, noted
from diptych.sync.ports import DeadLetter, Lease, PairChange, Retrieved, Traces, Transaction
from diptych.sync.repair.compare import Comparer, ObjectComparison
from diptych.sync.report import SUCCEEDED, CycleReport, begin, note
from diptych.sync.succession import follow_records

LANE = "sweep"
OPERATION = "Reconcile"
_FEWER = 5  # counts of one call, and into how many parts a range is cut
_SPAN = 10_000
_LOOK_CALLS = 4
_CAN_END = (PairState.PAIRED, PairState.PARKED, PairState.HIDDEN, PairState.CONVERTED)


# ---------------------------------------------------------------- which ids


@dataclass(frozen=True)
class _Range:
    """Our ids in a range that begins after `start`, and how many the org has in it."""

    start: str
    ids: Sequence[str]
    count: int = 0


def count_round(engine: Engine, comparer: Comparer, name: str, after: str, lease: Lease | None) -> str | None:
    """Five ranges of ids that we hold against the org's counts; `comparer` looks for the ids in those that differ, and, where the
    org has more, for records that had ended. Where the next round begins; None: that was the last one."""
    ranges: list[_Range] = []
    with engine.store.transaction() as tx:
        while len(ranges) < _FEWER and (ids := tx.held_ids(name, after, _SPAN)):
            ranges.append(_Range(after, ids))
            after = ids[-1]
    suspects = _of_unequal_count(engine, name, ranges)
    while suspects:
        one = suspects.pop()
        if lease is not None:
            engine.hold(lease)
        if len(one.ids) <= engine.options.batch:
            comparer.look_for(one.ids)
            if one.count > 0:
                _look_again(engine, comparer, name, one.start, one.ids[-1])
            continue
        size = -(-len(one.ids) // _FEWER)
        parts = [one.ids[first : first + size] for first in range(0, len(one.ids), size)]
        bounds = [one.start, *(part[-1] for part in parts[:-1])]
        suspects += _of_unequal_count(
            engine, name, [_Range(*each) for each in zip(bounds, parts, strict=True)]
        )
    if len(ranges) == _FEWER:
        return after
    while True:  # those that come after all that we hold
        with engine.store.transaction() as tx:
            ended = tx.ended_ids(name, after, "", _SPAN)
        if not ended:
            return None
        (tail,) = _counted(engine, name, [_Range(after, ended)])
        if tail.count > 0:
            _look_again(engine, comparer, name, after, ended[-1])
        after = ended[-1]


def _look_again(engine: Engine, comparer: Comparer, name: str, after: str, until: str) -> None:
    """Records that ended and whose ids are in that range: any of them may have come back while it was hidden."""
    while True:
        with engine.store.transaction() as tx:
            ids = tx.ended_ids(name, after, until, engine.options.batch)
        if not ids:
            return
        comparer.look_again(ids)
        after = ids[-1]


def _of_unequal_count(engine: Engine, name: str, ranges: Sequence[_Range]) -> list[_Range]:
    return [one for one in _counted(engine, name, ranges) if one.count != len(one.ids)] if ranges else []


def _counted(engine: Engine, name: str, ranges: Sequence[_Range]) -> list[_Range]:
    engine.budget.reserve(LANE)
    counts = engine.org.count_ranges(name, [(one.start, one.ids[-1]) for one in ranges])
    return [replace(one, count=count) for one, count in zip(ranges, counts, strict=True)]


# ---------------------------------------------------------------- what is known


@dataclass(frozen=True)
class Looked:
    """What was found out about some ids: where each is, and the records that are shown, with the read that showed them."""

    told: Mapping[str, Whereabouts] = field(default_factory=dict)
    read: Retrieved | None = None

    def shown(self) -> list[Record]:
        records = self.read.records if self.read is not None else {}
        return [record for record in records.values() if record is not None]

    def of(self, *some: Whereabouts) -> list[str]:
        return [sf_id for sf_id, where in self.told.items() if where in some]


def where_is(engine: Engine, name: str, sf_id: str, lane: str) -> tuple[Whereabouts, Record | None]:
    """Where one record is, and the record if it is shown, in the recycle bin or out of it. Raises OrgError."""
    engine.budget.reserve(lane, _LOOK_CALLS)
    traces = engine.org.trace(name, [sf_id])
    record = _retrieve(engine, name, [sf_id], ("Id",))[0].records.get(sf_id)
    return _where(sf_id, record, traces), record


def look(engine: Engine, name: str, ids: Sequence[str]) -> Looked:
    """Where up to a batch of records are. Changes nothing.

    Raises OrgRefused when the object cannot be read at all: then nothing is known of any.
    """
    if not ids:
        return Looked()
    engine.budget.reserve(LANE, _LOOK_CALLS)
    traces = engine.org.trace(name, ids)
    fields = engine.fields_to_read(engine.usable[name].mapping)
    read, bin_too = _retrieve(engine, name, ids, fields)
    told = {sf_id: _where(sf_id, read.records.get(sf_id), traces) for sf_id in ids}
    by_rule = [i for i, where in told.items() if where is Whereabouts.PURGED and i not in traces.deleted]
    if by_rule:
        engine.budget.reserve(LANE, _LOOK_CALLS)
        again = engine.org.trace(name, by_rule)
        told |= {sf_id: _where(sf_id, None, again) for sf_id in by_rule}
    if not bin_too:  # it may lie in the recycle bin, which we must not look into
        told = {i: Whereabouts.DELETED if w is Whereabouts.PURGED else w for i, w in told.items()}
    return Looked(told, read)


def _retrieve(engine: Engine, name: str, ids: Sequence[str], fields: Sequence[str]) -> tuple[Retrieved, bool]:
    """The records, and whether those in the recycle bin are among them."""
    try:
        return engine.org.retrieve(name, ids, fields, deleted_too=True), True
    except OrgRefused:
        engine.budget.reserve(LANE)
        return engine.org.retrieve(name, ids, fields), False


def _where(sf_id: str, record: Record | None, traces: Traces) -> Whereabouts:
    return tell(Evidence(record, sf_id in traces.deleted, sf_id in traces.shared, traces.sees_all))


# ---------------------------------------------------------------- what follows


def carry_out(engine: Engine, lease: Lease, run_id: int | None, name: str, looked: Looked) -> Applied:
    """Take over what was found out; what has become another record is followed at once. Killed in between, the note of it is
    still there, and all else may be done again."""
    if not looked.told:
        return Applied()
    engine.hold(lease)
    terms, mapping, shown = engine.terms(run_id), engine.usable[name].mapping, looked.shown()
    trusted = believed(engine, mapping, shown)
    with engine.store.transaction(lease) as tx:
        applied = apply_records(tx, trusted, shown, terms)
        if synced_object(name).two_way:
            changes = _ends(tx, mapping, looked)
            if any(change.state is PairState.TOMBSTONED for change in changes):
                crashpoint("C-17")
            tx.save(changes, run_id)
            ended = sum(change.state is PairState.TOMBSTONED for change in changes)
            applied += Applied(deleted=ended, skipped=len(changes) - ended)
        else:
            applied += apply_records(tx, mapping, _deleted_rows(name, looked), terms)
        forget(tx, name, list(looked.told), of=ABSENT)
        waiting = [i for i in noted(tx, name, FOLLOW) if i in looked.told]
    if waiting:
        applied += follow_records(engine, lease, run_id, name, waiting)
    return applied


def _ends(tx: Transaction, mapping: ObjectMapping, looked: Looked) -> list[PairChange]:
    assert looked.read is not None
    unseen = looked.of(Whereabouts.PURGED, Whereabouts.HIDDEN)
    unseen += [i for i in looked.of(Whereabouts.DELETED) if looked.read.records.get(i) is None]
    changes = []
    for sf_id, linked in tx.linked(mapping, unseen).items():
        pair = linked.pair
        if pair.state not in _CAN_END or (pair.seen_at is not None and looked.read.read_at < pair.seen_at):
            continue
        if looked.told[sf_id] is Whereabouts.HIDDEN:
            if pair.state is not PairState.HIDDEN:
                changes.append(_hides(linked, looked.read.read_at))
        else:
            changes.append(_purges(linked, looked.told[sf_id], looked.read.read_at, mapping))
    return changes


def _hides(linked: Linked, now: datetime) -> PairChange:
    """Marked, and otherwise left as it is; the row of a person who lives on in another record speaks of that one. What waited for
    a later try goes out as soon as the record is shown again."""
    pair = linked.pair
    speaks = pair.redirect_to is None
    return PairChange(
        pair.id,
        pair.person_id,
        state=PairState.HIDDEN,
        seen_at=now,  # a page that was read before and comes late does not bring it back
        attempts=0,
        next_try_at=now,
        clear_dead_letters=True,  # what waits is no error; it is tried anew when the record is shown
        link_state="out_of_scope" if speaks else None,
        salesforce_deleted=False if speaks else None,
    )


def _purges(linked: Linked, where: Whereabouts, now: datetime, mapping: ObjectMapping) -> PairChange:
    pair = linked.pair
    if pair.redirect_to is not None:  # its person has another record: nothing of it is touched
        return PairChange(pair.id, pair.person_id, state=PairState.TOMBSTONED, seen_at=now)
    owed = {
        c: v
        for c, v in (linked.dirty.items() if pair.state not in ENDED else ())
        if not is_anothers(mapping.by_column[c], v, linked.standing.get(c))
    }
    problem = _PURGED if where is Whereabouts.PURGED else _DELETED
    letters = (DeadLetter("Push updates", problem, None, owed),) if owed else ()
    return PairChange(
        pair.id,
        pair.person_id,
        state=PairState.TOMBSTONED,
        seen_at=now,
        link_state="deleted",
        salesforce_deleted=True,
        attempts=0,
        dead_letters=letters,
        clear_dead_letters=not letters,
    )


def _deleted_rows(name: str, looked: Looked) -> list[Record]:
    """Rows of an inbound-only table that are gone for good, as a read would show them deleted."""
    assert looked.read is not None
    at, shown = looked.read.read_at, looked.read.records
    return [
        Record(name, sf_id, at, at, deleted=True)
        for sf_id in looked.of(Whereabouts.PURGED, Whereabouts.DELETED)
        if shown.get(sf_id) is None
    ]


_OWED = "Deleted records are never brought back by the sync."
_PURGED = Problem(
    "ENTITY_IS_PURGED",
    "The record was deleted in Salesforce for good (it is not in the recycle bin) while changes made here were waiting to be "
    "sent.",
    ErrorClass.GONE,
    _OWED,
    "Ask for a new record with diptych people sync ID --recreate, or ignore this.",
)
_DELETED = replace(
    _PURGED,
    code="ENTITY_IS_DELETED",
    message="The record was deleted in Salesforce while changes made here were waiting to be sent.",
    remedy="Undelete it in Salesforce to send them, or ignore this.",
)


# ---------------------------------------------------------------- as a whole


def count_in(found: ObjectComparison, looked: Looked, limit: int) -> None:
    """What was told, into the comparison."""
    for sf_id, where in looked.told.items():
        if where is Whereabouts.LIVE:
            found.ours += 1
            found.theirs += 1
            found.repaired += 1
        else:
            found.gone[where.value] = found.gone.get(where.value, 0) + 1
        if len(found.told) < limit:
            found.told[sf_id] = where.value


def in_words(found: ObjectComparison) -> str:
    """`2 hidden, 1 purged`."""
    return ", ".join(f"{count:,} {word}" for word, count in found.gone.items()) or "nothing is missing"


def reconciled(object_name: str) -> str:
    """The setting with the result of the last reconciliation of an object, as JSON: `at` (server time), `done_at`, `gone`, and
    `stopped`: why nothing was concluded."""
    return f"reconciled.{object_name}"


def keep(engine: Engine, tx: Transaction, found: ObjectComparison, at: str, stopped: Problem | None) -> None:
    """Remember how a reconciliation of an object ended."""
    done_at = instant_text(engine.clock.now())
    _keep(tx, found.object_name, {"at": at, "done_at": done_at, "gone": found.gone}, stopped)


def keep_stopped(tx: Transaction, name: str, at: str, stopped: Problem | None) -> None:
    """Why nothing is concluded just now, or that nothing stands against it; the last reconciliation stays the last one."""
    before = json.loads(tx.setting(reconciled(name)) or "{}")
    _keep(tx, name, {"at": at, "done_at": None, "gone": {}, **before}, stopped)


def _keep(tx: Transaction, name: str, shown: Mapping[str, Any], stopped: Problem | None) -> None:
    why = f"{stopped.message} {stopped.remedy}" if stopped is not None else None
    tx.save_setting(reconciled(name), json.dumps({**shown, "stopped": why}))


def look_through(engine: Engine, name: str) -> ObjectComparison:
    """What a reconciliation would find, without a lease: changes nothing. Raises OrgError."""
    found, limit = ObjectComparison(name), engine.options.differing_limit
    with engine.store.transaction() as tx:
        hidden = _every_hidden(tx, name)
    known = synced_object(name)
    comparer = Comparer(
        engine, None, known, engine.usable[name].mapping, found=found, lane=LANE, collect=True
    )
    after: str | None = ""
    while after is not None:
        after = count_round(engine, comparer, name, after, None)
    for ids in batches([*hidden, *comparer.absent, *comparer.again], engine.options.batch):
        count_in(found, look(engine, name, ids), limit)
    return found


def _every_hidden(tx: Transaction, name: str) -> list[str]:
    ids: list[str] = []
    while some := tx.awaited_ids(name, ids[-1] if ids else "", _SPAN):
        ids += some
    return ids


def batches(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    """The ids, so many at a time."""
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def missed(engine: Engine, tx: Transaction) -> dict[str, list[str]]:
    """By object, the records that a write was meant for and that were not shown (noted by the push)."""
    return {name: ids for name in engine.usable if (ids := noted(tx, name, ABSENT))}


def reconcile_missed(engine: Engine, lease: Lease, missed: Mapping[str, Sequence[str]]) -> None:
    """Tell them apart at once, a batch an object. Out of calls, they wait. Too many are forgotten here: as long as they are not
    shown, each try to write notes them again, and a pass finds them too."""
    for name, waiting in missed.items():
        began = begin(engine)
        with engine.store.transaction(lease) as tx:
            problem = mass_disappearance(tx, name, len(waiting), len(waiting), engine.options)
            if problem is not None:
                keep_stopped(tx, name, instant_text(began.at), problem)
                forget(tx, name, waiting, of=ABSENT)
                continue
        try:
            looked = look(engine, name, waiting[: engine.options.batch])
        except LimitExceeded:
            return
        except OrgRefused:
            continue  # the object cannot be read: nothing is known of any, and its own stages say so
        with engine.store.transaction(lease) as tx:
            run_id = tx.open_run("missing records", began.at)
        found = ObjectComparison(name)
        applied = carry_out(engine, lease, run_id, name, looked)
        count_in(found, looked, engine.options.differing_limit)
        own = CycleReport(run_id, "missing records", began.at)
        note(engine, lease, own, name, OPERATION, applied, began, SUCCEEDED, in_words(found))
        with engine.store.transaction(lease) as tx:
            tx.close_run(run_id, SUCCEEDED, engine.clock.now())
