"""What is known about the request that is being answered, reachable from any depth of its handling."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

ROWS_KEPT = 2000
"""Ids of written records that the log keeps of one request."""


@dataclass
class RequestState:
    """Facts gathered while one request is handled; the frame reads them when it answers.

    `token` is the access token or session id that the request presents; `cut_bytes`, `truncate_to` and
    `no_limit_info` are orders about its answer (`sim.fault`). `wrote` are ids of records that were written, ROWS_KEPT at most; `rows` is how many there were.
    """

    method: str = ""
    path: str = ""
    cut_after: bool = False
    cut_during: bool = False
    cut_bytes: int | None = None
    truncate_to: int | None = None
    no_limit_info: bool = False
    token: str = ""
    username: str | None = None
    app: tuple[str, int, int] | None = None
    """Name, calls and quota of the connected app that calls, if it has a quota."""
    client: str | None = None
    wrote: list[str] = field(default_factory=list)
    rows: int = 0
    faults_met: list[str] = field(default_factory=list)
    decided: set[tuple[str, str, str]] = field(default_factory=set)


CURRENT: ContextVar[RequestState | None] = ContextVar("practice_org_request", default=None)


def met(username: str | None) -> None:
    """Note who sends the request that is being answered."""
    state = CURRENT.get()
    if state is not None and username is not None:
        state.username = username


class CutOrdered(BaseException):
    """The connection is to be cut before the effect. Not an Exception, so that no handler eats it."""


class AnswerOrdered(BaseException):
    """The whole request is to be answered with this, whatever it was. Not an Exception: see CutOrdered."""

    def __init__(self, status: int, body: bytes, content_type: str) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.content_type = content_type
