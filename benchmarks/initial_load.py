"""How fast the first load is: leads into SQLite, against two loaders that do nothing else, in one run.

    bare      csv.reader + executemany of the same CSV, already on disk, into one table of text columns
    simple    simple-salesforce's Bulk 2.0 query + csv.reader + executemany into the same table
    ours      `run_initial_load` of a query that the org has finished: download, conversion, people, pairs, ledger, cursor
    whole     the same from nothing: discovery, the query at the org, the load, the hand-over

Each variant runs in a process of its own; they take turns. The processor's time is that of the loader's process alone: what the org
spends is not in it. Quote the ratios, not the seconds: both were read on one machine
at one time. Usage: python -m benchmarks.initial_load [--leads 200000] [--fields 40] [--rounds 3] [--data FILE]
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

VARIANTS = ("bare", "simple", "ours", "whole")
LEADS_SHARE = 0.695  # of the people that the practice org makes are leads, a little less than seven in ten
PAGE = 10_000


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--leads", type=int, default=200_000)
    options.add_argument("--fields", type=int, default=40)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument(
        "--data", type=Path, help="a practice org's file to use, or to make, instead of a passing one"
    )
    options.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    options.add_argument("--job", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.variant:
        print(json.dumps(run_variant(asked.variant, json.loads(asked.job))))
        return
    compare(asked)


def compare(asked: argparse.Namespace) -> None:
    """Seed an org, then let the variants take turns; print what each took."""
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as folder:
        data = asked.data or Path(folder) / "org.db"
        people = int(asked.leads / LEADS_SHARE) + 1
        say(f"practice org with {people:,} people ...")
        with PracticeOrg(data, people) as org:
            job = prepare(org.facts, Path(folder), asked.leads, asked.fields)
            say(
                f"{job['rows']:,} leads x {len(job['fields'])} fields, {Path(job['csv']).stat().st_size / 1e6:,.0f} MB of CSV"
            )
            results: dict[str, list[dict[str, Any]]] = {name: [] for name in VARIANTS}
            for turn in range(asked.rounds):
                for name in VARIANTS:
                    results[name].append(in_process(name, job))
                    say(f"  round {turn + 1}: {name:6} {results[name][-1]['seconds']:7.2f} s")
        report(results)


def report(results: dict[str, list[dict[str, Any]]]) -> None:
    def median(name: str, what: str) -> float:
        return statistics.median(r[what] for r in results[name])

    print(f"{'':8}{'seconds':>9}{'rows/s':>10}{'of bare':>9}{'CPU s':>8}{'of bare':>9}{'peak MB':>9}")
    for name, runs in results.items():
        ratios = {
            what: statistics.median(r[what] / b[what] for r, b in zip(runs, results["bare"], strict=True))
            for what in ("seconds", "processor")
        }
        seconds = median(name, "seconds")
        print(
            f"{name:8}{seconds:9.2f}{runs[0]['rows'] / seconds:10,.0f}{ratios['seconds']:9.2f}"
            f"{median(name, 'processor'):8.2f}{ratios['processor']:9.2f}{median(name, 'peak_mb'):9.0f}"
        )


def in_process(name: str, job: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.initial_load", "--variant", name, "--job", json.dumps(job)]
    environment = dict(os.environ, REQUESTS_CA_BUNDLE=job["facts"]["ca_file"])
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    # ours count people, and converted leads are no people of their own: up to a tenth fewer
    least = job["rows"] * 9 // 10 if name in ("ours", "whole") else job["rows"]
    if not least <= result["rows"] <= job["rows"]:
        raise SystemExit(f"{name} loaded {result['rows']} rows, not {job['rows']}")
    return result


def run_variant(name: str, job: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as folder:
        spent, rows = {"bare": bare, "simple": simple, "ours": ours, "whole": whole}[name](job, Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": spent.seconds, "processor": spent.processor, "rows": rows, "peak_mb": peak}


# ------------------------------------------------------------------------------------------------ the loaders


@dataclass(frozen=True)
class Spent:
    """Time that passed, and the processor's time of this process: on a busy machine the second says more."""

    seconds: float
    processor: float

    @classmethod
    def now(cls) -> Spent:
        return cls(time.perf_counter(), time.process_time())

    def until_now(self) -> Spent:
        now = Spent.now()
        return Spent(now.seconds - self.seconds, now.processor - self.processor)


def bare(job: dict[str, Any], folder: Path) -> tuple[Spent, int]:
    began = Spent.now()
    with open(job["csv"], newline="", encoding="utf-8") as file:
        rows = load(folder, file)
    return began.until_now(), rows


def load(folder: Path, lines: Iterable[str]) -> int:
    """CSV into a table of text columns, a commit every 10,000 rows: as durable as ours, and nothing more."""
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    reader = csv.reader(lines)
    header = next(reader)
    columns = ", ".join(f'"{name}" TEXT' for name in header)
    database.execute(f'CREATE TABLE lead ({columns}, PRIMARY KEY ("Id"))')
    insert = f"INSERT INTO lead VALUES ({', '.join('?' * len(header))})"
    while page := list(islice(reader, PAGE)):
        database.execute("BEGIN IMMEDIATE")
        database.executemany(insert, page)
        database.execute("COMMIT")
    rows: int = database.execute("SELECT count(*) FROM lead").fetchone()[0]
    database.close()
    return rows


def simple(job: dict[str, Any], folder: Path) -> tuple[Spent, int]:
    from simple_salesforce import Salesforce

    facts = job["facts"]
    host = facts["tls_url"].removeprefix("https://")
    session = Salesforce(instance=host, session_id=password_token(facts), version="60.0")
    began = Spent.now()

    def lines() -> Iterator[str]:
        for number, text in enumerate(session.bulk2.Lead.query(job["soql"], max_records=PAGE)):
            part = io.StringIO(text, newline="")
            if number:
                part.readline()  # every part has the header
            yield from part

    rows = load(folder, lines())
    return began.until_now(), rows


