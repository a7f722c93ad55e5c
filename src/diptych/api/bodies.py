"""The body of a request, read as JSON and nothing else: UTF-8, no NaN, and no half of a character, which no database keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException


class JsonRoute(APIRoute):
    """A route that reads its body so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return read


class _JsonRequest(Request):
    async def json(self) -> Any:
        """Raises HTTPException: 400 for what is no JSON, 422 for text that cannot be kept."""
        body = await self.body()
        try:
            given = json.loads(body.decode(), parse_float=_number, parse_constant=_no_number)
        except (ValueError, RecursionError) as problem:
            raise HTTPException(400, f"The body is no JSON: {_reason(problem)}") from None
        if b"\\ud" in body.lower():  # a surrogate, written as an escape: one half alone is no character
            try:
                json.dumps(given, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                raise HTTPException(
                    422, "A text of the body has half a character (a lone surrogate)."
                ) from None
        return given


def _number(text: str) -> int | float:
    """JSON knows no whole numbers apart: 7.0 is 7."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _reason(problem: Exception) -> str:
    if isinstance(problem, UnicodeDecodeError):
        return "it is not UTF-8."
    if isinstance(problem, RecursionError):
        return "it is nested too deeply."
    return f"{problem}."
