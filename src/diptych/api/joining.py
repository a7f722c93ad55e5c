"""Join policies: which value of a column stays when two people become one."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Request
from pydantic import BaseModel

from diptych.api.gate import Noun, workspace_of
from diptych.api.problems import not_found
from diptych.domain.person_merge import JoinPolicy
from diptych.services.joining import ColumnJoin, join_policies, set_join_policy

noun = Noun("join-policies")
_Column = Annotated[str, Path(max_length=100, description="A column of people.")]


class JoinPolicyWanted(BaseModel):
    """`default` takes the choice back."""

    policy: JoinPolicy | Literal["default"]


@noun.read()
def list_join_policies(request: Request) -> list[ColumnJoin]:
    """How each column is decided when two people become one, by a merge or conversion on either side."""
    return join_policies(workspace_of(request).store)


@noun.admin("PUT", "/{column}")
def put_join_policy(request: Request, column: _Column, wanted: JoinPolicyWanted) -> ColumnJoin:
    """Decide a column otherwise from now on."""
    store = workspace_of(request).store
    if column not in {one.column for one in join_policies(store)}:
        raise not_found(f"There is no column {column} of people.")
    set_join_policy(store, column, str(wanted.policy))
    return next(one for one in join_policies(store) if one.column == column)
