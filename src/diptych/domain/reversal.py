"""Taking back the decision of a conflict: the value that was given up is put in place again, as an edit of ours.

An edit like any other: it is merged, sent and logged by the rules of its field. So it is refused where those rules would only
undo it, and where somebody has edited the value since: what they wrote is newer than both sides of the conflict.
"""

from __future__ import annotations

from dataclasses import dataclass

from diptych.domain.mapping import FieldMapping
from diptych.domain.merge import merge_field
from diptych.domain.values import InvalidValue, Value, canonical, to_text

SIDES = ("ours", "salesforce")


class ReversalRefused(ValueError):
    """This conflict cannot be reversed; the text says why and what to do instead."""


@dataclass(frozen=True)
class Decided:
    """A logged conflict, values as text."""

    column: str
    ours: str | None
    theirs: str | None
    winner: str


@dataclass(frozen=True)
class Reversal:
    """What to write: `value` into `column`, in place of `replaced`."""

    column: str
    value: Value
    replaced: Value


def reversal(
    decided: Decided, mapping: FieldMapping | None, present: Value, keep: str | None = None
) -> Reversal | None:
    """What reverses the conflict: `keep` says whose value is to stand (default: the one that was given up). `present` is what
    the person holds now. None: that value stands already, so that a second time changes nothing. Raises ReversalRefused."""
    side = keep or ("ours" if decided.winner == "salesforce" else "salesforce")
    if side not in SIDES:
        raise ReversalRefused("The value to keep is 'ours' or 'salesforce'.")
    if mapping is None:
        raise ReversalRefused(
            f"{decided.column} is no longer mapped; edit the person to change it here, where it is not synced."
        )
    try:
        ours, theirs = (canonical(mapping.kind, v, mapping.scale) for v in (decided.ours, decided.theirs))
    except InvalidValue as problem:
        raise ReversalRefused(f"{decided.column} holds another kind of values now: {problem}.") from problem
    wanted, winning = (ours if side == "ours" else theirs), (ours if decided.winner == "ours" else theirs)
    if present == wanted:
        return None
    if present != winning:
        raise ReversalRefused(
            f"{decided.column} was edited since: it is {to_text(present) or 'blank'!r} now, not "
            f"{to_text(winning) or 'blank'!r}. Edit the person if the older value is to come back."
        )
    after = merge_field(winning, wanted, winning, mapping)
    if after.ours != wanted or after.ask:
        reason = after.conflict.reason if after.conflict else "ask"
        raise ReversalRefused(
            f"The rules of {mapping.object_name}.{mapping.field} would undo it ({reason}). Change its direction, "
            f"policy or blanks first, or change the value in Salesforce."
        )
    return Reversal(decided.column, wanted, winning)
