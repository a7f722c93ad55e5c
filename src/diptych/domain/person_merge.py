"""Two people turn out to be one: which value of each column stays, what is logged, and how to take them apart again.

Where it comes from: two records were merged, or a lead was converted, in Salesforce or from here (D-58, D-63..D-68, R-10).
The person of the remaining record (the master) stays; the other one joins it. Pure: values in, values out.

    an edit of the joining person that Salesforce never got is an edit of the remaining one (I-12)
    both edited                                             the remaining person's edit stays, the other is logged
    only one of them is filled                              that value (D-66)
    both filled and different                               the join policy of the column; master unless chosen otherwise
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from diptych.domain.mapping import Direction, FieldMapping, ObjectMapping, Policy
from diptych.domain.merge import Conflict
from diptych.domain.pair import Pair, PairState
from diptych.domain.policies import restricts
from diptych.domain.values import Kind, Value

REASON = "people_joined"


class JoinPolicy(StrEnum):
    """What becomes of a column that both people have filled (D-65, D-67)."""

    MASTER = "master"  # the remaining person's value
    MOST_RECENT = "most_recent"  # whichever was changed last
    SUM = "sum"
    MAX = "max"
    UNION = "union"  # of the values of a multi-select
    MOST_RESTRICTIVE = "most_restrictive"  # yes wins: consent that was withdrawn stays withdrawn


_CONSENT = re.compile(r"opt(ed)?_?out|unsubscribed|do_not_|blocklisted|suspended")
_NUMBERS = (Kind.INTEGER, Kind.DECIMAL)


def default_policy(column: str, kind: Kind) -> JoinPolicy:
    """The policy of a column for which none was chosen: scores add up, consent is the most restrictive, else the master's."""
    if column == "score" and kind in _NUMBERS:
        return JoinPolicy.SUM
    if kind is Kind.BOOLEAN and _CONSENT.search(column):
        return JoinPolicy.MOST_RESTRICTIVE
    return JoinPolicy.MASTER


def suits(policy: JoinPolicy, kind: Kind) -> bool:
    """Whether the policy means anything for values of that kind."""
    match policy:
        case JoinPolicy.SUM:
            return kind in _NUMBERS
        case JoinPolicy.MAX:
            return kind in (*_NUMBERS, Kind.DATE, Kind.DATETIME)
        case JoinPolicy.UNION:
            return kind is Kind.MULTI
        case JoinPolicy.MOST_RESTRICTIVE:
            return kind is Kind.BOOLEAN
        case _:
            return True


@dataclass(frozen=True)
class HeldPerson:
    """A person with everything that hangs on it. `values`: all mapped columns; `bases`: by pair, only those that differ from
    our value; `kinds` by column; `changed_at`: when a column was last changed, as far as the history tells. `apart`: by pair,
    columns of `bases` in which ours came from another record of the person (`domain.standing`)."""

    id: int
    values: Mapping[str, Value]
    kinds: Mapping[str, Kind]
    pairs: tuple[Pair, ...] = ()
    bases: Mapping[int, Mapping[str, Value]] = field(default_factory=dict)
    changed_at: Mapping[str, datetime] = field(default_factory=dict)
    apart: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def edited(self, inbound: Iterable[str] = ()) -> dict[str, Value]:
        """Columns with an edit that Salesforce does not have, each with its base; pairs that have ended say nothing where
        another one is live. `inbound`: columns that only Salesforce fills; there another record's value is no edit."""
        fixed = frozenset(inbound)
        live = [pair for pair in self.pairs if pair.state in (PairState.PAIRED, PairState.PARKED)]
        return {
            column: base
            for pair in live or self.pairs
            for column, base in self.bases.get(pair.id, {}).items()
            if base != self.values.get(column)
            and not (column in fixed and column in self.apart.get(pair.id, ()))
        }


@dataclass(frozen=True)
class JoinPlan:
    """`values`: what changes in the remaining person, by column. `conflicts`: what was given up and may be wanted back."""

    values: Mapping[str, Value] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True)
class PersonJoin:
    """The order to the store: `loser` joins `winner`. `why`: merge, conversion, or people (two people of ours).

    `before`: both people as they were before anything of this was done, for taking them apart again.
    """

    winner: HeldPerson
    loser: HeldPerson
    plan: JoinPlan
    why: str
    detail: str
    before: tuple[HeldPerson, HeldPerson]
    conflict_pair: int | None = None


@dataclass(frozen=True)
class StoredJoin:
    """A join that was carried out. `moved`: by table, the ids of rows that went over. `undone_at`: taken apart again."""

    id: int
    winner_id: int
    loser_id: int
    why: str
    detail: str
    at: datetime
    before_winner: Mapping[str, Value]
    before_loser: Mapping[str, Value]
    loser_pairs: tuple[int, ...]
    changed: Mapping[str, Value]
    moved: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    undone_at: datetime | None = None
    run_id: int | None = None


