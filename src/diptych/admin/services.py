"""What the pages need of the workspace. `diptych.wiring.Workspace` is one; the pages do not import it (design.md, section 3)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from diptych.config import Settings
from diptych.jobs.port import Jobs
from diptych.setup.steps import Setup
from diptych.status import Status
from diptych.store.queries import Queries
from diptych.store.sql_store import SqlStore
from diptych.sync.ports import Clock


class Workspace(Protocol):
    """One database, its org, and the services over them. `start_over` may replace the services: ask for them each time."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def store(self) -> SqlStore: ...
    @property
    def queries(self) -> Queries: ...
    @property
    def setup(self) -> Setup: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def demo(self) -> bool: ...
    @property
    def database_file(self) -> Path | None: ...

    def status(self) -> Status: ...
    def sync_now(self) -> None: ...
    def verify_soon(self, repair: bool = False) -> None: ...
    def start_over(self) -> None: ...
