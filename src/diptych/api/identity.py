"""When two Salesforce records are one person: the match rule, joining those who are here already, taking them apart."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from fastapi import Request
from pydantic import BaseModel, Field, StringConstraints

from diptych.api.gate import Noun, workspace_of
from diptych.api.given import Whole
from diptych.api.problems import Refusal, not_found
from diptych.api.sync import Asked, asked, started
from diptych.domain.matching import Matching, MatchRule
from diptych.sync.joining import RUN
from diptych.sync.matching import read_matching, save_matching
from diptych.sync.repair.gather import LARGEST, PROGRESS, Counts, Gathered, Order

noun = Noun("identity")
_Column = Annotated[str, StringConstraints(max_length=100)]


class Identity(BaseModel):
    """The match rule; none: each record is a person of its own. `joining`: how far one has got who joins those who are here; null
    while nobody does."""

    rule: MatchRule
    column: str | None
    joining: Counts | None = None


class MatchRuleWanted(BaseModel):
    """`column`: of the external id, for that rule."""

    rule: MatchRule
    column: _Column | None = None


class JoiningWanted(BaseModel):
    """Whom to join. `rule` left out: the one that is set. `largest`: groups of more people than this are left as they are."""

    rule: Literal[MatchRule.EMAIL, MatchRule.EMAIL_NAME, MatchRule.EXTERNAL_ID] | None = None
    column: _Column | None = None
    largest: Whole = Field(LARGEST, ge=2, lt=1_000_000)


class Looked(JoiningWanted):
    """`sample`: so many groups are shown."""

    sample: Whole = Field(20, ge=0, le=500)


class JoinedBy(BaseModel):
    """The `run` that joined them, from GET /runs?kind=identity."""

    run: Whole = Field(ge=1, lt=2**53)


@noun.read()
def get_match_rule(request: Request) -> Identity:
    """The match rule, and how far joining has got."""
    with workspace_of(request).store.looking() as unit:
        matching, progress = read_matching(unit), unit.setting(PROGRESS)
    joining = Counts(**json.loads(progress)["counts"]) if progress else None
    return Identity(rule=matching.rule, column=matching.column, joining=joining)


@noun.admin("PUT")
def set_match_rule(request: Request, wanted: MatchRuleWanted) -> Identity:
    """From now on a record joins the one person it matches; who is here already stays, until POST /identity/apply."""
    matching = Matching(wanted.rule, wanted.column)
    try:
        with workspace_of(request).store.transaction() as unit:
            save_matching(unit, matching)
    except ValueError as problem:
        raise Refusal(422, str(problem)) from None
    return get_match_rule(request)


@noun.read("/preview", method="POST")
def preview_joining(request: Request, wanted: Looked) -> Gathered:
    """Whom a rule takes for one person among those who are here, and what joining them would do. Changes nothing."""
    return workspace_of(request).gathering(_order(request, wanted), wanted.sample)


@noun.admin("POST", "/apply", status_code=202)
def join_people(request: Request, wanted: JoiningWanted) -> Asked:
    """Ask the worker to join them; nothing is merged in Salesforce, and it can be taken back."""
    started(request)
    workspace_of(request).gather_soon(_order(request, wanted))
    return asked(request)


@noun.admin("POST", "/undo", status_code=202)
def take_people_apart(request: Request, wanted: JoinedBy) -> Asked:
    """Ask the worker to take apart whom a run has joined; what was edited since stays with both."""
    found = workspace_of(request).queries.run(wanted.run)
    if found is None or found.kind != RUN:
        raise not_found(f"Run {wanted.run} has joined nobody.")
    workspace_of(request).undo_soon(wanted.run)
    return asked(request)


def _order(request: Request, wanted: JoiningWanted) -> Order:
    with workspace_of(request).store.looking() as unit:
        matching = read_matching(unit)
    if wanted.rule is not None:
        matching = Matching(wanted.rule, wanted.column if wanted.rule is MatchRule.EXTERNAL_ID else None)
    if not matching.columns:
        if wanted.rule is not None:
            raise Refusal(422, "The rule external-id needs the column that holds the id.")
        raise Refusal(409, "No match rule is set.", "Name one in `rule`, or set it: PUT /identity.")
    lacking = [one for one in matching.columns if one not in workspace_of(request).queries.columns()]
    if lacking:
        raise Refusal(422, f"There is no column {', '.join(lacking)} of people.", "See GET /mapping.")
    return Order(matching, wanted.largest)
