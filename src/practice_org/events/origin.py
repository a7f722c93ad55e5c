"""Who changes records and through what, as change events say it: user, API, version, the client's own name."""

from __future__ import annotations

from contextvars import ContextVar

ORIGIN: ContextVar[str] = ContextVar("change_origin", default="")
"""The origin of changes that this call makes; empty for what the org does by itself, as recorded."""

ACTOR: ContextVar[str | None] = ContextVar("change_actor", default=None)
"""The id of the user for whom this call runs."""

UI_CLIENT = "SfdcInternalAPI/"
"""The client that Salesforce's own pages name (recorded)."""


def act(user_id: str | None, api: str | None = None, version: str = "", client: str | None = None) -> None:
    """Say for this call (this context) who changes records from now on, and through which API.

    `api` is rest, soap, bulkapi, toolingrest or toolingsoap (Salesforce's page on change event headers);
    None for the org itself. The origin reads `com/salesforce/api/rest/60.0;client=X`, without the client
    when it gave no name.
    """
    ACTOR.set(user_id)
    origin = f"com/salesforce/api/{api}/{version}" if api else ""
    ORIGIN.set(f"{origin};client={client}" if api and client else origin)
