"""Where the whole stands, and what a first sync would do."""

from __future__ import annotations

from fastapi import Request

from diptych.api.gate import Noun, workspace_of
from diptych.domain.plan import Plan
from diptych.services.status import Status
from diptych.setup.preflight import Report

noun = Noun("status", prefix="")


@noun.read("/status")
def get_status(request: Request) -> Status:
    """State, backlog, counts of each object, the passes under way; asks Salesforce nothing."""
    return workspace_of(request).status()


@noun.read("/plan")
def get_plan(request: Request) -> Plan:
    """What the first sync would do: rows, columns, API calls, time, a few records before and after. Asks Salesforce."""
    return workspace_of(request).setup.plan()


@noun.read("/preflight")
def get_preflight(request: Request) -> Report:
    """What the org lacks, and how to mend it. Asks Salesforce."""
    return workspace_of(request).setup.preflight()


@noun.read("/duplicates")
def get_duplicates(request: Request) -> dict[str, object]:
    """E-mail addresses that several records have: of people here; before the first load, counted in Salesforce."""
    return workspace_of(request).duplicates(20)
