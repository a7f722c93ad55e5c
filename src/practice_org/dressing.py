"""What Salesforce puts around a body: headers, cookies, the spaced form of JSON, gzip.

Which header comes with which answer is recorded: `Vary` only with a JSON body of success, a content
security policy only where there is no body, no `Sforce-Limit-Info` for a caller who was not let in.
"""

from __future__ import annotations

import gzip
import json
import secrets
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from practice_org.pretty import compact, pretty

JSON_TYPE = "application/json;charset=UTF-8"
GZIP_FROM = 512
YEAR = 31_536_000
SECURITY = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1; mode=block",
    "X-Robots-Tag": "none",
    "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private",
}
_SPELLED = {
    name.lower().encode(): name.encode()
    for name in (
        *SECURITY,
        "Cache-Control", "Content-Encoding", "Content-Length", "Content-Security-Policy", "Content-Type",
        "Date", "ETag", "Last-Modified", "Location", "Server", "Set-Cookie", "Sforce-Limit-Info",
        "Sforce-Locator", "Sforce-NumberOfRecords", "Transfer-Encoding", "Vary", "WWW-Authenticate",
        "X-SFDC-Request-Id",
    )
}  # fmt: skip


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Compact JSON with Salesforce's content type."""
    return Response(compact(value), status, {"Content-Type": JSON_TYPE, **(headers or {})})


def dress(response: Response, request: Request, *, limit_info: str | None, now: datetime) -> Response:
    """The response of the data API with all that comes around it."""
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    if limit_info is not None:
        response.headers.setdefault("Sforce-Limit-Info", limit_info)
    if response.status_code == 204:
        response.headers.setdefault("Content-Security-Policy", "upgrade-insecure-requests")
    elif response.status_code < 300 and response.headers.get("content-type", "").startswith(
        "application/json"
    ):
        response.headers.setdefault("Vary", "Accept-Encoding")
    bake_cookies(response, request, now)
    if request.headers.get("x-prettyprint", "").lower() in ("1", "true") and is_json(response):
        response.body = pretty(json.loads(bytes(response.body)))
        response.headers["Content-Length"] = str(len(response.body))
    return compressed(response, request.headers.get("accept-encoding", ""))


def bake_cookies(response: Response, request: Request, now: datetime) -> None:
    """The cookies of a browser that was not seen before, as the recorded answers bear them."""
    if "BrowserId" in request.cookies:
        return
    expires = (now + timedelta(seconds=YEAR)).astimezone(UTC).strftime("%a, %d-%b-%Y %H:%M:%S GMT")
    host = request.headers.get("host", "").partition(":")[0]
    domain = " domain=.salesforce.com;" if host.endswith(".salesforce.com") else ""
    for cookie, place in (
        ("CookieConsentPolicy=0:1", ""),
        ("LSKey-c$CookieConsentPolicy=0:1", ""),
        (f"BrowserId={secrets.token_urlsafe(16)}", domain),
    ):
        response.headers.append("Set-Cookie", f"{cookie};{place} path=/; expires={expires}; Max-Age={YEAR}")


def spelled(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The header names in Salesforce's own capitals, for clients that look at them byte by byte."""
    return [(_SPELLED.get(name, name), value) for name, value in headers]


def is_json(response: Response) -> bool:
    """True for a complete JSON answer."""
    return bool(
        response.headers.get("content-type", "").startswith("application/json")
        and getattr(response, "body", b"")
    )


def compressed(response: Response, accepted: str) -> Response:
    """The response gzipped when the client takes it, unless its handler compressed it already."""
    if not _takes_gzip(accepted) or "content-encoding" in response.headers:
        return response
    if isinstance(response, StreamingResponse):
        response.body_iterator = _gzip_stream(response.body_iterator)
        if "content-length" in response.headers:
            del response.headers["Content-Length"]
    elif len(getattr(response, "body", b"")) >= GZIP_FROM:
        response.body = gzip.compress(bytes(response.body), compresslevel=1, mtime=0)
        response.headers["Content-Length"] = str(len(response.body))
    else:
        return response
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _takes_gzip(accepted: str) -> bool:
    """True when `Accept-Encoding` names gzip with a weight above zero."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


async def _gzip_stream(chunks: Any) -> Any:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    async for chunk in chunks:
        packed = packer.compress(chunk.encode() if isinstance(chunk, str) else chunk)
        if packed:
            yield packed
    yield packer.flush()


def http_date(moment: datetime) -> str:
    """A moment as HTTP headers write it."""
    return moment.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
