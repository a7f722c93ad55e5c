"""A bulk result much larger than memory goes into the store: `python -m tests.races.large_result --megabytes 2048 --limit 256`.

The org is a function that makes each part when it is asked for, so all memory beyond one part is the reader's and the
store's. Prints rows, megabytes and the peak of this process's memory; exits with 1 when the peak is over the limit.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from diptych.domain.mapping import Direction, FieldMapping, Mapping, Policy
from diptych.domain.values import Kind
from diptych.salesforce import bulk
from diptych.store import open_store
from tests.salesforce.wire import answer, client, fault

JOB = "750000000000001EAA"
WIDTH = 20
CELL = "Straße der Vernunft, third floor on the left, behind the garden " * 2  # about 128 bytes
FIELDS = tuple(f"Text{n}__c" for n in range(WIDTH))
SYSTEM = ("Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById", "IsDeleted", "MasterRecordId", "IsConverted",
          "ConvertedContactId")  # fmt: skip
ROW_BYTES = WIDTH * len(CELL.encode()) + 200


class Org:
    """One complete bulk job of so many rows."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/results"):
            start = int(request.url.params.get("locator", 0))
            return self._part(start, min(start + int(request.url.params["maxRecords"]), self.rows))
        if request.url.path.endswith("/resultPages"):
            return fault("NOT_FOUND", status=404)
        return answer({"id": JOB, "object": "Lead", "state": "JobComplete", "apiVersion": 66.0})

    def _part(self, start: int, end: int) -> httpx2.Response:
        cells = ",".join(f'"{CELL}"' for _ in range(WIDTH))
        at = '"2026-01-05T08:00:00.000Z"'
        lines = [",".join(f'"{name}"' for name in (*SYSTEM, *FIELDS))]
        lines += [
            f'"00Q{n:012}AAA",{at},{at},"005000000000001AAA","false","","false","",{cells}'
            for n in range(start, end)
        ]
        headers = {
            "Content-Type": "text/csv",
            "Content-Encoding": "gzip",
            "Sforce-NumberOfRecords": str(end - start),
            "Sforce-Locator": str(end) if end < self.rows else "null",
        }
        body = gzip.compress(("\n".join(lines) + "\n").encode(), 1)
        return httpx2.Response(200, headers=headers, stream=httpx2.ByteStream(body))


def mapping() -> Mapping:
    return Mapping(
        1,
        tuple(
            FieldMapping("Lead", f, "person", f"text_{n}", Kind.TEXT, Direction.BOTH, Policy.SALESFORCE)
            for n, f in enumerate(FIELDS)
        ),
    )


def load(folder: Path, megabytes: float, part_rows: int) -> dict[str, float]:
    """Read the result into a new SQLite store; rows stored, and megabytes of memory before and at the peak."""
    rows = int(megabytes * 1_000_000 / ROW_BYTES)
    store = open_store(f"sqlite:///{folder / 'large.db'}")
    with store.transaction() as tx:
        tx.provision(mapping())
        tx.save_mapping(mapping(), datetime(2026, 1, 5, tzinfo=UTC), "large")
    before, stored = memory("VmRSS"), 0
    for page in bulk.pages(client(Org(rows)), JOB, None, part_rows):
        with store.transaction() as tx:
            stored += tx.load_page(mapping().of("Lead"), page, datetime(2026, 1, 5, 9, tzinfo=UTC)).inserted
    store.close()
    return {"rows": rows, "stored": stored, "megabytes": megabytes, "before": before, "peak": memory("VmHWM")}


def memory(name: str) -> float:
    """Of this process, in megabytes: VmRSS now, VmHWM at its highest."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found.group(1)) / 1000


def main() -> int:
    parser = argparse.ArgumentParser(description="Load a bulk result that is larger than memory.")
    parser.add_argument("--megabytes", type=float, default=2048)
    parser.add_argument("--limit", type=float, default=256)
    parser.add_argument("--part-rows", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = load(Path(folder), options.megabytes, options.part_rows)
    print(json.dumps({name: round(value, 1) for name, value in found.items()}))
    return 0 if found["stored"] == found["rows"] and found["peak"] <= options.limit else 1


if __name__ == "__main__":
    sys.exit(main())
