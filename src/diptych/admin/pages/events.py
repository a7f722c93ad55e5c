"""Server-sent events: the state at the top right and the bars of the initial load, when they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from diptych.admin.frame import fragment, live_of, workspace_of
from diptych.admin.live import summary
from diptych.admin.load_bars import everything_loaded, load_bars
from diptych.status import Status

router = APIRouter()

EVERY_SECONDS = 1.0
MOST_SECONDS = 15 * 60
"""A stream ends by itself after a while; the browser opens a new one, through the guard."""


@router.get("/events")
async def events(request: Request) -> StreamingResponse:
    return StreamingResponse(
        _stream(request), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _stream(request: Request) -> AsyncIterator[str]:
    shown: dict[str, str] = {}
    end = asyncio.get_running_loop().time() + MOST_SECONDS
    yield "retry: 2000\n\n"
    while asyncio.get_running_loop().time() < end and not await request.is_disconnected():
        for name, html in (await run_in_threadpool(_pieces, request)).items():
            if shown.get(name) != html:
                shown[name] = html
                yield _event(name, html)
        await asyncio.sleep(EVERY_SECONDS)


def _pieces(request: Request) -> dict[str, str]:
    status = live_of(request).status()
    if status is None:
        return {}
    return {
        "state": fragment("live/state.html", summary=summary(status)),
        "load": load_fragment(request, status),
    }


def load_fragment(request: Request, status: Status) -> str:
    bars = load_bars(status, workspace_of(request).clock.now())
    return fragment("live/load.html", bars=bars, paused=status.paused, loaded=everything_loaded(status))


def _event(name: str, html: str) -> str:
    lines = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"event: {name}\n{lines}\n"
