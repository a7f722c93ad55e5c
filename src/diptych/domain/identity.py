"""What has become of a Salesforce record: live, deleted, merged into another, converted (R-9, R-10; D-58, D-69, D-70).

A record that is merely not shown to us has no fate: it may be hidden by sharing (N-22), so nothing is concluded from that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from diptych.domain.objects import synced_object
from diptych.domain.pair import PairState, Record


class Fate(StrEnum):
    LIVE = "live"
    DELETED = "deleted"
    MERGED = "merged"
    CONVERTED = "converted"


@dataclass(frozen=True)
class Ending:
    """The state of the pair, and what the person's row says, once the record has that fate."""

    state: PairState
    link_state: str
    salesforce_deleted: bool


_ENDINGS = {
    Fate.DELETED: Ending(PairState.TOMBSTONED, "deleted", True),
    Fate.MERGED: Ending(PairState.REDIRECTED, "deleted", True),
    Fate.CONVERTED: Ending(PairState.CONVERTED, "converted", False),
}

ENDED = frozenset(ending.state for ending in _ENDINGS.values())
"""States of a pair that is never written to; left when Salesforce shows the record live again (undelete)."""


def fate_of(record: Record) -> Fate:
    """Read from the record itself, as a read that includes deleted rows shows it. A converted lead that is deleted later
    is deleted; a deleted record with a master is the loser of a merge."""
    if record.deleted:
        return Fate.MERGED if record.master_id else Fate.DELETED
    return Fate.CONVERTED if record.converted else Fate.LIVE


def ending_of(object_name: str, fate: Fate) -> Ending:
    """What that fate makes of a pair of that object."""
    if fate is Fate.LIVE:
        return Ending(PairState.PAIRED, synced_object(object_name).salesforce_type or "none", False)
    return _ENDINGS[fate]
