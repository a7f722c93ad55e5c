"""For machines: is the process alive, can it serve, and the metrics of the sync."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response

from diptych.access.tokens import Tokens
from diptych.admin.frame import workspace_of
from diptych.domain.roles import Role
from diptych.services import metrics
from diptych.store.migrations.upgrade import SCHEMA_VERSION, version_of
from diptych.sync.ports import StoreBusy

router = APIRouter()


@router.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return PlainTextResponse("ok")


@router.get("/readyz")
def ready(request: Request) -> Response:
    """It can serve pages: the database answers, with the schema that this program knows."""
    try:
        with workspace_of(request).store.reading() as connection:
            found = version_of(connection)
    except StoreBusy:
        return JSONResponse({"ready": False, "database": "does not answer"}, 503)
    if found != SCHEMA_VERSION:
        return JSONResponse({"ready": False, "database": f"has the schema {found}"}, 503)
    return JSONResponse({"ready": True, "database": "answers"})


@router.get("/metrics")
async def exposed(request: Request) -> Response:
    """Prometheus' text format, for a token of the scope read."""
    if not request.app.state.open_access and not await run_in_threadpool(_may, request):
        return PlainTextResponse(
            "An API token of the scope read is needed: Authorization: Bearer dpt_...\n",
            401,
            {"WWW-Authenticate": 'Bearer realm="diptych"'},
        )
    text = await run_in_threadpool(_exposition, request)
    return Response(text, media_type=metrics.CONTENT_TYPE)


def _may(request: Request) -> bool:
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    who = Tokens(workspace_of(request).store).principal(text.strip()) if kind.lower() == "bearer" else None
    return who is not None and who.may(Role.VIEWER)


def _exposition(request: Request) -> bytes:
    workspace = workspace_of(request)
    return metrics.exposition(workspace.status(), workspace.queries, workspace.clock.now())
