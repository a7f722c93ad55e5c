"""Who changed which setting."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from diptych.api.conflicts import in_utc
from diptych.api.gate import Noun, workspace_of
from diptych.api.given import Moment
from diptych.api.paging import Cursor, Limit, Page, number_of, page_of
from diptych.store.queries import AuditLine

noun = Noun("audit")
_Text = Query(max_length=200, pattern=r"^[^\x00]*$")


@noun.see()
def list_audit(
    request: Request,
    actor: Annotated[str, _Text] = "",
    what: Annotated[str, _Text] = "",
    since: Annotated[Moment | None, Query(description="Then or later; without a zone: UTC.")] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[AuditLine]:
    """Every changed setting, mapping, connection, user and token: who, when, from what to what; newest first."""
    rows = workspace_of(request).queries.audit(limit + 1, number_of(cursor), actor, what, in_utc(since))
    return page_of(rows, limit, lambda line: str(line.id))
