"""Sync errors: what could not be synced, by cause, each with its remedy and what can be done here (S-66)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from diptych.admin.csv_file import csv_answer
from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, require
from diptych.admin.trouble import Trouble
from diptych.admin.views import PageOf
from diptych.admin.words import _, both, ngettext
from diptych.domain.causes import HELD, OPEN, tried_by_itself
from diptych.domain.roles import Role
from diptych.services.exports import ERROR_HEADINGS, error_row
from diptych.store.queries import CauseRow
from diptych.sync.repair import dead_letter
from diptych.sync.repair.release import read_probes

router = APIRouter(prefix="/errors")

_OPERATOR = [require(Role.OPERATOR)]

_PAGE_SIZE = 100
_MOST_CAUSES = 200
_JOB_DAYS = 7
_CSV_ROWS = 100_000


@dataclass(frozen=True)
class ErrorFilter:
    """Which errors, as the address says it."""

    status: str = OPEN
    object_name: str = ""
    error_class: str = ""
    field: str = ""

    @property
    def address(self) -> dict[str, str]:
        """For links that keep the filter."""
        status = "" if self.status == OPEN else self.status
        return {"status": status, "object": self.object_name, "class": self.error_class, "field": self.field}

    @property
    def narrows(self) -> bool:
        return bool(self.object_name or self.error_class or self.field)

    @property
    def wanted(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "object_name": self.object_name,
            "error_class": self.error_class,
            "field": self.field,
        }


def _filter(request: Request) -> ErrorFilter:
    given = request.query_params
    status = given.get("status", OPEN)
    return ErrorFilter(
        status if status in (*HELD, "held") else OPEN,
        given.get("object", "")[:80],
        given.get("class", "")[:40],
        given.get("field", "")[:80],
    )


@router.get("")
def show(request: Request) -> Response:
    return _page(request, None)


@router.get(".csv")
def export(request: Request) -> Response:
    """Every error of the filter, one a line, with Salesforce's own text."""
    rows, _total = workspace_of(request).queries.dead_letters(_CSV_ROWS, 1, **_filter(request).wanted)
    return csv_answer("sync-errors.csv", ERROR_HEADINGS, map(error_row, rows))


@router.get("/{key}")
def show_cause(request: Request, key: str, number: int = 1) -> Response:
    return _cause_page(request, key, number, None)


@router.post("/all", dependencies=_OPERATOR)
def do_to_all(request: Request, form: Form) -> Response:
    """Do something to every error of one cause."""
    workspace, key = workspace_of(request), str(form.get("cause", ""))
    what, status = str(form.get("do", "")), str(form.get("status", OPEN))
    if what not in _DONE or status not in HELD:
        return _page(request, Trouble(_("There is nothing of that name to do.")))
    done = dead_letter.for_all(workspace.store, key, what, (status,), workspace.clock.now())
    if what == dead_letter.RETRY:
        workspace.sync_now()
    one, many = _DONE[what]
    return go(request, "/errors", ngettext(one, many, done) % done)


@router.post("/retry", dependencies=_OPERATOR)
def retry(request: Request, form: Form) -> Response:
    return _each(request, form, dead_letter.retry, dead_letter.RETRY)


@router.post("/ignore", dependencies=[require(Role.OPERATOR)])
def ignore(request: Request, form: Form) -> Response:
    return _each(request, form, dead_letter.ignore, "ignored")


@router.post("/quarantine", dependencies=_OPERATOR)
def quarantine(request: Request, form: Form) -> Response:
    return _each(request, form, dead_letter.quarantine, "quarantined")


@router.post("/reopen", dependencies=_OPERATOR)
def reopen(request: Request, form: Form) -> Response:
    return _each(request, form, dead_letter.reopen, OPEN)


