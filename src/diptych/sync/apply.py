"""One observed record into our store. Feed, snapshot, read-back and sweep all bring their observations here.

Guarantee: whatever order, however often and however late observations come, the newest one counts (R-3): a record whose
modstamp is older than what we have seen, or that was read before we last saw it, changes nothing. All that one observation
changes - ours, base, conflicts, fate, dead letters, fence - is saved in the caller's transaction (R-2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta

from diptych.domain.identity import ENDED, Fate, ending_of, fate_of
from diptych.domain.mapping import ObjectMapping, Policy, observe
from diptych.domain.merge import Conflict, RecordMerge, merge
from diptych.domain.objects import synced_object
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.pair import Linked, Observation, Pair, PairState, Record
from diptych.domain.person_merge import plan_split
from diptych.domain.values import Value, to_text
from diptych.sync.crashpoint import crashpoint
from diptych.sync.matching import note_ambiguous, settle
from diptych.sync.noted import remember
from diptych.sync.opening import open_on
from diptych.sync.ports import DeadLetter, PairChange, Transaction
from diptych.sync.recognise import recognised


@dataclass(frozen=True)
class Terms:
    """Under what terms observations are applied: the run they belong to, the Salesforce user we write as, how long a lost
    request may still be executed, and how often a value is sent that the org keeps changing. `doubtful`: by pair, values that
    were sent once and never acknowledged."""

    run_id: int | None
    sync_user: str | None
    zombie_max: timedelta
    max_attempts: int
    doubtful: Mapping[int, Mapping[str, Value]] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    """What a number of observations did, in the words of the ledger (S-63)."""

    new: int = 0
    updated: int = 0
    deleted: int = 0
    converted: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Applied) -> Applied:
        return Applied(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Decision:
    """What one observation means for one pair. `merged` is None when the observation is too old to count.

    `change` always moves what was seen; `significant` says whether it is worth saving for its own sake.
    """

    applied: Applied
    change: PairChange | None = None
    merged: RecordMerge | None = None
    fate: Fate = Fate.LIVE
    significant: bool = False


def apply_records(
    tx: Transaction,
    object_mapping: ObjectMapping,
    records: Sequence[Record],
    terms: Terms,
    *,
    follow: bool = True,
) -> Applied:
    """Apply one page of records of one object. Records not known yet become people, deleted ones not known stay unknown.

    Records that were merged away or converted are noted, to be followed to what they have become (`succession`); `follow`
    False: that has been done, so whatever is left of them ends here.
    """
    total, waiting = Applied(), records
    while True:
        applied, waiting = _apply(tx, object_mapping, waiting, terms, follow)
        total += applied
        if not waiting:
            return total
        follow = True


def _apply(
    tx: Transaction, object_mapping: ObjectMapping, records: Sequence[Record], terms: Terms, follow: bool
) -> tuple[Applied, list[Record]]:
    """What was done, and the records that have to wait for others of them, which match the same person."""
    observations = [observe(object_mapping, record) for record in _newest(records)]
    repeated = Applied(skipped=len(records) - len(observations))
    if not synced_object(object_mapping.object_name).two_way:
        count = tx.mirror(object_mapping, observations)
        return repeated + Applied(count.new, count.updated, count.deleted, skipped=count.skipped), []

    known = tx.linked(object_mapping, [o.record.sf_id for o in observations])
    unknown = [o for o in observations if o.record.sf_id not in known]
    known |= recognised(tx, object_mapping, unknown, terms.sync_user, terms.run_id)
    if follow:
        observations, known = _leave_to_succession(tx, object_mapping, observations, known)
    strangers = [o for o in observations if o.record.sf_id not in known and not o.record.deleted]
    kept_away = set(tx.suppressions.withhold(object_mapping, strangers, terms.run_id))
    if kept_away:  # people deleted here for good do not come back, by whatever record (D-73)
        strangers = [o for o in strangers if o.record.sf_id not in kept_away]
        known |= tx.linked(object_mapping, sorted(kept_away))
    settled = settle(tx, object_mapping, strangers, terms.run_id)
    known |= settled.linked
    total = repeated + _add(tx, object_mapping, settled.new, terms)
    if settled.ambiguous:
        note_ambiguous(tx, object_mapping, settled.ambiguous, observations[0].record.read_at)
    changes: list[PairChange] = []
    decided: set[int] = set()
    for observation in observations:
        linked = known.get(observation.record.sf_id)
        if linked is not None and linked.pair.person_id in decided:  # by another record of the same person
            tx.save(changes, terms.run_id)
            changes = []
            linked = tx.linked(object_mapping, [observation.record.sf_id])[observation.record.sf_id]
        if (
            linked is not None
            and is_apart_again(linked.pair, observation.record)
            and take_apart(tx, object_mapping, linked.pair, observation, terms)
        ):
            total += Applied(updated=1)
            if not observation.record.deleted:
                continue
            linked = tx.linked(object_mapping, [observation.record.sf_id])[observation.record.sf_id]
        if linked is None:
            total += Applied(skipped=1 if observation.record.deleted else 0)
            continue
        decision = decide(linked, observation, object_mapping, terms)
        total += decision.applied
        if decision.change is not None and decision.significant:
            _pass_crashpoints(decision)
            changes.append(decision.change)
            decided.add(linked.pair.person_id)
    if changes:
        tx.save(changes, terms.run_id)
    return total, [o.record for o in settled.later]


def _leave_to_succession(
    tx: Transaction,
    object_mapping: ObjectMapping,
    observations: Sequence[Observation],
    known: Mapping[str, Linked],
) -> tuple[list[Observation], dict[str, Linked]]:
    """All but the records that have become others; those are noted, unless it is known already what became of them."""
    kept, waiting = [], []
    theirs = _join_their_contacts(
        tx, object_mapping, [o for o in observations if o.record.sf_id not in known]
    )
    for seen in observations:
        record = seen.record
        linked, fate = known.get(record.sf_id), fate_of(record)
        successor = record.master_id if fate is Fate.MERGED else record.converted_contact_id
        if fate not in (Fate.MERGED, Fate.CONVERTED) or successor is None:
            kept.append(seen)
        elif linked is None:
            if fate is Fate.CONVERTED and record.sf_id not in theirs:
                waiting.append(record.sf_id)
        elif linked.pair.state is ending_of(object_mapping.object_name, fate).state:
            if merged_elsewhere(linked.pair, record):
                waiting.append(record.sf_id)
            else:
                kept.append(seen)
        elif linked.pair.state is not PairState.DETACHED and not is_stale(linked.pair, record):
            waiting.append(record.sf_id)
    remember(tx, object_mapping.object_name, waiting)
    return kept, dict(known)


def _join_their_contacts(
    tx: Transaction, object_mapping: ObjectMapping, strangers: Sequence[Observation]
) -> set[str]:
    """Leads converted before they were ever seen here belong to their contacts' people, where those are here already; which."""
    contacts = {
        seen.record.sf_id: seen.record.converted_contact_id
        for seen in strangers
        if fate_of(seen.record) is Fate.CONVERTED and seen.record.converted_contact_id
    }
    if not contacts:
        return set()
    there = tx.linked(ObjectMapping("Contact", 0, ()), list(contacts.values()))
    here = {
        sf_id: there[contact].pair.person_id
        for sf_id, contact in contacts.items()
        if contact in there and there[contact].pair.state in (PairState.PAIRED, PairState.PARKED)
    }
    ended = [
        (here[seen.record.sf_id], seen, contacts[seen.record.sf_id])
        for seen in strangers
        if seen.record.sf_id in here
    ]
    tx.open_ended(object_mapping, ended, PairState.CONVERTED)
    return set(here)


