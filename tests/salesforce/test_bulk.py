"""Bulk results: parts in order and whole, however the org lists or cuts them, and taken up anywhere."""

from __future__ import annotations

import base64
import gzip
import itertools
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from diptych.domain.outcome import ErrorClass, OrgRefused, OrgUnavailable
from diptych.salesforce import bulk, bulk_parts
from diptych.salesforce.client import Client
from diptych.sync.ports import SnapshotPage
from tests.salesforce.wire import answer, client, fault, html

JOB = "750000000000001EAA"


class BulkOrg:
    """An org with one bulk job of `rows` rows, cut by itself every `cut` rows.

    `listing`: documented, real (the names the service uses), once (header row only in the first part), none (404).
    `troubles`: what to answer to the n-th results request instead.
    """

    def __init__(
        self, rows: int, *, cut: int = 10, listing: str = "documented", version: float = 66.0
    ) -> None:
        self.rows = rows
        self.cut = cut
        self.listing = listing
        self.version = version
        self.state = "JobComplete"
        self.troubles: dict[int, Any] = {}
        self.requests: list[str] = []
        self.results = 0
        self.lying_header: dict[int, str] = {}
        self._lock = threading.Lock()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        url, params = request.url.path, request.url.params
        with self._lock:
            self.requests.append(request.method + " " + url.rpartition("/v")[2].partition("/")[2])
        if url.endswith("/results"):
            with self._lock:
                self.results += 1
                trouble = self.troubles.pop(self.results, None)
            if isinstance(trouble, Exception):
                raise trouble
            if trouble is not None:
                return trouble  # type: ignore[no-any-return]
            return self._part(params)
        if url.endswith("/resultPages"):
            return self._list(params)
        if request.method == "POST":
            return answer(
                {"id": JOB, "state": "UploadComplete", "object": "Lead", "apiVersion": self.version}
            )
        if request.method == "DELETE":
            return httpx2.Response(204)
        found: dict[str, Any] = {"id": JOB, "object": "Lead", "state": self.state, "apiVersion": self.version}
        if self.state == "JobComplete":
            found["numberRecordsProcessed"] = self.rows
        return answer(found)

    def _locator(self, start: int) -> str:
        return base64.urlsafe_b64encode(f"{start}:x".encode()).decode().rstrip("=")

    def _start(self, params: httpx2.QueryParams) -> int:
        text = params.get("locator")
        return int(base64.urlsafe_b64decode(text + "==").decode().partition(":")[0]) if text else 0

    def _part(self, params: httpx2.QueryParams) -> httpx2.Response:
        start = self._start(params)
        end = min(start + int(params.get("maxRecords", self.cut)), self.rows)
        lines = [f'"{n:06}","name {n}\nsecond ""line"""' for n in range(start, end)]
        header = '"Id","Name"' if not (self.listing == "once" and start) else None
        text = "".join(line + "\n" for line in ([header] if header else []) + lines)
        following = self.lying_header.get(start, self._locator(end) if end < self.rows else "null")
        headers = {
            "Content-Type": "text/csv",
            "Content-Encoding": "gzip",
            "Sforce-NumberOfRecords": str(end - start),
            "Sforce-Locator": following,
        }
        return httpx2.Response(200, headers=headers, stream=_Stream(gzip.compress(text.encode())))

    def _list(self, params: httpx2.QueryParams) -> httpx2.Response:
        if self.listing == "none":
            return fault("NOT_FOUND", status=404)
        real = self.listing == "real"
        starts = list(range(self._start(params), self.rows, self.cut))
        root = "" if real else f"/services/data/v{self.version}"
        link = "resultLink" if real else "resultUrl"
        parts = [{link: f"{root}/jobs/query/{JOB}/results?locator={self._locator(s)}"} for s in starts[:5]]
        following = None
        if len(starts) > 5:
            following = f"{root}/jobs/query/{JOB}/resultPages?locator={self._locator(starts[5])}"
        return answer(
            {
                "resultChunks" if real else "resultPages": parts,
                "nextRecordsUrl" if real else "nextRecordUrl": following,
                "done": following is None,
            }
        )


