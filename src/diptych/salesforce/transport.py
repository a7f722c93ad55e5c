"""One HTTP exchange: sent once, counted, its answer read whole or reported as cut. No login and no retry in here.

It also keeps the org's clock: the `Date` of an answer plus the time that has passed here since it came is never later
than the org's own time (correctness.md A-7), because the answer was written before it arrived. Where the last two answers
show a clock that stands still or was put back, nothing is added.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import httpx2

from diptych.domain.outcome import ErrorClass, OrgError, OrgRefused, Problem
from diptych.salesforce.errors import Effect
from diptych.salesforce.exchange import asked, tell_answer, usage_of
from diptych.salesforce.failures import transport_failed, unreadable_answer, was_sent
from diptych.sync.observing import NOBODY, Observer


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try again, in seconds. `attempts` counts the first one."""

    connect: float = 10.0
    read: float = 120.0
    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    total: float = 90.0


@dataclass(frozen=True)
class Answer:
    """A whole answer, decoded. `host` is where it came from, as the person knows it."""

    status: int
    headers: httpx2.Headers
    content: bytes = field(repr=False)
    host: str

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @cached_property
    def document(self) -> Any:
        """The content as JSON, numbers with a point as Decimal. Raises ValueError when it is none."""
        return json.loads(self.content, parse_float=Decimal)


class NotSent(Exception):
    """The request cannot have reached the org; `error` is what to raise when giving up."""

    def __init__(self, error: OrgError) -> None:
        super().__init__(str(error))
        self.error = error


class Cut(Exception):
    """The request was sent and its answer did not come whole; `error` is what to raise when giving up."""

    def __init__(self, error: OrgError) -> None:
        super().__init__(str(error))
        self.error = error


class Transport:
    """A pool of connections. Safe to use from several threads; `close` it when done."""

    def __init__(
        self,
        patience: Patience | None = None,
        *,
        ca_file: str | None = None,
        adapter: httpx2.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        observer: Observer = NOBODY,
    ) -> None:
        self.patience = patience or Patience()
        try:
            self._http = httpx2.Client(
                verify=_tls(ca_file) if adapter is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                timeout=httpx2.Timeout(self.patience.read, connect=self.patience.connect),
                headers={"Accept-Encoding": "gzip", "User-Agent": "diptych"},
                # Salesforce drops idle connections; a fresh one is cheaper than a write of unknown outcome
                limits=httpx2.Limits(max_connections=12, max_keepalive_connections=8, keepalive_expiry=5.0),
                transport=adapter,
            )
        except (ValueError, httpx2.InvalidURL) as error:  # of the proxy variables
            raise OrgRefused(
                Problem(
                    "PROXY",
                    f"The proxy settings of this computer cannot be used: {error}",
                    ErrorClass.NETWORK,
                    remedy="Mend HTTPS_PROXY, HTTP_PROXY or ALL_PROXY: http://host:port.",
                )
            ) from error
        self._monotonic = monotonic
        self._observer = observer
        self._lock = threading.Lock()
        self._calls = 0
        self._seen_date: tuple[datetime, float] | None = None
        self._org_clock_runs = True
        self._usage: tuple[int, int] | None = None

    @property
    def calls(self) -> int:
        """Requests sent so far, failed ones and logins included."""
        return self._calls

    @property
    def usage(self) -> tuple[int, int] | None:
        """Calls used and allowed, as the org last said."""
        return self._usage

    def server_time(self) -> datetime | None:
        """Not later than the org's clock now, to the second, UTC; None before the first answer."""
        with self._lock:
            if self._seen_date is None:
                return None
            seen, at = self._seen_date
            passed = self._monotonic() - at if self._org_clock_runs else 0.0
            return (seen + timedelta(seconds=max(0.0, passed))).replace(microsecond=0)

    def send(
        self,
        method: str,
        url: str,
        *,
        effect: Effect,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        on_headers: Callable[[int, httpx2.Headers], None] | None = None,
        resent: int = 0,
    ) -> Answer:
        """Send once and read the whole answer, whatever its status; `on_headers` is told as soon as it begins. `resent`: how
        often the same was sent before.

        Raises NotSent or Cut.
        """
        target = httpx2.URL(url)
        facts = asked(method, target, resent)
        with self._observer.piece(f"{method} {facts['url.template']}", facts, outward=True) as piece:
            answer = self._exchange(method, target, effect, headers, params, content, form, on_headers)
            usage, size = usage_of(answer.headers), len(answer.content)
            tell_answer(piece, answer.status, usage, size, lambda: answer.document)
            return answer

    def _exchange(
        self,
        method: str,
        target: httpx2.URL,
        effect: Effect,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
        content: bytes | None,
        form: Mapping[str, str] | None,
        on_headers: Callable[[int, httpx2.Headers], None] | None,
    ) -> Answer:
        host = f"{target.scheme}://{target.netloc.decode()}"
        with self._lock:
            self._calls += 1
        try:
            with self._http.stream(
                method, target, headers=headers, params=params, content=content, data=form
            ) as response:
                self._note(response.headers)
                if on_headers is not None:
                    on_headers(response.status_code, response.headers)
                body = _read(response)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise OrgRefused(
                Problem("ADDRESS", f"{target} is not an address that can be called.", ErrorClass.NETWORK)
            ) from error
        except httpx2.HTTPError as error:
            failure = transport_failed(error, host, effect)
            raise (Cut(failure) if was_sent(error) else NotSent(failure)) from error
        return Answer(response.status_code, response.headers, body, host)

    def _note(self, headers: httpx2.Headers) -> None:
        at = self._monotonic()
        try:
            seen = parsedate_to_datetime(headers["date"])
        except (KeyError, ValueError, TypeError):
            seen = None
        usage = usage_of(headers)
        with self._lock:
            if seen is not None and seen.tzinfo is not None:
                if self._seen_date is not None:
                    before, then = self._seen_date
                    self._org_clock_runs = seen >= before + timedelta(seconds=at - then - 2)
                self._seen_date = (seen, at)
            if usage:
                self._usage = usage

    def close(self) -> None:
        self._http.close()


