"""The status as all pages and open browsers share it: read once for all of them, and seldom when reading is dear."""

from __future__ import annotations

import logging
import threading
import time

from diptych.admin.services import Workspace
from diptych.admin.views import Summary
from diptych.admin.words import _
from diptych.services.status import Status

_log = logging.getLogger(__name__)
_KEPT_SECONDS = 1.0
# reading takes a tenth of the time at most, and what is shown is never older than this
_DEAREST_SECONDS = 10.0


class Live:
    """The latest status of one workspace. May be asked from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._guard = threading.Lock()
        self._status: Status | None = None
        self._good_until = 0.0
        self.stopping = threading.Event()
        self.alerts = 0

    def status(self) -> Status | None:
        """The status, a second old or so; None when it cannot be read just now."""
        with self._guard:
            began = time.monotonic()
            if began < self._good_until:
                return self._status
            try:
                self._status = self._workspace.status()
                self.alerts = sum(one.acked_at is None for one in self._workspace.alerts.firing())
            except Exception:  # whatever it is: a page without its state is still a page
                _log.warning("the status could not be read", exc_info=True)
                self._status = None
            now = time.monotonic()
            self._good_until = now + min(max(_KEPT_SECONDS, 9 * (now - began)), _DEAREST_SECONDS)
            return self._status

    def forget(self) -> None:
        """Something was done here that the next page has to show."""
        self._good_until = 0.0


def summary(status: Status, alerts: int = 0) -> Summary:
    """The state at the top right, in Marketo's words where it has them (S-61)."""
    words = {
        "last_sync": _("Last sync"),
        "in_progress": _("Sync in progress"),
        "failed": _("Failed"),
        "paused": _("Paused"),
        "initial_load": _("Initial sync"),
        "not_connected": _("Not connected"),
    }.get(status.state, _("Set-up not finished"))
    at = status.last_sync_at if status.state == "last_sync" else None
    return Summary(status.state, words, at, status.dead_letters, alerts, status.for_review)
