"""Server-sent events: the state at the top right and the bars of the initial load, as HTML, whenever they change."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import anyio
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from diptych.admin.frame import fragment, live_of, workspace_of
from diptych.admin.live import summary
from diptych.admin.load_bars import everything_loaded, load_bars

router = APIRouter()

_LOOK_SECONDS = 1.0
# the browser comes back by itself, and so passes the guard again
_LONGEST_SECONDS = 15 * 60.0


@router.get("/events")
async def events(request: Request) -> StreamingResponse:
    """One stream a browser. It ends when the browser goes, the server stops, or after a quarter of an hour."""
    return StreamingResponse(
        _changes(request), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _changes(request: Request) -> AsyncIterator[str]:
    stopping = live_of(request).stopping
    end = time.monotonic() + _LONGEST_SECONDS
    told: dict[str, str] = {}
    yield "retry: 2000\n\n"
    while not stopping.is_set() and time.monotonic() < end and not await request.is_disconnected():
        for name, html in (await run_in_threadpool(_shown, request)).items():
            if html.strip() and told.get(name) != html:
                told[name] = html
                yield _event(name, html)
        await anyio.sleep(_LOOK_SECONDS)


def _shown(request: Request) -> dict[str, str]:
    """What the browser should show now, by event."""
    status = live_of(request).status()
    if status is None:
        return {}
    bars = load_bars(status, workspace_of(request).clock.now())
    return {
        "state": fragment("live/state.html", summary=summary(status)),
        "load": fragment("live/load.html", bars=bars, paused=status.paused, loaded=everything_loaded(status)),
    }


def _event(name: str, html: str) -> str:
    data = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"event: {name}\n{data}\n"
