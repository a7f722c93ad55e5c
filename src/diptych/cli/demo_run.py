"""The three ways a demo goes: shown (all steps, then it goes on), guided (the steps are yours), headless (and an end)."""

from __future__ import annotations

import os
import shlex
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from diptych.cli.output import emit, note, say
from diptych.cli.practice import PracticeOrg, practice_org_command, wait_for_org, write_facts
from diptych.cli.processes import Children, stopped_by_signals
from diptych.cli.serving import admin_link, listen, start_web, start_worker
from diptych.cli.trouble import Refused
from diptych.config import Settings, read_settings

if TYPE_CHECKING:
    from diptych.services.status import Status
    from diptych.setup.ports import Credentials
    from diptych.wiring import Workspace

PAUSE_SECONDS = 5.0
DAILY_CALLS = 200_000
"""Calls that the demo's org allows a day: with so short a pause it takes those of an org of some size."""
_PORT, _ORG_PORT = 8080, 8700
_SEED_SECONDS = 1800.0
_LOAD_SECONDS = 3600.0
_FAILING_SECONDS = 60.0
_ARRIVAL_SECONDS = 120.0
T = TypeVar("T")


@dataclass(frozen=True)
class DemoOptions:
    """`port` and `org_port` None: the usual one, or a free one when that is taken."""

    folder: Path
    records: int
    port: int | None
    org_port: int | None


@dataclass
class Account:
    """What was done and how long it took."""

    shown: bool
    steps: list[dict[str, Any]] = field(default_factory=list)

    def step(self, name: str, act: Callable[[], tuple[T, str]]) -> T:
        """Do one step; print it with its result when done."""
        began = time.monotonic()
        if self.shown and sys.stdout.isatty():
            typer.echo(f"  ... {name}", nl=False)
        try:
            result, detail = act()
        except BaseException:
            if self.shown and sys.stdout.isatty():
                typer.echo()
            raise
        seconds = round(time.monotonic() - began, 2)
        self.steps.append({"name": name, "seconds": seconds, "detail": detail})
        if self.shown:
            typer.echo(f"{chr(13) if sys.stdout.isatty() else ''}  ok  {name}: {detail}")
        return result


def run_shown(options: DemoOptions) -> int:
    """All steps with their progress, then on until Ctrl-C."""
    with _running(options, with_web=True) as demo:
        say("Diptych demo. Ctrl-C ends everything.")
        account = Account(shown=True)
        org = demo.start_org(account)
        with demo.workspace() as space:
            link = demo.start_web()
            _set_up(account, space, org)
            demo.start_worker()
            _show_load(account, space, demo)
            database = _file_of(space)
        _what_to_try(link, org, demo, database, guided=False)
        demo.go_on()
    say("Stopped.")
    return 0


def run_guided(options: DemoOptions) -> int:
    """The practice org and the admin; the steps are the person's."""
    with _running(options, with_web=True) as demo:
        say("Diptych demo, guided. Ctrl-C ends everything.")
        org = demo.start_org(Account(shown=True))
        with demo.workspace() as space:
            link = demo.start_web()
            database = _file_of(space)
        demo.start_worker()
        _what_to_try(link, org, demo, database, guided=True)
        demo.go_on()
    say("Stopped.")
    return 0


def run_headless(options: DemoOptions, as_json: bool) -> int:
    """All steps, the first sync, one change each way, a full comparison, a summary. 0 when all of it went well."""
    began = time.monotonic()
    account = Account(shown=not as_json)
    with _running(options, with_web=False) as demo:
        org = demo.start_org(account)
        with demo.workspace() as space:
            _set_up(account, space, org)
            demo.start_worker()
            counts = _wait_for_load(account, space, demo)
            inbound = _edit_there(account, space, org, demo)
            outbound = _edit_here(account, space, org, demo)
            found = account.step("Verify", lambda: _verified(space))
            space.setup.pause()
    summary = {
        "ok": bool(found["equal"]) and inbound["arrived"] and outbound["arrived"],
        "seconds": round(time.monotonic() - began, 2),
        "records": options.records,
        "counts": counts,
        "steps": account.steps,
        "changes": {"salesforce_to_us": inbound, "us_to_salesforce": outbound},
        "verify": found,
    }
    if as_json:
        emit(summary)
    else:
        say(f"{'All well' if summary['ok'] else 'NOT well'} after {summary['seconds']:.1f} seconds.")
    if not summary["ok"]:
        note("diptych: the demo did not end as it should")
    return 0 if summary["ok"] else 1


