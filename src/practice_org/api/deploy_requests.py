"""`metadata/deployRequest`: deployments over REST."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api import multipart
from practice_org.api.bodies import json_object, parsed
from practice_org.errors import ApiError, json_parser_error
from practice_org.http import Context, json_response
from practice_org.metadata import deploy
from practice_org.metadata.async_job import AsyncJob
from practice_org.metadata.codec import from_json
from practice_org.metadata.soap import MODIFY
from practice_org.schema import access


def create(ctx: Context, request: Request) -> Response:
    """POST metadata/deployRequest: a zip with its options, or the id of a validation to deploy."""
    _admit(ctx)
    version = float(ctx.version)
    if "multipart/" not in ctx.headers.get("content-type", ""):
        given = json_object(ctx)
        validated = given.get("validatedDeployRequestId")
        if not isinstance(validated, str):
            raise ApiError(400, "MISSING_ARGUMENT", "validatedDeployRequestId is required")
        job = deploy.again(ctx.org, ctx.caller.id, version, validated)
        return json_response({"id": job.id, "validatedDeployRequestId": validated, **_shown(ctx, job)}, 201)
    parts = multipart.parts(ctx.body, ctx.headers["content-type"])
    package = parts.get("file")
    if package is None:
        raise ApiError(400, "INVALID_MULTIPART_REQUEST", "The part 'file' with the zip is missing")
    text = next((parts[name] for name in ("json", "entity_content") if name in parts), b"{}")
    options = _options(text)
    job = deploy.start(ctx.org, ctx.caller.id, version, package, options)
    return json_response(
        {"id": job.id, "deployOptions": {**deploy.OPTIONS, **options}, **_shown(ctx, job)}, 201
    )


def _options(text: bytes) -> dict[str, Any]:
    given = parsed(text)
    if not isinstance(given, dict):
        raise json_parser_error("deployOptions: an object is expected")
    return from_json("DeployOptions", given.get("deployOptions") or {})


def info(ctx: Context, request: Request) -> Response:
    """GET metadata/deployRequest/ID[?includeDetails=true]."""
    _admit(ctx)
    details = ctx.query.get("includeDetails", "").lower() == "true"
    job = deploy.look(ctx.org, ctx.params["id"])
    return json_response({"id": job.id, **_shown(ctx, job, details=details)})


def change(ctx: Context, request: Request) -> Response:
    """PATCH metadata/deployRequest/ID: cancel it."""
    _admit(ctx)
    given = json_object(ctx)
    if (given.get("deployResult") or {}).get("status") not in ("Canceling", "Canceled"):
        raise ApiError(
            400, "INVALID_OPERATION", "A deployment can only be canceled: deployResult.status Canceling"
        )
    job = deploy.cancel(ctx.org, ctx.params["id"])
    return json_response({"id": job.id, **_shown(ctx, job)}, 202)


def _shown(ctx: Context, job: AsyncJob, *, details: bool = False) -> dict[str, Any]:
    result = deploy.result(ctx.org, job, details=details)
    return {"deployResult": json.loads(json.dumps(result))}


def _admit(ctx: Context) -> None:
    if not MODIFY & access.for_user(ctx.org, ctx.caller.id).system:
        raise ApiError(
            403,
            "INSUFFICIENT_ACCESS",
            "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions",
        )
