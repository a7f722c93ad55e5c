"""Backlog and throughput: how much waits and since when, how fast it goes, what makes it (S-67..S-69)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from diptych.admin import charts
from diptych.admin.frame import fragment, page, workspace_of
from diptych.domain.throughput import HOURS
from diptych.services.throughput import TREND_DAYS, Throughput, read_throughput

router = APIRouter(prefix="/throughput")

_LONGEST = timedelta(minutes=1)


@dataclass(frozen=True)
class _Kept:
    found: Throughput
    good_until: float


@router.get("")
def show(request: Request) -> Response:
    return page(request, "operate/throughput.html", **_figures(request))


@router.get("/figures")
def figures(request: Request) -> Response:
    """The figures alone, for a page that keeps itself up to date."""
    return HTMLResponse(fragment("live/throughput.html", **_figures(request)))


def _found(request: Request, now: datetime) -> Throughput:
    """The figures, shared by all who look at once; where reading takes long, it takes a tenth of the time at most."""
    kept: _Kept | None = getattr(request.app.state, "throughput", None)
    if kept is not None and time.monotonic() < kept.good_until and abs(now - kept.found.at) < _LONGEST:
        return kept.found
    began = time.monotonic()
    found = read_throughput(workspace_of(request).store, now)
    took = time.monotonic() - began
    request.app.state.throughput = _Kept(found, time.monotonic() + (9 * took if took > 0.2 else 0))
    return found


def _figures(request: Request) -> dict[str, Any]:
    workspace = workspace_of(request)
    now = workspace.clock.now()
    found = _found(request, now)
    begin = now - timedelta(hours=HOURS)
    hours = [
        (
            begin + timedelta(hours=place),
            sum(one.inbound.records[place] for one in found.objects),
            sum(one.outbound.records[place] for one in found.objects),
        )
        for place in range(HOURS)
    ]
    return {
        "found": found,
        "now": now,
        "hours": hours,
        "bars": charts.bar_chart(hours),
        "line": charts.line_chart([(point.at, point.waiting) for point in found.trend]),
        "size": charts,
        "days": TREND_DAYS,
    }
