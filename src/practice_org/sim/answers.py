"""Orders about an answer that is on its way out, and what a request says of who sends it."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from practice_org.auth.identity import bearer
from practice_org.sim.request_state import RequestState

_SOAP_SESSION = re.compile(rb"<(?:\w+:)?sessionId[^>]*>\s*([^<\s]+)\s*<")
_HEAD = 20_000
"""Bytes of a SOAP body in which its header is looked for."""


def presented_token(headers: Mapping[str, str], body: bytes) -> str:
    """The access token or session id that a request presents, in whichever API; empty without one."""
    given = headers.get("x-sfdc-session") or bearer(headers.get("authorization", ""))
    if given or b"essionId" not in body[:_HEAD]:
        return given
    found = _SOAP_SESSION.search(body[:_HEAD])
    return found[1].decode("latin-1") if found else ""


def shortened(
    message: MutableMapping[str, Any], state: RequestState, sent: int
) -> tuple[MutableMapping[str, Any], bool]:
    """A piece of an answer's body as it is to leave, and whether the connection is then to be cut.

    `sent` bytes have left before it. A body that is cut during has half of its first piece leave, or
    `cut_bytes` of the whole; one that is truncated ends early and looks complete.
    """
    body = message.get("body", b"")
    if state.cut_during:
        if state.cut_bytes is None:
            return {**message, "body": body[: len(body) // 2], "more_body": True}, True
        left = state.cut_bytes - sent
        if len(body) >= left:
            return {**message, "body": body[:left], "more_body": True}, True
        if not message.get("more_body"):
            # The body is shorter than what was to leave of it: its end is what is missing.
            return {**message, "body": body[:-1], "more_body": True}, True
        return message, False
    if state.truncate_to is not None:
        return {**message, "body": body[: max(0, state.truncate_to - sent)]}, False
    return message, False