class _Stream(httpx2.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield from (self.content[i : i + 50] for i in range(0, len(self.content), 50))


def read(calling: Client, locator: str | None = None, max_rows: int = 10) -> list[SnapshotPage]:
    return list(bulk.pages(calling, JOB, locator, max_rows))


def check(pages: list[SnapshotPage], rows: int, start: int = 0, max_rows: int = 10) -> None:
    """Every row once, in order; every part names the next; each with its header."""
    found = [int(n) for page in pages for n in re.findall(rb'^"(\d{6})",', page.content, re.MULTILINE)]
    assert found == list(range(start, rows))
    assert all(a.next_locator == b.locator for a, b in itertools.pairwise(pages))
    assert pages[-1].next_locator is None
    assert all(page.content.startswith(b'"Id","Name"\n') and page.columns == ("Id", "Name") for page in pages)
    assert all(page.rows <= max_rows and page.object_name == "Lead" for page in pages)


@pytest.mark.parametrize("listing", ["documented", "real", "once", "none"])
@pytest.mark.parametrize("rows", [1, 9, 10, 11, 49, 50, 51, 60, 137])
@pytest.mark.parametrize("cut", [3, 10, 1000])
def test_every_row_comes_once_and_in_order(listing: str, rows: int, cut: int) -> None:
    pages = read(client(BulkOrg(rows, cut=cut, listing=listing)))
    assert pages[0].locator is None
    check(pages, rows)


@pytest.mark.parametrize("listing", ["documented", "none"])
def test_it_can_be_taken_up_at_any_part(listing: str) -> None:
    org = BulkOrg(137, listing=listing)
    pages = read(client(org))
    for number, page in enumerate(pages):
        again = read(client(org), page.locator)
        assert [p.content for p in again] == [p.content for p in pages[number:]]


def test_it_can_be_taken_up_with_another_size_of_part() -> None:
    org = BulkOrg(137)
    pages = read(client(org), max_rows=10)
    check(read(client(org), pages[4].locator, max_rows=7), 137, start=40, max_rows=7)


@pytest.mark.parametrize("listing", ["documented", "none"])
@pytest.mark.parametrize(
    "trouble",
    [
        httpx2.RemoteProtocolError("cut"),
        httpx2.ReadTimeout("slow"),
        html(503),
        fault("SERVER_UNAVAILABLE", status=503),
    ],
)
def test_a_part_that_did_not_come_whole_is_fetched_again(listing: str, trouble: Any) -> None:
    for hit in (1, 2, 5, 14):
        org = BulkOrg(137, listing=listing)
        org.troubles[hit] = trouble
        check(read(client(org)), 137)


def test_a_part_whose_compressed_body_ends_early_is_fetched_again() -> None:
    org = BulkOrg(137)
    whole = gzip.compress(b'"Id","Name"\n"000000","x"\n' * 50)
    headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip", "Sforce-Locator": "null"}
    org.troubles[1] = httpx2.Response(200, headers=headers, stream=_Stream(whole[:-9]))
    check(read(client(org)), 137)


def test_a_part_that_never_comes_ends_the_reading_after_the_parts_before_it() -> None:
    org = BulkOrg(137, listing="none")
    org.troubles = {n: html(503) for n in range(4, 40)}
    pages = bulk.pages(client(org), JOB, None, 10)
    before = [next(pages), next(pages), next(pages)]
    with pytest.raises(OrgUnavailable):
        list(pages)
    check(read(client(BulkOrg(137, listing="none")), before[-1].next_locator), 137, start=30)


@pytest.mark.parametrize("cut", [10, 4])
def test_a_header_that_disagrees_with_the_list_wins(cut: int) -> None:
    org = BulkOrg(60, cut=cut)
    org.lying_header = {20: org._locator(20 + cut + 1)}  # the org skips a row there, and says so
    pages = read(client(org))
    rows = [int(n) for page in pages for n in re.findall(rb'^"(\d{6})",', page.content, re.MULTILINE)]
    assert rows == [n for n in range(60) if n != 20 + cut]


def test_a_header_without_a_next_part_does_not_end_a_list_that_goes_on() -> None:
    org = BulkOrg(60, cut=10)
    org.lying_header = dict.fromkeys(range(0, 60, 10), "null")
    check(read(client(org)), 60)


def test_the_list_is_read_no_further_than_needed() -> None:
    org = BulkOrg(1000, cut=10)
    pages = bulk.pages(client(org), JOB, None, 10)
    next(pages)
    pages.close()
    assert org.results <= 1 + bulk_parts.PARTS_AHEAD
    assert sum("resultPages" in request for request in org.requests) <= 2


@pytest.mark.parametrize("listing", ["documented", "none"])
def test_no_more_than_four_parts_are_held_ahead(listing: str) -> None:
    org = BulkOrg(1000, listing=listing)
    pages = bulk.pages(client(org), JOB, None, 10)
    for taken in range(1, 40):
        next(pages)
        assert org.results <= taken + bulk_parts.PARTS_AHEAD
    pages.close()


def test_large_parts_are_held_ahead_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_parts, "BYTES_AHEAD", 500)
    org = BulkOrg(1000, listing="none")
    pages = bulk.pages(client(org), JOB, None, 10)
    for _ in range(5):
        next(pages)
    before = org.results
    for taken in range(1, 20):
        next(pages)
        assert org.results <= before + taken + 1
    pages.close()


