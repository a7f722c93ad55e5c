"""One practice org for the tests of this folder that do not change how it behaves for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.practice_org.server import RunningOrg, serve_in_thread


@pytest.fixture
def live_org(tmp_path: Path) -> Iterator[RunningOrg]:
    """A small org of its own for each test, served in a thread."""
    with serve_in_thread(tmp_path, records=20) as org:
        yield org
