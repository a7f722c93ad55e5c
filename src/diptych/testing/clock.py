"""A clock that stands still until someone moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 8, 0, 0, tzinfo=UTC)


class VirtualClock:
    """`sync.ports.Clock` without waiting: `sleep` moves time on.

    `true_now` is the time that passes for everybody; `now` is what our own machine believes, which a test may set
    wrong with `jump` (correctness.md N-15). The org in memory reads `true_now`.
    """

    def __init__(self, start: datetime = START) -> None:
        self._true = start
        self._offset = timedelta()
        self.slept = 0.0

    def now(self) -> datetime:
        return self._true + self._offset

    def true_now(self) -> datetime:
        return self._true

    def sleep(self, seconds: float) -> None:
        self.slept += max(seconds, 0.0)
        self.advance(max(seconds, 0.0))

    def advance(self, seconds: float) -> None:
        """Let time pass for everybody; never backwards."""
        if seconds < 0:
            raise ValueError("time does not pass backwards: use jump to set our own clock wrong")
        self._true += timedelta(seconds=seconds)

    def jump(self, seconds: float) -> None:
        """Set our own clock forwards or backwards; the org's does not move."""
        self._offset += timedelta(seconds=seconds)