# ---------------------------------------------------------------- processes


@dataclass
class _Demo:
    options: DemoOptions
    settings: Settings
    children: Children
    stop: threading.Event
    listening: socket.socket | None
    org_listening_port: int

    def start_org(self, account: Account) -> PracticeOrg:
        def act() -> tuple[PracticeOrg, str]:
            log = self.options.folder / "practice-org.log"
            process = self._org_process(log)
            org = wait_for_org(process, log, _SEED_SECONDS)
            write_facts(self.options.folder, org)
            org.order("limits", {"DailyApiRequests": DAILY_CALLS})
            return org, f"{org.facts['org_name']} ({org.facts['org_id']}) at {org.url}"

        return account.step("Practice org", act)

    def _org_process(self, log: Path) -> subprocess.Popen[bytes]:
        data = self.options.folder / "practice-org.sqlite3"
        command = practice_org_command(data, self.org_listening_port, self.options.records)
        return self.children.start("practice org", command, os.environ, log=log, keep_stdout=True)

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        from diptych.wiring import open_workspace

        with open_workspace(self.settings) as space:
            yield space

    def start_web(self) -> str:
        assert self.listening is not None
        start_web(self.children, self.settings, self.listening, self.options.folder / "web.log")
        return admin_link(self.settings, self.listening)

    def start_worker(self) -> None:
        start_worker(self.children, self.settings, self.options.folder / "worker.log")

    def check(self) -> None:
        """Between two looks: nobody pressed Ctrl-C, and everything is alive."""
        if self.stop.is_set():
            raise typer.Abort()
        self._tend()

    def go_on(self) -> None:
        while not self.stop.wait(0.3):
            self._tend()

    def _tend(self) -> None:
        for line in self.children.tend():
            note(f"diptych: {line}; see the logs in {self.options.folder}")


@contextmanager
def _running(options: DemoOptions, with_web: bool) -> Iterator[_Demo]:
    settings = read_settings(
        data_dir=options.folder,
        pause_seconds=PAUSE_SECONDS,
        demo=True,
    )
    if settings.database_url is not None:
        raise Refused("A demo uses a database of its own: unset DIPTYCH_DATABASE_URL.")
    listening = _listening(settings.host, options.port, _PORT) if with_web else None
    children = Children()
    with stopped_by_signals() as stop:
        try:
            org_port = _org_port(options)
            yield _Demo(options, settings, children, stop, listening, org_port)
        finally:
            children.stop()
            if listening is not None:
                listening.close()


def _listening(host: str, wanted: int | None, usual: int) -> socket.socket:
    if wanted is not None:
        return listen(host, wanted)
    try:
        return listen(host, usual)
    except Refused:
        return listen(host, 0)


def _org_port(options: DemoOptions) -> int:
    if options.org_port is not None:
        return options.org_port
    with _listening("127.0.0.1", None, _ORG_PORT) as tried:
        return int(tried.getsockname()[1])


# ---------------------------------------------------------------- steps


def _set_up(account: Account, space: Workspace, org: PracticeOrg) -> None:
    """The steps of set-up as a person would take them; those done in an earlier demo are passed over."""
    from diptych.setup.state import Step

    setup = space.setup
    credentials = _credentials(org)
    before = setup.connection()
    if before is None or before.credentials.login_url != org.url:

        def connect() -> tuple[None, str]:
            card = setup.check(credentials)
            setup.prepared()
            setup.save(card.credentials, card)
            who = card.identity
            return (
                None,
                f"as {who.username}, {who.profile_name}, to {who.org_name} ({who.org_id}), {card.environment}",
            )

        account.step("Credentials", connect)
    if setup.state().step is Step.RUNNING:
        setup.resume()
        account.step("Set-up", lambda: (None, "was done in an earlier demo; it goes on"))
        return

    def preflight() -> tuple[None, str]:
        report = setup.preflight()
        if not report.ready:
            missing = report.of(next(c.status for c in report.checks if c.status == "missing"))
            raise Refused(f"The practice org is not ready: {missing[0].what} {missing[0].remedy}")
        warnings = len([c for c in report.checks if c.status == "warning"])
        return None, f"{len(report.checks)} checks, {warnings} warnings"

    def sync_fields() -> tuple[None, str]:
        done = setup.sync_fields()
        return None, f"{len(done.created)} columns created, {len(done.pairings)} similar fields paired"

    def confirm() -> tuple[None, str]:
        plan = setup.plan(samples=0)
        setup.confirm()
        return None, f"{plan.rows:,} records, about {plan.api_calls} API calls, {plan.seconds:.0f} s"

    def mappings() -> tuple[None, str]:
        seen = setup.mapping()
        setup.finish_mapping()
        return None, f"{len(seen.pairs)} pairs, {len(seen.unmapped)} custom fields without a partner"

    account.step("Prepare", preflight)
    if setup.state().step is Step.FIELDS:
        account.step("Sync Fields", sync_fields)
    if setup.state().step is Step.CONFIRM:
        account.step("Confirm Credentials", confirm)
    if setup.state().step is Step.MAPPING:
        account.step("Mappings", mappings)
    setup.set_pause_seconds(PAUSE_SECONDS)

    def start() -> tuple[None, str]:
        setup.start()
        return None, f"pause between cycles {PAUSE_SECONDS:g} s"

    account.step("Start Sync", start)


