"""A small org with its event bus, in a thread of this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.practice_org.events.bus import Bus
from tests.practice_org.server import RunningOrg, serve_in_thread


@pytest.fixture
def served(tmp_path: Path) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path, events=True) as org:
        yield org


@pytest.fixture
def bus(served: RunningOrg) -> Iterator[Bus]:
    made = Bus.of(served)
    yield made
    made.close()
