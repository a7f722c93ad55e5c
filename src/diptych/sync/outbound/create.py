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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from diptych.domain.creating import (
    BY_KEY,
    CREATED_OBJECT,
    Candidate,
    Choice,
    CreateRule,
    Creation,
    Draft,
    Match,
    MatchPolicy,
    NewRecord,
    Wish,
    choose,
    draft,
    keyed,
    sent_at_create,
)
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.mapping import ObjectMapping, UsableMapping
from diptych.domain.objects import CONTACT, LEAD
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
from diptych.domain.pair import Inflight, Linked, Pair, PairState, Record
from diptych.domain.person_filter import BadFilter, PersonFilter, read_filter
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import Value, to_text
from diptych.sync.apply import Applied, apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.engine import Engine, described_at, gave_up_waiting
from diptych.sync.outbound.create_rule import POSITION, read_rule
from diptych.sync.outbound.outbox import OPERATION as UPDATES
from diptych.sync.outbound.outbox import refusal
from diptych.sync.ports import DeadLetter, Lease, PairChange, Transaction
from diptych.sync.report import FAILED, INCOMPLETE, SUCCEEDED, Began, CycleReport, begin, note

OPERATION = "Create records"


@dataclass(frozen=True)
class _Job:
    """All that stays the same in one cycle."""

    engine: Engine
    lease: Lease
    run_id: int
    full: ObjectMapping
    usable: UsableMapping
    described: ObjectDescription
    rule: CreateRule
    filter: PersonFilter | None
    server_time: datetime

    @property
    def by_key(self) -> bool:
        return keyed(self.described)

    @property
    def key_objects(self) -> tuple[str, ...]:
        schemas = self.engine.schemas
        return tuple(n for n in ("Contact", "Lead") if n in schemas and keyed(schemas[n]))


@dataclass(frozen=True)
class _Due:
    """A person to be created now; `pair` when an earlier attempt has left one."""

    person_id: int
    ours: Mapping[str, Value]
    draft: Draft
    said: Creation | None
    key: str
    pair: Pair | None = None

    @property
    def email(self) -> str | None:
        return to_text(self.ours.get("email"))

    @property
    def by_hand(self) -> bool:
        return _by_hand(self.said)

    @property
    def decided(self) -> bool:
        return self.said is not None and self.said.wish is Wish.CREATE


@dataclass
class _Tally:
    new: int = 0
    linked: int = 0
    failed: int = 0
    held: int = 0
    inbound: Applied = field(default_factory=Applied)
    stop: str | None = None


def create_people(
    engine: Engine, lease: Lease, report: CycleReport, mapping: FieldMappings, server_time: datetime
) -> None:
    """Create in Salesforce whom the create rule names and who was asked for. Nothing at all while no rule is set and nobody
    was asked for. Raises OrgUnavailable and LoginFailed, after clearing what was certainly not sent."""
    began, tally = begin(engine), _Tally()
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
    tally: _Tally,
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
) -> _Job | None:
    """What this cycle works with; None when there is nothing to do, or people and records are not all loaded yet."""
    usable, described = engine.usable.get(CREATED_OBJECT), engine.schemas.get(CREATED_OBJECT)
    if usable is None or described is None:
        return None
    full = mapping.of(CREATED_OBJECT)
    with engine.store.transaction(lease) as tx:
        rule = read_rule(tx)
        idle = not rule.filter and not tx.creations((), 1)
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
    return _Job(engine, lease, run_id, full, usable, described, rule, wanted, server_time)


def _give_up(job: _Job) -> None:
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


# ---------------------------------------------------------------- who is due


def _create_due(job: _Job, tally: _Tally) -> bool:
    """Batch after batch; earlier attempts first. True: there is more."""
    options = job.engine.options
    pair_id = 0
    for _ in range(options.create_batches):
        with job.engine.store.transaction(job.lease) as tx:
            unsent = tx.unsent(job.full, job.server_time, pair_id, options.create_batch)
            again = _again(job, tx, unsent)
        if not unsent or tally.stop is not None:
            break
        pair_id = unsent[-1].pair.id
        _batch(job, again, tally)
    with job.engine.store.transaction(job.lease) as tx:
        after = int(tx.setting(POSITION) or 0)
    for _ in range(options.create_batches):
        if tally.stop is not None:
            return False
        due, after = _next_due(job, after, tally)
        _batch(job, due, tally)
        if after == 0:
            return False
    with job.engine.store.transaction(job.lease) as tx:
        tx.save_setting(POSITION, str(after))
    return True