def is_apart_again(pair: Pair, record: Record) -> bool:
    """A record that had been merged into another was taken out of the recycle bin: it is one of its own again."""
    return (
        pair.state is PairState.REDIRECTED
        and pair.redirect_to is not None
        and not (record.deleted and record.master_id)
        and not is_stale(pair, record)
    )


def merged_elsewhere(pair: Pair, record: Record) -> bool:
    """A record that had been merged into another was taken out of the recycle bin and merged into a third."""
    return (
        pair.state is PairState.REDIRECTED
        and record.master_id not in (None, pair.redirect_to)
        and pair.seen_modstamp is not None
        and record.modstamp > pair.seen_modstamp
    )


_FINAL = frozenset({PairState.REDIRECTED, PairState.CONVERTED, PairState.DETACHED})


def take_apart(
    tx: Transaction, object_mapping: ObjectMapping, pair: Pair, seen: Observation, terms: Terms
) -> bool:
    """The person that had joined another with this record comes back, with what Salesforce shows of it now (D-76). False when
    it never joined another."""
    held = tx.held_people([pair.person_id])[pair.person_id]
    joins = [j for j in tx.joins(pair.person_id) if j.undone_at is None and pair.id in j.loser_pairs]
    consent = tx.mapping().consent("person")
    if joins:  # the oldest: in it the record's own person went; later ones took it along
        plan = replace(plan_split(joins[-1], held, seen.values, consent), winner={})
        restored = plan.restored
        person_id = tx.split_person(plan, terms.run_id)
    elif any(p.id != pair.id and p.state not in _FINAL for p in held.pairs):
        # what it had become was linked to its person: that one keeps it
        refused = {c: v for c, v in consent.items() if held.values.get(c) == v}
        restored = {**seen.values, **refused}
        person_id = tx.part_pair(pair.id, object_mapping, replace(seen, values=restored))
    else:
        return False
    alive, record = ending_of(pair.object_name, Fate.LIVE), seen.record
    back = PairChange(
        pair.id,
        person_id,
        base=seen.values,
        state=alive.state,
        link_state=alive.link_state,
        salesforce_deleted=alive.salesforce_deleted,
        conflicts=tuple(
            Conflict(c, None, restored[c], v, "ours", Policy.MOST_RESTRICTIVE.value)
            for c, v in seen.values.items()
            if c in consent and v is not None and restored[c] != v
        ),
        seen_modstamp=record.modstamp,
        seen_at=record.read_at,
        forget_redirect=True,
        attempts=0,
        clear_dead_letters=True,
    )
    tx.save([back], terms.run_id)
    return True


