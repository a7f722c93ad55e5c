"""What one observation of a record means for its pair: `domain.merge` for its values, and what becomes of pair, fence and errors.

Pure; `apply` fetches what it needs and saves what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta

from diptych.domain.identity import ENDED, Fate, ending_of, fate_of
from diptych.domain.mapping import ObjectMapping, Policy
from diptych.domain.merge import Conflict, RecordMerge, merge
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.pair import Linked, Observation, Pair, PairState, Record
from diptych.domain.values import Value, to_text
from diptych.sync.ports import DeadLetter, PairChange


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
