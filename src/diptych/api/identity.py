"""When two Salesforce records are one person."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, StringConstraints

from diptych.api.gate import Noun, workspace_of
from diptych.api.problems import Refusal
from diptych.domain.matching import Matching, MatchRule
from diptych.sync.matching import read_matching, save_matching

noun = Noun("identity")


class Wanted(BaseModel):
    """`column`: of the external id, for that rule."""

    rule: MatchRule
    column: Annotated[str, StringConstraints(max_length=100)] | None = None


@noun.read()
def get_match_rule(request: Request) -> Matching:
    """The match rule; none: each record is a person of its own."""
    with workspace_of(request).store.looking() as unit:
        return read_matching(unit)


@noun.admin("PUT")
def set_match_rule(request: Request, wanted: Wanted) -> Matching:
    """From now on a record joins the one person it matches; what is here already stays (diptych identity)."""
    matching = Matching(wanted.rule, wanted.column)
    try:
        with workspace_of(request).store.transaction() as unit:
            save_matching(unit, matching)
    except ValueError as problem:
        raise Refusal(422, str(problem)) from None
    return get_match_rule(request)