def _again(job: _Job, tx: Transaction, unsent: Sequence[Linked]) -> list[_Due]:
    """Earlier attempts that are to be made again: still wanted, and not parked with the very values of now."""
    people = [one.pair.person_id for one in unsent]
    columns = job.filter.columns if job.filter else ()
    values = tx.people_values(columns, people)
    due = []
    for one in unsent:
        number, said = one.pair.person_id, tx.creation(one.pair.person_id)
        if number not in values or not _is_named(job, Candidate(number, values[number], said)):
            continue
        if one.parked and all(one.ours.get(c) == v for c, v in one.parked.items()):
            continue
        made = _draft(job, one.ours)
        if made.missing and (said is None or said.wish is not Wish.LINK):
            _wait(job, tx, number, said, made.missing)
        else:
            due.append(_Due(number, one.ours, made, said, one.pair.ext_key or "", one.pair))
    return due


def _next_due(job: _Job, after: int, tally: _Tally) -> tuple[list[_Due], int]:
    """The next people who are due, and the person the search stands at: 0 when it has come to the end."""
    options = job.engine.options
    columns = job.filter.columns if job.filter else ()
    due: list[_Due] = []
    looked = 0
    while len(due) < options.create_batch and looked < options.create_scan:
        with job.engine.store.transaction(job.lease) as tx:
            found = tx.candidates(columns, job.filter is not None, after, 500)
            if not found:
                if after:
                    tx.save_setting(POSITION, None)
                return due, 0
            looked += len(found)
            named = [one for one in found if _is_named(job, one)]
            tx.drop_creations(
                [one.person_id for one in found if one not in named and one.creation is not None]
            )
            named = named[: options.create_batch - len(due)]
            after = (
                named[-1].person_id if len(named) == options.create_batch - len(due) else found[-1].person_id
            )
            due += _drafts(job, tx, named, tally)
    return due, after


def _is_named(job: _Job, one: Candidate) -> bool:
    return _by_hand(one.creation) or (job.filter is not None and job.filter.holds(one.values))


def _by_hand(said: Creation | None) -> bool:
    return said is not None and (said.by_hand or said.wish in (Wish.ASKED, Wish.LINK, Wish.CREATE))


def _drafts(job: _Job, tx: Transaction, named: Sequence[Candidate], tally: _Tally) -> list[_Due]:
    """Those of whom there is enough to be sent; the others wait for data (D-51), and come round by themselves."""
    people = [one.person_id for one in named]
    columns = list(dict.fromkeys(f.column for f in job.full.fields))
    ours, keys = tx.people_values(columns, people), tx.external_keys(people)
    due = []
    addresses = {
        one.person_id: to_text(ours[one.person_id].get("email")) for one in named if one.person_id in ours
    }
    blocked = tx.suppressions.blocked({address for address in addresses.values() if address})
    for one in named:
        if one.person_id not in ours:
            continue
        if addresses[one.person_id] in blocked:
            _keep_away(job, tx, one, tally)
            continue
        made = _draft(job, ours[one.person_id])
        if made.missing and (one.creation is None or one.creation.wish is not Wish.LINK):
            _wait(job, tx, one.person_id, one.creation, made.missing)
            tally.held += 1
        else:
            due.append(_Due(one.person_id, ours[one.person_id], made, one.creation, keys[one.person_id]))
    return due


def _keep_away(job: _Job, tx: Transaction, one: Candidate, tally: _Tally) -> None:
    """The address is that of somebody who is not to come back (D-73): no rule creates it; who asked by hand is told why."""
    if _by_hand(one.creation):
        reason = (
            "The address is on the suppression list. Take it off first (diptych people suppressed list), "
            "then ask again."
        )
        tx.save_creation(Creation(one.person_id, Wish.REVIEW, job.engine.clock.now(), reason, by_hand=True))
        tally.held += 1


def _draft(job: _Job, ours: Mapping[str, Value]) -> Draft:
    problems: dict[str, Problem] = {}
    for mapped in sent_at_create(job.usable, job.described):
        value = ours.get(mapped.column)
        problem = refusal(mapped, value) if value is not None else None
        if problem is not None:
            problems[mapped.column] = problem
    return draft(job.usable, job.described, ours, job.rule.defaults, problems)


