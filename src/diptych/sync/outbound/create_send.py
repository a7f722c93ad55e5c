"""New records sent, under the key where the org has the field, and what each answer means (R-5, D-56)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from diptych.domain.creating import BY_KEY, CREATED_OBJECT, MatchPolicy, NewRecord
from diptych.domain.outcome import (
    Done,
    ErrorClass,
    OrgError,
    OrgOutcomeUnknown,
    OrgRefused,
    Outcome,
    Problem,
    Refused,
    Retryable,
)
from diptych.domain.pair import Inflight, PairState
from diptych.domain.values import Value
from diptych.sync.crashpoint import crashpoint
from diptych.sync.outbound.create_link import link_all
from diptych.sync.outbound.creation_job import Due, Job, Tally, review, wait
from diptych.sync.outbound.outbox import OPERATION as UPDATES
from diptych.sync.ports import DeadLetter, PairChange, Transaction

OPERATION = "Create records"


def send(job: Job, due: Sequence[Due], read_at: datetime, tally: Tally, anyway: bool) -> None:
    """Intent, request, acknowledgement (C-11 to C-14). `anyway`: in spite of a duplicate rule that only alerts. Raises OrgUnavailable
    and LoginFailed, after taking back the intent: nothing was sent."""
    engine = job.engine
    attempt_id = engine.next_attempt(job.run_id)
    by_column = job.usable.mapping.by_column
    sent: list[tuple[Due, NewRecord]] = []
    changes = []
    with engine.store.transaction(job.lease) as tx:
        begun = tx.begin_pairs(job.full, [one.person_id for one in due if one.pair is None])
        for one in due:
            one = replace(one, pair=begun.get(one.person_id, one.pair))
            assert one.pair is not None
            values: dict[str, Value] = {by_column[c].field: v for c, v in one.draft.values.items()}
            sent.append((one, NewRecord(one.key, {**values, **one.draft.defaults})))
            letters = tuple(
                DeadLetter(OPERATION, problem, column, {column: one.ours[column]})
                for column, problem in one.draft.problems.items()
            )
            channel = BY_KEY if job.by_key else "create"
            inflight = Inflight(one.draft.values, attempt_id, read_at, channel)
            changes.append(PairChange(one.pair.id, one.person_id, inflight=inflight, dead_letters=letters))
        tx.save(changes, job.run_id)
    crashpoint("C-11")
    engine.hold(job.lease)
    try:
        outcomes = engine.org.create(
            CREATED_OBJECT,
            [new for _, new in sent],
            attempt_id,
            job.by_key,
            job.rule.allow_duplicates or anyway,
        )
    except OrgOutcomeUnknown as problem:
        tally.stop = str(problem)
        return
    except OrgRefused as problem:
        _acknowledge(job, sent, [Refused(problem.problem)] * len(sent), read_at, tally)
        return
    except OrgError:
        with engine.store.transaction(job.lease) as tx:
            tx.save([PairChange(c.pair_id, c.person_id, lift=True) for c in changes], job.run_id)
        raise
    crashpoint("C-12")
    _acknowledge(job, sent, outcomes, read_at, tally)


def _letters(one: Due) -> tuple[DeadLetter, ...]:
    """What of the person cannot be sent as it is; the rest goes (R-11)."""
    return tuple(
        DeadLetter(UPDATES, problem, column, {column: one.ours[column]})
        for column, problem in one.draft.problems.items()
    )


def _acknowledge(
    job: Job,
    sent: Sequence[tuple[Due, NewRecord]],
    outcomes: Sequence[Outcome],
    read_at: datetime,
    tally: Tally,
) -> None:
    """What each answer means, in one transaction. A row without an answer stays in flight."""
    crashpoint("C-13")
    link: list[tuple[Due, tuple[str, str] | None]] = []
    with job.engine.store.transaction(job.lease) as tx:
        gone = {one.pair.id for one in tx.pending(job.full) if one.pair.state is PairState.DETACHED}
        for (one, _), outcome in zip(sent, outcomes, strict=False):
            assert one.pair is not None
            if one.pair.id in gone:  # the person was deleted here meanwhile; the record is left alone (D-73)
                if isinstance(outcome, Done):
                    tx.identify(one.pair.id, outcome.sf_id)
                tx.save([PairChange(one.pair.id, one.person_id, lift=True)], job.run_id)
            elif isinstance(outcome, Done):
                _made(job, tx, one, outcome.sf_id, read_at, tally)
            elif isinstance(outcome, Retryable):
                _later(job, tx, one)
            elif isinstance(outcome, Refused):
                found = _refused(job, tx, one, outcome.problem, tally)
                if found is not None:
                    link.append((one, found))
    crashpoint("C-14")
    link_all(job, link, tally)


def _made(job: Job, tx: Transaction, one: Due, sf_id: str, read_at: datetime, tally: Tally) -> None:
    assert one.pair is not None
    holder = tx.linked(job.full, [sf_id]).get(sf_id)
    if holder is not None:
        # the key was there: the same person, lost here by a restore and loaded again since (N-25)
        tx.save(
            [
                PairChange(
                    one.pair.id, one.person_id, state=PairState.REDIRECTED, redirect_to=sf_id, lift=True
                )
            ],
            job.run_id,
        )
        review(job, tx, one, f"Lead {sf_id} is person {holder.pair.person_id} here already.", (sf_id,))
        tally.held += 1
        return
    tx.identify(one.pair.id, sf_id)
    tx.save(
        [
            PairChange(
                one.pair.id,
                one.person_id,
                base=one.draft.values,
                state=PairState.PAIRED,
                lift=True,
                landed=True,
                attempts=0,
                seen_at=read_at + timedelta(seconds=1),
                clear_dead_letters=True,
                dead_letters=_letters(one),
            )
        ],
        job.run_id,
    )
    tx.drop_creations([one.person_id])
    tally.new += 1


def _later(job: Job, tx: Transaction, one: Due) -> None:
    assert one.pair is not None
    attempts = one.pair.attempts + 1
    tx.save(
        [
            PairChange(
                one.pair.id,
                one.person_id,
                lift=True,
                attempts=attempts,
                next_try_at=job.server_time + job.engine.wait(attempts),
            )
        ],
        job.run_id,
    )


def _refused(job: Job, tx: Transaction, one: Due, problem: Problem, tally: Tally) -> tuple[str, str] | None:
    """A duplicate rule: linked when it found exactly one and the policy says so, else for review (D-56). Data lacking: waits.
    Anything else: a dead letter, which a change of the person or a retry takes up again. A record to link to comes back."""
    assert one.pair is not None
    lift = PairChange(one.pair.id, one.person_id, lift=True)
    if problem.error_class is ErrorClass.DUPLICATE and problem.code == "DUPLICATES_DETECTED":
        tx.save([lift], job.run_id)
        people = [sf_id for sf_id in problem.matches if sf_id[:3] in ("003", "00Q")]
        if job.rule.policy is MatchPolicy.LINK and len(people) == 1 and len(problem.matches) == 1:
            return ("Contact" if people[0].startswith("003") else "Lead", people[0])
        review(job, tx, one, f"A duplicate rule of the org refuses it: {problem.message}", problem.matches)
        tally.held += 1
        return None
    if problem.error_class is ErrorClass.REQUIRED and problem.fields:
        tx.save([lift], job.run_id)
        wait(job, tx, one.person_id, one.said, problem.fields)
        tally.held += 1
        return None
    letter = DeadLetter(OPERATION, problem, None, one.ours)
    tx.save([replace(lift, dead_letters=(letter,))], job.run_id)
    tally.failed += 1
    return None
