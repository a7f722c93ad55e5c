"""On a person's page: merge with others, convert, delete. Each is shown before it is done; nothing is changed by looking."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, NotAllowed, actor_of, principal_of, require
from diptych.admin.pages.people import PersonId, person_of
from diptych.admin.show import said
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _
from diptych.domain.actions import Action, ActionState, CannotAct, DeletePolicy
from diptych.domain.roles import Role
from diptych.sync.actions.preview import (
    ConvertPreview,
    ConvertWish,
    DeletePreview,
    MergePreview,
)

router = APIRouter(prefix="/people", dependencies=[require(Role.OPERATOR)])

_EXPECTED: tuple[type[Exception], ...] = (CannotAct, *EXPECTED)
_WAIT_SECONDS = 10
_MOST = 10


# ---------------------------------------------------------------- merging


@router.get("/{person_id}/merge")
def ask_to_merge(request: Request, person_id: PersonId, others: str = "", only_here: str = "") -> Response:
    """Whom to merge with, and once that is said, what becomes of each value."""
    return _merge_page(request, person_id, others, bool(only_here))


@router.post("/{person_id}/merge")
def merge(request: Request, person_id: PersonId, form: Form) -> Response:
    """Do it, with the values that were picked."""
    others, only_here = str(form.get("others", "")), bool(form.get("only_here"))
    picked = {
        name.removeprefix("pick."): int(value)
        for name, value in ((str(k), str(v)) for k, v in form.items())
        if name.startswith("pick.") and value.isascii() and value.isdecimal()
    }
    acting = workspace_of(request).acting
    try:
        found = acting.merge([person_id, *_numbers(others)], picked, only_here)
    except _EXPECTED as problem:
        return _merge_page(request, person_id, others, only_here, _trouble(problem))
    done = acting.carry_out(found, actor_of(request), _WAIT_SECONDS)
    if done.state is ActionState.FAILED:
        return _merge_page(request, person_id, others, only_here, _failed(done))
    return _answer(request, done, f"/people/{found.plan.remaining}", _("Merged."))


def _merge_page(
    request: Request, person_id: int, others: str, only_here: bool, trouble: Trouble | None = None
) -> Response:
    person, found = person_of(request, person_id), None
    if others and trouble is None:
        try:
            if not _numbers(others):
                raise CannotAct(_("Write the numbers of people, such as: 12, 13"))
            found = workspace_of(request).acting.merge([person_id, *_numbers(others)], {}, only_here)
        except _EXPECTED as problem:
            trouble = _trouble(problem)
    return page(
        request,
        "people/merge.html",
        422 if trouble else 200,
        person=person,
        others=others,
        only_here=only_here,
        found=found,
        because=_because(),
        unsynced=_unsynced(found),
        trouble=trouble,
    )


def _numbers(text: str) -> list[int]:
    return [int(one) for one in re.findall(r"[0-9]{1,15}", text)[:_MOST]]


def _unsynced(found: MergePreview | None) -> dict[str, Any]:
    """The Salesforce ids as headings, and a row a field."""
    ids = list(dict.fromkeys(i for one in found.unsynced for i in one.values)) if found else []
    rows = (
        [(f"{u.object_name}.{u.field}", [u.values.get(i) for i in ids]) for u in found.unsynced]
        if found
        else []
    )
    return {"ids": ids, "rows": rows}


def _because() -> dict[str, str]:
    return {
        "master": _("the remaining person's"),
        "most_recent": _("changed last"),
        "sum": _("the sum"),
        "max": _("the greater one"),
        "union": _("all of them"),
        "most_restrictive": _("a refusal of consent stands"),
        "salesforce": _("Salesforce decides"),
        "picked": _("picked"),
    }


# ---------------------------------------------------------------- converting


@dataclass(frozen=True)
class _Asked:
    """The form of a conversion as it was filled in."""

    account: str = ""
    contact: str = ""
    status: str = ""
    owner: str = ""
    opportunity: str = "yes"
    opportunity_name: str = ""

    @property
    def wish(self) -> ConvertWish:
        return ConvertWish(
            account=self.account or None,
            contact=self.contact or None,
            status=self.status or None,
            opportunity=self.opportunity == "yes",
            opportunity_name=self.opportunity_name or None,
            owner=self.owner or None,
        )


@router.get("/{person_id}/convert")
def ask_to_convert(request: Request, person_id: PersonId) -> Response:
    """How to convert, and what that would do."""
    given = request.query_params
    known = {name: given[name].strip() for name in _Asked.__annotations__ if name in given}
    return _convert_page(request, person_id, _Asked(**known))


@router.post("/{person_id}/convert")
def convert(request: Request, person_id: PersonId, form: Form) -> Response:
    """Convert the lead as the form says."""
    asked = _Asked(**{name: str(form[name]).strip() for name in _Asked.__annotations__ if name in form})
    acting = workspace_of(request).acting
    try:
        found = acting.convert(person_id, asked.wish)
    except _EXPECTED as problem:
        return _convert_page(request, person_id, asked, _trouble(problem))
    done = acting.carry_out(found, actor_of(request), _WAIT_SECONDS)
    if done.state is ActionState.FAILED:
        return _convert_page(request, person_id, asked, _failed(done))
    return _answer(request, done, f"/people/{found.joins or found.person_id}", _("Converted."))


def _convert_page(
    request: Request, person_id: int, asked: _Asked, trouble: Trouble | None = None
) -> Response:
    person, acting = person_of(request, person_id), workspace_of(request).acting
    found: ConvertPreview | None = None
    if trouble is None:
        try:
            found = acting.convert(person_id, asked.wish)
        except _EXPECTED as problem:
            trouble = _trouble(problem)
    return page(
        request,
        "people/convert.html",
        422 if trouble else 200,
        person=person,
        asked=asked,
        found=found,
        accounts=acting.accounts_for(person_id),
        trouble=trouble,
    )


# ---------------------------------------------------------------- deleting


@router.get("/{person_id}/delete")
def ask_to_delete(request: Request, person_id: PersonId) -> Response:
    """The question; nothing is deleted by looking at it."""
    return _delete_page(request, person_id)


@router.post("/{person_id}/delete")
def delete(request: Request, person_id: PersonId, form: Form) -> Response:
    """Delete the person here; in Salesforce, or for ever, only with the words typed, and by an administrator."""
    workspace = workspace_of(request)
    person = person_of(request, person_id)
    policy, keep_away = str(form.get("policy") or DeletePolicy.LEAVE), str(form.get("keep_away") or "")
    forget = keep_away == "forget"
    if policy == DeletePolicy.LEAVE and not keep_away:
        workspace.store.delete_person(actor_of(request), person_id)
        answer = go(request, "/people", _("%s was deleted here.") % person.name)
        answer.background = BackgroundTask(workspace.sync_now)
        return answer
    if policy not in list(DeletePolicy):
        return _delete_page(request, person_id, Trouble(_("Choose what is to become of the records.")))
    if policy == DeletePolicy.DELETE or forget:
        who = principal_of(request)
        if who is None or not who.may(Role.ADMIN):
            raise NotAllowed(Role.ADMIN)
    try:
        found = workspace.acting.delete(person_id, DeletePolicy(policy), bool(keep_away), forget)
    except _EXPECTED as problem:
        return _delete_page(request, person_id, _trouble(problem))
    words = found.confirmation
    if words is not None and str(form.get("confirm", "")).strip() not in (words, said(words)):
        trouble = Trouble(
            _("Nothing was deleted yet."),
            _("What cannot be had back has to be typed out."),
            _("Type these words into the field below, and send it again: %s") % said(words),
        )
        return _delete_page(request, person_id, trouble, found, policy, keep_away)
    done = workspace.acting.carry_out(found, actor_of(request), _WAIT_SECONDS)
    if done.state is ActionState.FAILED:
        return _delete_page(request, person_id, _failed(done))
    if found.policy is DeletePolicy.DETACH:
        return _answer(request, done, f"/people/{person_id}", _("Its records were let go."))
    return _answer(request, done, "/people", _("%s was deleted.") % person.name)


def _delete_page(
    request: Request,
    person_id: int,
    trouble: Trouble | None = None,
    found: DeletePreview | None = None,
    policy: str = "leave",
    keep_away: str = "",
) -> Response:
    who = principal_of(request)
    return page(
        request,
        "people/delete.html",
        422 if trouble else 200,
        person=person_of(request, person_id),
        found=found,
        policy=policy,
        keep_away=keep_away,
        administrator=who is not None and who.may(Role.ADMIN),
        trouble=trouble,
    )


# ---------------------------------------------------------------- answers


def _answer(request: Request, done: Action, address: str, words: str) -> Response:
    if done.state is ActionState.DONE:
        return go(request, address, words)
    waiting = _("It is ordered and not done yet: %s") % (done.error or "")
    return go(request, "/people", waiting, kind="warning", remedy=_("The sync goes on with it by itself."))


def _trouble(problem: Exception) -> Trouble:
    return Trouble(str(problem)) if isinstance(problem, CannotAct) else trouble_of(problem)


def _failed(done: Action) -> Trouble:
    some = sum(step.state == "done" for step in done.steps)
    rest = (
        _("%(done)d of %(all)d steps were done and stay.") % {"done": some, "all": len(done.steps)}
        if some
        else _("Nothing was changed.")
    )
    return Trouble(done.error or _("It failed."), rest)
