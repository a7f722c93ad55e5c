"""Errors: what could not be synced, grouped by cause, each with its remedy and what can be done here (S-66)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, require
from diptych.admin.trouble import Trouble
from diptych.admin.words import _, ngettext
from diptych.domain.roles import Role
from diptych.store.queries import DeadLetterRow
from diptych.sync.repair import dead_letter

router = APIRouter(prefix="/errors")

_MOST = 500


@dataclass(frozen=True)
class Cause:
    """Errors that have the same cause: one code about one field of one object."""

    error_class: str
    code: str
    object_name: str
    field: str | None
    letters: tuple[DeadLetterRow, ...]

    @property
    def first(self) -> DeadLetterRow:
        return self.letters[0]

    @property
    def numbers(self) -> str:
        return ",".join(str(letter.id) for letter in self.letters)

    @property
    def to_decide(self) -> bool:
        """Both sides changed the value, and a person is asked which one counts."""
        return self.code == "CONFLICT_ASK"


@router.get("")
def show(request: Request) -> Response:
    return _page(request, None)


@router.post("/retry", dependencies=[require(Role.OPERATOR)])
def retry(request: Request, form: Form) -> Response:
    return _each(request, form, dead_letter.retry, _("%d is tried again."), _("%d are tried again."))


@router.post("/ignore", dependencies=[require(Role.OPERATOR)])
def ignore(request: Request, form: Form) -> Response:
    return _each(request, form, dead_letter.ignore, _("%d is off the list."), _("%d are off the list."))


@router.post("/decide", dependencies=[require(Role.OPERATOR)])
def decide(request: Request, form: Form) -> Response:
    """Settle a conflict that waited for a person."""
    workspace, winner = workspace_of(request), str(form.get("winner", ""))
    try:
        for number in _numbers(form):
            dead_letter.decide(workspace.store, number, winner, workspace.clock.now())
    except (dead_letter.NoSuchDeadLetter, ValueError) as problem:
        return _page(request, Trouble(str(problem)))
    workspace.sync_now()
    return go(request, "/errors", _("Decided. The other value is kept in the list of conflicts."))


def _each(request: Request, form: Form, act: Callable[..., None], one: str, many: str) -> Response:
    workspace = workspace_of(request)
    done = 0
    for number in _numbers(form):
        try:
            act(workspace.store, number, workspace.clock.now())
            done += 1
        except dead_letter.NoSuchDeadLetter:
            continue  # somebody, or the sync itself, was quicker
    workspace.sync_now()
    return go(request, "/errors", ngettext(one, many, done) % done)


def _numbers(form: Form) -> list[int]:
    given = str(form.get("letters", "")).split(",")
    return [int(text) for text in given if text.isascii() and text.isdecimal() and len(text) < 18]


def causes(letters: Iterable[DeadLetterRow]) -> list[Cause]:
    """Grouped by cause, the most frequent first."""
    groups: dict[tuple[str, str, str, str | None], list[DeadLetterRow]] = {}
    for letter in letters:
        key = (letter.error_class, letter.code, letter.object_name, letter.field)
        groups.setdefault(key, []).append(letter)
    found = [Cause(*key, tuple(group)) for key, group in groups.items()]
    return sorted(found, key=lambda cause: -len(cause.letters))


def _page(request: Request, trouble: Trouble | None) -> Response:
    letters, total = workspace_of(request).queries.dead_letters(_MOST)
    return page(
        request,
        "operate/errors.html",
        422 if trouble else 200,
        trouble=trouble,
        causes=causes(letters),
        total=total,
        shown=len(letters),
        classes={
            "permission": _("permission"),
            "validation_rule": _("validation rule"),
            "required_field": _("required field"),
            "duplicate_rule": _("duplicate rule"),
            "lock": _("record lock"),
            "length": _("too long"),
            "picklist": _("picklist"),
            "limit": _("limit"),
            "login": _("login"),
            "automation": _("automation in Salesforce"),
            "gone": _("record gone"),
            "schema": _("fields changed"),
            "network": _("network"),
            "other": _("other"),
        },
    )
