"""The outermost layer: every request passes here first and every answer last.

It reads the body, keeps the log of what was received, stamps the org's own time on the answer, and
carries out orders to cut the connection or to answer with something else.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response

from practice_org.clock import stamp, wire
from practice_org.dressing import http_date, json_response, spelled
from practice_org.http import object_of
from practice_org.intake import largest_body, too_large
from practice_org.org import Org
from practice_org.sim.answers import presented_token, shortened
from practice_org.sim.received import ReceivedLog
from practice_org.sim.request_state import CURRENT, AnswerOrdered, CutOrdered, RequestState
from practice_org.wire import cut

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
UNLOGGED = ("/__sim__", "/static/")


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: Any, org: Org, log: ReceivedLog) -> None:
        self._app = app
        self._org = org
        self._log = log

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        scope = _single_root(scope)
        began = time.monotonic()
        moment = self._org.clock.now()
        state = RequestState(scope["method"], scope["path"])
        CURRENT.set(state)
        limit = largest_body(scope["path"])
        body = await _body(Request(scope, receive), limit)
        state.token = presented_token(Headers(scope=scope), body or b"")
        status: int | None = None
        cut_off = False
        sent = 0

        async def replay() -> Message:
            if replay.done:  # type: ignore[attr-defined]
                return await receive()
            replay.done = True  # type: ignore[attr-defined]
            return {"type": "http.request", "body": body or b"", "more_body": False}

        replay.done = False  # type: ignore[attr-defined]

        async def dressed(message: Message) -> None:
            nonlocal status, cut_off, sent
            if message["type"] == "http.response.start":
                if state.cut_after:
                    cut_off = True
                    cut(scope)
                    return
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("Date", http_date(self._org.clock.header_now()))
                if state.no_limit_info:
                    del headers["Sforce-Limit-Info"]
                if state.truncate_to is not None:
                    del headers["Content-Length"]
                headers.setdefault("Server", "sfdcedge")
                headers.setdefault("X-SFDC-Request-Id", _request_id(moment.timestamp()))
                message["headers"] = spelled(message["headers"])
            if cut_off:
                return
            if message["type"] == "http.response.body":
                message, cut_off = shortened(message, state, sent)
                sent += len(message.get("body", b""))
            await send(message)
            if cut_off:
                cut(scope)

        try:
            if body is None:
                refusal = too_large(limit)
                await json_response(refusal.body(), refusal.status)(scope, replay, dressed)
            else:
                await self._app(scope, replay, dressed)
        except CutOrdered:
            cut(scope)
        except AnswerOrdered as order:
            answer = Response(order.body, order.status, {"Content-Type": order.content_type})
            await answer(scope, replay, dressed)
        finally:
            path: str = scope["path"]
            if not path.startswith(UNLOGGED):
                query = scope["query_string"].decode("latin-1")
                rest = "/" + "/".join(path.split("/")[4:])
                self._log.add(
                    time=wire(stamp(moment)),
                    method=scope["method"],
                    path=path,
                    query=query,
                    status=status,
                    object=object_of(rest, dict(parse_qsl(query)), body or b"")
                    if path.startswith("/services/data/")
                    else None,
                    user=state.username,
                    headers=Headers(scope=scope),
                    body=body or b"",
                    faults=tuple(state.faults_met),
                    bytes_sent=sent,
                    wrote=tuple(state.wrote),
                    rows=state.rows,
                    seconds=time.monotonic() - began,
                )


def _single_root(scope: Any) -> Any:
    """Slashes doubled at the root count once: the Salesforce CLI, logged in by token, sends `//services/...`."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if not raw.startswith(b"//"):
        return scope
    return {**scope, "path": "/" + scope["path"].lstrip("/"), "raw_path": b"/" + raw.lstrip(b"/")}


async def _body(request: Request, limit: int) -> bytes | None:
    """The whole body; None when it is larger than the limit (then it was read to its end and dropped)."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= limit:
            pieces.append(piece)
        else:
            pieces.clear()
    return b"".join(pieces) if size <= limit else None


def _request_id(seconds: float) -> str:
    return f"TID:{int(seconds * 1000):x}{time.perf_counter_ns() & 0xFFFFFFFF:08x}"
