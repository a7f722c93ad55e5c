"""Merging, converting and deleting people: shown first, then ordered; what was ordered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request
from pydantic import BaseModel, Field

from diptych.api.gate import Noun, actor_of, workspace_of
from diptych.api.given import Whole, YesNo
from diptych.api.problems import Refusal, not_found
from diptych.domain.actions import Action, ActionState, DeletePolicy, Difference
from diptych.domain.values import Value
from diptych.sync.actions.preview import (
    ConvertPreview,
    ConvertWish,
    DeletePreview,
    MergePreview,
    Unsynced,
)
from diptych.sync.actions.undo import UndoPreview

noun = Noun("actions")
ActionId = Annotated[int, Path(ge=1, lt=2**53)]
_Person = Annotated[Whole, Field(ge=1, lt=2**53)]
_SalesforceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$")]
_Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
_WAIT_SECONDS = 20
_Found = MergePreview | ConvertPreview | DeletePreview | UndoPreview


class Order(BaseModel):
    """What is to be done. `merge`: several `people`, the first of whom remains (`picks`: whose value a column keeps;
    `only_here`: no record is touched). `convert`: one person's lead. `delete`: one person; with `policy` delete, or `forget`, it
    cannot be had back, and is ordered at POST /actions/final. `undo`: take back the `run` of an action, with `undelete` also in
    Salesforce."""

    kind: Literal["merge", "convert", "delete", "undo"]
    people: list[_Person] = Field(default=[], max_length=10)
    picks: dict[str, _Person] = {}
    only_here: YesNo = False
    lead: _SalesforceId | None = None
    account: _SalesforceId | None = None
    contact: _SalesforceId | None = None
    status: _Text | None = None
    opportunity: YesNo = True
    opportunity_name: _Text | None = None
    owner: _SalesforceId | None = None
    overwrite_lead_source: YesNo = False
    notify_owner: YesNo = False
    policy: DeletePolicy = DeletePolicy.LEAVE
    suppress: YesNo = False
    forget: YesNo = False
    run: Whole | None = Field(default=None, ge=1, lt=2**53)
    undelete: YesNo = False


class Final(BaseModel):
    """Deleting one person so that it cannot be had back: in Salesforce (`policy` delete), or for ever (`forget`). `confirm` has to
    be the words that POST /actions/preview names."""

    person: _Person
    policy: DeletePolicy = DeletePolicy.DELETE
    suppress: YesNo = False
    forget: YesNo = False
    confirm: _Text


class Shown(BaseModel):
    """What an order would do. `person_id`: who remains, or whom it is about; `confirm`: the words that POST /actions/final needs;
    null: it is ordered at POST /actions."""

    kind: str
    person_id: int
    steps: list[str]
    notes: list[str] = []
    differences: list[Difference] = []
    unsynced: list[Unsynced] = []
    kept_here: dict[str, Value] = {}
    statuses: list[str] = []
    confirm: str | None = None


class StepSeen(BaseModel):
    text: str
    state: str


class ActionSeen(BaseModel):
    """`state`: open (the sync goes on with it by itself; `error` says what it waits for), done, failed, cancelled."""

    id: int
    kind: str
    person_id: int
    others: list[int]
    state: str
    run_id: int | None
    error: str | None
    steps: list[StepSeen]
    actor: str
    at: datetime
    ended_at: datetime | None


@noun.read()
def list_actions(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[ActionSeen]:
    """What was ordered, newest first."""
    return [_seen(one) for one in workspace_of(request).acting.ordered(limit)]


@noun.read("/preview", method="POST")
def preview_action(request: Request, order: Order) -> Shown:
    """What an order would do. Asks Salesforce; changes nothing."""
    return _shown(order, _look(request, order))


@noun.operate("POST")
def order_action(request: Request, order: Order) -> ActionSeen:
    """Do it. Answers when it is done; `open` when it could not be carried out at once."""
    found = _look(request, order)
    if isinstance(found, DeletePreview) and found.confirmation is not None:
        raise Refusal(
            409,
            "Deleting in Salesforce, or for ever, cannot be had back; nothing was done.",
            f"Order it at POST /actions/final, which takes the scope admin, with confirm: {found.confirmation}",
        )
    return _carry_out(request, found)


@noun.admin("POST", "/final")
def order_final_action(request: Request, order: Final) -> ActionSeen:
    """Delete somebody in Salesforce, or for ever."""
    found = workspace_of(request).acting.delete(order.person, order.policy, order.suppress, order.forget)
    if found.confirmation is None:
        raise Refusal(409, "This can be had back; nothing was done.", "Order it at POST /actions.")
    if order.confirm != found.confirmation:
        raise Refusal(
            422,
            "What cannot be had back has to be confirmed; nothing was done.",
            f"Send confirm: {found.confirmation}",
        )
    return _carry_out(request, found)


def _carry_out(request: Request, found: _Found) -> ActionSeen:
    done = workspace_of(request).acting.carry_out(found, actor_of(request), _WAIT_SECONDS)
    if done.state is ActionState.FAILED:
        raise Refusal(409, done.error or "It failed.", f"See GET /actions: it is number {done.id}.")
    return _seen(done)


@noun.operate("POST", "/{action_id}/cancel")
def cancel_action(request: Request, action_id: ActionId) -> ActionSeen:
    """Give up an open action of which nothing is under way."""
    try:
        return _seen(workspace_of(request).acting.cancel(action_id))
    except KeyError:
        raise not_found(f"There is no action {action_id}.") from None
    except ValueError as problem:
        raise Refusal(409, str(problem)) from None


def _look(request: Request, order: Order) -> _Found:
    acting = workspace_of(request).acting
    if order.kind == "undo":
        found = acting.undo(order.run or 0, order.undelete)
        if found is None:
            raise not_found(f"Run {order.run} is none of an action; see POST /runs/{{run_id}}/undo.")
        if not found.does:
            raise Refusal(409, "There is nothing to take back here (any more).")
        return found
    if order.kind == "merge":
        return acting.merge(order.people, order.picks, order.only_here)
    if len(order.people) != 1:
        raise Refusal(422, f"To {order.kind}, name one person in people.")
    if order.kind == "delete":
        return acting.delete(order.people[0], order.policy, order.suppress, order.forget)
    wish = ConvertWish(
        order.lead,
        order.account,
        order.contact,
        order.status,
        order.opportunity,
        order.opportunity_name,
        order.owner,
        order.overwrite_lead_source,
        order.notify_owner,
    )
    return acting.convert(order.people[0], wish)


def _shown(order: Order, found: _Found) -> Shown:
    more: dict[str, Any] = {}
    if isinstance(found, MergePreview):
        steps, person_id = found.plan.steps, found.plan.remaining
        more = {"differences": list(found.plan.differences), "unsynced": list(found.unsynced)}
        notes = found.plan.notes
    elif isinstance(found, ConvertPreview):
        steps, person_id, notes = (found.step,), found.joins or found.person_id, found.notes
        more = {"kept_here": dict(found.kept_here), "statuses": list(found.statuses)}
    elif isinstance(found, DeletePreview):
        steps, person_id, notes = found.steps, found.person_id, found.notes
        more = {"confirm": found.confirmation}
    else:
        steps, person_id, notes = found.undelete, found.action.person_id, found.notes
    return Shown(
        kind=order.kind, person_id=person_id, steps=[s.text for s in steps], notes=list(notes), **more
    )


def _seen(one: Action) -> ActionSeen:
    return ActionSeen(
        id=one.id,
        kind=one.kind.value,
        person_id=one.person_id,
        others=list(one.others),
        state=one.state.value,
        run_id=one.run_id,
        error=one.error,
        steps=[StepSeen(text=step.text, state=step.state.value) for step in one.steps],
        actor=one.actor,
        at=one.at,
        ended_at=one.ended_at,
    )
