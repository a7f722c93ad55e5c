"""Orders about the org's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from practice_org.clock import stamp, wire
from practice_org.sim.plane import BadOrder, Control, Order

CENTURY = 100 * 365.25 * 86400
YEARS = range(1900, 2200)
"""How far one order may move the clock, in seconds, and where it may get: further on, no date can be written."""


def clock(control: Control, order: Order) -> Any:
    """`{offset_seconds}`, `{advance}` seconds, `{freeze: true | false | moment}`, `{header_offset_seconds}`."""
    org = control.org
    clock = org.clock
    offset, header, advance = (
        _seconds(order, name) for name in ("offset_seconds", "header_offset_seconds", "advance")
    )
    freeze = order.get("freeze")
    moment = _moment(freeze) if isinstance(freeze, str) else None
    if freeze is not None and moment is None and not isinstance(freeze, bool):
        raise BadOrder("freeze must be true, false or a moment such as 2026-01-31T12:00:00Z")
    start = moment or (clock.now() if offset is None else datetime.now(UTC) + timedelta(seconds=offset))
    if (start + timedelta(seconds=advance or 0)).year not in YEARS:
        raise BadOrder(f"the clock knows the years {YEARS[0]} to {YEARS[-1]}")
    if freeze is False or offset is not None:
        clock.unfreeze()
    if offset is not None:
        clock.set_offset(offset)
    if header is not None:
        clock.set_header_offset(header)
    if freeze:
        clock.freeze(moment)
    if advance is not None:
        clock.advance(advance)
    org.save_clock()
    control.door.sessions.forget()
    return shown(control)


def _seconds(order: Order, name: str) -> float | None:
    value = order.get(name)
    if value is None and name not in order:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= CENTURY:
        raise BadOrder(f"{name} must be a number of seconds, a hundred years at most")
    return float(value)


def shown(control: Control) -> dict[str, Any]:
    """The clock as it stands."""
    clock = control.org.clock
    return {
        "now": wire(stamp(clock.now())),
        "offset_seconds": clock.offset_seconds,
        "header_offset_seconds": clock.header_offset_seconds,
        "frozen": clock.frozen_at is not None,
    }


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("+0000", "+00:00"))
    except ValueError as error:
        raise BadOrder(f"{text!r} is no moment such as 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