@router.post("/decide", dependencies=[require(Role.OPERATOR)])
def decide(request: Request, form: Form) -> Response:
    """Settle conflicts that waited for a person."""
    workspace, winner = workspace_of(request), str(form.get("winner", ""))
    try:
        for number in _numbers(form):
            dead_letter.decide(workspace.store, number, winner, workspace.clock.now())
    except (dead_letter.NoSuchDeadLetter, ValueError) as problem:
        return _page(request, Trouble(str(problem)))
    workspace.sync_now()
    return go(request, _back(form), _("Decided. The other value is kept in the list of conflicts."))


_DONE = {
    dead_letter.RETRY: both("%d is tried again.", "%d are tried again."),
    "ignored": both("%d is off the list.", "%d are off the list."),
    "quarantined": both("%d is in quarantine.", "%d are in quarantine."),
    OPEN: both("%d is on the list again.", "%d are on the list again."),
}


def _each(request: Request, form: Form, act: Callable[..., None], what: str) -> Response:
    workspace = workspace_of(request)
    done = 0
    for number in _numbers(form):
        try:
            act(workspace.store, number, workspace.clock.now())
            done += 1
        except dead_letter.NoSuchDeadLetter:
            continue  # somebody, or the sync itself, was quicker
    if what == dead_letter.RETRY:
        workspace.sync_now()
    one, many = _DONE[what]
    return go(request, _back(form), ngettext(one, many, done) % done)


def _back(form: Form) -> str:
    """The page of the cause that the form was on, or the list."""
    key = str(form.get("cause", ""))
    return f"/errors/{key}" if key.isalnum() and len(key) == 12 else "/errors"


def _numbers(form: Form) -> list[int]:
    given = [text for part in form.getlist("letters") for text in str(part).split(",")]
    return [int(text) for text in given if text.isascii() and text.isdecimal() and len(text) < 18]


def _page(request: Request, trouble: Trouble | None) -> Response:
    workspace, wanted = workspace_of(request), _filter(request)
    queries = workspace.queries
    found = queries.causes(_MOST_CAUSES, **wanted.wanted)
    return page(
        request,
        "operate/errors.html",
        422 if trouble else 200,
        trouble=trouble,
        causes=found,
        most=_MOST_CAUSES,
        wanted=wanted,
        totals=queries.cause_totals(),
        facets=queries.cause_facets(),
        next_tries=_next_tries(request, found),
        job_errors=queries.job_errors(workspace.clock.now() - timedelta(days=_JOB_DAYS)),
        job_days=_JOB_DAYS,
        classes=class_names(),
    )


def _cause_page(request: Request, key: str, number: int, trouble: Trouble | None) -> Response:
    workspace, wanted = workspace_of(request), _filter(request)
    status = wanted.status if "status" in request.query_params else "held"
    found = workspace.queries.causes(1, key=key, status="held")
    if not found:
        raise HTTPException(404, _("There is no error with that cause any more: it was settled."))
    rows, total = workspace.queries.dead_letters(_PAGE_SIZE, number, key=key, status=status)
    return page(
        request,
        "operate/cause.html",
        422 if trouble else 200,
        trouble=trouble,
        cause=found[0],
        rows=rows,
        pages=PageOf(rows, total, max(number, 1), _PAGE_SIZE),
        status=status,
        next_tries=_next_tries(request, found),
        classes=class_names(),
        runs=sorted({row.run_id for row in rows if row.run_id}, reverse=True)[:5],
    )


def _next_tries(request: Request, found: list[CauseRow]) -> dict[str, datetime]:
    """When one record of each cause is tried again by itself."""
    workspace = workspace_of(request)
    if not workspace.settings.probe_minutes:
        return {}
    with workspace.store.looking() as unit:
        probes = read_probes(unit)
    after = timedelta(minutes=workspace.settings.probe_minutes)
    return {
        one.key: probes[one.key].next_at if one.key in probes else one.last_at + after
        for one in found
        if tried_by_itself(one.code) and one.open + one.quarantined
    }


def class_names() -> dict[str, str]:
    """The classes of errors in the language of the page."""
    return {
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
    }
