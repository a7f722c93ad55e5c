"""The one decision of the engine: given base, ours and theirs, what is written where? (correctness.md R-1)

Pure: values in, values out. `apply` carries the answer out for every observation, whether the feed, the snapshot, a
read-back or the sweep brought it.

    theirs is what we sent   base := theirs first: our write is visible there; then go on
    theirs = base            nothing to take in (what is dirty here stays owed)
    theirs = ours            both sides agree: base := theirs, silently (a false conflict when both had changed)
    ours = base              take theirs: ours := theirs, base := theirs
    all three differ         a conflict: the policy decides, the loser is logged, base := theirs
    ours came from another   (a field that only comes in, a person with several records): theirs counts once it leaves base,
    record                   or once that other record is gone
    theirs is absent         unknown, which is not blank: nothing is touched

A write whose outcome is unknown has landed when *every* value of it is seen at once; one matching value proves nothing
(it may be a coincidence, finding F-6). Landed values go to base and the fence is lifted in the same change (F-4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from diptych.domain.mapping import Direction, FieldMapping, ObjectMapping, Policy
from diptych.domain.pair import Linked, Observation, Standing
from diptych.domain.policies import (
    ASK,
    NO_TIMES,
    OURS,
    Times,
    at_rest,
    forbidden,
    keeps_refusal,
    loosens,
    stands_apart,
    verdict,
)
from diptych.domain.values import Value


class Absence(Enum):
    """The type of ABSENT, so that checkers can tell it from a value."""

    ABSENT = "absent"


ABSENT: Final = Absence.ABSENT
"""Not in the answer, or not sent: unknown. `None`, by contrast, is a blank that was seen."""


@dataclass(frozen=True)
class Conflict:
    """Both sides left base, to different values (glossary). `winner` is 'salesforce' or 'ours'; the other value lost.

    `reason`: policy, or the name of the policy where it compares values (most_recent, most_complete, write_once,
    most_restrictive); blank (a blank may not overwrite here); inbound_only and outbound_only (the field's direction
    decided); outcome_unknown (a write of ours was unresolved, so that this may be no conflict at all: X-3). The rules about
    what may be overwritten at all (`policies.forbidden`) log what they hold back even if only one side had changed.
    """

    column: str
    base: Value
    ours: Value
    theirs: Value
    winner: str
    reason: str


@dataclass(frozen=True)
class FieldMerge:
    """What ours and base of one field are from now on.

    `ask`: a person has to decide; both sides stay as they are. `rewritten`: the org's own automation may be changing what
    we send, so that sending it again must not go on for ever.
    """

    ours: Value
    base: Value
    conflict: Conflict | None = None
    ask: bool = False
    rewritten: bool = False


@dataclass(frozen=True)
class RecordMerge:
    """What one observation means for one pair.

    `ours`, `base`: only what changes, by column. `lift`: nothing is in flight any more, because the write has `landed` or
    because it can no longer (R-6). `asked`: columns a person has to decide about; `rewritten`: columns that the org seems to
    change again whenever we send them. `dirty`: our values that will then
    differ from base, so that Salesforce is owed them (or, for an inbound field, that were not in this answer); what stands
    apart for good is not owed.
    """

    ours: Mapping[str, Value] = field(default_factory=dict)
    base: Mapping[str, Value] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    asked: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    landed: bool = False
    lift: bool = False
    dirty: Mapping[str, Value] = field(default_factory=dict)


def merge_field(
    base: Value,
    ours: Value,
    theirs: Value | Absence,
    mapping: FieldMapping,
    sent: Value | Absence = ABSENT,
    outcome_unknown: bool = False,
    by_us: bool = False,
    times: Times = NO_TIMES,
    succeeded: bool = False,
    standing: Standing | None = None,
) -> FieldMerge:
    """R-1 for one field. `sent`: what is in flight for it; `outcome_unknown`: it is not certain that it has landed;
    `by_us`: the sync user was the last to save the record, so that a foreign value may come from the org's automation;
    `times`: when each side was edited, for the one policy that asks; `succeeded`: the record has become another one;
    `standing`: how the record stands to a value that came from another one."""
    if theirs is ABSENT:
        return FieldMerge(ours, base)

    if sent is not ABSENT and theirs == sent and base != theirs:
        if ours == base and outcome_unknown:
            # Our write came through late, over a value taken in meanwhile; or a user typed the same. Ours is sent again,
            # unless that would undo what this field must keep, or the record's successor was made from what it showed.
            doubtful = Conflict(mapping.column, base, ours, theirs, OURS, "outcome_unknown")
            kept = loosens(mapping, ours, theirs) or (ours is None and mapping.blanks.keeps_theirs)
            if kept or succeeded:
                return FieldMerge(theirs, theirs, replace(doubtful, winner="salesforce"))
            return FieldMerge(ours, theirs, doubtful)
        base = theirs

    if ours == theirs:
        return FieldMerge(ours, theirs)
    if mapping.direction is Direction.INBOUND:
        return _inbound(base, ours, theirs, mapping, standing)
    rule = forbidden(mapping, base, ours, theirs)
    if rule is not None:
        conflict = Conflict(mapping.column, base, ours, theirs, rule.winner, rule.reason)
        if rule.winner == OURS:
            return FieldMerge(ours, theirs, conflict, rewritten=by_us and ours == base)
        return FieldMerge(theirs, theirs, conflict)
    if theirs == base:
        return FieldMerge(ours, base)
    if mapping.direction is Direction.OUTBOUND:
        if ours == base and (ours is None or mapping.policy is Policy.WRITE_ONCE) and theirs is not None:
            return FieldMerge(
                theirs, theirs
            )  # nothing of ours, or nothing more of it, is owed: theirs is not wiped out
        conflict = Conflict(mapping.column, base, ours, theirs, OURS, "outbound_only")
        return FieldMerge(ours, theirs, conflict, rewritten=by_us and ours == base)
    if ours == base:
        return FieldMerge(theirs, theirs)

    decided = verdict(mapping, ours, theirs, times)
    if decided.winner == ASK:
        return FieldMerge(ours, base, ask=True)
    reason = "outcome_unknown" if outcome_unknown and sent is not ABSENT else decided.reason
    conflict = Conflict(mapping.column, base, ours, theirs, decided.winner, reason)
    return FieldMerge(ours if decided.winner == OURS else theirs, theirs, conflict)


def _inbound(
    base: Value, ours: Value, theirs: Value, mapping: FieldMapping, standing: Standing | None
) -> FieldMerge:
    """A field that comes in only: theirs stands, except that a blank may be forbidden to wipe out ours, that a refusal of
    consent given here is not undone but put before a person (it cannot be sent), and that of a person's several records the
    one counts that changed last; the refusal of another one stays."""
    if stands_apart(mapping, ours, theirs):
        return FieldMerge(ours, base if ours == base else theirs)  # an edit of ours stays one (I-8)
    if ours == base:
        return FieldMerge(theirs, theirs)
    if theirs == base and standing in (Standing.APART, Standing.EDITED):
        return FieldMerge(ours, base)
    if standing in (Standing.APART, Standing.LEFT):
        return FieldMerge(ours if keeps_refusal(mapping, ours) else theirs, theirs)
    if keeps_refusal(mapping, ours):
        return FieldMerge(ours, base, ask=True)
    return FieldMerge(
        theirs, theirs, Conflict(mapping.column, base, ours, theirs, "salesforce", "inbound_only")
    )


def merge(
    linked: Linked,
    observation: Observation,
    object_mapping: ObjectMapping,
    *,
    sync_user: str | None = None,
    window_over: bool = False,
    succeeded: bool = False,
) -> RecordMerge:
    """R-1 for every mapped field of one pair, and the whole-record rule for what is in flight.

    `sync_user`: the Salesforce user we write as. When it is known, a write counts as landed only if that user was the last
    to save the record: otherwise a user may have typed the same, while our request can still come through; the fence then
    stays until `window_over`, that is, until a request sent so long ago can no longer be executed (assumption A-3).
    `succeeded`: the record was merged away or converted.
    """
    theirs = observation.values
    sent: Mapping[str, Value] = linked.pair.inflight.values if linked.pair.inflight else {}
    by_us = sync_user is not None and observation.record.modified_by == sync_user
    seen_whole = bool(sent) and all(c in theirs and theirs[c] == v for c, v in sent.items())
    landed = seen_whole and (by_us or sync_user is None or window_over)
    certain = landed and (by_us or sync_user is None)

    ours: dict[str, Value] = {}
    base: dict[str, Value] = {}
    conflicts: list[Conflict] = []
    asked: list[str] = []
    rewritten: list[str] = []
    dirty: dict[str, Value] = {}
    for mapped in object_mapping.fields:
        column = mapped.column
        if column not in linked.ours:
            continue
        our_value, base_value = linked.ours[column], linked.base.get(column)
        their_value = theirs.get(column, ABSENT)
        if their_value is not ABSENT and their_value == base_value == our_value:
            continue
        result = merge_field(
            base_value,
            our_value,
            their_value,
            mapped,
            sent.get(column, ABSENT),
            outcome_unknown=bool(sent) and not certain,
            by_us=by_us,
            times=Times(linked.edited_at.get(column), observation.record.modified_at),
            succeeded=succeeded,
            standing=linked.standing.get(column),
        )
        if result.ours != our_value:
            ours[column] = result.ours
        if result.base != base_value:
            base[column] = result.base
        if result.conflict is not None:
            conflicts.append(result.conflict)
        if result.ask:
            asked.append(column)
        if result.rewritten:
            rewritten.append(column)
        if result.ours != result.base and not at_rest(
            mapped, result.ours, result.base, linked.standing.get(column)
        ):
            dirty[column] = result.ours
    return RecordMerge(
        ours,
        base,
        tuple(conflicts),
        tuple(asked),
        tuple(rewritten),
        landed=landed,
        lift=landed or (linked.pair.inflight is not None and window_over),
        dirty=dirty,
    )
