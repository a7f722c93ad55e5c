"""The org's own clock, which the control plane can move or stop."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class OrgClock:
    """Real time plus an offset, or a frozen moment."""

    def __init__(self, offset_seconds: float = 0.0, frozen_at: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._offset = offset_seconds
        self._frozen = frozen_at
        self._header_offset = 0.0

    def now(self) -> datetime:
        """The org's time, aware, in UTC."""
        with self._lock:
            if self._frozen is not None:
                return self._frozen
            return datetime.fromtimestamp(time.time() + self._offset, UTC)

    @property
    def offset_seconds(self) -> float:
        return self._offset

    @property
    def frozen_at(self) -> datetime | None:
        return self._frozen

    def set_offset(self, seconds: float) -> None:
        """Run `seconds` ahead of real time (behind, when negative)."""
        with self._lock:
            self._offset = seconds

    @property
    def header_offset_seconds(self) -> float:
        """How far the `Date` header is ahead of the org's time: the clocks of real servers differ."""
        return self._header_offset

    def set_header_offset(self, seconds: float) -> None:
        """Have the `Date` header run `seconds` ahead of the org's time (behind, when negative)."""
        with self._lock:
            self._header_offset = seconds

    def header_now(self) -> datetime:
        """The time that the `Date` header shows."""
        return self.now() + timedelta(seconds=self._header_offset)

    def freeze(self, moment: datetime | None = None) -> None:
        """Stop at `moment`, by default at the org's present time."""
        moment = moment or self.now()
        with self._lock:
            self._frozen = moment.astimezone(UTC)

    def unfreeze(self) -> None:
        """Run again from the moment at which the clock stood."""
        with self._lock:
            if self._frozen is not None:
                self._offset = self._frozen.timestamp() - time.time()
                self._frozen = None

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`, whether frozen or running."""
        with self._lock:
            if self._frozen is not None:
                self._frozen += timedelta(seconds=seconds)
            else:
                self._offset += seconds


def stamp(moment: datetime) -> str:
    """The stored form of a moment: UTC, whole seconds, no zone (`2026-01-31T12:00:00`)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse_stamp(text: str) -> datetime:
    """The moment of a stored stamp."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wire(text: str) -> str:
    """A stored stamp as REST answers write it (`2026-01-31T12:00:00.000+0000`)."""
    return text + ".000+0000"
