"""One exchange as it is told to an observer: method, route, status, calls used; in the words of OpenTelemetry's HTTP conventions.

What is told names no record: of a path only what the API itself is made of is kept, of an answer only codes. Queries, bodies,
headers and texts are left out altogether.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from diptych.salesforce.errors import read_faults
from diptych.sync.observing import Fact, Piece

if TYPE_CHECKING:
    import httpx2

_API = frozenset(
    [
        "services",
        "data",
        "sobjects",
        "composite",
        "query",
        "queryAll",
        "queryall",
        "parameterizedSearch",
        "search",
        "limits",
        "recordCount",
        "jobs",
        "ingest",
        "results",
        "resultPages",
        "describe",
        "updated",
        "deleted",
        "tooling",
        "async",
        "job",
        "batch",
        "result",
        "Soap",
        "u",
        "m",
        "c",
        "oauth2",
        "token",
        "userinfo",
        "revoke",
        "id",
        "batches",
        "failedResults",
        "successfulResults",
        "unprocessedrecords",
        "successfulRecords",
        "graph",
        "tree",
        "batch",
        "metadata",
        "deployRequest",
    ]
)
_VERSION = re.compile(r"v?\d{1,3}\.\d")
_OBJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,79}")


def route(path: str) -> str:
    """A path with everything that is no word of the API, no version and no object's name replaced by `{}`."""
    kept: list[str] = []
    for segment in path.partition("?")[0].split("/"):
        known = not segment or segment in _API or _VERSION.fullmatch(segment)
        named = kept and kept[-1] == "sobjects" and _OBJECT.fullmatch(segment)
        kept.append(segment if known or named else "{}")
    return "/".join(kept)


def asked(method: str, target: httpx2.URL, resent: int) -> dict[str, Fact]:
    """What is known before it is sent. `resent`: how often it was sent before."""
    facts: dict[str, Fact] = {
        "http.request.method": method,
        "url.scheme": target.scheme,
        "url.template": route(target.path),
        "server.address": target.host,
        "server.port": target.port or (443 if target.scheme == "https" else 80),
    }
    if resent:
        facts["http.request.resend_count"] = resent
    return facts


def tell_answer(
    piece: Piece, status: int, usage: tuple[int, int] | None, size: int, document: Callable[[], Any]
) -> None:
    """What came back: `usage` as this answer said it, `size` in bytes as decoded; `document` is only read for an error."""
    facts: dict[str, Fact] = {"http.response.status_code": status, "http.response.body.size": size}
    if usage is not None:
        facts["salesforce.api.used"], facts["salesforce.api.allowed"] = usage
    piece.tell(facts)
    if status >= 400:
        piece.fail(str(status), _code(document))


def usage_of(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Calls used and allowed, as the headers of an answer say (Sforce-Limit-Info)."""
    found = _USAGE.search(headers.get("sforce-limit-info", ""))
    return (int(found.group(1)), int(found.group(2))) if found else None


def _code(document: Callable[[], Any]) -> str:
    try:
        faults = read_faults(document())
    except ValueError:
        return ""
    return faults[0].code if faults and _CODE.fullmatch(faults[0].code) else ""
