"""Diptych as it is installed: the real command in processes of its own, against a practice org over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests import forked
from tests.forked import Forked
from tests.practice_org.server import RunningOrg

SECONDS = 120


class Installation:
    """One data folder and the org it is connected to."""

    def __init__(self, folder: Path, org: RunningOrg, **settings: str) -> None:
        self.folder, self.org = folder, org
        self.settings = {"DIPTYCH_PAGE_ROWS": "100", "DIPTYCH_ZOMBIE_MINUTES": "0", **settings}

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DIPTYCH_")}
        return {
            **kept,
            **self.settings,
            "DIPTYCH_DATA_DIR": str(self.folder),
            "SYNC_PASSWORD": self.org.password,
            "SYNC_TOKEN": self.org.security_token,
            **extra,
        }

    def start(self, *arguments: str, **extra: str) -> Forked:
        return Forked(arguments, self.environment(**extra))

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return forked.run(arguments, self.environment(**extra), SECONDS)

    def diptych(self, *arguments: str, **extra: str) -> str:
        """The command's output; a failure of it fails the test with what it said."""
        done = self.run(*arguments, **extra)
        assert done.returncode == 0, f"diptych {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout

    def sync(self, **extra: str) -> Any:
        """One cycle, in a later second than all that was before."""
        self.org.later()
        return json.loads(self.diptych("sync", "--once", "--json", **extra))

    def killed_at(self, point: str, *arguments: str) -> None:
        """Run the command (a sync by default) until it kills itself at a named crash point; in a later second than all that
        was before, which a cycle leaves to the next."""
        self.org.later()
        done = self.run(*(arguments or ("sync", "--once")), DIPTYCH_CRASHPOINT=point)
        assert done.returncode == -9, (
            f"{point} was not passed: {done.returncode} {done.stderr or done.stdout}"
        )

    def verify(self) -> Any:
        return json.loads(self.run("verify", "--json").stdout)

    def set_up(self) -> Installation:
        """All the set-up steps, the sync switched on, nothing loaded yet."""
        self.diptych(
            "connect",
            *("--login-url", self.org.base_url, "--username", self.org.username),
            *("--password-env", "SYNC_PASSWORD", "--security-token-env", "SYNC_TOKEN", "--yes"),
        )
        self.diptych("fields", "sync", "--yes")
        self.diptych("start", "--yes")
        return self

    def copy(self, folder: Path) -> Installation:
        """The same installation as it is now, in another folder. No process may be writing to it."""
        shutil.copytree(self.folder, folder)
        return Installation(folder, self.org, **self.settings)

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The people database as any SQL client opens it."""
        with closing(sqlite3.connect(self.folder / "app.db", timeout=30)) as connection:
            yield connection
            connection.commit()

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.database() as connection:
            return connection.execute(statement, values).fetchall()

    def assert_whole(self) -> None:
        """Both sides equal, every Salesforce record here exactly once, nothing in flight."""
        compared = self.verify()
        assert compared["equal"], compared
        assert (
            self.sql(
                "SELECT salesforce_id FROM person GROUP BY 1 HAVING count(*) > 1 AND salesforce_id IS NOT NULL"
            )
            == []
        )
        assert self.sql("SELECT sf_id FROM pair GROUP BY 1 HAVING count(*) > 1") == []
        assert self.sql(
            "SELECT count(*) FROM person p LEFT JOIN pair q ON q.person_id = p.id WHERE q.id IS NULL"
        ) == [(0,)]
        assert self.sql("SELECT count(*) FROM pair WHERE inflight IS NOT NULL") == [(0,)]
