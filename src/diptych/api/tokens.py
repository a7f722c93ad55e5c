"""API tokens: listed, made (shown once), revoked."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from pydantic import BaseModel, Field, StringConstraints

from diptych.access.tokens import LONGEST_DAYS, Token, Tokens
from diptych.api.gate import Noun, principal_of, workspace_of
from diptych.api.given import Whole
from diptych.domain.roles import Scope

noun = Noun("tokens")


class NewToken(BaseModel):
    """`days`: how long it is good; null: without end."""

    name: Annotated[str, StringConstraints(max_length=100, pattern=r"\S")]
    scope: Scope
    days: Whole | None = Field(90, ge=1, le=LONGEST_DAYS)


class Made(BaseModel):
    """`text` is not shown again."""

    text: str
    token: Token


@noun.see()
def list_tokens(request: Request) -> list[Token]:
    """All that were ever made, newest first, with when each was last used."""
    return Tokens(workspace_of(request).store).all()


@noun.admin("POST", status_code=201)
def create_token(request: Request, wanted: NewToken) -> Made:
    """A new token, which may never do more than the one that makes it."""
    made = Tokens(workspace_of(request).store).create(
        wanted.name, wanted.scope, wanted.days, principal_of(request)
    )
    return Made(text=made[0], token=made[1])


@noun.admin("DELETE", "/{token_id}", status_code=204)
def revoke_token(request: Request, token_id: Annotated[int, Path(ge=1, lt=2**53)]) -> None:
    """Refuse a token from now on."""
    Tokens(workspace_of(request).store).revoke(token_id)
