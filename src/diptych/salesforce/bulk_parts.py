"""The result of a bulk query, part after part, fetched ahead of the caller.

**Where the next part is.** Each answer names it in a header, which arrives before the body: so the next download starts as
soon as one begins. From version 58 on the org also lists the parts (`resultPages`); where its cuts are no larger than
what the caller wants, up to four of them are fetched at once. A header that names another part than the list does
wins, and the list is dropped; a header that names none while the list goes on does not end the result.

**What reaches the caller** is whole parts, in order. A part whose connection was cut is fetched again. Memory is that of
the parts ahead, bounded in number and in bytes: where the org does not cut the parts itself, each is asked for in as many
rows as make about 8 MB, as wide as the rows before it were.
"""

from __future__ import annotations

import csv
import io
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, quote, urlsplit

from diptych.domain.outcome import ErrorClass, OrgRefused, OrgUnavailable, Problem
from diptych.salesforce.client import Client
from diptych.salesforce.transport import Answer
from diptych.sync.ports import SnapshotPage

PARTS_AHEAD = 4
BYTES_AHEAD = 24_000_000
PART_BYTES = 8_000_000
"""About how large a part may be: with wide rows, parts get fewer rows than the caller would take."""
FIRST_ROWS = 500
"""Rows of the first part, by which the width of a row becomes known."""
_FIRST_VERSION_WITH_LIST = 58.0


@dataclass(frozen=True)
class Result:
    """The result of one complete job; `root` is the versioned root of the API."""

    object_name: str
    root: str
    job_id: str
    version: float

    @property
    def path(self) -> str:
        return f"{self.root}/jobs/query/{self.job_id}"


@dataclass(frozen=True)
class _Part:
    """One part: its locator (None: the first) and where to get it.

    `listed`: as the org lists it, however large it is; `following` is then what the list says comes next.
    """

    locator: str | None
    url: str
    listed: bool = False
    following: str | None = None


class _TooLarge(Exception):
    """The listed part has more rows than the caller wants."""


