"""Sync Status: every step of every cycle in Marketo's columns (S-63..S-65), and what each run did to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from diptych.admin.csv_file import csv_answer
from diptych.admin.frame import fragment, page, workspace_of
from diptych.admin.trouble import Trouble
from diptych.admin.views import PageOf
from diptych.admin.words import _
from diptych.services.exports import STEP_HEADINGS, step_row
from diptych.services.keeping import keep_days
from diptych.store.queries import StepSums
from diptych.store.queries.run_lines import WHATS
from diptych.store.queries.steps import SORTS, STATUSES

router = APIRouter(prefix="/runs")

_PAGE_SIZE = 50
_CSV_ROWS = 1_000_000
_LARGEST = 10**17


@dataclass(frozen=True)
class StepFilter:
    """Which steps, as the address says it. `wrong`: a moment that could not be read."""

    since: str = ""
    until: str = ""
    object_name: str = ""
    operation: str = ""
    status: str = ""
    kind: str = ""
    run_id: int | None = None
    sort: str = "-started"
    number: int = 1
    wrong: str = ""

    @property
    def address(self) -> dict[str, object]:
        """For links that keep the filter."""
        return {
            "since": self.since,
            "until": self.until,
            "object": self.object_name,
            "operation": self.operation,
            "status": self.status,
            "kind": self.kind,
            "run": self.run_id or "",
            "sort": "" if self.sort == "-started" else self.sort,
        }

    @property
    def narrows(self) -> bool:
        return any(value for name, value in self.address.items() if name != "sort")

    @property
    def wanted(self) -> dict[str, Any]:
        return {
            "since": moment_of(self.since),
            "until": moment_of(self.until),
            "object_name": self.object_name,
            "operation": self.operation,
            "status": self.status,
            "kind": self.kind,
            "run_id": self.run_id,
        }

    @property
    def live(self) -> bool:
        """Only the newest page changes by itself."""
        return self.number == 1 and self.sort == "-started" and not self.until


def moment_of(text: str) -> datetime | None:
    """A moment as an address has it: a day, or a day and a time, in UTC unless it says otherwise. Raises ValueError."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _number(text: str | None) -> int | None:
    ok = text is not None and text.isascii() and text.isdecimal() and len(text) < 18
    return int(text) if ok and text is not None else None


def _filter(request: Request) -> StepFilter:
    given = request.query_params
    since, until, wrong = given.get("since", "")[:40], given.get("until", "")[:40], ""
    for text in (since, until):
        try:
            moment_of(text)
        except ValueError:
            wrong = text
    status, sort = given.get("status", ""), given.get("sort", "-started")
    return StepFilter(
        "" if wrong else since,
        "" if wrong else until,
        given.get("object", "")[:80],
        given.get("operation", "")[:80],
        status if status in STATUSES else "",
        given.get("kind", "")[:40],
        _number(given.get("run")),
        sort if sort in SORTS else "-started",
        _number(given.get("page")) or 1,
        wrong,
    )


@router.get("")
def show(request: Request) -> Response:
    workspace, wanted = workspace_of(request), _filter(request)
    trouble = Trouble(_("%s is not a moment; write 2026-11-26 or 2026-11-26T08:30.") % wanted.wrong)
    return page(
        request,
        "operate/runs.html",
        422 if wanted.wrong else 200,
        trouble=trouble if wanted.wrong else None,
        facets=workspace.queries.step_facets(),
        statuses=STATUSES,
        days=keep_days(workspace.store),
        **_table(request, wanted),
    )


@router.get("/table")
def table(request: Request) -> Response:
    """The table alone, for a page that keeps itself up to date."""
    return HTMLResponse(fragment("live/steps.html", **_table(request, _filter(request))))


@router.get(".csv")
def export(request: Request) -> Response:
    wanted = _filter(request)
    rows, _sums = workspace_of(request).queries.steps(_CSV_ROWS, 1, wanted.sort, **wanted.wanted)
    return csv_answer("sync-status.csv", STEP_HEADINGS, map(step_row, rows))


def _table(request: Request, wanted: StepFilter) -> dict[str, Any]:
    rows, sums = workspace_of(request).queries.steps(_PAGE_SIZE, wanted.number, wanted.sort, **wanted.wanted)
    return {"wanted": wanted, "sums": sums, "pages": PageOf(rows, sums.steps, wanted.number, _PAGE_SIZE)}


@router.get("/{run_id}")
def show_run(request: Request, run_id: int, what: str = "", number: int = 1) -> Response:
    """One run: its steps, and line by line what it did."""
    queries = workspace_of(request).queries
    run = queries.run(run_id) if 0 < run_id < _LARGEST else None
    if run is None:
        raise HTTPException(404, _("There is no such run; steps are kept as long as the settings say."))
    counts = queries.run_counts(run_id)
    chosen = what if what in WHATS else next((name for name, n in counts.items() if n), "new")
    object_name = request.query_params.get("object", "")[:80]
    lines, total = queries.run_lines(run_id, chosen, _PAGE_SIZE, number, object_name)
    steps, sums = queries.steps(500, 1, "started", run_id=run_id)
    return page(
        request,
        "operate/run.html",
        run=run,
        steps=steps,
        sums=sums if run.steps else StepSums(),
        counts=counts,
        chosen=chosen,
        object_name=object_name,
        pages=PageOf(lines, total, max(number, 1), _PAGE_SIZE),
        words={
            "new": _("New here"),
            "updated": _("Updated here"),
            "sent": _("Sent to Salesforce"),
            "created": _("Created in Salesforce"),
            "deleted": _("Deleted in Salesforce"),
            "failed": _("Errors"),
            "conflicts": _("Conflicts"),
        },
    )
