"""How many records of an object may end or vanish at once before a person is asked (R-9, I-11)."""

from __future__ import annotations

from diptych.domain.objects import synced_object
from diptych.domain.outcome import ErrorClass, Problem
from diptych.sync.engine import Options
from diptych.sync.ports import Transaction

_COUNT_ROWS = 10_000


def live_count(tx: Transaction, object_name: str) -> int:
    """How many live records of the object we hold."""
    count, after = 0, ""
    while ids := tx.live_ids(object_name, after, _COUNT_ROWS):
        count, after = count + len(ids), ids[-1]
    return count


def mass_disappearance(
    tx: Transaction, object_name: str, missing: int, found: int, options: Options
) -> Problem | None:
    """What to tell a person when that many records are not shown any more; None when they are few enough. `found`: how many
    of them, and of those handled before in the same pass."""
    if found <= options.mass_delete_floor:
        return None
    held = max(live_count(tx, object_name), found)
    if found <= options.mass_delete_share * held:
        return None
    label = synced_object(object_name).label_plural
    return Problem(
        "MASS_DISAPPEARANCE",
        f"At least {missing:,} of {held:,} {label} are not shown to the sync user any more; nothing was concluded from that.",
        ErrorClass.PERMISSION,
        f"More than max({options.mass_delete_floor}, {options.mass_delete_share:.0%}) at once is often a change of sharing, of a "
        "permission or of the sync user, or a delete by mistake.",
        f"Look what they are: diptych reconcile --object {object_name} --dry-run. Give the sync user its access back; or, "
        f"if it was meant, allow it once: diptych reconcile --object {object_name} --allow",
    )
