"""serve, web, worker: the processes that run for long."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import note, say

if TYPE_CHECKING:
    from types import FrameType

    from diptych.cli.processes import Children
    from diptych.config import Settings

_HOST = Annotated[str | None, typer.Option(help="Address to listen on (DIPTYCH_HOST, 127.0.0.1).")]
_PORT = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Port; 0: the system chooses (DIPTYCH_PORT, 8080).")
]


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(link)
    app.command()(web)
    app.command()(worker)


def serve(host: _HOST = None, port: _PORT = None) -> None:
    """Admin pages and sync on this machine, until Ctrl-C."""
    from diptych.cli.processes import Children, stopped_by_signals
    from diptych.config import read_settings
    from diptych.wiring import open_workspace

    settings = read_settings(host=host, port=port)
    listening = listen(settings.host, settings.port)
    open_workspace(settings).close()  # trouble with the database is said here, once
    children = Children()
    with stopped_by_signals() as stop:
        try:
            start_web(children, settings, listening)
            start_worker(children, settings)
            say(f"Diptych is at {admin_link(settings, listening)}")
            say("The address opens the admin once, for this browser. Ctrl-C ends everything.")
            sys.stdout.flush()
            while not stop.wait(0.3):
                for line in children.tend():
                    note(f"diptych: {line}")
        finally:
            children.stop()
            listening.close()
    say("Stopped.")


def start_web(
    children: Children, settings: Settings, listening: socket.socket, log: Path | None = None
) -> None:
    """The web process, on a socket that is open already."""
    from diptych.cli.processes import diptych_command
    from diptych.config import child_environment

    fd = listening.fileno()
    children.start("web", diptych_command("web", "--fd", str(fd)), child_environment(settings), (fd,), log)


def start_worker(children: Children, settings: Settings, log: Path | None = None) -> None:
    """The worker process."""
    from diptych.cli.processes import diptych_command
    from diptych.config import child_environment

    children.start("worker", diptych_command("worker"), child_environment(settings), log=log)


def web(
    host: _HOST = None,
    port: _PORT = None,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """The admin pages alone, when scaled out."""
    from diptych.config import read_settings
    from diptych.wiring import open_workspace

    settings = read_settings(host=host, port=port)
    listening = listen(settings.host, settings.port) if fd is None else socket.socket(fileno=fd)
    import uvicorn

    from diptych.admin.app import create_app
    from diptych.alerts.watch import watch
    from diptych.services.metrics import families
    from diptych.telemetry.logs import write_log

    if fd is None:
        open_workspace(settings).close()
        say(f"Diptych is at {admin_link(settings, listening)}")
        sys.stdout.flush()
    write_log(settings.log_format)
    with open_workspace(settings) as space:
        app = create_app(space)

        class Server(uvicorn.Server):
            """A server that tells the open event streams to end when it is told so."""

            def handle_exit(self, sig: int, frame: FrameType | None) -> None:
                app.state.live.stopping.set()
                super().handle_exit(sig, frame)

        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=3,
            server_header=False,
        )
        server = Server(config)
        watch(lambda: space.alerts, app.state.live.stopping)
        space.telemetry.send_figures(lambda: families(space.status(), space.queries, space.clock.now()))
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            pass


def link(host: _HOST = None, port: _PORT = None) -> None:
    """A new one-time address that opens the admin of a running Diptych on this machine."""
    from diptych.admin.access import Access
    from diptych.config import read_settings

    settings = read_settings(host=host, port=port)
    say(Access(settings.data_dir).new_link(_url(settings.host, settings.port)))


def worker(
    name: Annotated[
        str,
        typer.Option(help="Name of this worker; each of several needs its own, the same after a restart."),
    ] = "worker-1",
) -> None:
    """The sync alone, when scaled out."""
    from diptych.cli.processes import REOPEN
    from diptych.config import read_settings
    from diptych.telemetry.logs import write_log
    from diptych.wiring import open_workspace
    from diptych.worker import Worker

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    settings = read_settings()
    write_log(settings.log_format)
    with open_workspace(settings, holder=name, executor=name) as space:
        again = Worker(space, stop).run()
    if again:
        raise typer.Exit(REOPEN)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Refused when the port is taken or the address is not ours."""
    from diptych.cli.trouble import Refused

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)
    except OSError as problem:
        if port and getattr(problem, "errno", None) in (98, 48):
            raise Refused(
                f"Port {port} of {host} is taken by another program. Choose another with --port, or end that program."
            ) from None
        raise Refused(f"Cannot listen on {host}:{port}: {problem.strerror or problem}.") from None
    made.set_inheritable(True)
    return made


def address(settings: Settings, listening: socket.socket) -> str:
    """The address of the admin pages."""
    return _url(settings.host, listening.getsockname()[1])


def _url(host: str, port: int) -> str:
    host = host if host not in ("0.0.0.0", "::") else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def admin_link(settings: Settings, listening: socket.socket) -> str:
    """The address with a one-time token, unless the admin is open to everyone who reaches it."""
    url = address(settings, listening)
    if settings.open_access:
        return url
    from diptych.admin.access import Access

    return Access(settings.data_dir).new_link(url)
