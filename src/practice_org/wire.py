"""The HTTP/1.1 connection of the practice org, and how it is cut on order.

A cut is a real one: the TCP connection is reset, so that a client sees what it would see if a router
on the way had died. The application asks for it through the request's scope.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

CUT = "practice_org.cut"


class Connection(H11Protocol):
    """uvicorn's h11 connection that lets a request cut the wire it came on."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: self._cut}

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
