"""The HTTP/1.1 connection of the practice org, and how it is cut on order.

A cut is a real one: the TCP connection is reset, so that a client sees what it would see if a router
on the way had died. The application asks for it through the request's scope.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from practice_org.tunnel import answers_for, open_tunnel, refusal

CUT = "practice_org.cut"
LARGEST_CONNECT = 16 * 1024
TLS_ADDRESS: WeakKeyDictionary[ServerState, tuple[str, int]] = WeakKeyDictionary()
"""Where a server's TLS port is, for the tunnels of its plain port."""


class Connection(H11Protocol):
    """uvicorn's h11 connection that lets a request cut the wire it came on."""

    _connecting: bytearray | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: self._cut}

    def data_received(self, data: bytes) -> None:
        if self._connecting is None and self.scope is None and data.startswith(b"CONNECT "):
            self._connecting = bytearray()
        if self._connecting is None:
            super().data_received(data)
            return
        self._connecting += data
        head, end, early = bytes(self._connecting).partition(b"\r\n\r\n")
        if end:
            self._unset_keepalive_if_required()
            self._connect(head.split(b" ", 2)[1], early)
        elif len(self._connecting) > LARGEST_CONNECT:
            self.transport.close()

    def _connect(self, target: bytes, early: bytes) -> None:
        address = TLS_ADDRESS.get(self.server_state)
        if not answers_for(target):
            self.transport.write(
                refusal("403 Forbidden", "the practice org tunnels to Salesforce hosts only")
            )
            self.transport.close()
        elif address is None:
            self.transport.write(
                refusal("502 Bad Gateway", "start the practice org with --tls-port for https")
            )
            self.transport.close()
        else:
            self.transport.pause_reading()
            task = self.loop.create_task(open_tunnel(self.transport, address, early, self._left))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _left(self) -> None:
        self.connections.discard(self)

    def _cut(self) -> None:
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        if sock is not None:
            # Linger zero makes the kernel send RST instead of an orderly FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def cut(scope: dict[str, Any]) -> None:
    """Reset the connection on which this request came; nothing of an answer leaves.

    Under a test client there is no connection: then ConnectionResetError is raised instead.
    """
    end = scope.get("state", {}).get(CUT)
    if end is None:
        raise ConnectionResetError("the practice org was ordered to cut this connection")
    end()
