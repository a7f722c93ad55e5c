"""The durable jobs, their library loaded only when one is asked for."""

from __future__ import annotations

from typing import Any

from diptych.jobs.port import Jobs


class LazyJobs:
    """Jobs whose library is loaded when first used: most commands never do."""

    def __init__(self, url: str, executor: str) -> None:
        self._url, self._executor = url, executor
        self._made: Jobs | None = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            from diptych.jobs.dbos_jobs import DbosJobs

            self._made = DbosJobs(self._url, self._executor)
        return getattr(self._made, name)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()
