"""Files in records: their bytes have an address of their own, and may come in a part of a multipart body."""

from __future__ import annotations

import base64
from typing import Any

from starlette.responses import Response

from practice_org.api.bodies import json_object, parsed
from practice_org.api.multipart import parts
from practice_org.data import read
from practice_org.data.tables import quoted
from practice_org.errors import json_parser_error, not_found
from practice_org.http import Context
from practice_org.schema import access as rights
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.xml_form import record_from

BINARY = "application/octetstream"
"""The content type of recorded answers, spelled as there."""


def blob_field(ctx: Context, obj: ObjectType, name: str) -> Field | None:
    """The field of that name, if it holds bytes and the user sees it."""
    f = obj.get(name)
    if f is None or f.type != "base64" or not rights.for_user(ctx.org, ctx.caller.id).sees(obj, f):
        return None
    return f


def content(ctx: Context, obj: ObjectType, record_id: str, f: Field) -> Response:
    """The bytes of one field. Raises ApiError 404 NOT_FOUND when there is no such record."""
    if not read.by_ids(ctx.org, ctx.caller.id, obj, [record_id], ["Id"], ctx.version):
        raise not_found()
    row = (
        ctx.org.reader()
        .execute(f'SELECT {quoted(f.name)} FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,))
        .fetchone()
    )
    return Response(base64.b64decode(row[0] or ""), 200, {"Content-Type": BINARY})


def record_in(ctx: Context) -> dict[str, Any]:
    """The record of a body: a JSON object, an XML document, or a multipart body of one and the bytes of its fields.

    Raises ApiError JSON_PARSER_ERROR, XML_PARSER_ERROR or INVALID_MULTIPART_REQUEST.
    """
    kind = ctx.headers.get("content-type", "")
    if kind.lower().startswith("application/xml"):
        return record_from(ctx.body)
    if not kind.lower().startswith("multipart/form-data"):
        return json_object(ctx)
    record: dict[str, Any] | None = None
    blobs: dict[str, str] = {}
    for name, piece in parts(ctx.body, kind).items():
        if record is None and piece.lstrip()[:1] == b"{":
            value = parsed(piece)
            record = value if isinstance(value, dict) else None
        else:
            blobs[name] = base64.b64encode(piece).decode()
    if record is None:
        raise json_parser_error("Cannot deserialize: the multipart body has no part with the record")
    return {**record, **blobs}
