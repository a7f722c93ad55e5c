"""Orders about switches: the door's, numbers of the data layer, job speed, and ending sessions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from practice_org.auth.settings import change_settings
from practice_org.org import Org
from practice_org.sim.plane import BadOrder, Control, Order, caller_id

JOB_SPEEDS = ("instant", "stepped", "slow", "stuck")
ORG_NUMBERS = {"lock_wait_seconds": 0.2, "lock_status": 400, "job_slow_seconds": 30, "bulk_page_rows": 50_000}
"""Numbers of the data layer that can be set, with their defaults: how long a write waits for a lock, which
status the refusal has, how long a slow job takes, how many rows a page of Bulk results has."""


def jobs(control: Control, order: Order) -> Any:
    """`{speed}`: instant, stepped (one state each time it is asked), slow, or stuck in progress."""
    speed = order.get("speed", order.get("mode"))
    if speed not in JOB_SPEEDS:
        raise BadOrder(f"speed must be one of {', '.join(JOB_SPEEDS)}")
    control.org.set_setting("job_speed", speed)
    return {"speed": speed}


def settings(control: Control, order: Order) -> Any:
    """The switches of `auth.settings`, and those numbers of the data layer that ORG_NUMBERS names."""
    org = control.org
    chosen = {name: value for name, value in order.items() if name in ORG_NUMBERS}
    for name, value in chosen.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise BadOrder(f"{name} must be a number from 0")
    changed = change_settings(org, {name: value for name, value in order.items() if name not in chosen})
    for name, value in chosen.items():
        org.set_setting(name, value)
    control.door.sessions.forget()
    return {**asdict(changed), **numbers(org)}


def numbers(org: Org) -> dict[str, Any]:
    """The numbers of the data layer that were set."""
    return {name: org.setting(name) for name in ORG_NUMBERS if org.setting(name) is not None}


def restore_numbers(org: Org) -> None:
    """Give the numbers that were set their defaults again."""
    for name in numbers(org):
        org.set_setting(name, ORG_NUMBERS[name])


def sessions(control: Control, order: Order) -> Any:
    """`{expire: "all" | username}`: end sessions now."""
    who = order["expire"]
    if who == "all":
        return {"ended": control.door.sessions.end_where(kind="api")}
    return {"ended": control.door.sessions.end_where(user_id=caller_id(control, str(who)))}