@dataclass(frozen=True)
class SplitPlan:
    """How to take a join apart: `restored`, the values of the person that comes back; `pairs` go back to it, those in `rows`
    too. `winner`: values of the remaining person to put back; `kept`: columns left alone because they were edited since."""

    join_id: int
    winner_id: int
    restored: Mapping[str, Value]
    pairs: tuple[int, ...]
    rows: Mapping[str, tuple[int, ...]]
    winner: Mapping[str, Value] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


def policies_for(kinds: Mapping[str, Kind], chosen: Mapping[str, JoinPolicy]) -> dict[str, JoinPolicy]:
    """The policy of every column; one that was chosen and does not suit the kind any more counts for nothing."""
    return {
        column: chosen[column]
        if column in chosen and suits(chosen[column], kind)
        else default_policy(column, kind)
        for column, kind in kinds.items()
    }


def plan_join(
    winner: HeldPerson,
    loser: HeldPerson,
    chosen: Mapping[str, JoinPolicy],
    *,
    was: Mapping[str, Value] | None = None,
    inbound: Iterable[str] = (),
    consent: Mapping[str, bool] | None = None,
    picked: Mapping[str, Value] | None = None,
) -> JoinPlan:
    """What becomes of `winner`'s values when `loser` joins.

    `was`: the winner's values before the read of its record that brought the join up: a score that Salesforce has summed
    already, or filled from the loser, is not summed again. `inbound`: columns that only Salesforce fills. `consent`: columns
    of consent, each with the value that allows less, which stands whatever the policy (D-67). `picked`: values a person
    chose for this join.
    """
    policies = policies_for(winner.kinds, chosen)
    refusals = consent or {}
    fixed = frozenset(inbound)
    mine, theirs = winner.edited(fixed), loser.edited(fixed)
    values: dict[str, Value] = {}
    conflicts: list[Conflict] = []
    for column, kind in winner.kinds.items():
        ours, other = winner.values.get(column), loser.values.get(column)
        if picked is not None and column in picked:
            result = picked[column]
        elif column in refusals and ours is not None and other is not None:
            result = refusals[column] if refusals[column] in (ours, other) else ours
        elif other is None or column in fixed or (ours == other and policies[column] is not JoinPolicy.SUM):
            result = ours
        elif policies[column] in (JoinPolicy.MASTER, JoinPolicy.MOST_RECENT):
            # the joining person's edit was made of the very value that the remaining one has, or only it is an edit
            edit = column in theirs and (column not in mine or ours == theirs[column])
            recent = policies[column] is JoinPolicy.MOST_RECENT and _later(column, loser, winner)
            result = other if ours is None or edit or (recent and column not in mine) else ours
        else:
            before = ours if was is None else was.get(column)
            result = _together(policies[column], kind, ours, other, before)
        if result != ours:
            values[column] = result
        conflicts.extend(_given_up(column, ours, other, result, mine, theirs))
    return JoinPlan(values, tuple(conflicts))


def plan_open(
    person: HeldPerson,
    seen: Mapping[str, Value],
    object_mapping: ObjectMapping,
    chosen: Mapping[str, JoinPolicy],
) -> JoinPlan:
    """What becomes of the person's values when a record that succeeds another one of it is linked to it.

    The record's values count, edits made here stay edits, and a blank takes nothing away: where an organisation maps no
    lead field to the contact, the value is kept and owed to the contact (D-59). Nothing is summed: it is one human's score.
    """
    edited = person.edited(f.column for f in object_mapping.fields if f.direction is Direction.INBOUND)
    policies = policies_for(person.kinds, chosen)
    values: dict[str, Value] = {}
    conflicts: list[Conflict] = []
    for mapped in object_mapping.fields:
        column = mapped.column
        if column not in seen or column not in person.kinds:
            continue
        theirs, ours = seen[column], person.values.get(column)
        if theirs == ours:
            continue
        base = edited.get(column)
        if mapped.policy is Policy.MOST_RESTRICTIVE and None not in (ours, theirs):
            result = _consent(mapped, ours, theirs, column in edited and theirs == base)
        elif mapped.direction is Direction.INBOUND:
            result = theirs
        elif (
            theirs is None
            or column in edited  # also when the edit was to blank it
            or (mapped.direction is Direction.OUTBOUND and ours is not None)
        ):
            result = ours
        elif policies[column] in (JoinPolicy.MOST_RESTRICTIVE, JoinPolicy.MAX, JoinPolicy.UNION):
            result = _together(policies[column], person.kinds[column], theirs, ours, theirs)
        else:
            result = theirs
        if result != ours:
            values[column] = result
        given_up = ours is not None if result != ours else theirs not in (None, base)
        if column in edited and given_up:
            reason = "inbound_only" if mapped.direction is Direction.INBOUND else REASON
            conflicts.append(Conflict(column, base, ours, theirs, _winner(ours, result), reason))
        elif mapped.direction is Direction.OUTBOUND and ours is not None and theirs is not None:
            conflicts.append(Conflict(column, base, ours, theirs, _winner(ours, result), "outbound_only"))
    return JoinPlan(values, tuple(conflicts))