def in_order(client: Client, result: Result, locator: str | None, max_rows: int) -> Iterator[SnapshotPage]:
    """The parts from `locator` on, none larger than `max_rows` rows."""
    first, listed = _listed(client, result, locator, max_rows)
    with ThreadPoolExecutor(PARTS_AHEAD, thread_name_prefix="bulk-part") as pool:
        ahead = _Ahead(client, result, max_rows, pool, listed)
        try:
            ahead.add(first)
            while True:
                page = ahead.take()
                yield page
                if page.next_locator is None:
                    return
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Ahead:
    """The parts being fetched, oldest first. Headers arrive in the pool's threads and bring in the next part."""

    def __init__(
        self,
        client: Client,
        result: Result,
        max_rows: int,
        pool: ThreadPoolExecutor,
        listed: Iterator[_Part] | None,
    ) -> None:
        self._client = client
        self._result = result
        self._max_rows = max_rows
        self._rows = min(max_rows, FIRST_ROWS)
        self._pool = pool
        self._listed = listed
        self._lock = threading.Lock()
        self._context = copy_context()  # parts are asked for in the name of whoever wants the result
        self._parts: deque[tuple[_Part, Future[SnapshotPage]]] = deque()
        self._waiting: _Part | None = None
        self._allowed = PARTS_AHEAD if listed is not None else 2
        self._columns: tuple[str, ...] = ()
        self._header = b""
        self._proven = False

    def add(self, part: _Part) -> None:
        """Fetch this part after those there are, at once if there is room."""
        with self._lock:
            self._add(part)

    def _add(self, part: _Part) -> None:
        if len(self._parts) < self._allowed:
            self._parts.append((part, self._pool.submit(self._context.copy().run, self._read, part)))
        else:
            self._waiting = part

    def take(self) -> SnapshotPage:
        """The next page in order, waited for."""
        page = self._with_header(self._parts[0][1].result())
        with self._lock:
            self._parts.popleft()
            self._allowed = max(1, min(PARTS_AHEAD, BYTES_AHEAD // max(1, len(page.content))))
            width = len(page.content) // max(1, page.rows) + 1
            self._rows = max(1, min(self._max_rows, PART_BYTES // width))
            ahead = self._parts[0][0] if self._parts else self._waiting
            if ahead is not None and ahead.locator != page.next_locator:
                self._drop()
        self._fill(page.next_locator)
        with self._lock:
            if self._waiting is not None:
                part, self._waiting = self._waiting, None
                self._add(part)
            if not self._parts and page.next_locator is not None:
                self._add(self._part_at(page.next_locator))
        return page

    def _with_header(self, page: SnapshotPage) -> SnapshotPage:
        """The page with the first part's header where the org gave it only once."""
        if page.locator is None:
            self._columns, self._header = page.columns, page.content.partition(b"\n")[0] + b"\n"
        elif self._columns and page.columns and page.columns != self._columns:
            return replace(page, columns=self._columns, content=self._header + page.content)
        return page

    def _drop(self) -> None:
        """Forget what was fetched ahead and the list: the result goes on elsewhere."""
        self._listed = self._waiting = None
        for _, future in self._parts:
            future.cancel()
        self._parts.clear()

    def _fill(self, expected: str | None) -> None:
        """Fetch what the list names, as far as there is room. Only the caller's thread reads the list."""
        while self._listed is not None and len(self._parts) < self._allowed:
            part = next(self._listed, None)
            if part is None or (not self._parts and part.locator != expected):
                self._listed = None
            else:
                self.add(part)

    def _began(self, part: _Part, status: int, headers: Mapping[str, str]) -> None:
        """An answer begins: unless the list goes on from here, its header says what to fetch next."""
        if status != 200:
            return
        following = _next_locator(headers)
        said = headers.get("sforce-numberofrecords", "")
        with self._lock:
            if part.listed and said.isdigit() and int(said) > self._max_rows:
                if not self._proven:
                    self._listed = None
                raise _TooLarge
            if self._listed is not None:
                if following is None or following == part.following:
                    self._proven = True
                if self._proven:
                    return  # `take` sees a later disagreement when that part's turn comes
                self._listed = None
            newest = self._waiting or (self._parts[-1][0] if self._parts else None)
            if following is not None and newest is not None and newest.locator == part.locator:
                self._add(self._part_at(following))

    def _fetch(self, part: _Part) -> Answer:
        return self._client.request(
            "GET",
            part.url,
            headers={"Accept": "text/csv"},
            on_headers=lambda status, headers: self._began(part, status, headers),
        )

    def _read(self, part: _Part) -> SnapshotPage:
        try:
            answer = self._fetch(part)
        except _TooLarge:
            part = replace(part, url=_results_url(self._result, part.locator, self._rows), listed=False)
            answer = self._fetch(part)
        content = answer.content.removeprefix(b"\xef\xbb\xbf")
        if "json" in answer.content_type or content.lstrip()[:1] == b"<":
            raise OrgUnavailable(
                Problem(
                    "NOT_CSV",
                    "Salesforce answered with something else in place of a bulk result.",
                    ErrorClass.NETWORK,
                    remedy="Diptych reads it again.",
                )
            )
        said = answer.headers.get("sforce-numberofrecords", "")
        first_line = content.partition(b"\n")[0].strip()
        return SnapshotPage(
            self._result.object_name,
            tuple(next(csv.reader([first_line.decode()]), [])) if first_line else (),
            content,
            int(said) if said.isdigit() else _count_rows(content),
            part.locator,
            _next_locator(answer.headers) or (part.following if part.listed else None),
        )

    def _part_at(self, locator: str) -> _Part:
        return _Part(locator, _results_url(self._result, locator, self._rows))


def _listed(
    client: Client, result: Result, locator: str | None, max_rows: int
) -> tuple[_Part, Iterator[_Part] | None]:
    """The part at `locator` and, where the org lists it, those after it.

    A result taken up in the middle is read by headers alone: looking for its place in the list costs calls.
    """
    alone = _Part(locator, _results_url(result, locator, min(max_rows, FIRST_ROWS)))
    if locator is not None or result.version < _FIRST_VERSION_WITH_LIST:
        return alone, None
    parts = _parts(client, result)
    try:
        first = next(parts, None)
    except OrgRefused:
        return alone, None  # not offered here
    return (alone, None) if first is None else (replace(first, locator=None), parts)


def _parts(client: Client, result: Result) -> Iterator[_Part]:
    """The parts as the org lists them, each with its follower."""
    previous: str | None = None
    for url in _urls(client, result):
        if previous is not None:
            yield _Part(_locator_in(previous), previous, True, _locator_in(url))
        previous = url
    if previous is not None:
        yield _Part(_locator_in(previous), previous, True)


def _urls(client: Client, result: Result) -> Iterator[str]:
    """The addresses in the list. Its documentation and the service itself use different names."""
    path = f"{result.path}/resultPages"
    while True:
        document = client.get(path)
        for entry in document.get("resultPages") or document.get("resultChunks") or ():
            yield _whole(str(entry.get("resultUrl") or entry.get("resultLink")), result)
        following = document.get("nextRecordsUrl") or document.get("nextRecordUrl")
        if document.get("done", not following) or not following:
            return
        path = _whole(str(following), result)


def _whole(url: str, result: Result) -> str:
    """An address in the list with the root that it may lack."""
    return url if "/services/" in url else f"{result.root}/{url.lstrip('/')}"


def _locator_in(url: str) -> str:
    """The locator in an address; '' for the first part, which may come without one."""
    return parse_qs(urlsplit(url).query).get("locator", [""])[0]


def _next_locator(headers: Mapping[str, str]) -> str | None:
    found = headers.get("sforce-locator", "")
    return None if found in ("", "null") else found


def _results_url(result: Result, locator: str | None, max_rows: int) -> str:
    suffix = f"&locator={quote(locator, safe='')}" if locator else ""
    return f"{result.path}/results?maxRecords={max_rows}{suffix}"


def _count_rows(content: bytes) -> int:
    return max(0, sum(1 for _ in csv.reader(io.StringIO(content.decode(), newline=""))) - 1)
