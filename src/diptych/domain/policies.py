"""Who wins when both sides differ, by the policy of the field and its handling of blanks (D-41..D-45, D-67).

    salesforce         Salesforce's value stands
    ours               our value stands
    ask                a person decides; both sides stay as they are until then
    most_recent        the later edit stands; a tie, and a time that is not known, go to Salesforce
    most_complete      a value beats a blank, a longer text a shorter one, more choices of a multi-select list fewer; a
                       tie goes to Salesforce
    write_once         ours only ever fills a blank in Salesforce; a value that is there stays
    most_restrictive   of two statements about consent the one that allows less stands

Three rules hold even where only one side has changed, because they are about what may be overwritten at all (`forbidden`):
a blank that must not overwrite, a field that is written once, and an opt-out that a field of ours would undo unseen.

**Clocks.** Nowhere else does Diptych compare the two sides' clocks. `most_recent` does, because that is what it asks for:
Salesforce's time is the LastModifiedDate of the whole record (later than the field's own edit, if another field was saved
since), ours is the time in our change log, by our database's clock. A clock that is wrong makes it choose wrongly; it
never makes it lose anything, since the loser is logged like every other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from diptych.domain.mapping import Direction, FieldMapping, ObjectMapping, Policy
from diptych.domain.pair import Linked, Standing
from diptych.domain.values import Kind, Value

SALESFORCE, OURS, ASK = "salesforce", "ours", "ask"


@dataclass(frozen=True)
class Times:
    """When each side was last edited, each by its own clock; None: not known."""

    ours: datetime | None = None
    theirs: datetime | None = None


NO_TIMES = Times()


@dataclass(frozen=True)
class Verdict:
    """Who wins (salesforce, ours or ask), and by which rule."""

    winner: str
    reason: str


def forbidden(mapping: FieldMapping, base: Value, ours: Value, theirs: Value) -> Verdict | None:
    """The rule, if any, under which one side may not overwrite the other although it is the only one that has changed, or
    whatever the policy says. Ours and theirs differ; the field is not inbound."""
    if theirs is None and theirs != base and mapping.blanks.keeps_ours:
        return Verdict(OURS, "blank")
    if ours is None and theirs is not None and mapping.blanks.keeps_theirs and ours != base:
        return Verdict(SALESFORCE, "blank")
    if mapping.policy is Policy.WRITE_ONCE and theirs is not None and ours != base:
        return Verdict(SALESFORCE, "write_once")
    outbound = mapping.direction is Direction.OUTBOUND
    if (
        mapping.policy is Policy.MOST_RESTRICTIVE
        and outbound
        and theirs != base
        and restricts(mapping, theirs)
    ):
        return Verdict(SALESFORCE, "most_restrictive")
    return None


def verdict(mapping: FieldMapping, ours: Value, theirs: Value, times: Times = NO_TIMES) -> Verdict:
    """Who wins a conflict: both sides have left base, to different values."""
    match mapping.policy:
        case Policy.ASK:
            return Verdict(ASK, "policy")
        case Policy.OURS:
            return Verdict(OURS, "policy")
        case Policy.MOST_RECENT:
            known = times.ours is not None and times.theirs is not None
            later = known and times.ours > times.theirs  # type: ignore[operator]
            return Verdict(OURS if later else SALESFORCE, "most_recent")
        case Policy.MOST_COMPLETE:
            fuller = fullness(mapping.kind, ours) > fullness(mapping.kind, theirs)
            return Verdict(OURS if fuller else SALESFORCE, "most_complete")
        case Policy.WRITE_ONCE:
            return Verdict(OURS if theirs is None else SALESFORCE, "write_once")
        case Policy.MOST_RESTRICTIVE:
            here = restricts(mapping, ours) or theirs is None
            return Verdict(OURS if here else SALESFORCE, "most_restrictive")
        case _:
            return Verdict(SALESFORCE, "policy")


def fullness(kind: Kind, value: Value) -> int:
    """How much a value says: 0 for a blank; characters of a text, choices of a multi-select list; any other value 1."""
    if value is None:
        return 0
    if kind is Kind.MULTI:
        return len(str(value).split(";"))
    return len(value.strip()) if kind is Kind.TEXT and isinstance(value, str) else 1


def restricts(mapping: FieldMapping, value: Value) -> bool:
    """Whether this value of a consent field is the one that allows less."""
    return value is mapping.restrictive


def loosens(mapping: FieldMapping, ours: Value, theirs: Value) -> bool:
    """Whether sending ours over theirs would undo a refusal of consent."""
    restrictive = mapping.policy is Policy.MOST_RESTRICTIVE
    return restrictive and restricts(mapping, theirs) and not restricts(mapping, ours)


def stands_apart(mapping: FieldMapping, ours: Value, theirs: Value) -> bool:
    """Whether the two sides differ by a rule and for good: what is filled here and blank in Salesforce, kept here and never
    sent."""
    inbound = mapping.direction is Direction.INBOUND
    return inbound and theirs is None and ours is not None and mapping.blanks.keeps_ours


def keeps_refusal(mapping: FieldMapping, ours: Value) -> bool:
    """Whether ours is a refusal of consent, which another record's value does not undo."""
    return mapping.policy is Policy.MOST_RESTRICTIVE and restricts(mapping, ours)


def at_rest(mapping: FieldMapping, ours: Value, base: Value, standing: Standing | None) -> bool:
    """Whether nothing is owed although ours is not base: by a rule, or because a field that only comes in has the value of
    another record of the person."""
    return stands_apart(mapping, ours, base) or is_anothers(mapping, ours, standing)


def is_anothers(mapping: FieldMapping, ours: Value, standing: Standing | None) -> bool:
    """Whether ours is another record's value, which counts for the person."""
    if mapping.direction is not Direction.INBOUND or standing is None:
        return False
    return standing is not Standing.LEFT or keeps_refusal(mapping, ours)


def owing(object_mapping: ObjectMapping, linked: Linked) -> dict[str, Value]:
    """Our values that differ from base and are not at rest: each is to be sent, or to be looked at."""
    mapped = object_mapping.by_column
    return {
        column: value
        for column, value in linked.dirty.items()
        if column not in mapped
        or not at_rest(mapped[column], value, linked.base.get(column), linked.standing.get(column))
    }
