"""How writes travel: on condition that nobody has saved the record since, or as a collection, which knows no condition (R-7).

The record channel holds I-3 absolutely: an edit in Salesforce that we have not seen makes the org answer 'moved', and
nothing is written. A collection is an eighth of the calls; what moves between our look and its writing is overwritten
(residual X-2), so it is kept for backlogs so large that calls matter more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from diptych.domain.pair import Record
from diptych.sync.engine import Options


@dataclass(frozen=True)
class Channel:
    """`name` is kept with what is in flight; `batch`: records a call."""

    name: str
    batch: int

    def condition(self, record: Record) -> datetime | None:
        """Since when the record, as it was read, must not have been saved."""
        return record.modified_at if self.name == RECORD else None


RECORD, COLLECTIONS = "record", "collections"


def channel_for(owing: int, options: Options) -> Channel:
    """The channel for that many owing records of an object; `owing` need not be counted beyond `conditional_most`."""
    if owing <= options.conditional_most:
        return Channel(RECORD, min(options.conditional_batch, options.batch))
    return Channel(COLLECTIONS, options.batch)


def sent_at(read_at: datetime, waited: timedelta) -> datetime:
    """Server time of a sending: not earlier than the look at the records, and later by what has passed here since."""
    return read_at + timedelta(seconds=max(0, math.ceil(waited.total_seconds())))
