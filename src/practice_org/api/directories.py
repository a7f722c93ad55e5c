"""Addresses that only lead on: what lies below `composite`, `tooling`, `jobs`, `metadata` and `appMenu`.

Salesforce documents that of `composite`. That the others, which the list of resources names, answer in the
same form is a belief; they name what is served here.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from practice_org.http import Context, json_response

BELOW = {
    "composite": ("batch", "graph", "sobjects", "tree"),
    "tooling": (
        "executeAnonymous", "query", "queryAll", "runTestsAsynchronous", "runTestsSynchronous", "sobjects",
    ),
    "jobs": ("ingest", "query"),
    "metadata": ("deployRequest",),
    "appMenu": ("AppSwitcher", "Salesforce1"),
}  # fmt: skip


def of(name: str) -> Callable[[Context, Request], Response]:
    """The handler of GET for one of `BELOW`: names and addresses."""

    def listing(ctx: Context, request: Request) -> Response:
        root = f"/services/data/v{ctx.version}/{name}"
        return json_response({below: f"{root}/{below}" for below in BELOW[name]})

    return listing
