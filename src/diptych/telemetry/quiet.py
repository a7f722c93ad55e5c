"""What an exporter in trouble says, in our words and seldom: a collector that is away for a night is a few lines, not thousands."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_EVERY_SECONDS = 3600.0
_SOURCE = "opentelemetry"
_log = logging.getLogger("diptych.telemetry")


class _Seldom(logging.Handler):
    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._monotonic = monotonic
        self._said_at: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Runs under the handler's lock."""
        now = self._monotonic()
        if self._said_at is not None and now - self._said_at < _EVERY_SECONDS:
            return
        self._said_at = now
        told = " ".join(record.getMessage().split())
        _log.warning(
            "OpenTelemetry: what was traced is not all delivered (%s). The sync is not held up by it; "
            "see that the collector is there. This is said once an hour at most.",
            told[:160],
        )


def keep_quiet() -> None:
    """From now on the library's warnings of this process are said seldom. Once is enough."""
    library = logging.getLogger(_SOURCE)
    if not any(isinstance(handler, _Seldom) for handler in library.handlers):
        library.addHandler(_Seldom())
        library.propagate = False
