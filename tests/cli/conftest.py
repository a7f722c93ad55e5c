from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.postgres_server import PostgresServer, running_postgres
from tests.practice_org.server import RunningOrg, start_practice_org


@dataclass
class Terminal:
    """Runs `diptych` as a person would, on a data folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def all_of_it(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("DIPTYCH_")}
        return clean | {"DIPTYCH_DATA_DIR": str(self.folder)} | self.environment

    def __call__(self, *arguments: str, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        done = forked.run(arguments, self.all_of_it | more, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code).stdout)

    def refused(self, *arguments: str, **more: str) -> str:
        """The one line that says why."""
        done = self(*arguments, code=1, **more)
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("diptych: ")
        return lines[0].removeprefix("diptych: ")

    def connect(self, org: RunningOrg) -> None:
        org.later()  # than what another test has written there
        self.environment |= {"PW": org.password, "TOKEN": org.security_token}
        self(*connect_arguments(org), "--yes")

    def set_up(self, org: RunningOrg) -> None:
        self.connect(org)
        self("fields", "sync", "--yes")
        self("start", "--yes")


def connect_arguments(org: RunningOrg) -> list[str]:
    return [
        "connect", "--login-url", org.base_url, "--username", org.username,
        "--password-env", "PW", "--security-token-env", "TOKEN",
    ]  # fmt: skip


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "data")


@pytest.fixture(scope="module")
def practice_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=60) as org:
        yield org


@pytest.fixture(scope="module")
def synced(practice_org: RunningOrg, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Set up and loaded; no test may touch it."""
    made = Terminal(tmp_path_factory.mktemp("synced") / "data")
    made.set_up(practice_org)
    made("sync", "--once")
    return made


@pytest.fixture
def loaded(terminal: Terminal, synced: Terminal) -> Terminal:
    """A copy of `synced` for one test."""
    shutil.copytree(synced.folder, terminal.folder)
    terminal.environment |= synced.environment
    return terminal


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    import time

    def wait(happened: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.1)

    return wait


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server
