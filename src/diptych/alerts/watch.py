"""A thread that lets the desk of a workspace have its look every few seconds, in the worker and in the web process.

Both have one, so that a worker that has ended is noticed too; between them they look once, not twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from diptych.alerts.desk import AlertDesk
from diptych.sync.ports import StoreBusy

_log = logging.getLogger(__name__)
_SECONDS = 15.0


def watch(
    desk: Callable[[], AlertDesk], stop: threading.Event, seconds: float = _SECONDS
) -> threading.Thread:
    """Start it; it ends with `stop`. `desk` is asked each time: a workspace may have moved."""
    thread = threading.Thread(target=_run, args=(desk, stop, seconds), name="alerts", daemon=True)
    thread.start()
    return thread


def _run(desk: Callable[[], AlertDesk], stop: threading.Event, seconds: float) -> None:
    wait = seconds
    while not stop.wait(wait):
        began = time.monotonic()
        try:
            desk().tick()
        except (StoreBusy, OSError) as problem:
            _log.warning("alerts could not be looked at: %s", problem)
        except Exception:  # whatever it is: the next look may work
            _log.exception("alerts could not be looked at")
        wait = max(seconds, 9 * (time.monotonic() - began))  # looking takes a tenth of the time at most
