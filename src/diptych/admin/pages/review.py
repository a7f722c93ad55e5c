"""The review list (people whom Salesforce may have already) and the list of those who wait for data: reason, and what to do."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, require
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.views import PageOf
from diptych.admin.words import _
from diptych.domain.creating import CREATED_OBJECT, Wish
from diptych.domain.roles import Role
from diptych.sync.outbound import wishes
from diptych.sync.outbound.create_rule import read_rule

router = APIRouter(prefix="/identity")
_PAGE_SIZE = 50
_ACTS = [require(Role.OPERATOR)]


@router.get("/review")
def show(request: Request) -> Response:
    return _review(request, None)


@router.post("/review/link", dependencies=_ACTS)
def link(request: Request, form: Form) -> Response:
    """It is this record, or this other person here."""
    target = str(form.get("typed") or form.get("target") or "").strip()
    try:
        done = workspace_of(request).link_reviewed(_number(form), target)
    except wishes.WishRefused as problem:
        return _review(request, Trouble(str(problem)))
    except EXPECTED as problem:
        return _review(request, trouble_of(problem))
    if done.run_id is None:
        return go(request, "/identity/review", _("Linked with the next cycle."))
    said = _("Joined: it is person %(id)d now. Run %(run)d can be undone under Identity.")
    return go(request, "/identity/review", said % {"id": done.person_id, "run": done.run_id})


@router.post("/review/create", dependencies=_ACTS)
def create(request: Request, form: Form) -> Response:
    """It is somebody else."""
    return _decide(request, form, wishes.decide_create, _("Created in Salesforce with the next cycle."))


@router.post("/review/dismiss", dependencies=_ACTS)
def dismiss(request: Request, form: Form) -> Response:
    """Leave the person as it is."""
    return _decide(
        request, form, wishes.dismiss, _("Left as it is; a person's page can still bring it up again.")
    )


def _decide(request: Request, form: Form, act: Callable[..., None], said: str) -> Response:
    workspace = workspace_of(request)
    try:
        act(workspace.store, _number(form), workspace.clock.now())
    except wishes.WishRefused as problem:
        return _review(request, Trouble(str(problem)))
    workspace.sync_now()
    return go(request, "/identity/review", said)


def _review(request: Request, trouble: Trouble | None) -> Response:
    number = _page_number(request)
    rows, total = workspace_of(request).queries.creations((Wish.REVIEW,), _PAGE_SIZE, number)
    return page(
        request,
        "identity/review.html",
        422 if trouble else 200,
        trouble=trouble,
        people=PageOf(rows, total, number, _PAGE_SIZE),
    )


@router.get("/waiting")
def waiting(request: Request) -> Response:
    """Who is to be created and lacks what Salesforce demands; filled in, they go by themselves."""
    workspace, number = workspace_of(request), _page_number(request)
    rows, total = workspace.queries.creations((Wish.WAITING,), _PAGE_SIZE, number)
    with workspace.store.looking() as tx:
        defaults, mapping = read_rule(tx).defaults, tx.mapping().of(CREATED_OBJECT)
    lacking = dict.fromkeys(name for row in rows for name in row.creation.fields)
    return page(
        request,
        "identity/waiting.html",
        people=PageOf(rows, total, number, _PAGE_SIZE),
        columns={one.field: one.column for one in mapping.fields},
        defaults=defaults,
        lacking=list(lacking),
    )


def _number(form: Form) -> int:
    text = str(form.get("person", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0


def _page_number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return max(int(text), 1) if text.isascii() and text.isdecimal() and len(text) < 9 else 1
