"""After a restore, decided: what becomes of changes that waited for Salesforce when the backup was taken.

Our database is older than Salesforce. A change that waited then may have been sent since, and somebody in Salesforce may have
gone on from there; the database that knew is lost. So, other than in a cycle, two sides that have both left base are no
conflict that a policy could judge: ours may be an old version of what is there. Salesforce's value stands, ours goes to the
conflict log (`restored`), from where it can be put in place again. A statement of consent that allows less stands in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.domain.mapping import Direction, ObjectMapping, Policy
from diptych.domain.merge import Conflict
from diptych.domain.pair import Linked
from diptych.domain.policies import keeps_refusal
from diptych.domain.values import Value

REASON = "restored"


@dataclass(frozen=True)
class Settled:
    """For one pair: new values of ours, new bases, what was given up. `sent`: columns that turned out to have been sent;
    `waiting`: columns that still owe a write."""

    ours: Mapping[str, Value] = field(default_factory=dict)
    base: Mapping[str, Value] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    sent: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        return not self.base


def settle(
    linked: Linked,
    theirs: Mapping[str, Value],
    mapping: ObjectMapping,
    by_us: bool = True,
    replaced: Mapping[str, Value] | None = None,
) -> Settled:
    """What to make of a pair's waiting changes; `theirs` is the live record, by column (a column that was not read is
    missing, and left alone). `by_us`: the sync user was the last to save it. `replaced`: what ours was
    when the backup was put back, of columns that were edited here since."""
    sent_then = linked.pair.inflight.values if linked.pair.inflight is not None else {}
    ours: dict[str, Value] = {}
    base: dict[str, Value] = {}
    conflicts: list[Conflict] = []
    sent: list[str] = []
    waiting: list[str] = []
    for column, value in linked.dirty.items():
        mapped = mapping.by_column.get(column)
        if mapped is None or mapped.direction is not Direction.BOTH or column not in theirs:
            continue
        there, before = theirs[column], linked.base.get(column)
        if there == value:
            base[column] = there
            sent.append(column)
        elif there == before:
            waiting.append(column)
        elif replaced is not None and column in replaced and there == replaced[column]:
            base[column] = there  # the value of the backup had been sent; who edited it since has seen it
            waiting.append(column)
        elif column in sent_then and there == sent_then[column]:
            base[column] = there  # what was in flight has landed; ours was edited after it was sent
            waiting.append(column)
        elif mapped.policy is Policy.MOST_RESTRICTIVE and value is mapped.restrictive:
            base[column] = there
            waiting.append(column)
            conflicts.append(Conflict(column, before, value, there, "ours", "most_restrictive"))
        else:
            ours[column] = base[column] = there
            conflicts.append(Conflict(column, before, value, there, "salesforce", REASON))
    for column, value in sent_then.items():
        mapped = mapping.by_column.get(column)
        if mapped is None or mapped.direction is not Direction.BOTH or column in linked.dirty:
            continue
        if column not in theirs or theirs[column] != value or value == linked.base.get(column):
            continue
        base[column] = value
        if by_us or keeps_refusal(mapped, linked.ours[column]):
            waiting.append(column)  # it has landed, and ours was changed back to what it replaced
        else:  # or it has not, and somebody typed the same, over what we have
            ours[column] = value
            was = linked.ours[column]
            conflicts.append(Conflict(column, was, was, value, "salesforce", "outcome_unknown"))
    return Settled(ours, base, tuple(conflicts), tuple(sent), tuple(waiting))
