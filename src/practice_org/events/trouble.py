"""Misbehaviour of the event bus on order: what goes wrong with deliveries, and how often.

Orders live in memory, so that a restart ends all trouble.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass
class Orders:
    """What is ordered.

    `duplicates`: so many events are delivered twice. `delay_seconds`: each delivery comes so much later.
    `drop_after`: the stream that has delivered so many events from now on ends with UNAVAILABLE (null: no
    stream does). `unavailable`, `exhausted`: so many calls are refused with UNAVAILABLE, RESOURCE_EXHAUSTED.
    `refuse_replay`: so many subscriptions with a replay id are refused as if it had expired.
    `keepalive_only`: streams deliver no events, only keepalives.
    """

    duplicates: int = 0
    delay_seconds: float = 0.0
    drop_after: int | None = None
    unavailable: int = 0
    exhausted: int = 0
    refuse_replay: int = 0
    keepalive_only: bool = False


COUNTS = ("duplicates", "drop_after", "unavailable", "exhausted", "refuse_replay")


class Trouble:
    """The orders in force; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders = Orders()

    def order(self, order: Mapping[str, Any]) -> None:
        """Put orders in force. Raises ValueError naming what is wrong."""
        known = {f.name for f in fields(Orders)}
        for name, value in order.items():
            if name not in known:
                raise ValueError(f"unknown trouble {name!r}; there is {', '.join(sorted(known))}")
            if name == "keepalive_only":
                wrong = not isinstance(value, bool)
            else:
                number = isinstance(value, int if name in COUNTS else int | float)
                wrong = isinstance(value, bool) or not number or value < 0
                wrong = wrong and not (name == "drop_after" and value is None)
            if wrong:
                raise ValueError(f"{name} cannot be {value!r}")
        with self._lock:
            for name, value in order.items():
                setattr(self._orders, name, value)

    def clear(self) -> None:
        """End all trouble."""
        with self._lock:
            self._orders = Orders()

    def listing(self) -> dict[str, Any]:
        """What is in force, as far as it has not struck yet."""
        with self._lock:
            return asdict(self._orders)

    def strikes(self, name: str) -> bool:
        """Take one of a counted order; False when none is left."""
        with self._lock:
            left = getattr(self._orders, name)
            if left:
                setattr(self._orders, name, left - 1)
            return bool(left)

    def left_to_deliver(self) -> int:
        """How many events may leave before a stream must drop."""
        left = self._orders.drop_after
        return 1_000_000 if left is None else max(left, 1)

    def delivered(self, count: int) -> bool:
        """Count delivered events; True when the stream must drop now."""
        with self._lock:
            left = self._orders.drop_after
            if left is None:
                return False
            self._orders.drop_after = left - count if left > count else None
            return left <= count

    @property
    def delay_seconds(self) -> float:
        return self._orders.delay_seconds

    @property
    def keepalive_only(self) -> bool:
        return self._orders.keepalive_only
