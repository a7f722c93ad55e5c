"""Orders about the log of what was received."""

from __future__ import annotations

from typing import Any

from practice_org.sim.plane import Control, Order


def requests(control: Control, order: Order) -> Any:
    """`?since=N&path=...&method=...&limit=N`: what was received, oldest first."""
    found = control.log.listing(int(order.get("since", 0)), order.get("path", ""), order.get("method", ""))
    if "limit" in order:
        found["requests"] = found["requests"][-int(order["limit"]) :] if int(order["limit"]) else []
    return found


def clear_requests(control: Control, order: Order) -> Any:
    """Forget what was received."""
    control.log.clear()
    return {"ok": True}