def _credentials(org: PracticeOrg) -> Credentials:
    from diptych.setup.ports import AuthKind, Credentials

    f = org.facts
    return Credentials(
        AuthKind.PASSWORD, org.url, f["username"], password=f["password"], security_token=f["security_token"]
    )


def _show_load(account: Account, space: Workspace, demo: _Demo) -> None:
    """The initial load with a bar for each object."""
    if _loaded(space.status()):
        account.step("Initial sync", lambda: (None, "is complete; cycles go on from there"))
        return
    if not sys.stdout.isatty():
        _wait_for_load(account, space, demo)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    began = time.monotonic()
    with Progress(
        TextColumn("      {task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    ) as bars:
        tasks: dict[str, Any] = {}
        patience = _Patience()
        while True:
            found = space.status()
            for o in found.objects:
                if o.object not in tasks:
                    tasks[o.object] = bars.add_task(o.object, total=None)
                bars.update(tasks[o.object], completed=o.loaded or 0, total=o.total)
            if _loaded(found):
                break
            patience.look(found)
            demo.check()
            time.sleep(0.2)
    rows = sum(o.loaded or 0 for o in found.objects)
    say(f"  ok  Initial sync: {rows:,} records in {time.monotonic() - began:.1f} s")


def _wait_for_load(account: Account, space: Workspace, demo: _Demo) -> dict[str, int]:
    def act() -> tuple[dict[str, int], str]:
        began = end = time.monotonic()
        found, patience = space.status(), _Patience()
        while not _loaded(found):
            patience.look(found)
            demo.check()
            time.sleep(0.1)
            found, end = space.status(), time.monotonic()
        counts = {o.object: o.loaded or 0 for o in found.objects}
        rows = sum(counts.values())
        return (
            counts,
            f"{rows:,} records in {end - began:.1f} s ({rows / max(end - began, 0.01):,.0f} a second)",
        )

    return account.step("Initial sync", act)


class _Patience:
    """Ends the wait for the initial sync when it failed for good, keeps failing, or takes too long."""

    def __init__(self) -> None:
        self._began = self._fine = time.monotonic()

    def look(self, found: Status) -> None:
        now = time.monotonic()
        if found.state != "failed":
            self._fine = now
        broken = any(o.load_state == "failed" for o in found.objects)
        if broken or now - self._fine > _FAILING_SECONDS:
            raise Refused(f"The initial sync failed: {found.error}")
        if now - self._began > _LOAD_SECONDS:
            raise Refused(f"The initial sync did not end within {_LOAD_SECONDS:g} seconds.")


def _loaded(found: Status) -> bool:
    return bool(found.objects) and all(o.load_state == "complete" for o in found.objects)


def _edit_there(account: Account, space: Workspace, org: PracticeOrg, demo: _Demo) -> dict[str, Any]:
    """A salesperson edits a lead; it has to arrive here."""
    row = _some_lead(space)
    value = f"Edited there {int(time.time()) % 1_000_000}"

    def act() -> tuple[dict[str, Any], str]:
        org.edit("Lead", row["salesforce_id"], {"Title": value})
        arrived, seconds = _wait(demo, lambda: _column(space, row["id"], "title") == value)
        return (
            {
                "arrived": arrived,
                "seconds": seconds,
                "salesforce_id": row["salesforce_id"],
                "person_id": row["id"],
            },
            f"Lead {row['salesforce_id']}, Title, arrived after {seconds} s" if arrived else "did NOT arrive",
        )

    return account.step("A lead edited in Salesforce", act)


def _edit_here(account: Account, space: Workspace, org: PracticeOrg, demo: _Demo) -> dict[str, Any]:
    """Someone updates a person with plain SQL; it has to arrive there."""
    row = _some_lead(space)
    value = f"+41 31 {int(time.time()) % 1_000_000:06d}"

    def act() -> tuple[dict[str, Any], str]:
        with _plain_sql(space) as database:
            database.execute("UPDATE person SET phone = ? WHERE id = ?", (value, row["id"]))
        sf_id = row["salesforce_id"]
        arrived, seconds = _wait(demo, lambda: org.read("Lead", sf_id, ["Phone"])["Phone"] == value)
        return (
            {"arrived": arrived, "seconds": seconds, "salesforce_id": sf_id, "person_id": row["id"]},
            f"person {row['id']}, phone, arrived after {seconds} s" if arrived else "did NOT arrive",
        )

    return account.step("A person edited here with SQL", act)


def _wait(demo: _Demo, arrived: Callable[[], bool]) -> tuple[bool, float]:
    began = time.monotonic()
    while not arrived():
        if time.monotonic() - began > _ARRIVAL_SECONDS:
            return False, round(time.monotonic() - began, 1)
        demo.check()
        time.sleep(0.1)
    return True, round(time.monotonic() - began, 1)


def _verified(space: Workspace) -> tuple[dict[str, Any], str]:
    found = space.verify(wait_seconds=600)
    differing = sum(o["differing_count"] for o in found["objects"])
    rows = sum(o["ours"] for o in found["objects"])
    return found, f"equal, {rows:,} records compared" if found["equal"] else f"NOT equal, {differing} differ"


@contextmanager
def _plain_sql(space: Workspace) -> Iterator[sqlite3.Connection]:
    """The people database as any SQL client opens it."""
    database = sqlite3.connect(_file_of(space), timeout=30)
    database.row_factory = sqlite3.Row
    try:
        with database:
            yield database
    finally:
        database.close()


def _file_of(space: Workspace) -> Path:
    assert space.database_file is not None, "a demo is on SQLite"
    return space.database_file


def _some_lead(space: Workspace) -> dict[str, Any]:
    with _plain_sql(space) as database:
        row = database.execute(
            "SELECT id, salesforce_id FROM person WHERE salesforce_type = 'lead' AND link_state = 'lead' "
            "AND salesforce_deleted = 0 ORDER BY id LIMIT 1"
        ).fetchone()
    if row is None:
        raise Refused("The practice org has no lead to edit; use more --records.")
    return dict(row)


def _column(space: Workspace, person_id: int, column: str) -> Any:
    with _plain_sql(space) as database:
        return database.execute(f'SELECT "{column}" FROM person WHERE id = ?', (person_id,)).fetchone()[0]


def _what_to_try(link: str, org: PracticeOrg, demo: _Demo, database: Path, guided: bool) -> None:
    sales, sync, admin, settings = org.user("sales"), org.user("sync"), org.user("admin"), demo.settings
    diptych = shlex.quote(str(Path(sys.executable).parent / "diptych"))
    port = demo.listening.getsockname()[1] if demo.listening else settings.port
    say()
    say(f"  Diptych            {link}")
    say("                     (this address opens it once, for one browser)")
    say(f"  Practice org       {org.url}")
    say(f"    as salesperson   {sales['username']}  password {sales['password']}")
    say(f"    administrator    {admin['username']}  password {admin['password']}")
    say(f"                     security token {admin['security_token']}")
    say(f"  People database    {database}")
    say(f"  In another terminal: export DIPTYCH_DATA_DIR={shlex.quote(str(settings.data_dir))}")
    say(f"                     then {diptych} status; {diptych} link --port {port} for a new address")
    say()
    if guided:
        say("  Open Diptych and take the steps. What it will ask for:")
        say(f"    Login address    {org.url}")
        say(f"    User name        {sync['username']}")
        say(f"    Password         {sync['password']}")
        say(f"    Security token   {sync['security_token']}")
        say(f"    or, for Login with Salesforce: client id {org.facts['client_id']}")
        say(f"                     client secret {org.facts['client_secret']}")
    else:
        say("  Try: open a lead in the practice org, edit and save it; it is here a few seconds later.")
        say("       Edit a person here, or with SQL; it is there a few seconds later:")
        say(
            f"         sqlite3 -cmd '.timeout 10000' {shlex.quote(str(database))} \"UPDATE person SET title='Hello' WHERE id=1\""
        )
        say("       'Start over, step by step' in Diptych takes you through the set-up yourself.")
    say()
    sys.stdout.flush()
