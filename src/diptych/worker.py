"""What the worker process does: cycles with a pause between them, at once when asked or when something changed here.

Cycles are jobs, so that a request from any process reaches the worker and one that was killed is taken up again. This
module decides when; `sync` decides what.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from diptych.alerts.watch import watch
from diptych.domain.matching import Matching, MatchRule
from diptych.domain.outcome import LoginFailed, OrgError
from diptych.jobs.port import JsonMap
from diptych.services.keeping import prune_if_due
from diptych.setup.state import SetupRefused, Step
from diptych.sync.ports import LeaseLost, StoreBusy
from diptych.sync.repair.gather import Order

if TYPE_CHECKING:
    from diptych.sync.report import CycleReport
    from diptych.wiring import Workspace

CYCLE, VERIFY, RECONCILE, REFRESH = "cycle", "verify", "reconcile", "refresh"
GATHER, UNDO = "gather", "undo"
_LOOK_SECONDS = 1.0
_AFTER_LOGIN_FAILED = timedelta(minutes=15)
_LEASE_WAIT_SECONDS = 300.0
_PURGE_EVERY = 50

_log = logging.getLogger(__name__)


class Worker:
    """One worker. `run` blocks until `stop` is set, or until the workspace has moved to another database."""

    def __init__(self, workspace: Workspace, stop: threading.Event) -> None:
        self._space, self._stop = workspace, stop
        self._ended_at: float | None = None
        self._hold_until = 0.0
        self._history = 0
        self._cycles = 0
        self._moved = False

    def run(self) -> bool:
        """True when the process is to be started again, on another database."""
        timer = threading.Thread(target=self._keep_time, name="timer", daemon=True)
        timer.start()
        watch(lambda: self._space.alerts, self._stop)
        try:
            self._space.jobs.run_worker(
                {
                    CYCLE: self.cycle,
                    VERIFY: self.verify,
                    RECONCILE: self.reconcile,
                    REFRESH: self.refresh,
                    GATHER: self.gather,
                    UNDO: self.undo,
                },
                self._stop,
            )
        finally:
            self._stop.set()
            timer.join(10)
        return self._moved

    # ------------------------------------------------------------ jobs

    def cycle(self, _arguments: JsonMap, _stop: threading.Event) -> JsonMap:
        """One cycle; the initial load to its end while it is not complete."""
        state = self._space.setup.state()
        if state.step is not Step.RUNNING or state.paused:
            return {"status": "paused" if state.paused else "not started"}
        try:
            report = self._space.run_cycle(wait_seconds=_LEASE_WAIT_SECONDS, stop=self._stop)
        except LoginFailed as problem:
            # more attempts with the same password would lock the user out
            self._hold_until = time.monotonic() + _AFTER_LOGIN_FAILED.total_seconds()
            return {"status": "Failed", "error": str(problem)}
        except (OrgError, SetupRefused, StoreBusy, LeaseLost) as problem:
            return {"status": "Failed", "error": str(problem)}
        finally:
            self._ended_at = time.monotonic()
            self._cycles += 1
            if self._cycles % _PURGE_EVERY == 0:
                self._space.jobs.purge()
                prune_if_due(self._space.store, self._space.clock.now())
        self._hold_until = 0.0
        return outcome(report)

    def verify(self, arguments: JsonMap, _stop: threading.Event) -> JsonMap:
        """The full comparison of both sides; its result is kept for the status page."""
        found = self._space.verify(repair=bool(arguments.get("repair")), wait_seconds=_LEASE_WAIT_SECONDS)
        return {"equal": found["equal"]}

    def reconcile(self, arguments: JsonMap, _stop: threading.Event) -> JsonMap:
        """Tell apart the records that only we hold; the result is kept for the status."""
        name = arguments.get("object")
        done = self._space.reconcile(
            str(name) if name else None,
            allowed=bool(arguments.get("allowed")),
            wait_seconds=_LEASE_WAIT_SECONDS,
        )
        return {one.object: dict(one.gone) for one in done}

    def refresh(self, _arguments: JsonMap, _stop: threading.Event) -> JsonMap:
        """Read fields again; when that was is kept for the status."""
        try:
            done = self._space.refresh_asked(wait_seconds=_LEASE_WAIT_SECONDS)
        except (SetupRefused, StoreBusy, LeaseLost, OrgError) as problem:
            return {"status": "Failed", "error": str(problem)}
        return {one.object_name: one.waits or "refreshed" for one in done}

    def gather(self, arguments: JsonMap, _stop: threading.Event) -> JsonMap:
        """Join the people that a match rule takes for one; stopped, it goes on when it is asked for again."""
        column = arguments.get("column")
        matching = Matching(MatchRule(str(arguments["rule"])), str(column) if column else None)
        order = Order(matching, int(str(arguments["largest"])))
        try:
            done = self._space.gather(order, wait_seconds=_LEASE_WAIT_SECONDS, stop=self._stop)
        except (SetupRefused, StoreBusy) as problem:
            return {"status": "Failed", "error": str(problem)}
        return {"run": done.run_id, "joins": done.counts.joins}

    def undo(self, arguments: JsonMap, _stop: threading.Event) -> JsonMap:
        """Undo a run."""
        done = self._space.undo(int(str(arguments["run"])), carry_out=True, wait_seconds=_LEASE_WAIT_SECONDS)
        return {"run": done.run_id, "status": done.status, "error": done.error}

    # ------------------------------------------------------------ when

    def _keep_time(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                if self._space.moved():
                    self._moved = True
                    self._stop.set()
                elif self._due():
                    self._space.jobs.enqueue(CYCLE)
                    self._ended_at = time.monotonic()  # not again before this one has had its turn
            except (StoreBusy, OSError) as problem:
                _log.warning("cannot look for work: %s", problem)
            except Exception:
                _log.exception("cannot look for work")

    def _due(self) -> bool:
        state = self._space.setup.state()
        if state.step is not Step.RUNNING or state.paused or time.monotonic() < self._hold_until:
            return False
        if self._ended_at is None:
            return True
        waited = time.monotonic() - self._ended_at
        if waited >= self._space.setup.pause_seconds():
            return True
        return self._edited()

    def _edited(self) -> bool:
        """Whether something was changed here since the last look."""
        self._history, edited = self._space.queries.edits_since(self._history)
        return edited


def outcome(report: CycleReport) -> dict[str, object]:
    """A report as plain JSON."""
    return {
        "run_id": report.run_id,
        "status": report.status,
        "error": report.error,
        "api_calls": report.api_calls,
        "objects": report.counters(),
    }
