"""The door of one org: what every way of logging in shares."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from practice_org.auth.sessions import Sessions
from practice_org.org import Org


@dataclass(frozen=True)
class Door:
    """The org and its live sessions."""

    org: Org
    sessions: Sessions


def base_url(request: Request) -> str:
    """Scheme and host exactly as the client used them: what `instance_url` must be."""
    host = request.headers.get("host") or "127.0.0.1"
    return f"{request.url.scheme}://{host}"