def ours(job: dict[str, Any], folder: Path) -> tuple[Spent, int]:
    """Only what comes after the org has finished the query."""
    return our_load(job, folder, ready=True)


def whole(job: dict[str, Any], folder: Path) -> tuple[Spent, int]:
    return our_load(job, folder, ready=False)


def our_load(job: dict[str, Any], folder: Path, *, ready: bool) -> tuple[Spent, int]:
    from diptych.domain.objects import LEAD
    from diptych.store import open_store
    from diptych.sync.budget import CallBudget
    from diptych.sync.cycle import run_initial_load
    from diptych.sync.engine import Engine
    from diptych.sync.ports import SnapshotProgress
    from diptych.wiring import SystemClock

    store, org, clock = open_store(f"sqlite:///{folder / 'app.db'}"), connected(job["facts"]), SystemClock()
    now = datetime.now(UTC).replace(microsecond=0)
    mapping = lead_mapping(org, job["fields"])
    with store.transaction() as tx:
        tx.save_schema(org.describe("Lead"), now)
        tx.save_mapping(mapping, now, "benchmark")
        tx.provision(mapping)
        if ready:
            fields = tuple(m.field for m in mapping.of("Lead").fields)
            progress = SnapshotProgress(
                "Lead", "loading", now, mapping.version, fields, finished_query(org, fields)
            )
            tx.save_snapshot(replace(progress, rows_total=job["rows"]))
    engine = Engine(org, store, clock, CallBudget(org, store, clock, share=0.9), objects=(LEAD,))
    lease = store.acquire_lease("benchmark", clock.now(), 600)
    assert lease is not None
    began = Spent.now()
    outcome = run_initial_load(engine, lease)
    spent = began.until_now()
    if outcome.status != "Succeeded":
        raise SystemExit(f"the load ended as {outcome}")
    with store.reading() as connection:
        people = connection.exec_driver_sql("SELECT count(*) FROM person").scalar_one()
        pairs = connection.exec_driver_sql("SELECT count(*) FROM pair").scalar_one()
    store.close()
    assert people == pairs
    return spent, int(people)


# ------------------------------------------------------------------------------------------------ the ground


class PracticeOrg:
    """`practice-org serve` in a process of its own, ended at the end."""

    def __init__(self, data: Path, people: int) -> None:
        command = [sys.executable, "-m", "practice_org", "serve", "--port", "0", "--tls-port", "0", "--json"]
        self.process = subprocess.Popen(
            [*command, "--data", str(data), "--seed", str(people)], stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> PracticeOrg:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the practice org did not start")
        self.facts: dict[str, Any] = json.loads(line)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)


def connected(facts: dict[str, Any]) -> Any:
    from diptych.salesforce.credentials import Password
    from diptych.salesforce.org import connect

    return connect(
        Password(
            facts["username"],
            facts["password"],
            facts["security_token"],
            facts["base_url"],
            facts["client_id"],
            facts["client_secret"],
        )
    )


def lead_mapping(org: Any, fields: list[str]) -> Any:
    """The mapping that set-up would propose, of these fields only."""
    from diptych.domain.mapping import Mapping
    from diptych.domain.proposal import propose

    return Mapping(1, propose({"Lead": org.describe("Lead")}, {"Lead": fields}).fields)


def prepare(facts: dict[str, Any], folder: Path, leads: int, fields: int) -> dict[str, Any]:
    """Choose the fields, let the org run the query once, keep its result as the CSV on disk."""
    from diptych.domain.objects import LEAD
    from diptych.domain.selection import default_selection

    org = connected(facts)
    chosen = list(default_selection(LEAD, org.describe("Lead")))[:fields]
    if len(chosen) < fields:
        raise SystemExit(f"the org's leads have only {len(chosen)} fields to choose from")
    mapping = lead_mapping(org, chosen)
    job_id = finished_query(org, tuple(m.field for m in mapping.of("Lead").fields))
    path, rows, columns = folder / "leads.csv", 0, ()
    with path.open("wb") as out:
        for page in org.snapshot_pages(job_id, None, PAGE):
            content = page.content if not rows else page.content.split(b"\n", 1)[1]
            out.write(content if content.endswith(b"\n") else content + b"\n")
            rows, columns = rows + page.rows, page.columns
    org.close()
    if rows < leads:
        say(f"note: the org has {rows:,} leads, fewer than asked")
    soql = f"SELECT {', '.join(columns)} FROM Lead"
    return {"facts": facts, "fields": chosen, "csv": str(path), "rows": rows, "soql": soql}


def finished_query(org: Any, fields: tuple[str, ...]) -> str:
    """A new bulk query of these fields, when the org has finished it."""
    job_id: str = org.start_snapshot("Lead", fields)
    while (state := org.snapshot_job(job_id)).state in ("waiting", "running"):
        time.sleep(0.2)
    if state.state != "complete":
        raise SystemExit(f"the query ended as {state}")
    return job_id


def password_token(facts: dict[str, Any]) -> str:
    import httpx2

    answer = httpx2.post(
        f"{facts['base_url']}/services/oauth2/token",
        data={
            "grant_type": "password",
            "client_id": facts["client_id"],
            "client_secret": facts["client_secret"],
            "username": facts["username"],
            "password": facts["password"] + facts["security_token"],
        },
        trust_env=False,
    )
    return str(answer.json()["access_token"])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
