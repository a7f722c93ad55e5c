"""The clock of this machine, and one at which an engine can be stopped."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """This machine's clock, with the offset of the settings."""

    def __init__(self, offset_seconds: float = 0) -> None:
        self._offset = timedelta(seconds=offset_seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Stopping(Exception):
    """This process was asked to end; what was begun is taken up again by the next one."""


class StoppingClock:
    """A clock at which an engine can be stopped."""

    def __init__(self, clock: SystemClock, stop: threading.Event | None) -> None:
        self._clock, self._stop = clock, stop

    def now(self) -> datetime:
        if self._stop is not None and self._stop.is_set():
            raise Stopping("stopping")
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        if self._stop is None:
            self._clock.sleep(seconds)
        elif self._stop.wait(seconds):
            raise Stopping("stopping")
