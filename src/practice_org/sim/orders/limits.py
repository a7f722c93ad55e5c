"""Orders about the org's limits."""

from __future__ import annotations

from typing import Any

from practice_org.sim.plane import BadOrder, Control, Order


def limits(control: Control, order: Order) -> Any:
    """`{used}` API calls of today, `{DailyApiRequests: maximum, ...}`."""
    limits = control.org.limits
    for name, value in order.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadOrder(f"{name} must be a whole number from 0")
    for name, value in order.items():
        if name == "used":
            limits.set_used(value)
        else:
            limits.set_maximum(name, value)
    return {"used": limits.used, "maximum": limits.maximum}
