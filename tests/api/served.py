"""Diptych as it is served: `diptych serve` in processes of its own, in sync with a practice org, and tokens for it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from diptych.domain.roles import Scope
from tests.acceptance.installation import Installation
from tests.practice_org.server import RunningOrg, start_practice_org

_FAR_ID = 777_777_777
"""A number that nobody hits upon who revokes tokens by guessing."""


@dataclass
class Served:
    """A running server. `url` ends without a slash."""

    url: str
    installation: Installation
    org: RunningOrg

    def token(self, scope: Scope) -> str:
        """A new token of that scope."""
        made = self.installation.diptych("token", "create", f"a client, {scope}", "--scope", scope.value)
        token = re.search(r"dpt_\S+", made)
        assert token, made
        ((newest,),) = self.installation.sql("SELECT max(id) FROM api_token")
        far = max(_FAR_ID, newest) + 1
        self.installation.sql("UPDATE api_token SET id = ? WHERE id = ?", far, newest)
        return token.group()


@contextmanager
def served(folder: Path, records: int = 40) -> Iterator[Served]:
    """Everything up, the first load done. `records`: in the practice org."""
    with start_practice_org(folder, records) as org:
        installation = Installation(folder / "data", org, DIPTYCH_PAUSE_SECONDS="3600").set_up()
        installation.sync()
        process = subprocess.Popen(
            [sys.executable, "-m", "diptych.cli", "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env=installation.environment(),
        )
        assert process.stdout is not None
        try:
            at = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert at
            yield Served(at.group(), installation, org)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
            process.stdout.close()
