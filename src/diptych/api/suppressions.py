"""People who are kept from coming back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request

from diptych.api.gate import Noun, workspace_of
from diptych.api.problems import not_found
from diptych.domain.suppression import Suppression

noun = Noun("suppressions")


@noun.read()
def list_suppressions(
    request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[Suppression]:
    """Who is not to come back: by record, or by address, of which only a hash is kept. Newest first."""
    return workspace_of(request).acting.suppressed(limit)


@noun.operate("DELETE", "/{person_id}", status_code=204)
def release(request: Request, person_id: Annotated[int, Path(ge=1, lt=2**53)]) -> None:
    """Let a person come back, by the id it had here."""
    if not workspace_of(request).acting.release(person_id):
        raise not_found(f"Person {person_id} is not on the list.")
