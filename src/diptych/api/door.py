"""What every request of the API passes before a noun is reached: HEAD and OPTIONS are answered for all addresses, a body is no
larger than what is ever needed, and a condition that cannot be held is not passed over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute

from diptych.api.methods import Scope, allowed
from diptych.api.problems import answer

LARGEST = 8_000_000
"""Bytes of a body; a mapping of 5,000 fields is about one million."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Door:
    """ASGI layer; see the module."""

    def __init__(self, app: Any, routes: Sequence[BaseRoute]) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        early = self._early(scope)
        if early is not None:
            await early(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, _bodiless(send))
        else:
            await self._app(scope, _limited(receive), send)

    def _early(self, scope: Scope) -> Response | None:
        """The answer to what need not be carried out to be answered."""
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS":
            methods = allowed(self._routes, scope)
            return Response(status_code=204, headers={"Allow": ", ".join(methods)}) if methods else None
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > LARGEST:
            return answer(413, f"A body has at most {LARGEST:,} bytes.", headers={"Connection": "close"})
        if scope["method"] not in _SAFE and ({"if-match", "if-none-match"} & set(headers.keys())):
            return answer(
                412,
                "There are no entity tags here, so the condition does not hold; nothing was done.",
                "Leave If-Match and If-None-Match out; PATCH /people/{person_id} takes `expected` instead.",
            )
        return None


def _limited(receive: Receive) -> Receive:
    """Of a body of unknown length, as much as is allowed."""
    taken = 0

    async def take() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST:
            raise HTTPException(413, f"A body has at most {LARGEST:,} bytes.", {"Connection": "close"})
        return message

    return take


def _bodiless(send: Send) -> Send:
    async def without(message: MutableMapping[str, Any]) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return without