def _winner(ours: Value, result: Value) -> str:
    return "ours" if result == ours else "salesforce"


def _consent(mapped: FieldMapping, ours: Value, theirs: Value, seen: bool) -> Value:
    """Of two statements about consent the one that allows less (D-67), unless ours was made in the face of theirs (`seen`)."""
    return theirs if restricts(mapped, theirs) and not seen else ours


def plan_split(
    stored: StoredJoin,
    winner: HeldPerson,
    seen: Mapping[str, Value] | None = None,
    consent: Mapping[str, bool] | None = None,
) -> SplitPlan:
    """Take a join apart: the person that joined comes back as it was, with what Salesforce shows of its record now (`seen`);
    the remaining one gets back what the join changed, unless it was changed again since.

    `consent`: columns of consent, each with the value that allows less. What the person had refused before stays refused,
    though its record may never have been told; and what was refused for the two as one is refused for both (D-67)."""
    put_back, kept = {}, []
    for column, given in stored.changed.items():
        if column not in winner.values or winner.values[column] == stored.before_winner.get(column):
            continue
        if winner.values[column] == given:
            put_back[column] = stored.before_winner.get(column)
        else:
            kept.append(column)
    there = {pair.id for pair in winner.pairs}
    restored = {**stored.before_loser, **(seen or {})}
    for column, refusal in (consent or {}).items():
        since = winner.values.get(column) == refusal and stored.before_winner.get(column) != refusal
        if since or stored.before_loser.get(column) == refusal:
            restored[column] = refusal
    return SplitPlan(
        stored.id,
        winner.id,
        restored,
        tuple(number for number in stored.loser_pairs if number in there),
        stored.moved,
        put_back,
        tuple(kept),
    )


def _given_up(
    column: str,
    ours: Value,
    other: Value,
    result: Value,
    mine: Mapping[str, Value],
    theirs: Mapping[str, Value],
) -> list[Conflict]:
    """Edits that nobody sees any more: of the one person or the other, or the value the joining person's edit replaced
    without having seen it."""
    if ours == other or other is None:
        return []
    if column not in theirs:
        edit_gone = column in mine and ours is not None and result == other
        return [Conflict(column, mine[column], ours, other, "salesforce", REASON)] if edit_gone else []
    base = theirs[column]
    if result == other:
        return [] if ours is None or ours == base else [Conflict(column, base, other, ours, "ours", REASON)]
    if column in mine:
        return [Conflict(column, base, ours, other, "ours", REASON)]
    return [Conflict(column, base, other, ours, "salesforce", REASON)]


def _later(column: str, one: HeldPerson, other: HeldPerson) -> bool:
    mine, theirs = one.changed_at.get(column), other.changed_at.get(column)
    return mine is not None and (theirs is None or mine > theirs)


def _together(policy: JoinPolicy, kind: Kind, ours: Value, other: Value, before: Value) -> Value:
    """Both values as one; values that are not of their kind stay the remaining person's."""
    if policy is JoinPolicy.SUM:
        return _sum(ours, other, before)
    if ours is None:
        return other
    if policy is JoinPolicy.MOST_RESTRICTIVE:
        return bool(ours) or bool(other)
    if policy is JoinPolicy.UNION and isinstance(ours, str) and isinstance(other, str):
        return ";".join(sorted({*ours.split(";"), *other.split(";")}))
    if policy is JoinPolicy.MAX:
        if isinstance(ours, int | Decimal) and isinstance(other, int | Decimal):
            return max(ours, other)
        if isinstance(ours, str) and isinstance(other, str) and kind in (Kind.DATE, Kind.DATETIME):
            return max(ours, other)
    return ours


def _sum(ours: Value, other: Value, before: Value) -> Value:
    numbers = int | Decimal
    if not isinstance(other, numbers):
        return ours
    base = before if isinstance(before, numbers) else 0
    if ours is not None and not isinstance(ours, numbers):
        return ours
    if ours is None or ours in (other, before):
        return base + other
    return ours if ours == base + other else ours + other
