"""Set-up, Prepare: what to create and allow in Salesforce, and, once connected, what the org says about it (S-1..S-23)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.pages.stepper import ADDRESSES, stepper
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.setup.preflight import CheckStatus, Report
from diptych.setup.prepare import (
    FIELD_INSTRUCTIONS,
    FIELDS_TO_CREATE,
    OBJECT_RIGHTS,
    SYSTEM_RIGHTS,
    USER_INSTRUCTIONS,
)

router = APIRouter(prefix="/setup")

# a report is a dozen API calls: kept for a while, and made anew on request
_KEPT_FOR = timedelta(minutes=5)


@router.get("")
def onward(request: Request) -> Response:
    """The first step that is not done."""
    return RedirectResponse(ADDRESSES[workspace_of(request).setup.state().step], 303)


@router.get("/prepare")
def prepare(request: Request) -> Response:
    setup = workspace_of(request).setup
    state, connection = setup.state(), setup.connection()
    report, checked_at, trouble = _report(request) if connection else (None, None, None)
    return page(
        request,
        "setup/prepare.html",
        steps=stepper(state.step, "prepare"),
        connected=connection is not None,
        identity=connection.identity if connection else None,
        report=report,
        checked_at=checked_at,
        trouble=trouble,
        there=_there(report) if report else None,
        fields_to_create=FIELDS_TO_CREATE,
        field_instructions=FIELD_INSTRUCTIONS,
        user_instructions=USER_INSTRUCTIONS,
        object_rights=OBJECT_RIGHTS,
        system_rights=SYSTEM_RIGHTS,
    )


@router.post("/prepare")
def prepared(request: Request) -> Response:
    """Done, or not wanted: on to the next step."""
    setup = workspace_of(request).setup
    setup.prepared()
    return go(request, ADDRESSES["fields" if setup.state().connected else "credentials"])


@router.post("/prepare/check")
def check_again(request: Request) -> Response:
    request.app.state.report = None
    return go(request, ADDRESSES["prepare"])


def _report(request: Request) -> tuple[Report | None, datetime | None, Trouble | None]:
    """The report and when it was made."""
    setup = workspace_of(request).setup
    connection = setup.connection()
    kept = request.app.state.report
    now = datetime.now(UTC)
    if kept and kept[0] == connection and timedelta() <= now - kept[1] < _KEPT_FOR:
        return kept[2], kept[1], None
    try:
        report = setup.preflight()
    except EXPECTED as problem:
        return None, None, trouble_of(problem)
    request.app.state.report = (connection, now, report)
    return report, now, None


def _there(report: Report) -> dict[str, set[str]]:
    """The preparing fields that exist, by object: those that no check of the report calls missing."""
    missing: dict[str, set[str]] = {"Lead": set(), "Contact": set()}
    for check in report.checks:
        told = check.status in (CheckStatus.WARNING, CheckStatus.OK) and "not there" in check.what.lower()
        if told and check.object in missing:
            missing[check.object] |= set(check.fields)
    names = {field.api_name for field in FIELDS_TO_CREATE}
    return {name: names - absent for name, absent in missing.items()}
