"""Creating people in Salesforce: who is due, looked up, linked or sent, and what came of it (D-48..D-57, R-5, R-6, I-1).

For one batch, after `push` and in this order:

    1  draft      what would be sent; who lacks what Salesforce demands waits for data
    2  look up    contacts and leads with the same e-mail or our key, in one call: link, create or hold for review
    3  one transaction: a new pair with its external key, and the values in flight                       C-11
    4  send exactly those values, as an upsert by the key where the org has the field                    C-12
    5  one transaction: done -> the pair has its id, base := sent; refused -> review, waiting or parked  C-13, C-14

From 3 to 5 the pair is fenced. An answer that never came is found out by the feed, which shows the record (`recognise`).
When the feed has gone past the time in which a lost request can still be executed, and has not shown it, the fence is
lifted and the person comes round again: looked up first, under the same key. Two people with one e-mail address never go
in one batch, nor while the creation of the other is in flight.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from diptych.domain.creating import CREATED_OBJECT, Wish
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.objects import CONTACT, LEAD
from diptych.domain.outcome import ErrorClass, OrgError, OrgRefused
from diptych.domain.person_filter import BadFilter, read_filter
from diptych.sync.decision import Applied
from diptych.sync.engine import Engine, described_at, gave_up_waiting
from diptych.sync.outbound.create_due import due_again, next_due, one_each
from diptych.sync.outbound.create_link import choice_for, hold_all, link_all
from diptych.sync.outbound.create_rule import POSITION, read_rule
from diptych.sync.outbound.create_send import OPERATION, send
from diptych.sync.outbound.creation_job import Due, Job, Tally, folded
from diptych.sync.ports import Lease, PairChange
from diptych.sync.report import FAILED, INCOMPLETE, SUCCEEDED, Began, CycleReport, begin, note

_TO_BE_CREATED = (Wish.ASKED, Wish.WAITING, Wish.LINK, Wish.CREATE)


def create_people(
    engine: Engine, lease: Lease, report: CycleReport, mapping: FieldMappings, server_time: datetime
) -> None:
    """Create in Salesforce whom the create rule names and who was asked for. Nothing at all while no rule is set and nobody
    was asked for. Raises OrgUnavailable and LoginFailed, after clearing what was certainly not sent."""
    began, tally = begin(engine), Tally()
    status, detail = SUCCEEDED, None
    try:
        job = _prepare(engine, lease, report.run_id, mapping, server_time)
        if job is None:
            return
        engine.hold(lease)
        _give_up(job)
        more = _create_due(job, tally)
        if tally.stop is not None:
            status, detail = INCOMPLETE, tally.stop
        elif more:
            detail = "more people are to be created than one cycle takes; the next one goes on"
    except (BadFilter, _NotPermitted) as problem:
        status, detail = FAILED, str(problem)
    except OrgRefused as problem:
        status, detail = FAILED, str(problem)
        if problem.problem.error_class is ErrorClass.SCHEMA:
            with engine.store.transaction(lease) as tx:
                tx.save_setting(described_at(CREATED_OBJECT), None)
    except OrgError:
        _note(engine, lease, report, tally, began, SUCCEEDED, None)
        raise
    _note(engine, lease, report, tally, began, status, detail)


def _note(
    engine: Engine,
    lease: Lease,
    report: CycleReport,
    tally: Tally,
    began: Began,
    status: str,
    detail: str | None,
) -> None:
    done = Applied(new=tally.new, updated=tally.linked, failed=tally.failed, skipped=tally.held)
    note(engine, lease, report, CREATED_OBJECT, OPERATION, done, began, status, detail)


class _NotPermitted(Exception):
    """The sync user may not create records."""


def _prepare(
    engine: Engine, lease: Lease, run_id: int, mapping: FieldMappings, server_time: datetime
) -> Job | None:
    """What this cycle works with; None when there is nothing to do, or people and records are not all loaded yet."""
    usable, described = engine.usable.get(CREATED_OBJECT), engine.schemas.get(CREATED_OBJECT)
    if usable is None or described is None:
        return None
    full = mapping.of(CREATED_OBJECT)
    with engine.store.transaction(lease) as tx:
        rule = read_rule(tx)
        idle = not rule.filter and not tx.creations(_TO_BE_CREATED, 1)
        if idle and not tx.pending(full) and not tx.unsent(full, server_time, 0, 1):
            return None
        for known in (CONTACT, LEAD):
            progress = tx.snapshot(known.name)
            if mapping.of(known.name).fields and (progress is None or progress.state != "complete"):
                return None
    kinds = {column: mapped.kind for column, mapped in mapping.columns("person").items()}
    wanted = read_filter(rule.filter, kinds) if rule.filter else None
    if not described.createable:
        raise _NotPermitted(
            "The sync user may not create leads. Let diptych prepare --creating give it the right, or clear the create rule."
        )
    engine.sync_user()
    return Job(engine, lease, run_id, full, usable, described, rule, wanted, server_time)


def _give_up(job: Job) -> None:
    """Lift the fence of creations that the feed has not shown although it has gone past the time they had (R-6)."""
    options = job.engine.options
    with job.engine.store.transaction(job.lease) as tx:
        cursor = tx.feed_cursor(CREATED_OBJECT)
        if cursor is None or cursor.target is not None:
            return
        over = [
            one.pair
            for one in tx.pending(job.full)
            if gave_up_waiting(one.pair, cursor.cursor, options.zombie_max)
        ]
        tx.save([PairChange(pair.id, pair.person_id, lift=True) for pair in over], job.run_id)


def _create_due(job: Job, tally: Tally) -> bool:
    """Batch after batch; earlier attempts first. True: there is more."""
    options = job.engine.options
    pair_id = 0
    for _ in range(options.create_batches):
        with job.engine.store.transaction(job.lease) as tx:
            unsent = tx.unsent(job.full, job.server_time, pair_id, options.create_batch)
            due = due_again(job, tx, unsent)
        if not unsent or tally.stop is not None:
            break
        pair_id = unsent[-1].pair.id
        _batch(job, due, tally)
    with job.engine.store.transaction(job.lease) as tx:
        after = int(tx.setting(POSITION) or 0)
    for _ in range(options.create_batches):
        if tally.stop is not None:
            return False
        due, after = next_due(job, after, tally)
        _batch(job, due, tally)
        if after == 0:
            return False
    with job.engine.store.transaction(job.lease) as tx:
        tx.save_setting(POSITION, str(after))
    return True


def _batch(job: Job, due: Sequence[Due], tally: Tally) -> None:
    with job.engine.store.transaction(job.lease) as tx:
        busy = {
            folded(one.pair.inflight.values.get("email")) for one in tx.pending(job.full) if one.pair.inflight
        }
    due = one_each(due, busy)
    if not due:
        return
    engine = job.engine
    engine.hold(job.lease)
    engine.budget.reserve("edits", 2)
    emails = list(dict.fromkeys(one.email for one in due if one.email))
    keys = [one.key for one in due] if job.key_objects else []
    matches = engine.org.find(emails, keys, job.key_objects) if emails or keys else []
    read_at = engine.org.watermark(()).server_time
    choices = [(one, choice_for(job, one, matches)) for one in due]
    link_all(job, [(one, choice.link) for one, choice in choices if choice.link], tally)
    hold_all(job, [(one, choice) for one, choice in choices if not choice.link and not choice.create], tally)
    for anyway in (False, True):
        some = [one for one, choice in choices if choice.create and one.decided is anyway]
        if some and tally.stop is None:
            send(job, some, read_at, tally, anyway)
