"""The initial load as bars: rows, rate and the time left of each object, from our own ledger (S-56)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from diptych.admin.views import LoadBar
from diptych.services.status import ObjectStatus, Status


def load_bars(status: Status, now: datetime) -> list[LoadBar]:
    """One bar an object, in the order in which they are loaded. `now` by our clock, as the ledger's times are."""
    return [_bar(one, now) for one in status.objects]


def everything_loaded(status: Status) -> bool:
    return bool(status.objects) and all(one.load_state == "complete" for one in status.objects)


def overall_share(bars: Sequence[LoadBar]) -> float | None:
    """How much of all rows is here, 0 to 1; None while the org has not counted them."""
    if not bars or any(bar.total is None for bar in bars):
        return None
    total = sum(bar.total or 0 for bar in bars)
    return sum(bar.rows for bar in bars) / total if total else 1.0


def _bar(one: ObjectStatus, now: datetime) -> LoadBar:
    rows = one.loaded or 0
    end = one.finished_at or now
    seconds = (end - one.began_at).total_seconds() if one.began_at else 0.0
    rate = rows / seconds if rows and seconds > 0 else None
    left = (
        (one.total - rows) / rate if rate and one.total is not None and one.load_state == "loading" else None
    )
    return LoadBar(one.object, one.label, one.load_state, rows, one.total, rate, left, one.error or "")
