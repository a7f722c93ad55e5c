"""Jobs in memory, for tests and for a process that needs no durable ones: the same port, nothing kept."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from diptych.jobs.port import Handler, Job, JobStatus, JsonMap, UnknownJob

_ENDED = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


class InProcessJobs:
    """A queue of this process. Several threads may use it."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._due: dict[str, float] = {}
        self._scheduled: set[str] = set()
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()

    def enqueue(self, name: str, arguments: JsonMap | None = None) -> str:
        return self._add(name, arguments, 0.0, scheduled=False)

    def schedule(self, name: str, after_seconds: float, arguments: JsonMap | None = None) -> str:
        return self._add(name, arguments, after_seconds, scheduled=True)

    def cancel(self, job_id: str) -> None:
        with self._changed:
            job = self._jobs.get(job_id)
            if job and job.status is JobStatus.WAITING:
                self._jobs[job_id] = replace(job, status=JobStatus.CANCELLED)

    def list(self, limit: int = 50) -> list[Job]:
        with self._changed:
            return list(self._jobs.values())[::-1][:limit]

    def purge(self, keep: int = 50) -> int:
        with self._changed:
            ended = [id_ for id_, job in self._jobs.items() if job.status in _ENDED]
            for id_ in ended[: max(0, len(ended) - keep)]:
                del self._jobs[id_]
            return max(0, len(ended) - keep)

    def run_worker(self, handlers: Mapping[str, Handler], stop: threading.Event) -> None:
        while not stop.is_set():
            job = self._next()
            if job is None:
                with self._changed:
                    self._changed.wait(0.02)
                continue
            try:
                if job.name not in handlers:
                    raise UnknownJob(f"no handler for {job.name}")
                result = handlers[job.name](job.arguments, stop)
                self._end(job, JobStatus.DONE, result, None)
            except Exception as problem:
                self._end(job, JobStatus.FAILED, None, f"{type(problem).__name__}: {problem}")

    def close(self) -> None:
        """Nothing is held."""

    def _add(self, name: str, arguments: JsonMap | None, after: float, *, scheduled: bool) -> str:
        with self._changed:
            for job in self._jobs.values():
                same = job.name == name and (job.id in self._scheduled) == scheduled
                same = same and (scheduled or job.arguments == dict(arguments or {}))
                if same and job.status is JobStatus.WAITING:
                    return job.id
            job_id = str(next(self._numbers))
            self._jobs[job_id] = Job(
                job_id, name, JobStatus.WAITING, datetime.now(UTC), dict(arguments or {})
            )
            self._due[job_id] = time.monotonic() + after
            if scheduled:
                self._scheduled.add(job_id)
            self._changed.notify_all()
            return job_id

    def _next(self) -> Job | None:
        with self._changed:
            if any(job.status is JobStatus.RUNNING for job in self._jobs.values()):
                return None
            for job in self._jobs.values():
                if job.status is JobStatus.WAITING and self._due[job.id] <= time.monotonic():
                    self._jobs[job.id] = replace(job, status=JobStatus.RUNNING)
                    return self._jobs[job.id]
        return None

    def _end(self, job: Job, status: JobStatus, result: JsonMap | None, error: str | None) -> None:
        with self._changed:
            self._jobs[job.id] = replace(job, status=status, result=result, error=error)
            self._changed.notify_all()
