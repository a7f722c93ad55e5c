"""Write-back: read before, intent, send, acknowledge; and reading back what was left in flight (R-5..R-8, R-11).

The protocol for one batch, and what a crash at each place leaves:

    1  read the records as they are now; merge them (what moved there is decided first; nothing has been sent)
    2  one transaction: the merge, and for each write its values, attempt id and time as 'in flight'      C-11
    3  send exactly those values                                                                          C-12
    4  one transaction per answer: done -> base := sent; refused -> parked; not done -> later             C-13, C-14

From 2 to 4 the pair is fenced: nothing else is sent for it. A pair that is still fenced when a push begins is read back
first: all values there, the write has landed; not there when no request of that age can be executed any more, the fence is
lifted and the values, being still dirty, go out again.

Writes go on condition that nobody has saved the record since 1, unless there are very many (`channel`). A record that has
moved is read, merged and written anew in the same cycle, a few times at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from diptych.domain.identity import Fate, fate_of
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.mapping import ObjectMapping, UsableMapping, observe
from diptych.domain.outcome import (
    Done,
    ErrorClass,
    Moved,
    OrgError,
    OrgOutcomeUnknown,
    OrgRefused,
    Outcome,
    Problem,
    Refused,
    Retryable,
)
from diptych.domain.pair import Inflight, Linked, Pair, PairState, Record
from diptych.domain.policies import owing
from diptych.domain.values import Value
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.decision import Applied, decide
from diptych.sync.doubt import believed
from diptych.sync.engine import Engine, described_at, gave_up_waiting
from diptych.sync.noted import ABSENT, remember
from diptych.sync.outbound.channel import Channel, channel_for, sent_at
from diptych.sync.outbound.outbox import OPERATION, owed_by
from diptych.sync.ports import NOT_VISIBLE, DeadLetter, Lease, PairChange, Retrieved, Write
from diptych.sync.report import FAILED, INCOMPLETE, SUCCEEDED, Began, CycleReport, begin, note


@dataclass(frozen=True)
class _Job:
    """All that stays the same while one object is pushed."""

    engine: Engine
    lease: Lease
    run_id: int
    full: ObjectMapping
    usable: UsableMapping
    server_time: datetime
    channel: Channel

    @property
    def name(self) -> str:
        return self.full.object_name

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(m.field for m in self.usable.mapping.fields))


@dataclass(frozen=True)
class _Look:
    """The records as they were read last, which of them changed in that very second, when it was there, and here."""

    records: Mapping[str, Record | None]
    unsettled: frozenset[str]
    read_at: datetime
    looked_at: datetime


@dataclass(frozen=True)
class _Sent:
    """One write as sent, and what is needed to deal with its answer."""

    pair: Pair
    sf_id: str
    values: Mapping[str, Value]
    theirs: Mapping[str, Value]
    read_at: datetime
    unmodified_since: datetime | None = None


@dataclass
class _Tally:
    """What has happened so far. `again`: records to be read and written anew at once, because they have moved, or for their
    rest after a refusal that named fields; `stop`: why nothing more is sent in this cycle."""

    updated: int = 0
    failed: int = 0
    skipped: int = 0
    inbound: Applied = field(default_factory=Applied)
    again: list[str] = field(default_factory=list)
    stop: str | None = None


def push(
    engine: Engine,
    lease: Lease,
    report: CycleReport,
    full: ObjectMapping,
    usable: UsableMapping,
    server_time: datetime,
) -> None:
    """Send what is owed for one object. `server_time` is this cycle's watermark: waiting times are measured on it.

    Raises OrgUnavailable and LoginFailed, after clearing what was certainly not sent.
    """
    engine.sync_user()
    job = _Job(engine, lease, report.run_id, full, usable, server_time, channel_for(0, engine.options))
    began, tally = begin(engine), _Tally()
    status, detail = SUCCEEDED, None
    why: OrgRefused | None = None
    try:
        _read_back(job, tally)
        more = _push_owed(job, tally)
        if tally.stop is not None:
            status, detail = INCOMPLETE, tally.stop
        elif more:
            status, detail = INCOMPLETE, "more is owed than one cycle sends; the next one goes on"
    except OrgRefused as problem:
        status, detail, why = FAILED, str(problem), problem
        if problem.problem.error_class is ErrorClass.SCHEMA:
            with engine.store.transaction(lease) as tx:
                tx.save_setting(described_at(job.name), None)
    except OrgError:
        _note(job, report, tally, began, SUCCEEDED, None)
        raise
    _note(job, report, tally, began, status, detail, why)


def _note(
    job: _Job,
    report: CycleReport,
    tally: _Tally,
    began: Began,
    status: str,
    detail: str | None,
    why: OrgRefused | None = None,
) -> None:
    pushed = Applied(updated=tally.updated, failed=tally.failed, skipped=tally.skipped)
    note(job.engine, job.lease, report, job.name, OPERATION, pushed, began, status, detail, why=why)
    note(job.engine, job.lease, report, job.name, "Pull updates", tally.inbound, began, calls=0)


def _push_owed(job: _Job, tally: _Tally) -> bool:
    """Batch after batch, by pair id, then anew what has moved or what a refusal of single fields has left. True: there is
    more."""
    after, limit, options = 0, job.engine.options.batch, job.engine.options
    with job.engine.store.transaction(job.lease) as tx:
        owing = tx.owed(job.full, job.server_time, 0, options.conditional_most + 1)
        moot = tx.moot(job.usable.mapping, job.server_time, limit)
    if moot:  # what was parked has been taken back here: they are looked at, and the dead letters go
        _push_batch(job, moot, tally)
    job = replace(job, channel=channel_for(len(owing), options))
    if not owing or tally.stop is not None:
        return False
    for _ in range(job.engine.options.push_batches):
        with job.engine.store.transaction(job.lease) as tx:
            owing = tx.owed(job.full, job.server_time, after, limit)
        if not owing:
            break
        after = owing[-1].pair.id
        _push_batch(job, [one.pair.sf_id for one in owing if one.pair.sf_id], tally)
        if tally.stop is not None:
            return False
    else:
        return True
    for _ in range(options.push_rounds):
        again = list(dict.fromkeys(tally.again))
        tally.again.clear()
        for start in range(0, len(again), limit):
            if tally.stop is None:
                _push_batch(job, again[start : start + limit], tally)
    return False


# ---------------------------------------------------------------- reading back


def _read_back(job: _Job, tally: _Tally) -> None:
    """Learn the outcome of what is in flight, before anything else is sent."""
    with job.engine.store.transaction(job.lease) as tx:
        fenced = tx.fenced(job.full, job.engine.options.fenced_limit)
    ids = [one.pair.sf_id for one in fenced if one.pair.sf_id]
    terms = job.engine.terms(job.run_id)
    for start in range(0, len(ids), job.engine.options.batch):
        job.engine.hold(job.lease)
        job.engine.budget.reserve("feed")
        some = ids[start : start + job.engine.options.batch]
        read = job.engine.org.retrieve(job.name, some, job.fields)
        shown = [record for record in read.records.values() if record is not None]
        mapping = believed(job.engine, job.usable.mapping, shown)
        with job.engine.store.transaction(job.lease) as tx:
            tally.inbound += apply_records(tx, mapping, shown, terms)
            tx.save(_given_up(job, tx.linked(job.full, some), read), job.run_id)


def _given_up(job: _Job, known: Mapping[str, Linked], read: Retrieved) -> list[PairChange]:
    """Fences of records that the org does not show (deleted, hidden) or that we have let go of, once their time is over."""
    return [
        PairChange(linked.pair.id, linked.pair.person_id, lift=True)
        for sf_id, linked in known.items()
        if (read.records.get(sf_id) is None or linked.pair.state is PairState.DETACHED)
        and gave_up_waiting(linked.pair, read.read_at, job.engine.options.zombie_max)
    ]


# ---------------------------------------------------------------- sending


def _push_batch(job: _Job, ids: Sequence[str], tally: _Tally) -> None:
    engine = job.engine
    engine.hold(job.lease)
    calls = -(-len(ids) // job.channel.batch)
    engine.budget.reserve("edits", 1 + calls)  # for reading and sending, before anything is in flight
    records, unsettled, read_at = _read_settled(job, ids)
    look = _Look(records, frozenset(unsettled), read_at, engine.clock.now())
    mapping = believed(engine, job.usable.mapping, [r for r in records.values() if r is not None])
    if mapping is not job.usable.mapping:
        job = replace(job, usable=replace(job.usable, mapping=mapping))
    for start in range(0, len(ids), job.channel.batch):
        if tally.stop is None:
            _write_batch(job, ids[start : start + job.channel.batch], look, tally)


def _write_batch(job: _Job, ids: Sequence[str], look: _Look, tally: _Tally) -> None:
    """Intent, send, acknowledge, for as many as one call takes."""
    engine, records, unsettled = job.engine, look.records, look.unsettled
    attempt_id = engine.next_attempt(job.run_id)
    at = sent_at(look.read_at, engine.clock.now() - look.looked_at)
    sent: list[_Sent] = []
    changes: list[PairChange] = []
    with engine.store.transaction(job.lease) as tx:
        decided: set[int] = set()
        for sf_id, linked in tx.linked(job.full, ids).items():
            if linked.pair.person_id in decided:  # by another record of the same person
                _note_decided(changes)
                tx.save(changes, job.run_id)
                changes = []
                linked = tx.linked(job.full, [sf_id])[sf_id]
            decided.add(linked.pair.person_id)
            if linked.pair.inflight is not None or linked.pair.state not in (
                PairState.PAIRED,
                PairState.PARKED,
            ):
                continue
            record = records.get(sf_id)
            if record is None:
                remember(tx, job.name, [sf_id], of=ABSENT)
                changes.append(
                    _later(job, linked.pair, _NOT_VISIBLE, owing(job.full, linked), {}, lift=False)
                )
                tally.skipped += 1
                continue
            if fate_of(record) is Fate.CONVERTED:  # what became of it is read before anything is decided
                remember(tx, job.name, [sf_id])
                tally.skipped += 1
                continue
            change, write, applied = _decide_write(job, linked, record, sf_id not in unsettled)
            tally.inbound += applied
            if write is not None and change is not None:
                flight = Inflight(write.values, attempt_id, at, job.channel.name)
                change = replace(change, inflight=flight, over=write.theirs)
                sent.append(write)
            elif write is None and sf_id in unsettled:
                tally.skipped += 1
            if change is not None:
                tally.failed += len(change.dead_letters)
                changes.append(change)
        _note_decided(changes)
        tx.save(changes, job.run_id)
    if sent:
        crashpoint("C-11")
        _send(job, sent, attempt_id, tally)


def _note_decided(changes: Sequence[PairChange]) -> None:
    if any(change.conflicts for change in changes):
        crashpoint("C-22")
    if any(change.dead_letters for change in changes):
        crashpoint("C-23")


def _read_settled(job: _Job, ids: Sequence[str]) -> tuple[dict[str, Record | None], set[str], datetime]:
    """The records as they are, those that changed in the very second of the read once more in a later second (R-8); which
    of them are still unsettled; and the server time of the last read."""
    engine = job.engine
    read = engine.org.retrieve(job.name, ids, job.fields)
    records, read_at = dict(read.records), read.read_at
    unsettled = _unsettled(records)
    for _ in range(engine.options.settle_tries):
        if not unsettled:
            break
        engine.clock.sleep(engine.options.settle_seconds)
        engine.budget.reserve("edits")
        again = engine.org.retrieve(job.name, unsettled, job.fields)
        records.update(again.records)
        read_at = max(read_at, again.read_at)
        unsettled = _unsettled(records)
    return records, set(unsettled), read_at


def _unsettled(records: Mapping[str, Record | None]) -> list[str]:
    return [sf_id for sf_id, r in records.items() if r is not None and r.modstamp >= r.read_at]


def _decide_write(
    job: _Job, linked: Linked, record: Record, settled: bool
) -> tuple[PairChange | None, _Sent | None, Applied]:
    """Take in what the record shows now, then see what is still owed. Pure."""
    observation = observe(job.usable.mapping, record)
    decision = decide(linked, observation, job.usable.mapping, job.engine.terms(job.run_id))
    change, merged, pair = decision.change, decision.merged, linked.pair
    if change is None or merged is None:
        return None, None, decision.applied  # an older reading than one we have: next time
    if decision.fate is not Fate.LIVE:
        return change, None, decision.applied

    held = {c: v for c, v in owing(job.full, linked).items() if c in job.usable.held}
    dirty = {**merged.dirty, **held}
    parked = {} if change.clear_dead_letters else dict(linked.parked)
    for column in change.clear_columns:
        parked.pop(column, None)
    if pair.state is PairState.PARKED and change.state is None:
        if all(column in parked and parked[column] == value for column, value in dirty.items()):
            return change, None, decision.applied
        # edited since it was parked: all of it is tried again
        change = replace(change, state=PairState.PAIRED, attempts=0, clear_dead_letters=True)
        parked = {}
    kept_back = {*merged.asked, *(letter.column for letter in change.dead_letters)}
    owed = owed_by(
        {c: v for c, v in dirty.items() if c not in kept_back}, parked, job.usable, observation.values
    )
    change = replace(change, dead_letters=change.dead_letters + owed.letters)
    if not owed.values or not settled:
        return change, None, decision.applied
    theirs = {c: observation.values[c] for c in owed.values if c in observation.values}
    condition = job.channel.condition(record)
    return change, _Sent(pair, record.sf_id, owed.values, theirs, record.read_at, condition), decision.applied


def in_flight(engine: Engine, lease: Lease, mapping: FieldMappings) -> dict[int, Mapping[str, Value]]:
    """By pair, what is in flight as a cycle begins: its outcome was unknown until then."""
    found: dict[int, Mapping[str, Value]] = {}
    with engine.store.transaction(lease) as tx:
        for known in engine.objects:
            if known.two_way and known.name in engine.usable:
                for one in tx.fenced(mapping.of(known.name), engine.options.fenced_limit):
                    found[one.pair.id] = one.pair.inflight.values if one.pair.inflight else {}
    return found


def _send(job: _Job, sent: Sequence[_Sent], attempt_id: str, tally: _Tally) -> None:
    engine, by_column = job.engine, job.usable.mapping.by_column
    writes = [
        Write(one.sf_id, {by_column[c].field: v for c, v in one.values.items()}, one.unmodified_since)
        for one in sent
    ]
    engine.hold(job.lease)
    try:
        outcomes = engine.org.update(job.name, writes, attempt_id)
    except OrgOutcomeUnknown as problem:
        tally.stop = str(problem)
        tally.skipped += len(sent)
        return
    except OrgRefused as problem:
        _refused_whole(job, sent, problem, tally)
        return
    except OrgError:
        _lift(job, sent)
        raise
    crashpoint("C-12")
    _acknowledge(job, sent, outcomes, tally)


def _lift(job: _Job, sent: Sequence[_Sent]) -> None:
    """Nothing of it was executed: it is not in flight."""
    with job.engine.store.transaction(job.lease) as tx:
        tx.save([PairChange(one.pair.id, one.pair.person_id, lift=True) for one in sent], job.run_id)


def _refused_whole(job: _Job, sent: Sequence[_Sent], refused: OrgRefused, tally: _Tally) -> None:
    """The org refused the request as a whole. One record may be at fault: the batch is halved until it stands alone."""
    if len(sent) == 1:
        _acknowledge(job, sent, [Refused(refused.problem)], tally)
        return
    _lift(job, sent)
    if refused.problem.error_class in (ErrorClass.PERMISSION, ErrorClass.SCHEMA, ErrorClass.LIMIT):
        raise refused
    middle = len(sent) // 2
    for half in (sent[:middle], sent[middle:]):
        if tally.stop is None:
            _push_batch(job, [one.sf_id for one in half], tally)


def _acknowledge(job: _Job, sent: Sequence[_Sent], outcomes: Sequence[Outcome], tally: _Tally) -> None:
    """What each answer means for its pair, in one transaction. A row without an answer stays in flight."""
    changes: list[PairChange] = []
    for one, outcome in zip(sent, outcomes, strict=False):
        change = _acknowledged(job, one, outcome, tally)
        if change is not None:
            changes.append(change)
    crashpoint("C-25")
    crashpoint("C-13")
    with job.engine.store.transaction(job.lease) as tx:
        if any(change.dead_letters for change in changes):
            crashpoint("C-23")
        tx.save(changes, job.run_id)
    crashpoint("C-14")


def _acknowledged(job: _Job, one: _Sent, outcome: Outcome, tally: _Tally) -> PairChange | None:
    pair = one.pair
    if isinstance(outcome, Done):
        tally.updated += 1
        job.engine.doubtful.pop(pair.id, None)
        return PairChange(
            pair.id,
            pair.person_id,
            base=one.values,
            lift=True,
            landed=True,
            clear_columns=tuple(one.values),
            # what was read in that second or earlier may show the record as it was before this write
            seen_at=one.read_at + timedelta(seconds=1),
        )
    if isinstance(outcome, Moved):
        tally.again.append(one.sf_id)
        return PairChange(pair.id, pair.person_id, lift=True)
    if isinstance(outcome, Retryable):
        tally.skipped += 1
        return _later(job, pair, outcome.problem, one.values, one.theirs, lift=True)
    if isinstance(outcome, Refused):
        tally.failed += 1
        return _refused(job, one, outcome.problem, tally)
    tally.skipped += 1
    return None


def _refused(job: _Job, one: _Sent, problem: Problem, tally: _Tally) -> PairChange:
    """The named fields are parked and the rest may go; a refusal that names none parks the record."""
    if problem.error_class is ErrorClass.GONE:
        return _later(
            job, one.pair, problem, one.values, one.theirs, lift=True
        )  # the feed will say what became of it
    names = {name.lower() for name in problem.fields}
    columns = [c for c in one.values if job.usable.mapping.by_column[c].field.lower() in names]
    if not columns:
        letter = DeadLetter(OPERATION, problem, None, one.values, one.theirs)
        return PairChange(
            one.pair.id, one.pair.person_id, state=PairState.PARKED, lift=True, dead_letters=(letter,)
        )
    if len(columns) < len(one.values):
        tally.again.append(one.sf_id)
    letters = tuple(
        DeadLetter(
            OPERATION,
            problem,
            column,
            {column: one.values[column]},
            {column: one.theirs[column]} if column in one.theirs else {},
        )
        for column in columns
    )
    return PairChange(one.pair.id, one.pair.person_id, lift=True, dead_letters=letters)


def _later(
    job: _Job,
    pair: Pair,
    problem: Problem,
    ours: Mapping[str, Value],
    theirs: Mapping[str, Value],
    lift: bool,
) -> PairChange:
    """It did not happen: again after a while, and parked after so many times (R-11)."""
    attempts = pair.attempts + 1
    if attempts < job.engine.options.max_attempts:
        at = job.server_time + job.engine.wait(attempts)
        return PairChange(pair.id, pair.person_id, lift=lift, attempts=attempts, next_try_at=at)
    return PairChange(
        pair.id,
        pair.person_id,
        state=PairState.PARKED,
        lift=lift,
        attempts=0,
        link_state="out_of_scope" if problem is _NOT_VISIBLE else None,
        dead_letters=(DeadLetter(OPERATION, problem, None, ours, theirs),),
    )


_NOT_VISIBLE = Problem(
    NOT_VISIBLE,
    "Salesforce does not show this record to the sync user.",
    ErrorClass.PERMISSION,
    "Sharing, its owner or its record type hides it; or it has just been deleted.",
    "Share it with the sync user, then retry.",
)
