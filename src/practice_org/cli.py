"""The `practice-org` command."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from practice_org import starter
from practice_org.app import create_app
from practice_org.org import Org, OrgFileError
from practice_org.organization import organization
from practice_org.schema.person_accounts import enable as enable_person_accounts
from practice_org.seed import sow
from practice_org.serving import PortTaken, Serving, listen
from practice_org.tls import TlsFiles, tls_files

if TYPE_CHECKING:
    from practice_org.events.server import EventServer

app = typer.Typer(
    help="A practice org: a Salesforce that you can start on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
MOST_RECORDS = 1_000_000
COMPLETE = "complete"
"""Set when everything that a first start puts into a new org is in it."""


@app.callback()
def practice_org() -> None:
    """A practice org: a Salesforce that you can start on your own machine."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Plain port; 0: the system chooses.")] = 8700,
    data: Annotated[Path, typer.Option(help="File that holds the org; made at the first start.")] = Path(
        "practice-org.sqlite3"
    ),
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=MOST_RECORDS, help="People to put into a new org (an existing one keeps its own)."
        ),
    ] = None,
    tls_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Also serve https here, with a CA of the org's own.")
    ] = None,
    events_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Also serve the Pub/Sub API (gRPC over TLS) here."),
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox/--production", help="What a new org says it is.")
    ] = False,
    person_accounts: Annotated[
        bool, typer.Option("--person-accounts", help="Switch person accounts on (for good).")
    ] = False,
    name: Annotated[str, typer.Option(help="Name of a new org.")] = "Practice Org",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, then keep serving.")
    ] = False,
) -> None:
    """Serve a practice org until Ctrl-C; its state survives in its file."""
    plain, tls_socket = _sockets(host, port, tls_port)
    org = open_or_create(data, name, sandbox, seed, quiet=as_json)
    if person_accounts:
        enable_person_accounts(org)
    try:
        wanted = tls_socket is not None or events_port is not None
        files = tls_files(org.file("tls")) if wanted else None
    except OSError as error:
        _fail(f"cannot write the TLS certificate beside {data}: {error.strerror}")
    events = _events(org, host, events_port, files)
    said = facts(org, host, plain, tls_socket, files, events.port if events else None)
    tls = (tls_socket, files) if tls_socket is not None and files is not None else None
    server = Serving(create_app(org), plain, tls, on_ready=lambda: _announce(said, as_json))
    # uvicorn raises the signal again once it has closed; by then there is nothing left to interrupt.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        if events is not None:
            events.start()
        server.run()
    finally:
        if events is not None:
            events.stop()
        org.close()
    if not as_json:
        typer.echo("Stopped.")


def _events(org: Org, host: str, port: int | None, files: TlsFiles | None) -> EventServer | None:
    if port is None or files is None:
        return None
    try:
        # Only here: grpc and fastavro are of the extra `events`.
        from practice_org.events.server import EventServer, PortTaken
    except ModuleNotFoundError as error:
        _fail(f"--events-port needs {error.name}: install diptych[events]")
    try:
        return EventServer(org, host, port, files)
    except PortTaken as error:
        org.close()
        _fail(f"{error}. Choose another with --events-port.")


def _sockets(host: str, port: int, tls_port: int | None) -> tuple[socket.socket, socket.socket | None]:
    try:
        return listen(host, port), listen(host, tls_port) if tls_port is not None else None
    except PortTaken as error:
        _fail(f"{error}. Choose another with --port or --tls-port.")


def open_or_create(data: Path, name: str, sandbox: bool, seed: int | None, *, quiet: bool) -> Org:
    """The org of a file; a new one, with users, connected app, fields and people, where there is none.

    Exits with one line on stderr when the file cannot be used.
    """
    try:
        if data.exists() and data.stat().st_size:
            org = Org.open(data)
            if not org.setting(COMPLETE):
                org.close()
                _fail(
                    f"{data} was left half made by a start that was interrupted: delete it and start again."
                )
            return org
        org = Org.create(data, name=name, sandbox=sandbox)
        try:
            with org.changes.silent():
                _fill(org, seed or 0, quiet=quiet)
        except BaseException:
            org.close()
            _remove(data)
            raise
        return org
    except OrgFileError as error:
        _fail(str(error))
    except (OSError, sqlite3.Error) as error:
        _fail(f"cannot use the org's file {data}: {error}")