def _wait(job: _Job, tx: Transaction, person_id: int, said: Creation | None, missing: Sequence[str]) -> None:
    fields = tuple(missing)
    if said is not None and said.wish is Wish.WAITING and said.fields == fields:
        return
    reason = f"Salesforce demands {', '.join(fields)}; fill it in, or set a default."
    tx.save_creation(
        Creation(
            person_id,
            Wish.WAITING,
            job.engine.clock.now(),
            reason,
            fields,
            by_hand=_by_hand(said),
            recreate=said is not None and said.recreate,
        )
    )


# ---------------------------------------------------------------- one batch


def _batch(job: _Job, due: Sequence[_Due], tally: _Tally) -> None:
    with job.engine.store.transaction(job.lease) as tx:
        busy = {
            _folded(one.pair.inflight.values.get("email"))
            for one in tx.pending(job.full)
            if one.pair.inflight
        }
    due = _one_each(due, busy)
    if not due:
        return
    engine = job.engine
    engine.hold(job.lease)
    engine.budget.reserve("edits", 2)
    emails = list(dict.fromkeys(one.email for one in due if one.email))
    keys = [one.key for one in due] if job.key_objects else []
    matches = engine.org.find(emails, keys, job.key_objects) if emails or keys else []
    read_at = engine.org.watermark(()).server_time
    choices = [(one, _choice(job, one, matches)) for one in due]
    _link_all(job, [(one, choice.link) for one, choice in choices if choice.link], tally)
    _hold_all(job, [(one, choice) for one, choice in choices if not choice.link and not choice.create], tally)
    for anyway in (False, True):
        some = [one for one, choice in choices if choice.create and one.decided is anyway]
        if some and tally.stop is None:
            _send(job, some, read_at, tally, anyway)


def _one_each(due: Iterable[_Due], busy: set[str | None]) -> list[_Due]:
    """One person an e-mail address: the others are looked up when the first one is there."""
    seen = busy - {None}
    kept = []
    for one in due:
        email = _folded(one.email)
        if email is not None and email in seen:
            continue
        seen.add(email)
        kept.append(one)
    return kept


def _folded(email: Value) -> str | None:
    return to_text(email).casefold() if email is not None else None  # type: ignore[union-attr]


def _choice(job: _Job, one: _Due, matches: Sequence[Match]) -> Choice:
    said = one.said
    if said is not None and said.wish is Wish.LINK and said.target:
        name = "Contact" if said.target.startswith("003") else "Lead"
        return Choice(link=(name, said.target))
    mine = [
        m
        for m in matches
        if (m.key is not None and m.key == one.key)
        or (one.email is not None and _folded(m.email) == _folded(one.email))
    ]
    policy = MatchPolicy.CREATE if one.decided else job.rule.policy
    return choose(mine, policy, one.key, recreate=said is not None and said.recreate)


def _hold_all(job: _Job, held: Sequence[tuple[_Due, Choice]], tally: _Tally) -> None:
    if not held:
        return
    with job.engine.store.transaction(job.lease) as tx:
        for one, choice in held:
            _review(job, tx, one, choice.reason, choice.matches)
            tally.held += 1


def _review(job: _Job, tx: Transaction, one: _Due, reason: str, matches: Sequence[str]) -> None:
    """A person decides. The pair, if there is one, keeps its key and waits."""
    tx.save_creation(
        Creation(
            one.person_id,
            Wish.REVIEW,
            job.engine.clock.now(),
            reason,
            matches=tuple(matches),
            by_hand=one.by_hand,
            recreate=one.said is not None and one.said.recreate,
        )
    )


# ---------------------------------------------------------------- linking


def _link_all(job: _Job, wanted: Sequence[tuple[_Due, tuple[str, str] | None]], tally: _Tally) -> None:
    """Tie people to records that exist: read as they are now, then merged under the field policies from a blank base."""
    by_object: dict[str, list[tuple[_Due, str]]] = {}
    for one, link in wanted:
        if link is not None:
            by_object.setdefault(link[0], []).append((one, link[1]))
    for name, some in by_object.items():
        usable = job.engine.usable.get(name)
        if usable is None:
            with job.engine.store.transaction(job.lease) as tx:
                for one, sf_id in some:
                    _review(job, tx, one, f"It is a {name}, of which nothing is mapped.", (sf_id,))
            continue
        job.engine.budget.reserve("edits")
        fields = job.engine.fields_to_read(usable.mapping)
        read = job.engine.org.retrieve(name, list(dict.fromkeys(sf_id for _, sf_id in some)), fields)
        with job.engine.store.transaction(job.lease) as tx:
            for one, sf_id in some:
                _link(job, tx, one, usable.mapping, sf_id, read.records.get(sf_id), tally)


