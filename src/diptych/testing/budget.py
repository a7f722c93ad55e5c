"""A budget that allows everything and remembers what was asked, or stops when told."""

from __future__ import annotations

from collections import Counter

from diptych.domain.outcome import ErrorClass, LimitExceeded, Problem


class OpenBudget:
    """`sync.ports.Budget`. `closed` lanes raise LimitExceeded."""

    def __init__(self) -> None:
        self.reserved: Counter[str] = Counter()
        self.closed: set[str] = set()

    def reserve(self, lane: str, calls: int = 1) -> None:
        if lane in self.closed:
            raise LimitExceeded(
                Problem("API_SHARE", f"The share of API calls for {lane} is used up.", ErrorClass.LIMIT)
            )
        self.reserved[lane] += calls
