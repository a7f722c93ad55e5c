"""Bulk queries (Bulk API 2.0): start a job, watch it, read its result in parts, throw it away.

**Reading the result.** The org lists the parts (`resultPages`), so up to four are fetched while the caller stores earlier
ones; where it does not, one part is fetched ahead by the locator that came with the one before. The locator in an answer's
header is what counts: a list that disagrees with it is dropped. A part is fetched whole or again: nothing of a part whose
connection was cut reaches the caller. Memory is that of the parts ahead, bounded in number and bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from diptych.domain.outcome import ErrorClass, OrgRefused, OrgUnavailable, Problem
from diptych.salesforce.client import CallFailed, Client
from diptych.salesforce.error_table import Next
from diptych.salesforce.errors import Effect
from diptych.salesforce.soql import select, system_fields
from diptych.sync.ports import SnapshotJob, SnapshotPage

PARTS_AHEAD = 4
BYTES_AHEAD = 48_000_000
_FIRST_WITH_PAGES = 58.0
_STATES = {
    "Open": "waiting",
    "UploadComplete": "waiting",
    "InProgress": "running",
    "JobComplete": "complete",
    "Aborted": "failed",
    "Failed": "failed",
}


@dataclass(frozen=True)
class _Part:
    """Where one part is. `following` is what the list says comes next; `listed` False: nothing was said."""

    url: str
    locator: str | None
    following: str | None = None
    listed: bool = False


@dataclass(frozen=True)
class _Job:
    object_name: str
    root: str
    version: float


def start(client: Client, object_name: str, fields: tuple[str, ...]) -> str:
    """Start a query of all live records; its job id. A lost answer leaves at most an unused job behind (C-06)."""
    columns = tuple(dict.fromkeys((*system_fields(object_name), *fields)))
    body = json.dumps({"operation": "query", "query": select(columns, object_name)})
    document = client.call("POST", "jobs/query", body, effect=Effect.HARMLESS)
    return str(document["id"])


def job(client: Client, job_id: str) -> SnapshotJob:
    """The job as the org tells it; 'gone' when it does not know it (any more)."""
    facts = _facts(client, job_id)
    if facts is None:
        return SnapshotJob(job_id, "gone", error="Salesforce does not know the job any more.")
    state = str(facts.get("state"))
    error = None
    if state == "Aborted":
        error = "The job was aborted in Salesforce."
    elif state == "Failed":
        error = str(facts.get("errorMessage") or "Salesforce gave no reason.")
    total = facts.get("numberRecordsProcessed")
    return SnapshotJob(
        job_id,
        _STATES.get(state, "running"),
        int(total) if state == "JobComplete" and total is not None else None,
        error,
    )


def pages(client: Client, job_id: str, locator: str | None, max_rows: int) -> Iterator[SnapshotPage]:
    """See `Org.snapshot_pages`. Raises OrgRefused (class GONE) when the job is gone or not complete."""
    facts = _facts(client, job_id)
    if facts is None:
        raise OrgRefused(
            Problem(
                "JOB_GONE",
                f"The bulk job {job_id} does not exist any more.",
                ErrorClass.GONE,
                remedy="Diptych starts a new one.",
            )
        )
    version = float(facts.get("apiVersion") or client.api_version)
    # results are only given under the version that made the job; an upgrade of ours may come in between
    found = _Job(str(facts["object"]), f"/services/data/v{version:.1f}/jobs/query/{quote(job_id)}", version)
    with ThreadPoolExecutor(PARTS_AHEAD, thread_name_prefix="bulk-part") as pool:
        try:
            yield from _in_order(client, found, locator, max_rows, pool)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def end(client: Client, job_id: str) -> None:
    """Delete the job, aborting it first if it still runs. Never raises for one that is gone."""
    path = f"jobs/query/{quote(job_id)}"
    facts = _facts(client, job_id)
    if facts is None:
        return
    try:
        if _STATES.get(str(facts.get("state"))) in ("waiting", "running"):
            client.call("PATCH", path, '{"state":"Aborted"}', effect=Effect.HARMLESS)
        client.request("DELETE", path, effect=Effect.HARMLESS)
    except OrgRefused:
        return  # finished or deleted by somebody else meanwhile; the org throws it away in seven days


def _facts(client: Client, job_id: str) -> dict[str, Any] | None:
    try:
        document = client.try_request("GET", f"jobs/query/{quote(job_id)}").document
    except CallFailed as failed:
        if failed.status in (400, 404, 410) and failed.faults[0].meaning.next in (Next.GONE, Next.REFUSE):
            return None
        raise failed.error from failed
    return dict(document)


def _in_order(
    client: Client, found: _Job, locator: str | None, max_rows: int, pool: ThreadPoolExecutor
) -> Iterator[SnapshotPage]:
    read = _reader(client, found, max_rows)
    listed = _listed(client, found, locator, max_rows)
    ahead: deque[tuple[_Part, Future[SnapshotPage]]] = deque()
    next_part: _Part | None = _Part(_results_url(found, locator, max_rows), locator)
    allowed = PARTS_AHEAD
    while True:
        while listed is not None and len(ahead) < allowed:
            part = next(listed, None)
            if part is None:
                listed = None
                break
            ahead.append((part, pool.submit(read, part)))
        if ahead:
            part, future = ahead.popleft()
        elif next_part is not None:
            part, future = next_part, pool.submit(read, next_part)
        else:
            return
        page = future.result()
        allowed = max(1, min(PARTS_AHEAD, BYTES_AHEAD // max(1, len(page.content))))
        if part.listed and part.following != page.next_locator:
            for _, dropped in ahead:
                dropped.cancel()
            ahead.clear()
            listed = None
        next_part = None
        if page.next_locator is not None:
            next_part = _Part(_results_url(found, page.next_locator, max_rows), page.next_locator)
            if listed is None and not ahead:
                ahead.append((next_part, pool.submit(read, next_part)))
        yield page
        if page.next_locator is None:
            return


def _listed(client: Client, found: _Job, locator: str | None, max_rows: int) -> Iterator[_Part] | None:
    """The parts from `locator` on as the org lists them, each with its follower; None when it lists none."""
    if found.version < _FIRST_WITH_PAGES:
        return None
    parts = _linked(_urls(client, found, max_rows))
    try:
        for part in parts:
            if part.locator == locator:
                return _chain(part, parts)
    except OrgRefused:
        pass
    return None  # not offered here, or the locator comes from another way of cutting


def _chain(first: _Part, rest: Iterator[_Part]) -> Iterator[_Part]:
    yield first
    yield from rest


def _linked(urls: Iterator[str]) -> Iterator[_Part]:
    previous: str | None = None
    for url in urls:
        if previous is not None:
            yield _Part(previous, _locator_in(previous), _locator_in(url), listed=True)
        previous = url
    if previous is not None:
        yield _Part(previous, _locator_in(previous), None, listed=True)


def _urls(client: Client, found: _Job, max_rows: int) -> Iterator[str]:
    document = client.get(f"{found.root}/resultPages", {"maxRecords": str(max_rows)})
    while True:
        yield from (str(entry["resultUrl"]) for entry in document.get("resultPages") or ())
        following = document.get("nextRecordsUrl") or document.get("nextRecordUrl")
        if document.get("done", True) or not following:
            return
        document = client.get(str(following))


def _locator_in(url: str) -> str | None:
    found = parse_qs(urlsplit(url).query).get("locator")
    return found[0] if found else None


def _results_url(found: _Job, locator: str | None, max_rows: int) -> str:
    suffix = f"&locator={quote(locator, safe='')}" if locator else ""
    return f"{found.root}/results?maxRecords={max_rows}{suffix}"


def _reader(client: Client, found: _Job, max_rows: int) -> Callable[[_Part], SnapshotPage]:
    header: list[bytes] = []

    def read(part: _Part) -> SnapshotPage:
        answer = client.request("GET", part.url, headers={"Accept": "text/csv"})
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
        first_line = content.partition(b"\n")[0]
        if part.locator is None:
            header[:] = [first_line]
        elif header and first_line != header[0] and content:
            content = header[0] + b"\n" + content  # an org that gives the header once
            first_line = header[0]
        following = answer.headers.get("sforce-locator")
        said = answer.headers.get("sforce-numberofrecords", "")
        return SnapshotPage(
            found.object_name,
            tuple(next(csv.reader([first_line.decode()]), ())) if first_line.strip() else (),
            content,
            int(said) if said.isdigit() else _count_rows(content),
            part.locator,
            None if following in (None, "", "null") else following,
        )

    return read


def _count_rows(content: bytes) -> int:
    return max(0, sum(1 for _ in csv.reader(io.StringIO(content.decode(), newline=""))) - 1)