def _newest(records: Sequence[Record]) -> list[Record]:
    """One record per id: a read may deliver one twice, or in two versions (N-5, N-6)."""
    newest: dict[str, Record] = {}
    for record in records:
        other = newest.get(record.sf_id)
        if other is None or record.modstamp >= other.modstamp:
            newest[record.sf_id] = record
    return list(newest.values())


def _add(
    tx: Transaction, object_mapping: ObjectMapping, strangers: Sequence[Observation], terms: Terms
) -> Applied:
    if not strangers:
        return Applied()
    expected = tx.redirected_to([o.record.sf_id for o in strangers])
    for seen in strangers:
        person_id = expected.get(seen.record.sf_id)
        if person_id is not None:  # what a record of this person became, and was not shown until now (D-60)
            open_on(
                tx,
                person_id,
                object_mapping,
                seen,
                f"{seen.record.object_name} {seen.record.sf_id}",
                terms.run_id,
            )
    strangers = [o for o in strangers if o.record.sf_id not in expected]
    if not strangers:
        return Applied(new=len(expected))
    tx.add_people(object_mapping, strangers, terms.run_id)
    converted = [o.record.sf_id for o in strangers if fate_of(o.record) is Fate.CONVERTED]
    if converted:
        ending = ending_of(object_mapping.object_name, Fate.CONVERTED)
        tx.save(
            [
                PairChange(
                    linked.pair.id, linked.pair.person_id, state=ending.state, link_state=ending.link_state
                )
                for linked in tx.linked(object_mapping, converted).values()
            ],
            terms.run_id,
        )
    return Applied(new=len(strangers) + len(expected))


def is_stale(pair: Pair, record: Record) -> bool:
    """R-3: older than what was seen of the record, or read before it was last seen.

    Two versions stamped and read in one second cannot be told apart: the one seen first stands until the record is read in
    a later second, which the overlap and the pre-read of a write make sure of.
    """
    if pair.seen_modstamp is None or pair.seen_at is None:
        return False
    if record.modstamp < pair.seen_modstamp or record.read_at < pair.seen_at:
        return True
    same_version = record.modstamp == pair.seen_modstamp and record.read_at == pair.seen_at
    return same_version and record.modstamp >= record.read_at


def decide(linked: Linked, observation: Observation, object_mapping: ObjectMapping, terms: Terms) -> Decision:
    """What to save for one pair after one observation. Pure."""
    pair, record = linked.pair, observation.record
    if pair.state is PairState.DETACHED or is_stale(pair, record):
        return Decision(Applied(skipped=1))
    newer = pair.seen_modstamp is None or record.modstamp > pair.seen_modstamp
    unsettled = pair.seen_at is None or (record.modstamp >= pair.seen_at and record.read_at > pair.seen_at)
    fate = fate_of(record)
    if pair.redirect_to is not None and fate is not Fate.LIVE:
        return _gone_for_good(linked, observation, fate, terms)
    if pair.state in ENDED and fate is not Fate.LIVE and not (newer or unsettled or pair.fenced):
        return _seen_again(linked, observation)
    window_over = pair.inflight is not None and record.read_at >= pair.inflight.sent_at + terms.zombie_max
    merged = merge(
        linked,
        observation,
        object_mapping,
        sync_user=terms.sync_user,
        window_over=window_over,
        succeeded=fate in (Fate.MERGED, Fate.CONVERTED),
    )
    change = PairChange(
        pair.id,
        pair.person_id,
        ours=merged.ours,
        base=merged.base,
        lift=merged.lift,
        landed=merged.landed,
        conflicts=_marked(merged.conflicts, terms.doubtful.get(pair.id, {})),
        seen_modstamp=record.modstamp,
        seen_at=record.read_at,
        history_by=record.modified_by,
        history_at=record.modified_at or record.modstamp,
    )
    if fate is Fate.LIVE:
        change = _live(change, linked, observation, object_mapping, merged, newer, terms)
    else:
        change = _ended(change, linked, observation, fate, merged)
    counted = _count(change, fate, pair, bool(observation.unreadable) and newer)
    significant = newer or unsettled or _says_more(change)
    return Decision(counted, change, merged, fate, significant)


