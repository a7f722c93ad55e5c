"""The API as an application of its own, to be mounted at /api/v1; its description is at /api/v1/openapi.json."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI

from diptych.api import (
    actions,
    alerts,
    audit,
    conflicts,
    connection,
    creating,
    errors,
    fields,
    identity,
    joining,
    mapping,
    people,
    preparing,
    runs,
    schema,
    sessions,
    settings,
    setup,
    status,
    steps,
    suppressions,
    sync,
    tokens,
    users,
    why,
)
from diptych.api.door import Door
from diptych.api.problems import DOCUMENTED, Problem, say_problems
from diptych.api.services import Workspace

VERSION = "1"
_ABOUT = """Everything that the pages and commands of Diptych do, as JSON.

Send an API token with each request: `Authorization: Bearer dpt_...`. A token of scope *read* sees, *operate* also runs,
retries and edits people, *admin* also changes settings, mappings, the connection, users and tokens; each operation names the
scope it takes. Errors are problem details (RFC 9457). Long lists give `next`, the `cursor` of the page after."""


def create_api(workspace: Workspace) -> FastAPI:
    """The API of one workspace."""
    api = FastAPI(
        title="Diptych",
        version=VERSION,
        description=_ABOUT,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=DOCUMENTED,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "auto_configure": False,
        },  # the pages' app tells
        generate_unique_id_function=lambda route: route.name,
    )
    api.state.workspace = workspace
    routes = [*api.router.routes]
    for router in nouns():
        api.include_router(router)
        routes += router.routes
    say_problems(api, routes)
    api.add_middleware(Door, routes=routes)
    _describe(api)
    return api


def nouns() -> list[APIRouter]:
    """All routers of the API."""
    return [
        module.noun
        for module in (
            status,
            sync,
            runs,
            steps,
            errors,
            conflicts,
            why,
            people,
            actions,
            suppressions,
            creating,
            identity,
            joining,
            setup,
            connection,
            preparing,
            fields,
            mapping,
            schema,
            settings,
            alerts,
            users,
            sessions,
            tokens,
            audit,
        )
    ]


def _describe(api: FastAPI) -> None:
    """OpenAPI as made, with the shape of problems, and without the shape of errors that this API does not have."""
    make = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            made = make()
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            for operations in made["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            made["servers"] = [{"url": "/api/v1"}]
            api.openapi_schema = made
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]
