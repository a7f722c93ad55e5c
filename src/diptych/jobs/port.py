"""Durable jobs, as much of them as we need. Correctness never rests on them: a job may run twice or be lost without harm,
since cursors and rows are kept together in our own database. DBOS is behind it today (docs/decisions)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

JsonMap = Mapping[str, object]
# what a job does: arguments in, a result out, both plain JSON; it looks at the event between its steps and stops early
Handler = Callable[[JsonMap, threading.Event], JsonMap]


class JobStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Job:
    """One job as the engine knows it. `error` is one line."""

    id: str
    name: str
    status: JobStatus
    created_at: datetime
    arguments: JsonMap = field(default_factory=dict)
    result: JsonMap | None = None
    error: str | None = None


class UnknownJob(Exception):
    """No handler is known under that name."""


class Jobs(Protocol):
    """One queue whose jobs run one at a time, over all workers."""

    def enqueue(self, name: str, arguments: JsonMap | None = None) -> str:
        """Run `name` soon; its id. While one of that name and with these arguments waits, asking again gives the one that
        waits; a job that is running already does not count, so that what is asked for now is done after now."""

    def schedule(self, name: str, after_seconds: float, arguments: JsonMap | None = None) -> str:
        """Run `name` not before that many seconds; one scheduled already under that name stays as it is."""

    def cancel(self, job_id: str) -> None:
        """A waiting job will not run. A running one goes on to its end. No error for one that has ended."""

    def list(self, limit: int = 50) -> list[Job]:
        """The latest jobs, newest first."""

    def run_worker(self, handlers: Mapping[str, Handler], stop: threading.Event) -> None:
        """Run jobs in this process until `stop` is set, those first that a killed predecessor left half done."""

    def purge(self, keep: int = 50) -> int:
        """Forget ended jobs but the latest `keep`; how many."""

    def close(self) -> None: ...
