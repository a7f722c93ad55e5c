"""The fixtures of `tests.practice_org.orders`, for the tests of this folder."""

from __future__ import annotations

from tests.practice_org.orders import Order, admin, order

__all__ = ["Order", "admin", "order"]
