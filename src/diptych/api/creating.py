"""Who is created in Salesforce, and who waits for it: the rule, the list for review, people who lack data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from diptych.api.gate import Noun, workspace_of
from diptych.api.given import YesNo
from diptych.api.people import PersonId
from diptych.domain.creating import CreateRule, MatchPolicy, Wish
from diptych.domain.values import Value
from diptych.sync.outbound import wishes
from diptych.sync.outbound.create_preview import CreatePreview, preview
from diptych.sync.outbound.create_rule import read_rule, save_default, save_rule
from diptych.sync.outbound.wishes import Linking

noun = Noun("creating", prefix="")
_Some = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
_SHOWN = ("first_name", "last_name", "email", "company_name")
FieldName = Annotated[str, Path(pattern=r"^\w{1,80}$", description="API name of a field of Lead.")]
_Filter = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]


class CreateRuleWanted(BaseModel):
    """`filter`: who is created, such as `email is not blank AND score >= 50`; blank: nobody. `policy`: when Salesforce has the
    address already."""

    filter: _Filter
    policy: MatchPolicy = MatchPolicy.LINK
    allow_duplicates: YesNo = False


class FilterWanted(BaseModel):
    filter: _Filter = Field(min_length=1)


class Default(BaseModel):
    """What a field is filled with at create where ours is blank."""

    value: Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]


class Waiting(BaseModel):
    """Somebody who is to be created and is not: why, what is lacking, and the records it may be."""

    person_id: int
    values: dict[str, Value]
    reason: str | None
    fields: list[str]
    matches: list[Any]
    at: datetime


class Target(BaseModel):
    """A contact or open lead by its Salesforce id, or a person here by its number."""

    target: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,18}$")]


@noun.read("/create-rule")
def get_create_rule(request: Request) -> CreateRule:
    """Who is created in Salesforce, as leads; a blank filter: nobody."""
    with workspace_of(request).store.looking() as unit:
        return read_rule(unit)


@noun.read("/create-rule/preview", method="POST")
def preview_create_rule(request: Request, wanted: FilterWanted) -> CreatePreview:
    """How many a filter names, and how many of them lack data."""
    with workspace_of(request).store.transaction() as unit:
        return preview(unit, replace(read_rule(unit), filter=wanted.filter))


@noun.admin("PUT", "/create-rule")
def set_create_rule(request: Request, wanted: CreateRuleWanted) -> CreateRule:
    """Create those whom the filter names, now and from now on; defaults of fields stay."""
    workspace = workspace_of(request)
    with workspace.store.transaction() as unit:
        rule = replace(
            read_rule(unit),
            filter=wanted.filter,
            policy=wanted.policy,
            allow_duplicates=wanted.allow_duplicates,
        )
        if wanted.filter:
            rule = replace(rule, filter=preview(unit, rule).filter)
        save_rule(unit, rule)
    workspace.sync_now()
    return rule


@noun.admin("PUT", "/create-rule/defaults/{field}")
def set_default(request: Request, field: FieldName, wanted: Default) -> CreateRule:
    """Fill a field of a new lead with this where ours is blank; whoever waited for it goes with the next cycle."""
    return _save_default(request, field, wanted.value.strip())


@noun.admin("DELETE", "/create-rule/defaults/{field}")
def remove_default(request: Request, field: FieldName) -> CreateRule:
    """Fill it no more."""
    return _save_default(request, field, "")


@noun.read("/waiting")
def list_waiting(request: Request, limit: _Some = 50) -> list[Waiting]:
    """People who lack what Salesforce demands; they go by themselves once it is filled in."""
    return _listed(request, (Wish.WAITING,), limit)


@noun.read("/review")
def list_review(request: Request, limit: _Some = 50) -> list[Waiting]:
    """People whom Salesforce may have already."""
    return _listed(request, (Wish.REVIEW,), limit)


@noun.operate("POST", "/review/{person_id}/link")
def link_reviewed(request: Request, person_id: PersonId, wanted: Target) -> Linking:
    """It is this record, or this other person here."""
    return workspace_of(request).link_reviewed(person_id, wanted.target)


@noun.operate("POST", "/review/{person_id}/create", status_code=204)
def create_reviewed(request: Request, person_id: PersonId) -> None:
    """It is somebody else: create a lead all the same."""
    workspace = workspace_of(request)
    wishes.decide_create(workspace.store, person_id, workspace.clock.now())
    workspace.sync_now()


@noun.operate("POST", "/review/{person_id}/dismiss", status_code=204)
def dismiss_reviewed(request: Request, person_id: PersonId) -> None:
    """Leave the person here only."""
    workspace = workspace_of(request)
    wishes.dismiss(workspace.store, person_id, workspace.clock.now())


@noun.operate("POST", "/people/{person_id}/sync", status_code=202)
def sync_person(
    request: Request,
    person_id: PersonId,
    recreate: Annotated[bool, Query(description="Also when the record was deleted in Salesforce.")] = False,
) -> None:
    """Bring one person into Salesforce, whatever the rule says: looked up first, linked or created."""
    workspace = workspace_of(request)
    wishes.ask(workspace.store, person_id, workspace.clock.now(), recreate)
    workspace.sync_now()


def _save_default(request: Request, field: str, value: str) -> CreateRule:
    workspace = workspace_of(request)
    with workspace.store.transaction() as unit:
        save_default(unit, field, value)
        rule = read_rule(unit)
    workspace.sync_now()
    return rule


def _listed(request: Request, wanted: Sequence[Wish], limit: int) -> list[Waiting]:
    workspace = workspace_of(request)
    shown = [c for c in _SHOWN if c in workspace.queries.columns()]
    with workspace.store.transaction() as unit:
        found = unit.creations(wanted, limit)
        values: Mapping[int, Mapping[str, Value]] = unit.people_values(
            shown, [one.person_id for one in found]
        )
    return [
        Waiting(
            person_id=one.person_id,
            values=dict(values.get(one.person_id, {})),
            reason=one.reason,
            fields=list(one.fields),
            matches=list(one.matches),
            at=one.at,
        )
        for one in found
    ]
