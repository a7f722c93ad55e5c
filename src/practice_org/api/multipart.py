"""The parts of a multipart request, by name."""

from __future__ import annotations

import re

from practice_org.errors import ApiError

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_NAME = re.compile(rb'[\s;]name="?([^";\r\n]+)"?', re.IGNORECASE)
_HEADERS_END = re.compile(rb"\r?\n\r?\n")


def parts(body: bytes, content_type: str) -> dict[str, bytes]:
    """Name and content of each part.

    Raises ApiError 400 INVALID_MULTIPART_REQUEST when the body is none.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _malformed("the Content-Type names no boundary")
    marker = b"--" + (found[1] or found[2]).encode()
    out: dict[str, bytes] = {}
    for piece in (b"\n" + body).split(b"\n" + marker)[1:]:
        if piece.startswith(b"--"):
            return out
        blank = _HEADERS_END.search(piece)
        name = _NAME.search(piece[: blank.start()]) if blank else None
        if blank is None or name is None:
            raise _malformed("a part has no name")
        out[name[1].decode("latin-1")] = piece[blank.end() :].removesuffix(b"\r")
    raise _malformed("the last boundary is missing")


def _malformed(why: str) -> ApiError:
    return ApiError(400, "INVALID_MULTIPART_REQUEST", f"The multipart request cannot be read: {why}")
