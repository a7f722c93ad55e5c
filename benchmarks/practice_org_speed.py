"""Whether the practice org is ever what a benchmark measures: its speed beside Diptych's store, in one run.

    bare       csv.reader + executemany of the same CSV, already on disk, into one table of text columns
    store      Diptych's `run_initial_load` of a query that the org has finished, as in benchmarks.initial_load
    pages      the result pages of that query, 10,000 rows each, read over HTTP and thrown away
    pages-gzip the same, gzipped as Diptych asks for them
    updates    `composite/sobjects` updates of 200 records and five fields a call, one call after the other

Each variant runs in a process of its own; they take turns. `of store` is how many times as fast as Diptych's store a
variant was in the same round: the aim is 3 for pages, whatever the machine. `rows/CPU s` counts the processor time of the
org's process alone: on a machine with other work it says more than rows a second. Also said: how long the org takes to run the
query, and how much memory its process gains while it serves pages.
Usage: python -m benchmarks.practice_org_speed [--records 100000] [--fields 40] [--rounds 3] [--calls 100] [--data FILE]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.initial_load import LEADS_SHARE, PAGE, PracticeOrg, in_process, password_token, prepare, say

VERSION = "v60.0"
COLLECTION = 200
MOST_SEEDED = 1_000_000
"""People that one order makes."""
SERVED = ("pages", "pages-gzip", "updates")
VARIANTS = ("bare", "store", *SERVED)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--records", type=int, default=100_000, help="leads in the org")
    options.add_argument("--fields", type=int, default=40)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--calls", type=int, default=100, help="collection updates a round")
    options.add_argument(
        "--data", type=Path, help="a practice org's file to use, or to make, instead of a passing one"
    )
    options.add_argument("--variant", choices=SERVED, help=argparse.SUPPRESS)
    options.add_argument("--job", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.variant:
        print(json.dumps(run_variant(asked.variant, json.loads(asked.job))))
        return
    compare(asked)


def compare(asked: argparse.Namespace) -> None:
    """Seed an org, let the variants take turns, print what each did."""
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as folder:
        data = asked.data or Path(folder) / "org.db"
        people = int(asked.records / LEADS_SHARE) + 1
        say(f"practice org with {people:,} people ...")
        with PracticeOrg(data, min(people, MOST_SEEDED)) as org:
            more_people(org.facts, asked.records)
            job = prepare(org.facts, Path(folder), asked.records, asked.fields)
            job["calls"] = asked.calls
            began = time.perf_counter()
            job["query"] = finished_query(job)
            asked_for = time.perf_counter() - began
            say(f"{job['rows']:,} leads x {asked.fields} fields; the org ran the query in {asked_for:.2f} s")
            results: dict[str, list[dict[str, Any]]] = {name: [] for name in VARIANTS}
            gained = 0
            for turn in range(asked.rounds):
                for name in VARIANTS:
                    before, spent = memory(org.process.pid, reset=True), processor(org.process.pid)
                    results[name].append(measured(name, job))
                    results[name][-1]["processor"] = processor(org.process.pid) - spent
                    if name.startswith("pages"):
                        gained = max(gained, memory(org.process.pid) - before)
                    say(f"  round {turn + 1}: {name:10} {rate(results[name][-1]):10,.0f} rows/s")
        report(results, gained)


def rate(result: dict[str, Any]) -> float:
    return float(result["rows"] / result["seconds"])


def report(results: dict[str, list[dict[str, Any]]], gained: int) -> None:
    print(f"{'':10}{'rows/s':>12}{'of store':>10}{'of bare':>9}{'rows/CPU s':>12}")
    for name, runs in results.items():
        beside = {
            other: statistics.median(rate(r) / rate(o) for r, o in zip(runs, results[other], strict=True))
            for other in ("store", "bare")
        }
        median = statistics.median(rate(run) for run in runs)
        cost = statistics.median(run["rows"] / max(run["processor"], 0.01) for run in runs)
        of_org = f"{cost:12,.0f}" if name in SERVED else ""
        print(f"{name:10}{median:12,.0f}{beside['store']:10.2f}{beside['bare']:9.2f}{of_org}")
    print(f"memory that the org's process gained while it served pages: {gained / 1024:.0f} MB")


def measured(name: str, job: dict[str, Any]) -> dict[str, Any]:
    if name in ("bare", "store"):
        return in_process({"store": "ours"}.get(name, name), job)
    command = [sys.executable, "-m", "benchmarks.practice_org_speed", "--variant", name]
    done = subprocess.run([*command, "--job", json.dumps(job)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def memory(process: int, *, reset: bool = False) -> int:
    """The most memory, in kB, that a process held since the last reset; 0 where the system does not tell."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return 0
    if reset:
        Path(f"/proc/{process}/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def processor(process: int) -> float:
    """The processor time, in seconds, that a process has used; 0 where the system does not tell."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return 0.0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


# ------------------------------------------------------------------------------------------------ the variants


class Client:
    """One kept connection with a session, as bare as the standard library has it."""

    def __init__(self, facts: dict[str, Any]) -> None:
        parts = urlsplit(facts["base_url"])
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=600)
        self._headers = {
            "Authorization": f"Bearer {password_token(facts)}",
            "Content-Type": "application/json",
        }

    def __call__(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, f"/services/data/{VERSION}/{path}", body, {**self._headers, **named})
        answer = self._connection.getresponse()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {answer.read()[:500]!r}")
        return answer

    def json(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self(method, path, None if body is None else json.dumps(body).encode()).read())


def more_people(facts: dict[str, Any], leads: int) -> None:
    """Seed again while the org has fewer leads than asked."""
    for seed in range(2, 10):
        client = Client(facts)  # anew: the connection does not outlive the long order
        missing = leads - int(client.json("GET", f"query?q={quote('SELECT count() FROM Lead')}")["totalSize"])
        if missing <= leads // 50:
            return
        people = min(MOST_SEEDED, int(missing / LEADS_SHARE) + 1)
        say(f"{people:,} people more ...")
        address = urlsplit(facts["base_url"])
        control = http.client.HTTPConnection(str(address.hostname), address.port, timeout=7200)
        order = json.dumps({"people": people, "seed": seed})
        control.request("POST", "/__sim__/seed", order, {"Authorization": f"Bearer {facts['control_token']}"})
        answer = control.getresponse()
        if answer.status != 200:
            raise SystemExit(f"seeding: {answer.status} {answer.read()[:500]!r}")


def finished_query(job: dict[str, Any]) -> str:
    client = Client(job["facts"])
    made: str = client.json("POST", "jobs/query", {"operation": "query", "query": job["soql"]})["id"]
    while client.json("GET", f"jobs/query/{made}")["state"] != "JobComplete":
        time.sleep(0.02)
    return made


def run_variant(name: str, job: dict[str, Any]) -> dict[str, Any]:
    variants: dict[str, Callable[[dict[str, Any]], tuple[float, int]]] = {
        "pages": lambda given: pages(given, "identity"),
        "pages-gzip": lambda given: pages(given, "gzip"),
        "updates": updates,
    }
    seconds, rows = variants[name](job)
    return {"seconds": seconds, "rows": rows}


def pages(job: dict[str, Any], encoding: str) -> tuple[float, int]:
    client = Client(job["facts"])
    began, rows, locator = time.perf_counter(), 0, ""
    while locator != "null":
        more = f"&locator={locator}" if locator else ""
        page = client(
            "GET", f"jobs/query/{job['query']}/results?maxRecords={PAGE}{more}", Accept_Encoding=encoding
        )
        locator = str(page.headers["Sforce-Locator"])
        rows += int(str(page.headers["Sforce-NumberOfRecords"]))
        while page.read(1 << 20):
            pass
    if rows != job["rows"]:
        raise SystemExit(f"the pages held {rows} rows, not {job['rows']}")
    return time.perf_counter() - began, rows


def updates(job: dict[str, Any]) -> tuple[float, int]:
    client = Client(job["facts"])
    soql = "SELECT Id FROM Lead WHERE IsConverted = false LIMIT 2000"
    ids = [row["Id"] for row in client.json("GET", f"query?q={quote(soql)}")["records"]]
    groups = [ids[at : at + COLLECTION] for at in range(0, len(ids) - COLLECTION + 1, COLLECTION)]
    bodies = [
        json.dumps({"records": [record(one, number) for one in groups[number % len(groups)]]}).encode()
        for number in range(job["calls"])
    ]
    began = time.perf_counter()
    answers = [client("PATCH", "composite/sobjects", body).read() for body in bodies]
    seconds = time.perf_counter() - began
    for answer in answers:
        refused = [row for row in json.loads(answer) if not row["success"]]
        if refused:
            raise SystemExit(f"an update was refused: {refused[0]}")
    return seconds, COLLECTION * len(bodies)


def record(record_id: str, number: int) -> dict[str, Any]:
    return {
        "attributes": {"type": "Lead"},
        "id": record_id,
        "Title": f"Title {number}",
        "Phone": f"+1 555 {number:04}",
        "City": f"City {number}",
        "Description": f"Changed for the {number}th time, and for nothing else",
        "NumberOfEmployees": number + 1,
    }


if __name__ == "__main__":
    main()
