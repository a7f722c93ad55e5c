"""What the practice org received: a ring of the latest requests, for tests that ask what a client did."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

KEPT = 5000
BODY_KEPT = 64 * 1024
ALL_BODIES = 32 * 1024 * 1024
"""Characters of all bodies together: above it the oldest are dropped, their digests stay."""
INTERESTING = (
    "accept",
    "accept-encoding",
    "content-type",
    "content-encoding",
    "user-agent",
    "if-modified-since",
    "if-unmodified-since",
    "if-none-match",
    "if-match",
)
SECRET_FORMS = ("/services/oauth2/", "/services/Soap/")


@dataclass(frozen=True)
class Received:
    """One request as it came and how it was answered (status None: cut).

    `client` is the name in Sforce-Call-Options; `bytes_sent` counts the answer's body as it left; `wrote` are
    the ids of the records that it wrote, the first 2,000 of the `rows` that there were.
    """

    number: int
    time: str
    method: str
    path: str
    query: str
    status: int | None
    object: str | None
    user: str | None
    headers: dict[str, str]
    body_length: int
    body_sha256: str
    body: str | None
    faults: tuple[str, ...]
    seconds: float
    client: str | None
    bytes_sent: int
    wrote: tuple[str, ...]
    rows: int


class ReceivedLog:
    """The latest requests, oldest first; thread-safe, in memory only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: deque[Received] = deque(maxlen=KEPT)
        self._count = 0
        self._bodies: deque[tuple[int, int]] = deque()
        self._body_total = 0

    def add(
        self,
        *,
        time: str,
        method: str,
        path: str,
        query: str,
        status: int | None,
        object: str | None,
        user: str | None,
        headers: Mapping[str, str],
        body: bytes,
        faults: tuple[str, ...],
        seconds: float,
        bytes_sent: int = 0,
        wrote: tuple[str, ...] = (),
        rows: int = 0,
    ) -> None:
        """Keep one request; bodies only of writes, shortened to 64 KB, and never a login's."""
        kept = None
        if method in ("POST", "PATCH", "PUT", "DELETE") and body and not path.startswith(SECRET_FORMS):
            kept = body[:BODY_KEPT].decode("utf-8", "replace")
        with self._lock:
            self._count += 1
            self._rows.append(
                Received(
                    number=self._count,
                    time=time,
                    method=method,
                    path=path,
                    query=query,
                    status=status,
                    object=object,
                    user=user,
                    headers=interesting(headers),
                    body_length=len(body),
                    body_sha256=hashlib.sha256(body).hexdigest(),
                    body=kept,
                    faults=faults,
                    seconds=round(seconds, 6),
                    client=_client(headers.get("sforce-call-options", "")),
                    bytes_sent=bytes_sent,
                    wrote=wrote,
                    rows=rows,
                )
            )

            if kept:
                self._bodies.append((self._count, len(kept)))
                self._body_total += len(kept)
            while self._body_total > ALL_BODIES:
                number, length = self._bodies.popleft()
                self._body_total -= length
                place = number - self._rows[0].number
                if place >= 0:
                    self._rows[place] = replace(self._rows[place], body=None)

    def clear(self) -> None:
        """Forget all, and number from 1 again."""
        with self._lock:
            self._rows.clear()
            self._bodies.clear()
            self._count = self._body_total = 0

    def listing(self, since: int = 0, path: str = "", method: str = "") -> dict[str, Any]:
        """Requests numbered above `since`, with `path` in their path, plus the count of all ever received."""
        with self._lock:
            rows = [
                asdict(row)
                for row in self._rows
                if row.number > since and path in row.path and method in ("", row.method)
            ]
            return {"received": self._count, "requests": rows}


def _client(options: str) -> str | None:
    """The name in `Sforce-Call-Options: client=name, defaultNamespace=x`."""
    for part in options.split(","):
        key, _, value = part.partition("=")
        if key.strip().lower() == "client":
            return value.strip()
    return None


def interesting(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers worth keeping: negotiation, conditions, X-... and Sforce-...; never a credential."""
    kept = {}
    for name, value in headers.items():
        low = name.lower()
        if low == "x-sfdc-session":
            continue
        if low in INTERESTING or low.startswith(("x-", "sforce-")):
            kept[low] = value
    return kept
