"""Serving the practice org on a plain port and, when wanted, a TLS port of the same process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from anyio.to_thread import current_default_thread_limiter

from practice_org.tls import TlsFiles
from practice_org.wire import TLS_ADDRESS, Connection

GRACE_SECONDS = 3
WORKER_THREADS = 16


class PortTaken(Exception):
    """The address cannot be listened on; the message says which and why."""


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket; port 0 lets the system choose. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay (40 ms an answer) off only for sockets that say TCP.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        raise PortTaken(f"cannot listen on {host} port {port}: {_reason(error)}") from error
    sock.listen(2048)
    sock.setblocking(False)
    return sock


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


class Serving(uvicorn.Server):
    """One uvicorn server, one application, up to two listening sockets.

    Date and Server headers come from the application: an org's clock may be offset, and uvicorn would
    stamp the machine's.
    """

    def __init__(
        self,
        app: Any,
        plain: socket.socket,
        tls: tuple[socket.socket, TlsFiles] | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=75,
            h11_max_incomplete_event_size=256 * 1024,
        )
        super().__init__(config)
        self._plain = plain
        self._tls = tls
        self._on_ready = on_ready

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop (a signal, or `should_exit`)."""
        super().run(sockets=sockets or [self._plain])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on both sockets, then tell the caller that connections are taken."""
        # Each worker thread keeps a database connection with a cache of its own.
        current_default_thread_limiter().total_tokens = WORKER_THREADS
        await super().startup(sockets=sockets)
        if self._tls is not None:
            sock, files = self._tls
            loop = asyncio.get_running_loop()
            server = await loop.create_server(self._connection, sock=sock, ssl=files.server_context())
            self.servers.append(server)
            host, port = sock.getsockname()[:2]
            TLS_ADDRESS[self.server_state] = ("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)
        self._on_ready()

    def _connection(self) -> asyncio.Protocol:
        return Connection(self.config, self.server_state, self.lifespan.state)
