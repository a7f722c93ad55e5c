"""Where a Salesforce record is that only we hold: told apart from evidence, never from silence (D-75..D-77, N-22).

That the org does not show a record proves nothing: it may be hidden by sharing. It counts as gone for good only when the
org's log of deletes names it, or when nothing of the object can be hidden from the sync user. In doubt it is hidden, which
costs nothing: the pair waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from diptych.domain.identity import Fate, fate_of
from diptych.domain.pair import Record


class Whereabouts(StrEnum):
    LIVE = "live"
    DELETED = "deleted"
    MERGED = "merged"
    CONVERTED = "converted"
    PURGED = "purged"
    """Deleted for good: it is not in the recycle bin either."""
    HIDDEN = "hidden"
    """Not shown to the sync user, and not known to be deleted."""


@dataclass(frozen=True)
class Evidence:
    """What is known of one record. `record`: as a read that includes the recycle bin shows it, None when it does not.

    `in_log`: the log of deletes names it. `shared`: the org's sharing says that the sync user may read it (it exists).
    `sees_all`: nothing of the object is hidden from the sync user by sharing; None: the org did not say.
    """

    record: Record | None
    in_log: bool = False
    shared: bool = False
    sees_all: bool | None = None


_FATES = {
    Fate.LIVE: Whereabouts.LIVE,
    Fate.DELETED: Whereabouts.DELETED,
    Fate.MERGED: Whereabouts.MERGED,
    Fate.CONVERTED: Whereabouts.CONVERTED,
}


def tell(evidence: Evidence) -> Whereabouts:
    """The weakest conclusion that the evidence allows."""
    if evidence.record is not None:
        return _FATES[fate_of(evidence.record)]
    if evidence.in_log:
        return Whereabouts.PURGED
    if evidence.shared:
        return Whereabouts.HIDDEN  # a restriction rule keeps from us what sharing would show
    return Whereabouts.PURGED if evidence.sees_all else Whereabouts.HIDDEN
