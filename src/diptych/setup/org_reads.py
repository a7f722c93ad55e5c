"""What set-up has read of the org, kept for a while: its objects as the sync user sees them, and how full their fields are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.outcome import OrgError, OrgRefused
from diptych.domain.schema import ObjectDescription
from diptych.sync.ports import Clock, Org

_DESCRIBE_AGAIN_AFTER = timedelta(seconds=60)
_COUNT_AGAIN_AFTER = timedelta(minutes=10)


class OrgReads:
    """`org` gives the connected org; what it raises goes through. `hidden`: of objects that the sync user does not see, what the org
    said at the last read."""

    def __init__(self, org: Callable[[], Org], clock: Clock) -> None:
        self._org, self._clock = org, clock
        self.hidden: dict[str, str] = {}
        self._described: dict[str, ObjectDescription] = {}
        self._described_at = self._counted_at = clock.now() - timedelta(days=1)
        self._fill: dict[str, dict[str, float]] = {}

    def objects(self, fresh: bool = False) -> dict[str, ObjectDescription]:
        """The synced objects that can be seen; with `fresh` as they are at this moment."""
        now = self._clock.now()
        if fresh or not self._described or now - self._described_at > _DESCRIBE_AGAIN_AFTER:
            org = self._org()
            described: dict[str, ObjectDescription] = {}
            hidden: dict[str, str] = {}
            for known in SYNCED_OBJECTS:
                try:
                    described[known.name] = org.describe(known.name)
                except OrgRefused as problem:
                    hidden[known.name] = problem.problem.message
            self._described, self.hidden, self._described_at = described, hidden, now
        return self._described

    def fills(self, described: ObjectDescription) -> Mapping[str, float]:
        """The share of records in which each field is filled, where the org can count it."""
        now = self._clock.now()
        if now - self._counted_at > _COUNT_AGAIN_AFTER:
            self._fill, self._counted_at = {}, now
        if described.name not in self._fill:
            org = self._org()
            try:
                total = org.count(described.name)
                counts = org.fill_counts(described.name, tuple(described.fields)) if total else {}
            except OrgError:  # a list without bars is better than no list
                total, counts = 0, {}
            self._fill[described.name] = (
                {name: min(1.0, n / total) for name, n in counts.items()} if total else {}
            )
        return self._fill[described.name]

    def forget(self) -> None:
        """Another org may be connected now."""
        self._described, self._fill = {}, {}