def not_the_api(answer: Answer, effect: Effect, *, login: bool = False) -> OrgError:
    """The exception for an answer that cannot be read as the API's."""
    return unreadable_answer(
        answer.status, answer.content_type, answer.content, answer.host, effect, login=login
    )


def _read(response: httpx2.Response) -> bytes:
    """The decoded body. Raises httpx2.RemoteProtocolError when it ends early, also where HTTP itself cannot tell."""
    zipped = response.headers.get("content-encoding", "").lower() == "gzip"
    if not zipped:
        return b"".join(response.iter_bytes())
    unzip = zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    empty = True
    try:
        for chunk in response.iter_raw():
            empty = empty and not chunk
            parts.append(unzip.decompress(chunk))
    except zlib.error as error:
        raise httpx2.RemoteProtocolError(f"the compressed answer is damaged: {error}") from error
    parts.append(unzip.flush())
    if not (unzip.eof or empty):
        raise httpx2.RemoteProtocolError("the compressed answer ends early")
    return b"".join(parts)


def _tls(ca_file: str | None) -> ssl.SSLContext:
    """Verification as the system does it (SSL_CERT_FILE and SSL_CERT_DIR count), and by `ca_file` on top.

    Raises OrgRefused when `ca_file` cannot be read.
    """
    try:
        context = httpx2.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise OrgRefused(
            Problem(
                "CA_FILE",
                f"The certificate authorities of this computer cannot be read: {error}.",
                ErrorClass.NETWORK,
                remedy="Mend or remove the variables SSL_CERT_FILE and SSL_CERT_DIR.",
            )
        ) from error
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise OrgRefused(
                Problem(
                    "CA_FILE",
                    f"The certificate authority file {ca_file} cannot be read: {error}.",
                    ErrorClass.NETWORK,
                    remedy="Give the path of a PEM file, or remove the setting.",
                )
            ) from error
    return context
