"""Why a value is what it is, or somebody is missing."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from diptych.api.gate import Noun, workspace_of
from diptych.api.problems import Refusal
from diptych.sync.repair.why import Answer

noun = Noun("why")


@noun.read()
def get_why(
    request: Request,
    who: Annotated[
        str,
        Query(
            min_length=1,
            max_length=200,
            pattern=r"^[^\x00]+$",
            description="A person id, a Salesforce id or an e-mail address.",
        ),
    ],
    column: Annotated[str | None, Query(max_length=100, description="A column of people.")] = None,
    live: Annotated[bool, Query(description="Also ask Salesforce.")] = True,
) -> list[Answer]:
    """The chain of causes, newest first, for everybody meant; what holds a value that differs."""
    workspace = workspace_of(request)
    if column is not None and column not in workspace.queries.columns():
        raise Refusal(422, f"There is no column {column} of people.", "See GET /mapping.")
    return workspace.why(who, column, live)
