"""Backlog and throughput: how much waits and since when, how fast it goes, what makes it (S-67..S-69)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from diptych.admin import charts
from diptych.admin.frame import fragment, page, workspace_of
from diptych.domain.throughput import HOURS
from diptych.throughput import TREND_DAYS, read_throughput

router = APIRouter(prefix="/throughput")


@router.get("")
def show(request: Request) -> Response:
    return page(request, "operate/throughput.html", **_figures(request))


@router.get("/figures")
def figures(request: Request) -> Response:
    """The figures alone, for a page that keeps itself up to date."""
    return HTMLResponse(fragment("live/throughput.html", **_figures(request)))


def _figures(request: Request) -> dict[str, Any]:
    workspace = workspace_of(request)
    now = workspace.clock.now()
    found = read_throughput(workspace.store, now)
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
