"""A bulk result of any size through the real client into the real database, and how much memory that takes.

python -m tests.races.bulk_memory --megabytes 2048 --limit 256

A process serves the result (made as it is read, packed as Salesforce packs it), another one loads it; the second one's peak
of resident memory is printed, and is an error when it is above the limit.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import sys
import tempfile
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_HEADER = (
    "Id,SystemModstamp,LastModifiedDate,LastModifiedById,IsDeleted,MasterRecordId,IsConverted,ConvertedContactId,"
    "LastName,Description\n"
)
_STAMP = "2026-01-05T08:00:00.000Z"


class _Served(BaseHTTPRequestHandler):
    """The routes of a complete bulk query of `rows` leads, each with `width` characters of text."""

    rows, width = 0, 0
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith("/results"):
            asked = parse_qs(parts.query)
            start = int(asked.get("locator", ["0"])[0])
            count = min(int(asked["maxRecords"][0]), self.rows - start)
            following = str(start + count) if start + count < self.rows else "null"
            lines = (self._line(n) for n in range(start, start + count))
            body = gzip.compress((_HEADER + "".join(lines)).encode(), 1)
            more = {
                "Sforce-Locator": following,
                "Sforce-NumberOfRecords": str(count),
                "Content-Encoding": "gzip",
            }
            self._answer(200, body, "text/csv", more)
        elif parts.path.endswith("/resultPages"):
            self._answer(
                404, b'[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]'
            )
        else:
            facts = {"id": "750", "object": "Lead", "state": "JobComplete", "apiVersion": 57.0}
            self._answer(200, json.dumps({**facts, "numberRecordsProcessed": self.rows}).encode())

    def _line(self, number: int) -> str:
        tail = f"{number:09d}"
        text = (f"{number} was here. " * (self.width // 16 + 1))[: self.width]
        return f'00Q5e0{tail},{_STAMP},{_STAMP},0055e0000000001AAA,false,,false,,"Lee {number}","{text}"\n'

    def _answer(
        self, status: int, body: bytes, kind: str = "application/json", more: dict[str, str] | None = None
    ) -> None:
        self.send_response_only(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}
        for name, value in {**headers, "Date": format_datetime(datetime.now(UTC), usegmt=True)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _serve(rows: int, width: int, told: Any) -> None:
    _Served.rows, _Served.width = rows, width
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Served)
    told.send(server.server_address[1])
    server.serve_forever()


def _load(port: int, folder: str, page_rows: int, told: Any) -> None:
    from diptych.domain.mapping import Mapping
    from diptych.salesforce.auth import Grant
    from diptych.salesforce.bulk import pages
    from diptych.salesforce.client import Client
    from diptych.salesforce.credentials import Password
    from diptych.salesforce.session import Session
    from diptych.salesforce.transport import Patience, Transport
    from diptych.store.sql_store import open_store
    from tests.sync.world import person_field

    base = f"http://127.0.0.1:{port}"
    session = Session(Password("user", "password", None, base), lambda: datetime.now(UTC))
    session.adopt(Grant("token", base))
    client = Client(Transport(Patience()), session)
    store = open_store(f"sqlite:///{Path(folder) / 'app.db'}", lambda: datetime.now(UTC))
    fields = (
        person_field("Lead", "LastName", "last_name"),
        person_field("Lead", "Description", "description"),
    )
    mapping, now, rows = Mapping(1, fields), datetime.now(UTC), 0
    with store.transaction() as tx:
        tx.provision(mapping)
        tx.save_mapping(mapping, now, "test")
    before = _peak()
    for page in pages(client, "750", None, page_rows):
        with store.transaction() as tx:
            rows += tx.load_page(mapping.of("Lead"), page, now).inserted
    told.send((rows, before // 1024, _peak() // 1024))


def _peak() -> int:
    """This process's peak of resident memory in kilobytes; getrusage's would count the parent's at the time of the fork."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def measure(megabytes: int, width: int, page_rows: int = 10_000) -> tuple[int, int, int]:
    """Rows loaded, and the loader's peak of resident memory before and after, in megabytes."""
    rows = megabytes * 1_000_000 // (width + 120)
    new = multiprocessing.get_context("spawn")
    (ours, theirs), (mine, others) = new.Pipe(), new.Pipe()
    server = new.Process(target=_serve, args=(rows, width, theirs), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        loader = new.Process(target=_load, args=(ours.recv(), folder, page_rows, others), daemon=True)
        loader.start()
        others.close()
        try:
            loaded: tuple[int, int, int] = mine.recv()
        finally:
            loader.join(60)
            server.terminate()
    assert loaded[0] == rows
    return loaded


def main() -> int:
    parser = argparse.ArgumentParser(description="Stream a large bulk result and measure memory.")
    parser.add_argument("--megabytes", type=int, default=2048)
    parser.add_argument("--limit", type=int, default=256, help="megabytes of resident memory allowed")
    parser.add_argument("--width", type=int, default=2000, help="characters of text in a row")
    options = parser.parse_args()
    began = time.monotonic()
    rows, before, peak = measure(options.megabytes, options.width)
    spent = time.monotonic() - began
    print(
        f"{rows:,} rows, {options.megabytes} MB, {spent:.0f} s: {peak} MB at most, {before} MB before it began"
    )
    return 0 if peak <= options.limit else 1


if __name__ == "__main__":
    sys.exit(main())
