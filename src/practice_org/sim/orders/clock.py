"""Orders about the org's clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from practice_org.clock import stamp, wire
from practice_org.sim.plane import Control, Order


def clock(control: Control, order: Order) -> Any:
    """`{offset_seconds}`, `{advance}` seconds, `{freeze: true | false | moment}`, `{header_offset_seconds}`."""
    org = control.org
    clock = org.clock
    if "freeze" in order and order["freeze"] is False:
        clock.unfreeze()
    if "offset_seconds" in order:
        clock.unfreeze()
        clock.set_offset(float(order["offset_seconds"]))
    if "header_offset_seconds" in order:
        clock.set_header_offset(float(order["header_offset_seconds"]))
    if order.get("freeze"):
        clock.freeze(None if order["freeze"] is True else _moment(order["freeze"]))
    if "advance" in order:
        clock.advance(float(order["advance"]))
    org.save_clock()
    control.door.sessions.forget()
    return shown(control)


def shown(control: Control) -> dict[str, Any]:
    """The clock as it stands."""
    clock = control.org.clock
    return {
        "now": wire(stamp(clock.now())),
        "offset_seconds": clock.offset_seconds,
        "header_offset_seconds": clock.header_offset_seconds,
        "frozen": clock.frozen_at is not None,
    }


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00").replace("+0000", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
