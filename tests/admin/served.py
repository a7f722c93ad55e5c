"""The pages of a workspace at an address of this machine, for real browsers and streams."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

SECONDS = 20


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serves until the block ends; the address. Asserts that the server stops when it is asked to."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        app.state.live.stopping.set()
        server.should_exit = True
        thread.join(SECONDS)
    assert not thread.is_alive()