def test_a_result_of_an_older_version_is_read_under_that_version() -> None:
    seen: list[str] = []
    org = BulkOrg(25, listing="none", version=57.0)

    def network(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.path)
        return org(request)

    check(read(client(network)), 25)
    assert all("/v57.0/" in path for path in seen if "/results" in path)
    assert not any("resultPages" in path for path in seen)  # from version 58 on


# ---------------------------------------------------------------- the job


def test_what_is_asked_for() -> None:
    bodies: list[bytes] = []

    def network(request: httpx2.Request) -> httpx2.Response:
        bodies.append(request.content)
        return answer({"id": JOB})

    assert bulk.start(client(network), "User", ("Email", "Id", "Manager.Name")) == JOB
    assert bodies == [
        b'{"operation": "query", "query": "SELECT Id,SystemModstamp,LastModifiedDate,LastModifiedById,Email,'
        b'Manager.Name FROM User"}'
    ]


def test_a_lost_answer_to_a_new_job_is_no_write_in_doubt_and_is_not_repeated() -> None:
    calls: list[int] = []

    def network(request: httpx2.Request) -> httpx2.Response:
        calls.append(1)
        raise httpx2.ReadError("reset")

    with pytest.raises(OrgUnavailable):
        bulk.start(client(network), "Lead", ())
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ("UploadComplete", "waiting"),
        ("InProgress", "running"),
        ("JobComplete", "complete"),
        ("Failed", "failed"),
        ("Aborted", "failed"),
        ("SomethingNew", "running"),
    ],
)
def test_states_of_a_job(state: str, ours: str) -> None:
    org = BulkOrg(7)
    org.state = state
    found = bulk.job(client(org), JOB)
    assert found.state == ours and (found.error is not None) == (ours == "failed")
    assert found.total_rows == (7 if ours == "complete" else None)


@pytest.mark.parametrize(
    "gone",
    [
        fault("NOT_FOUND", "The requested resource does not exist", 404),
        fault("INVALIDJOB", "Unable to find job", 400),
        fault("API_ERROR", "InvalidJob : Job not found", 400),
    ],
)
def test_a_job_that_is_gone(gone: httpx2.Response) -> None:
    calling = client(lambda request: gone)
    assert bulk.job(calling, JOB).state == "gone"
    bulk.end(calling, JOB)
    with pytest.raises(OrgRefused) as raised:
        read(calling)
    assert raised.value.problem.error_class is ErrorClass.GONE


def test_a_job_is_not_taken_for_gone_because_of_other_trouble() -> None:
    for trouble in (html(503), fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)):
        with pytest.raises(OrgUnavailable):
            bulk.job(client(lambda request, t=trouble: t), JOB)


def test_a_running_job_is_stopped_before_it_is_thrown_away() -> None:
    org = BulkOrg(7)
    org.state = "InProgress"
    bulk.end(client(org), JOB)
    assert [r.split()[0] for r in org.requests] == ["GET", "PATCH", "DELETE"]
    org = BulkOrg(7)
    bulk.end(client(org), JOB)
    assert [r.split()[0] for r in org.requests] == ["GET", "DELETE"]
