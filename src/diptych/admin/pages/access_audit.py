"""Access: the audit log, searched, and as a CSV file."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from diptych.access.audit_file import as_csv, every_line
from diptych.admin.frame import page, workspace_of
from diptych.admin.guard import require
from diptych.admin.trouble import Trouble
from diptych.admin.words import _
from diptych.domain.roles import Role

router = APIRouter(prefix="/access/audit", dependencies=[require(Role.ADMIN)])
_PAGE_SIZE = 50


@router.get("")
def show(request: Request, actor: str = "", what: str = "", since: str = "", before: str = "") -> Response:
    """The latest changes; `before` is the number of the last one of the page before."""
    trouble, since_at = None, None
    try:
        since_at = _day(since)
    except ValueError:
        trouble = Trouble(_("Write the day as 2026-01-31."))
    last = int(before) if before.isascii() and before.isdecimal() and len(before) < 18 else None
    lines = workspace_of(request).queries.audit(_PAGE_SIZE, last, _clean(actor), _clean(what), since_at)
    return page(
        request,
        "access/audit.html",
        422 if trouble else 200,
        trouble=trouble,
        lines=lines,
        filter={"actor": _clean(actor), "what": _clean(what), "since": since},
        older=lines[-1].id if len(lines) == _PAGE_SIZE else None,
        sources={
            "page": _("page"),
            "api": _("API"),
            "command": _("command"),
            "sign-in": _("identity provider"),
        },
    )


@router.get("/file")
def file(request: Request, actor: str = "", what: str = "", since: str = "") -> Response:
    """All of it that fits the filter, as CSV."""
    try:
        since_at = _day(since)
    except ValueError:
        since_at = None
    lines = every_line(workspace_of(request).queries, _clean(actor), _clean(what), since_at)
    return StreamingResponse(
        as_csv(lines),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="diptych-audit.csv"'},
    )


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def _clean(text: str) -> str:
    return text.replace("\x00", "").strip()[:200]
