"""The gRPC server of the event bus: TLS with the org's certificate, beside the HTTP ports."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

from practice_org.events.service import PubSub
from practice_org.tls import TlsFiles

if TYPE_CHECKING:
    from practice_org.org import Org

MOST_STREAMS = 200
"""RPCs at a time; each holds a thread."""
GRACE_SECONDS = 1.0


class PortTaken(Exception):
    """The address cannot be listened on; the message says which."""


class EventServer:
    """Serves an org's events until it is stopped."""

    def __init__(self, org: Org, host: str, port: int, files: TlsFiles) -> None:
        """Raises PortTaken; port 0 lets the system choose."""
        self._service = PubSub(org, org.trouble)
        self._pool = ThreadPoolExecutor(MOST_STREAMS, thread_name_prefix="events")
        self._server: Any = grpc.server(
            self._pool,
            handlers=[self._service.handlers()],
            maximum_concurrent_rpcs=MOST_STREAMS,
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", 4 << 20),
                # Clients may ping often; the real service does not cut them for it.
                ("grpc.http2.min_ping_interval_without_data_ms", 5000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_ping_strikes", 0),
            ],
        )
        credentials = grpc.ssl_server_credentials([(files.key.read_bytes(), files.certificate.read_bytes())])
        shown = f"[{host}]" if ":" in host else host
        try:
            self.port: int = self._server.add_secure_port(f"{shown}:{port}", credentials)
        except RuntimeError as error:
            raise PortTaken(f"cannot listen on {host} port {port} for events") from error

    def start(self) -> None:
        """Take calls from now on."""
        self._server.start()

    def stop(self) -> None:
        """End every stream and wait for the calls to end."""
        self._service.closing.set()
        self._server.stop(GRACE_SECONDS).wait()
        self._pool.shutdown(wait=True)
