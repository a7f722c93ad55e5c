"""What a request must be before anybody looks at what it asks: not too long, not too large, of a known type.

The limits of address, headers and body are documented; the pages of 414 and 431 are those of the web
server in front of the real service, and name no error code.
"""

from __future__ import annotations

import zlib

from starlette.requests import Request
from starlette.responses import Response

from practice_org.errors import ApiError

LONGEST_HEAD = 16_384
"""Bytes of the address, and of address and headers together."""
LARGEST_BODY = 52_428_800
LARGEST_UPLOAD = 157_286_400
"""Bytes; uploads of the Bulk APIs may be larger than other bodies."""
_JSON_ONLY = ("sobjects", "composite")


def overlong(request: Request) -> Response | None:
    """414 for an address, 431 for headers beyond the limit; None when all is well."""
    address = len(request.scope.get("raw_path") or b"") + len(request.scope["query_string"])
    if address > LONGEST_HEAD:
        return _bad_message(414, "URI Too Long")
    headers = sum(len(name) + len(value) + 4 for name, value in request.scope["headers"])
    if address + headers > LONGEST_HEAD:
        return _bad_message(431, "Request Header Fields Too Large")
    return None


def _bad_message(status: int, reason: str) -> Response:
    page = f"<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>"
    return Response(page, status, {"Content-Type": "text/html;charset=iso-8859-1"})


def largest_body(path: str) -> int:
    """The most bytes that a body sent to this path may have."""
    return (
        LARGEST_UPLOAD if path.endswith("/batches") or path.startswith("/services/async/") else LARGEST_BODY
    )


def too_large(limit: int) -> ApiError:
    """The refusal of a larger body; its HTTP status is not recorded."""
    return ApiError(
        413,
        "EXCEEDED_MAX_SIZE_REQUEST",
        f"Maximum size of request reached. Maximum size of request is {limit} bytes.",
    )


def check_media_type(request: Request, rest: str, body: bytes) -> None:
    """Refuse a body that is no JSON where only JSON is read; a single record may be XML or, with a file, multipart.

    Raises ApiError 415 UNSUPPORTED_MEDIA_TYPE. XML bodies of composites, which the real service reads as well,
    are refused so too.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not given or not body or request.method in ("GET", "HEAD", "DELETE"):
        return
    parts = rest.strip("/").split("/")
    if parts[0] not in _JSON_ONLY or given == "application/json":
        return
    if given in ("multipart/form-data", "application/xml") and parts[0] == "sobjects":
        return
    raise ApiError(
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        f"MediaType of '{given}' is not supported by this resource",
        code_first=True,
    )


def decoded(body: bytes, encoding: str, limit: int = LARGEST_UPLOAD) -> bytes:
    """A body without its Content-Encoding. Raises ApiError for one that is damaged or grows too large."""
    if encoding.strip().lower() not in ("gzip", "deflate"):
        return body
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        out = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise _damaged() from error
    if len(out) > limit:
        raise too_large(limit)
    if not unpacker.eof:
        raise _damaged()
    return out


def _damaged() -> ApiError:
    return ApiError(400, "UNKNOWN_EXCEPTION", "The body is not what its Content-Encoding says")
