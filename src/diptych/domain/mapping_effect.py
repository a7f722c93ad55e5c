"""What a change of mapping does now to values that differ on both sides: what would be sent, taken in, or put before a person.

Whatever is equal on both sides stays as it is under any direction or policy; so the values that differ tell all. The answer
is that of `merge`, the one decision of the engine, asked under the mapping as it is and as it would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from diptych.domain.mapping import Direction, FieldMapping
from diptych.domain.merge import merge_field
from diptych.domain.pair import Standing
from diptych.domain.values import Value


class Fate(StrEnum):
    """What becomes of a value that differs: sent to Salesforce, taken in from there, asked (a person decides), or stays."""

    SENT = "sent"
    TAKEN = "taken"
    ASKED = "asked"
    STAYS = "stays"


@dataclass(frozen=True)
class Outcome:
    """The fate of one value, and both sides afterwards."""

    fate: Fate
    ours: Value
    theirs: Value


@dataclass(frozen=True)
class Differing:
    """A value that is not the same on both sides. `theirs`: what Salesforce has, as far as known; base where nothing newer was
    seen. `held`: an open error holds it back, so it stays until that is gone. `standing`: where ours came from, of a person
    with several records."""

    person_id: int
    sf_id: str
    base: Value
    ours: Value
    theirs: Value
    held: bool = False
    standing: Standing | None = None


@dataclass(frozen=True)
class Effect:
    """One value under the mapping as it is and as it would be."""

    value: Differing
    before: Outcome
    after: Outcome

    @property
    def differs(self) -> bool:
        return self.before != self.after


def outcome(mapped: FieldMapping | None, value: Differing) -> Outcome:
    """What the sync makes of a differing value. `mapped` None: the field is not synced."""
    ours, theirs = value.ours, value.theirs
    stays = Outcome(Fate.STAYS, ours, theirs)
    if mapped is None or value.held or ours == theirs:
        return stays
    result = merge_field(value.base, ours, theirs, mapped, standing=value.standing)
    if result.ask:
        return Outcome(Fate.ASKED, ours, theirs)
    if result.ours != ours:
        return Outcome(Fate.TAKEN, result.ours, theirs)
    if mapped.direction is Direction.INBOUND or (ours is None and not mapped.nillable):
        return stays
    return Outcome(Fate.SENT, ours, ours)


def effects(
    before: FieldMapping | None, after: FieldMapping | None, values: Iterable[Differing]
) -> list[Effect]:
    """Each differing value under both mappings. A field that goes to another column leaves its values behind in the old one:
    what was to be sent from there is not sent any more."""
    left_behind = (
        before is not None
        and after is not None
        and (before.table, before.column) != (after.table, after.column)
    )
    return [Effect(one, outcome(before, one), outcome(None if left_behind else after, one)) for one in values]


def counts(outcomes: Iterable[Outcome]) -> Mapping[Fate, int]:
    """How many of each fate."""
    found = dict.fromkeys(Fate, 0)
    for one in outcomes:
        found[one.fate] += 1
    return found
