"""What each page of the admin costs with 100,000 people: the server's time, and when a browser has painted something.

A practice org is seeded, loaded for the first time through the set-up, and given a past of three months (`benchmarks.past`): runs,
errors of many causes, conflicts, waiting edits. Then every page is asked for as a person admitted would, with nothing kept from the
page before: the server's time and its process's CPU time (best of three), and the first contentful paint in chromium (median of
three). CPU time is what says something on a machine with other work; PostgreSQL's own is not in it.

Usage: python -m benchmarks.pages [--people 100000] [--folder FOLDER] [--postgres] [--rounds 3] [--no-browser] [--pictures FOLDER]
FOLDER keeps the org and the database for another time.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.routing import Route
from starlette.testclient import TestClient

from benchmarks.initial_load import PracticeOrg, say
from benchmarks.past import Size, make_past, scaled
from diptych.access.tokens import Tokens
from diptych.admin.app import create_app, guarded
from diptych.config import read_settings
from diptych.domain.roles import Scope
from diptych.setup.ports import AuthKind, Credentials
from diptych.wiring import Workspace, open_workspace

SEEDED = (
    1.07  # of so many seeded records a part is leads that were converted, which are no people of their own
)
ORIGIN = "http://127.0.0.1"
# not pages: a stream, files, and what sends the browser elsewhere
NOT_PAGES = frozenset(
    {
        *("/events", "/setup/credentials/callback"),
        *("/runs.csv", "/errors.csv", "/access/audit/file", "/mappings/file"),
    }
)
VITALS = ("/healthz", "/readyz", "/metrics")
ASKED_FOR = (
    "/people?page=2000",
    "/people?salesforce_type=contact",
    "/people?link_state=none",
    "/people?search=smith",
    "/people?search=nobody-of-that-name",
    "/people?sort=name",
    "/runs?page=300",
    "/runs?status=Incomplete",
    "/errors?status=held",
    "/conflicts?object=Lead",
)
"""Pages with a filter, an order or a far page: what is looked for may have to be looked for in everybody."""


@dataclass(frozen=True)
class Cost:
    """What one page took, in milliseconds; `paint` None: not asked for, or nothing to paint."""

    status: int
    server: float
    processor: float
    kilobytes: int
    paint: float | None = None


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--folder", type=Path)
    options.add_argument("--postgres", action="store_true", help="PostgreSQL beside SQLite")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--no-browser", action="store_true")
    options.add_argument("--pictures", type=Path, help="screenshots of every page go there")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as passing:
        folder = asked.folder or Path(passing)
        found = {"SQLite": costs(folder / "sqlite", None, folder, asked)}
        if asked.postgres:
            from tests.postgres_server import running_postgres

            with running_postgres() as server:
                found["PostgreSQL"] = costs(folder / "postgres", server.create_database(), folder, asked)
    report(found)


def report(found: dict[str, dict[str, Cost]]) -> None:
    """The table, as Markdown."""
    print("| page |" + "".join(f" {name}: server ms | CPU ms | first paint ms |" for name in found))
    print("| --- |" + " ---: | ---: | ---: |" * len(found))
    for page in next(iter(found.values())):
        cells = ""
        for costs in found.values():
            one = costs[page]
            paint = "" if one.paint is None else f"{one.paint:,.0f}"
            cells += f" {one.server:,.0f} | {one.processor:,.0f} | {paint} |"
        print(f"| `{page}` |{cells}")


def costs(data: Path, url: str | None, folder: Path, asked: argparse.Namespace) -> dict[str, Cost]:
    """Load where nothing is loaded yet, then measure every page."""
    fresh = url is not None or not (data / "app.db").exists()
    settings = read_settings(data_dir=data, database_url=url, pause_seconds=3600)
    with contextlib.ExitStack() as stack:
        org = stack.enter_context(PracticeOrg(folder / "org.db", int(asked.people * SEEDED)))
        workspace = stack.enter_context(open_workspace(settings))
        connect(workspace, org.facts)
        if fresh:
            load(workspace, asked.people)
        people = workspace.queries.status().people
        say(f"{data.name}: {people:,} people")
        app = create_app(workspace)
        pages = addresses(workspace)
        found = {page: served(app, page, asked.rounds) for page in pages}
        if not asked.no_browser:
            with browsing(app) as browser:
                for page, paint in browser.painted(
                    pages, asked.rounds, asked.pictures and asked.pictures / data.name
                ):
                    one = found[page]
                    found[page] = Cost(one.status, one.server, one.processor, one.kilobytes, paint)
    return found


def connect(workspace: Workspace, facts: dict[str, Any]) -> None:
    """Log in; a kept database finds its org at another port."""
    setup = workspace.setup
    login = Credentials(
        AuthKind.PASSWORD,
        facts["base_url"],
        facts["username"],
        password=facts["password"],
        security_token=facts["security_token"],
    )
    card = setup.check(login)
    if setup.connection() is None:
        setup.prepared()
    setup.save(card.credentials, card)


def load(workspace: Workspace, people: int) -> None:
    """Set-up as a person would do it, the first load, and a past."""
    setup = workspace.setup
    setup.sync_fields()
    setup.confirm()
    setup.finish_mapping()
    setup.start()
    began = time.perf_counter()
    report = workspace.run_cycle()
    if report.status != "Succeeded":
        raise SystemExit(f"the first load ended as {report.status}: {report.error}")
    say(f"first load: {time.perf_counter() - began:.1f} s")
    make_past(
        workspace.store, workspace.clock.now(), Size() if people >= 100_000 else scaled(people / 100_000)
    )


# ------------------------------------------------------------------------------------------------ pages


def addresses(workspace: Workspace) -> list[str]:
    """Every page that the admin answers GET with, with something real where its address has a place for it."""
    places = _places(workspace)
    found = []
    for router in guarded():
        for route in router.routes:
            path = getattr(route, "path", "")
            if "GET" not in getattr(route, "methods", ()) or path in NOT_PAGES:
                continue
            assert isinstance(route, Route)
            for name, value in places.items():
                path = path.replace("{" + name + "}", value)
            if "{" in path:
                raise SystemExit(f"benchmarks.pages has nothing to put into {path}")
            found.append(path + _QUERIES.get(path, ""))
    return [*dict.fromkeys(found), f"/runs/{places['load']}", *ASKED_FOR, *VITALS]


_QUERIES = {
    "/mapping/preview": "?name=Lead.Title&direction=inbound",
    "/mapping/diff": "?a=1&b=2",
}


def _places(workspace: Workspace) -> dict[str, str]:
    def one(statement: str) -> str:
        with workspace.store.reading() as connection:
            return str(connection.execute(sa.text(statement)).scalar())

    return {
        # somebody of whom much is known
        "person_id": one(
            "SELECT person_id FROM change_log WHERE person_id IN (SELECT person_id FROM pair WHERE state = 'paired') "
            "GROUP BY person_id ORDER BY count(*) DESC, person_id LIMIT 1"
        ),
        "run_id": one("SELECT max(run_id) FROM dead_letter"),
        "load": one("SELECT min(id) FROM run"),
        "key": workspace.queries.causes(1)[0].key,
        "name": "Lead.Title",
        "number": one("SELECT max(version) FROM mapping_version"),
    }


def _anew(app: FastAPI) -> None:
    """Nothing is kept from the page before."""
    app.state.live.forget()
    app.state.throughput = None


def served(app: FastAPI, page: str, rounds: int) -> Cost:
    """The best of several rounds; a redirect is not followed."""
    client = TestClient(app, base_url=ORIGIN)
    client.get(app.state.access.new_link(ORIGIN), follow_redirects=False)
    headers = {"Sec-Fetch-Site": "same-origin"}
    if page == "/metrics":
        text, _ = Tokens(app.state.workspace.store).create("benchmark", Scope.READ, None)
        headers["Authorization"] = f"Bearer {text}"
    best: Cost | None = None
    for _ in range(rounds):
        _anew(app)
        began, processor = time.perf_counter(), time.process_time()
        answer = client.get(page, headers=headers, follow_redirects=False)
        took = Cost(
            answer.status_code,
            1000 * (time.perf_counter() - began),
            1000 * (time.process_time() - processor),
            len(answer.content) // 1024,
        )
        if answer.status_code >= 500:
            say(f"note: {page} answers {answer.status_code}")
        best = took if best is None or took.processor < best.processor else best
    assert best is not None
    return best


class Browsing:
    """A chromium that is admitted to a served app."""

    def __init__(self, app: FastAPI, here: str, chromium: Any) -> None:
        self._app, self._here, self._chromium = app, here, chromium

    def painted(
        self, pages: list[str], rounds: int, pictures: Path | None
    ) -> Iterator[tuple[str, float | None]]:
        """First contentful paint of each page, counted from the click, in milliseconds."""
        context = self._chromium.new_context(viewport={"width": 1280, "height": 900})
        window = context.new_page()
        window.goto(self._app.state.access.new_link(self._here))
        for page in [one for one in pages if one not in VITALS]:
            times = []
            for _ in range(rounds):
                _anew(self._app)
                window.goto(f"{self._here}{page}", wait_until="load")
                times.append(window.evaluate(_PAINT))
            seen = [one for one in times if one is not None]
            yield page, statistics.median(seen) if seen else None
        context.close()
        if pictures is not None:
            self._pictures(pages, pictures)

    def _pictures(self, pages: list[str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, how in _LOOKS.items():
            context = self._chromium.new_context(**how)
            window = context.new_page()
            window.goto(self._app.state.access.new_link(self._here))
            for page in [one for one in pages if one not in VITALS]:
                window.goto(f"{self._here}{page}", wait_until="load")
                file = page.strip("/").replace("/", "-").replace("?", "-").replace("=", "-") or "home"
                window.screenshot(path=folder / f"{file}.{name}.png", full_page=True)
            context.close()


_PAINT = """() => new Promise(done => {
  const seen = () => performance.getEntriesByName('first-contentful-paint')[0];
  if (seen()) return done(seen().startTime);
  new PerformanceObserver(() => done(seen()?.startTime ?? null)).observe({type: 'paint', buffered: true});
  setTimeout(() => done(seen()?.startTime ?? null), 3000);
})"""
_LOOKS: dict[str, dict[str, Any]] = {
    "en-light-wide": {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB"},
    "es-dark-wide": {"viewport": {"width": 1280, "height": 900}, "locale": "es-ES", "color_scheme": "dark"},
    "es-light-phone": {
        "viewport": {"width": 390, "height": 844},
        "locale": "es-ES",
        "device_scale_factor": 2,
    },
    "en-dark-phone": {"viewport": {"width": 390, "height": 844}, "locale": "en-GB", "color_scheme": "dark"},
}


@contextlib.contextmanager
def browsing(app: FastAPI) -> Iterator[Browsing]:
    """The app on a port of its own, and a browser; both end with the block."""
    import uvicorn
    from tests.acceptance.browser import chromium

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with chromium() as started:
            yield Browsing(app, f"{ORIGIN}:{port}", started)
    finally:
        app.state.live.stopping.set()
        server.should_exit = True
        thread.join(20)


if __name__ == "__main__":
    sys.exit(main())
