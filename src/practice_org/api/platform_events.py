"""`sobjects/X__e`: publishing a platform event by REST."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from practice_org import ids
from practice_org.api.bodies import json_object
from practice_org.dressing import json_response
from practice_org.errors import ApiError
from practice_org.http import Context


def create(ctx: Context) -> Response:
    """POST sobjects/X__e: put an event on the bus; the answer says that it is queued, under its UUID."""
    try:
        # Only here: it needs fastavro, which is of the extra `events`.
        from practice_org.events import publishing
    except ModuleNotFoundError as error:
        raise ApiError(501, "FUNCTIONALITY_NOT_ENABLED", f"platform events need {error.name}") from error

    event_id = publishing.publish_values(ctx.org, ctx.params["object"], json_object(ctx), ctx.caller.id)
    queued = {"statusCode": "OPERATION_ENQUEUED", "message": event_id, "fields": []}
    made = ids.encode("e00", secrets.randbelow(62**9))
    return json_response({"id": made, "success": True, "errors": [queued]}, 201)
