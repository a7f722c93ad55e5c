"""Orders of trouble: see `sim.faults`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from practice_org.sim.plane import Control, Order


def faults(control: Control, order: Any) -> Any:
    """One order or a list of them; see `sim.faults`."""
    orders = order if isinstance(order, list) else [order]
    return [asdict(fault) for fault in control.faults.order_all(orders)]


def faults_in_force(control: Control, order: Order) -> Any:
    """All orders with how often they were seen and struck."""
    return control.faults.listing()


def clear_faults(control: Control, order: Order) -> Any:
    """End all trouble."""
    control.faults.clear()
    return {"ok": True}