def _link(
    job: _Job,
    tx: Transaction,
    one: _Due,
    target: ObjectMapping,
    sf_id: str,
    record: Record | None,
    tally: _Tally,
) -> None:
    holder = tx.linked(target, [sf_id]).get(sf_id)
    if holder is not None:
        reason = f"{target.object_name} {sf_id} is person {holder.pair.person_id} here already."
        _review(job, tx, one, reason, (sf_id,))
        tally.held += 1
        return
    if record is None:
        _review(
            job, tx, one, f"Salesforce does not show {target.object_name} {sf_id} to the sync user.", (sf_id,)
        )
        tally.held += 1
        return
    pair = one.pair
    if pair is None or pair.object_name != target.object_name:
        if pair is not None:  # it was to be a lead, and is a contact
            tx.save(
                [
                    PairChange(
                        pair.id, pair.person_id, state=PairState.REDIRECTED, redirect_to=sf_id, lift=True
                    )
                ],
                job.run_id,
            )
        pair = tx.begin_pairs(target, [one.person_id])[one.person_id]
    tx.identify(pair.id, sf_id)
    tx.save(
        [
            PairChange(
                pair.id,
                one.person_id,
                state=PairState.PAIRED,
                lift=True,
                clear_dead_letters=True,
            )
        ],
        job.run_id,
    )
    tx.drop_creations([one.person_id])
    tally.linked += 1
    tally.inbound += apply_records(tx, target, [record], job.engine.terms(job.run_id))


# ---------------------------------------------------------------- sending


def _send(job: _Job, due: Sequence[_Due], read_at: datetime, tally: _Tally, anyway: bool) -> None:
    engine = job.engine
    attempt_id = engine.next_attempt(job.run_id)
    by_column = job.usable.mapping.by_column
    sent: list[tuple[_Due, NewRecord]] = []
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


def _letters(one: _Due) -> tuple[DeadLetter, ...]:
    """What of the person cannot be sent as it is; the rest goes (R-11)."""
    return tuple(
        DeadLetter(UPDATES, problem, column, {column: one.ours[column]})
        for column, problem in one.draft.problems.items()
    )


def _acknowledge(
    job: _Job,
    sent: Sequence[tuple[_Due, NewRecord]],
    outcomes: Sequence[Outcome],
    read_at: datetime,
    tally: _Tally,
) -> None:
    """What each answer means, in one transaction. A row without an answer stays in flight."""
    crashpoint("C-13")
    link: list[tuple[_Due, tuple[str, str] | None]] = []
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
    _link_all(job, link, tally)


def _made(job: _Job, tx: Transaction, one: _Due, sf_id: str, read_at: datetime, tally: _Tally) -> None:
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
        _review(job, tx, one, f"Lead {sf_id} is person {holder.pair.person_id} here already.", (sf_id,))
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


def _later(job: _Job, tx: Transaction, one: _Due) -> None:
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


def _refused(
    job: _Job, tx: Transaction, one: _Due, problem: Problem, tally: _Tally
) -> tuple[str, str] | None:
    """A duplicate rule: linked when it found exactly one and the policy says so, else for review (D-56). Data lacking: waits.
    Anything else: a dead letter, which a change of the person or a retry takes up again. A record to link to comes back."""
    assert one.pair is not None
    lift = PairChange(one.pair.id, one.person_id, lift=True)
    if problem.error_class is ErrorClass.DUPLICATE and problem.code == "DUPLICATES_DETECTED":
        tx.save([lift], job.run_id)
        people = [sf_id for sf_id in problem.matches if sf_id[:3] in ("003", "00Q")]
        if job.rule.policy is MatchPolicy.LINK and len(people) == 1 and len(problem.matches) == 1:
            return ("Contact" if people[0].startswith("003") else "Lead", people[0])
        _review(job, tx, one, f"A duplicate rule of the org refuses it: {problem.message}", problem.matches)
        tally.held += 1
        return None
    if problem.error_class is ErrorClass.REQUIRED and problem.fields:
        tx.save([lift], job.run_id)
        _wait(job, tx, one.person_id, one.said, problem.fields)
        tally.held += 1
        return None
    letter = DeadLetter(OPERATION, problem, None, one.ours)
    tx.save([replace(lift, dead_letters=(letter,))], job.run_id)
    tally.failed += 1
    return None