def _marked(conflicts: tuple[Conflict, ...], doubtful: Mapping[str, Value]) -> tuple[Conflict, ...]:
    """A conflict about a value that may have been there before is marked (X-3): what stands there may have replaced it."""
    return tuple(
        replace(k, reason="outcome_unknown") if k.column in doubtful and doubtful[k.column] == k.ours else k
        for k in conflicts
    )


def _gone_for_good(linked: Linked, observation: Observation, fate: Fate, terms: Terms) -> Decision:
    """A record whose person has another one now: whatever is still seen of it touches no value of that person."""
    pair, record = linked.pair, observation.record
    over = pair.inflight is not None and record.read_at >= pair.inflight.sent_at + terms.zombie_max
    ending = ending_of(pair.object_name, fate)
    change = PairChange(
        pair.id,
        pair.person_id,
        lift=over,
        state=ending.state if ending.state is not pair.state else None,
        seen_modstamp=record.modstamp,
        seen_at=record.read_at,
    )
    newer = pair.seen_modstamp is None or record.modstamp > pair.seen_modstamp
    return Decision(Applied(skipped=1), change, None, fate, newer or over or change.state is not None)


def _seen_again(linked: Linked, observation: Observation) -> Decision:
    """An ended record seen again must not touch what was edited here since; only what was never seen of it is taken: columns
    that are blank on both remembered sides, because they have been mapped since."""
    pair, record = linked.pair, observation.record
    unseen = {
        column: value
        for column, value in observation.values.items()
        if value is not None
        and column in linked.ours
        and linked.ours[column] is None
        and linked.base.get(column) is None
    }
    if not unseen:
        return Decision(Applied(skipped=1))
    change = PairChange(
        pair.id,
        pair.person_id,
        ours=unseen,
        base=unseen,
        history_by=record.modified_by,
        history_at=record.modified_at or record.modstamp,
    )
    return Decision(Applied(updated=1), change, significant=True)


def _says_more(change: PairChange) -> bool:
    return bool(
        change.ours
        or change.base
        or change.lift
        or change.conflicts
        or change.dead_letters
        or change.clear_columns
        or change.clear_dead_letters
        or change.state is not None
        or change.attempts is not None
    )


def _live(
    change: PairChange,
    linked: Linked,
    observation: Observation,
    object_mapping: ObjectMapping,
    merged: RecordMerge,
    newer: bool,
    terms: Terms,
) -> PairChange:
    """A record that is there: an ended or hidden pair comes back to life (D-76); what was parked may have sorted itself out."""
    pair = linked.pair
    gone = pair.state in ENDED or pair.state is PairState.HIDDEN
    if gone or (pair.state is PairState.PARKED and (newer or not merged.dirty)):
        # A parked record that changed in Salesforce, or that owes nothing any more, is worth a new try.
        alive = ending_of(pair.object_name, Fate.LIVE)
        return replace(
            change,
            state=alive.state,
            link_state=alive.link_state,
            salesforce_deleted=alive.salesforce_deleted,
            forget_redirect=True,
            attempts=0,
            clear_dead_letters=True,
        )

    letters: list[DeadLetter] = []
    for column in merged.asked:
        ours, theirs = linked.ours[column], observation.values[column]
        if newer or column not in linked.parked or linked.parked[column] != ours:
            letters.append(DeadLetter("Conflict", _ASK, column, {column: ours}, {column: theirs}))
    for column, text in observation.unreadable.items() if newer else ():
        letters.append(_unreadable(column, text, linked, object_mapping))

    attempts = pair.attempts
    if merged.rewritten:
        attempts += 1
        if attempts >= terms.max_attempts:
            letters += [
                DeadLetter("Push updates", _REWRITTEN, c, {c: linked.ours[c]}, {c: observation.values[c]})
                for c in merged.rewritten
            ]
            attempts = 0
    elif not merged.dirty:
        attempts = 0

    settled = tuple(
        c
        for c in linked.parked
        if c in observation.values
        and c in object_mapping.by_column
        and (
            c not in merged.dirty
            or (
                object_mapping.by_column[c].policy is Policy.ASK
                and c not in merged.asked
                and newer
                and pair.state is not PairState.PARKED
            )
        )
    )
    return replace(
        change,
        attempts=attempts if attempts != pair.attempts else None,
        dead_letters=tuple(letters),
        clear_columns=settled,
    )


