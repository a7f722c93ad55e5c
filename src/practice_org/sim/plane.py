"""What every order of the control plane is given, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from practice_org.auth.door import Door
from practice_org.org import Org
from practice_org.sim.faults import Faults
from practice_org.sim.received import ReceivedLog

Order = dict[str, Any]
"""The body of an order, or the query string of one that only asks."""


class BadOrder(ValueError):
    """An order that cannot be carried out; the message says why."""


@dataclass(frozen=True)
class Control:
    """What the control plane moves."""

    door: Door
    faults: Faults
    log: ReceivedLog

    @property
    def org(self) -> Org:
        return self.door.org


Carry = Callable[[Control, Order], Any]
"""Carries out an order and returns the answer's JSON; the first line of its docstring is shown to people."""


def caller_id(control: Control, username: str) -> str:
    """The id of a user. Raises BadOrder for an unknown one."""
    from practice_org.auth.people import caller_by_username

    caller = caller_by_username(control.org, username)
    if caller is None:
        raise BadOrder(f"no user {username!r}")
    return caller.id
