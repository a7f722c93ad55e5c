"""An org without a server, its administrator, and orders of the control plane given to it directly.

Import the fixtures `admin` and `order` into a conftest to use them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.auth.door import Door
from practice_org.auth.sessions import Sessions
from practice_org.auth.tables import create_tables
from practice_org.sim import control
from practice_org.sim.faults import Faults
from practice_org.sim.plane import Control
from practice_org.sim.received import ReceivedLog
from tests.practice_org.calls import Caller, new_org

Order = Callable[..., Any]


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    create_tables(org)
    yield caller
    org.close()


@pytest.fixture
def order(admin: Caller) -> Order:
    """`order("rules", {...})`: carry out an order; `order("faults")` asks."""
    org = admin.org
    plane = Control(Door(org, Sessions(org)), Faults(), ReceivedLog())
    org.faults = plane.faults
    plane.faults.lock_status = lambda: int(org.setting("lock_status", 400))
    control.routes(plane)

    def carry(name: str, given: Any = None) -> Any:
        table = control.READS if given is None else control.WRITES
        return table[name](plane, {} if given is None else given)

    return carry
