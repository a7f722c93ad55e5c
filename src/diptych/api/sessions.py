"""Sessions of browsers: listed, ended."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request

from diptych.access.sessions import Session, Sessions
from diptych.api.gate import Noun, workspace_of
from diptych.api.problems import not_found

noun = Noun("sessions")


@noun.see()
def list_sessions(request: Request) -> list[Session]:
    """Those that are good now, the latest seen first; `how`: link, password or provider."""
    return Sessions(workspace_of(request).store).all()


@noun.admin("DELETE", "/{session_id}", status_code=204)
def end_session(request: Request, session_id: Annotated[int, Path(ge=1, lt=2**53)]) -> None:
    """End one: that browser has to log in anew."""
    if not Sessions(workspace_of(request).store).end(session_id):
        raise not_found(f"There is no session {session_id}.")