def _ended(
    change: PairChange, linked: Linked, observation: Observation, fate: Fate, merged: RecordMerge
) -> PairChange:
    """A record that was deleted, merged away or converted: the pair ends; what we still owed is kept for a person (R-9)."""
    ending = ending_of(linked.pair.object_name, fate)
    if linked.pair.state is ending.state:
        return change
    letters: tuple[DeadLetter, ...] = ()
    if merged.dirty:
        theirs = {c: observation.values[c] for c in merged.dirty if c in observation.values}
        letters = (DeadLetter("Push updates", _FATE_PROBLEMS[fate], None, merged.dirty, theirs),)
    return replace(
        change,
        state=ending.state,
        link_state=ending.link_state,
        salesforce_deleted=ending.salesforce_deleted,
        redirect_to=observation.record.master_id
        if fate is Fate.MERGED
        else observation.record.converted_contact_id,
        dead_letters=letters,
        clear_dead_letters=not letters,
    )


def _count(change: PairChange, fate: Fate, pair: Pair, unreadable: bool) -> Applied:
    failed = 1 if unreadable else 0
    if fate is not Fate.LIVE:
        if change.state is None:
            return Applied(skipped=1)
        if fate is Fate.CONVERTED:
            return Applied(converted=1, failed=failed)
        return Applied(deleted=1 if pair.state not in ENDED else 0, failed=failed)
    if change.ours or pair.state in ENDED or pair.state is PairState.HIDDEN:
        return Applied(updated=1, failed=failed)
    return Applied(failed=failed, skipped=1 - failed)


def _pass_crashpoints(decision: Decision) -> None:
    change = decision.change
    if change is None:
        return
    if change.state is not None and decision.fate is not Fate.LIVE:
        crashpoint({Fate.DELETED: "C-17", Fate.MERGED: "C-18", Fate.CONVERTED: "C-19"}[decision.fate])
    if change.conflicts:
        crashpoint("C-22")
    if change.dead_letters:
        crashpoint("C-23")


def _unreadable(column: str, text: str, linked: Linked, object_mapping: ObjectMapping) -> DeadLetter:
    mapped = object_mapping.by_column[column]
    ours = linked.ours.get(column)
    problem = Problem(
        "UNREADABLE_VALUE",
        f"Salesforce's value of {mapped.field} cannot be read: {text}.",
        ErrorClass.SCHEMA,
        f"It is not a {mapped.kind.value}; ours stays {to_text(ours) or 'blank'}.",
        f"Correct {mapped.field} in Salesforce, or map it anew if its type has changed.",
        (mapped.field,),
    )
    return DeadLetter("Pull updates", problem, column, {column: ours})


_ASK = Problem(
    "CONFLICT_ASK",
    "Changed on both sides, to different values.",
    ErrorClass.OTHER,
    "The field's conflict policy is 'ask'.",
    "Choose which value to keep; until then both stay as they are.",
)
_REWRITTEN = Problem(
    "REWRITTEN_BY_ORG",
    "Salesforce changes this value again each time we send it.",
    ErrorClass.AUTOMATION,
    "A trigger, flow or formula of the org sets the field whenever the record is saved.",
    "Change that automation, or map the field inbound; then retry.",
)
_FATE_PROBLEMS = {
    Fate.DELETED: Problem(
        "ENTITY_IS_DELETED",
        "The record was deleted in Salesforce while changes made here were waiting to be sent.",
        ErrorClass.GONE,
        "Deleted records are never brought back by the sync.",
        "Undelete it in Salesforce to send them, or ignore this.",
    ),
    Fate.MERGED: Problem(
        "ENTITY_MERGED",
        "The record was merged into another in Salesforce while changes made here were waiting to be sent.",
        ErrorClass.GONE,
        "The remaining record is another person here.",
        "Make the change on the remaining record, or ignore this.",
    ),
    Fate.CONVERTED: Problem(
        "CONVERTED_LEAD",
        "The lead was converted in Salesforce while changes made here were waiting to be sent.",
        ErrorClass.GONE,
        "Converted leads can no longer be edited.",
        "Make the change on the contact, or ignore this.",
    ),
}
