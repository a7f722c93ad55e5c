"""Orders about the log of what was received."""

from __future__ import annotations

from typing import Any

from practice_org.sim.plane import Control, Order


def requests(control: Control, order: Order) -> Any:
    """`?since=N&path=...&method=...`: what was received, oldest first."""
    return control.log.listing(int(order.get("since", 0)), order.get("path", ""), order.get("method", ""))


def clear_requests(control: Control, order: Order) -> Any:
    """Forget what was received."""
    control.log.clear()
    return {"ok": True}