def _fill(org: Org, people: int, *, quiet: bool) -> None:
    starter.furnish(org)
    sow.prepare_fields(org)
    if people:
        sow.sow(org, people=people, progress=None if quiet else _show_progress)
        if not quiet:
            typer.echo("", err=True)
    org.set_setting(COMPLETE, True)


def _show_progress(done: int, of: int) -> None:
    typer.echo(f"\rmaking people: {done:,} of {of:,}", nl=False, err=True)


def _remove(data: Path) -> None:
    """Leave nothing of an org whose making was interrupted."""
    for path in (data, data.with_name(data.name + "-wal"), data.with_name(data.name + "-shm")):
        path.unlink(missing_ok=True)
    shutil.rmtree(data.with_name(data.name + ".files"), ignore_errors=True)


def _fail(message: str) -> NoReturn:
    print(f"practice-org: {message}", file=sys.stderr)
    raise typer.Exit(1)


def facts(
    org: Org,
    host: str,
    plain: socket.socket,
    tls: socket.socket | None,
    files: TlsFiles | None,
    events_port: int | None = None,
) -> dict[str, Any]:
    """What a start prints: addresses, ids, and every secret that a visitor needs."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    shown = f"[{shown}]" if ":" in shown else shown
    base = f"http://{shown}:{plain.getsockname()[1]}"
    about, client = organization(org), starter.demo_app(org)
    users = [asdict(one) for one in starter.credentials(org)]
    sync = next((one for one in users if one["role"] == "sync"), users[0])
    return {
        "base_url": base,
        "login_url": base,
        "tls_url": f"https://{shown}:{tls.getsockname()[1]}" if tls else None,
        "events_url": f"https://{shown}:{events_port}" if events_port else None,
        "events_port": events_port,
        "ca_file": str(files.ca.resolve()) if files else None,
        "org_id": about.id,
        "org_name": about.name,
        "sandbox": about.sandbox,
        "edition": about.edition,
        "data_file": str(org.path.resolve()),
        "username": sync["username"],
        "password": sync["password"],
        "security_token": sync["security_token"],
        "users": users,
        "client_id": client.client_id,
        "client_secret": client.secret,
        "jwt_key_file": str(starter.jwt_key_path(org).resolve()),
        "control_token": org.setting(starter.CONTROL_TOKEN),
        "control_url": f"{base}/__sim__/",
    }


def _announce(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts), flush=True)
        return
    lines = [
        f"{facts['org_name']} ({facts['edition']}, {'sandbox' if facts['sandbox'] else 'production'}) is ready.",
        f"  Login URL       {facts['login_url']}",
        *([f"  TLS             {facts['tls_url']}  (CA: {facts['ca_file']})"] if facts["tls_url"] else []),
        *([f"  Pub/Sub API     {facts['events_url']}"] if facts["events_url"] else []),
        f"  Org id          {facts['org_id']}",
        f"  Client id       {facts['client_id']}",
        f"  Client secret   {facts['client_secret']}",
        f"  JWT key         {facts['jwt_key_file']}",
        f"  Control plane   {facts['control_url']}  token {facts['control_token']}",
        "  Users (username, password, security token):",
        *(
            f"    {one['role']:<9} {one['username']}  {one['password']}  {one['security_token']}"
            for one in facts["users"]
        ),
        "Open the login URL in a browser to look at the records. Ctrl-C stops.",
    ]
    print("\n".join(lines), flush=True)


def main() -> None:
    """Entry point of the `practice-org` command."""
    app()
