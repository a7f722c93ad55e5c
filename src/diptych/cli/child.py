"""Run a program as a child that ends when its parent does, even when the parent is killed outright.

`python -m diptych.cli.child PARENT_PID PROGRAM [ARGUMENT ...]`
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Be sent SIGTERM by the system when the parent ends; where the system has no such thing, look every half second."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        told = libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) == 0
    except (OSError, AttributeError):
        told = False
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)
    if not told:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # keeps the parent-death signal
