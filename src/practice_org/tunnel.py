"""HTTP CONNECT on the plain port: clients with `https://login.salesforce.com` built in reach this org.

A client that is given the plain port as its https proxy asks for a tunnel to a Salesforce host; it gets one
to the practice org's own TLS port, whose certificate names those hosts. Nothing else is tunnelled: the
practice org is no proxy to the outside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

HOSTS = ("login.salesforce.com", "test.salesforce.com", "localhost", "127.0.0.1")
SUFFIX = ".my.salesforce.com"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def answers_for(target: bytes) -> bool:
    """True for `host:port` of a host that the practice org plays."""
    host = target.decode("ascii", "replace").rpartition(":")[0].lower()
    return host in HOSTS or (host.endswith(SUFFIX) and host.count(".") == 3)


def refusal(status: str, text: str) -> bytes:
    """A complete answer that ends the connection."""
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}"
    ).encode()


class Pipe(asyncio.Protocol):
    """One direction of a tunnel: what arrives here leaves on `other`, at the pace that it takes it."""

    def __init__(self, on_close: Callable[[], None] = lambda: None) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Pipe | None = None
        self._on_close = on_close

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_close()
        if self.other is not None and self.other.transport is not None:
            # A connection that was cut on order must look cut at the far end of the tunnel too.
            if exc is not None:
                self.other.transport.abort()
            else:
                self.other.transport.close()


async def open_tunnel(
    transport: asyncio.Transport, address: tuple[str, int], early: bytes, on_close: Callable[[], None]
) -> None:
    """Join a client's connection to the TLS port at `address`; `early` is what the client sent already."""
    near, far = Pipe(on_close), Pipe()
    near.transport, near.other, far.other = transport, far, near
    try:
        await asyncio.get_running_loop().create_connection(lambda: far, *address)
    except OSError as error:
        transport.write(refusal("502 Bad Gateway", f"no TLS port: {error}"))
        transport.close()
        on_close()
        return
    transport.set_protocol(near)
    transport.write(ESTABLISHED)
    if early:
        near.data_received(early)
    transport.resume_reading()
