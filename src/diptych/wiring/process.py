"""This process among others: its name as a holder of the lease, whether another one has died, and where it is to be killed."""

from __future__ import annotations

import os
import signal
import socket

from diptych.sync import crashpoint


def this_process(name: str) -> str:
    """How this process is called as a holder of the lease: `name@machine:process id`."""
    return f"{name}@{socket.gethostname()}:{os.getpid()}"


def has_died(holder: str) -> bool:
    """Whether that holder was a process of this machine that is no more."""
    machine, _, number = holder.partition("@")[2].rpartition(":")
    if machine != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def arm_crashpoint(text: str | None) -> None:
    """End this process by SIGKILL at a named point (correctness.md section 6): `C-12`, or `C-12:3` for the third passage."""
    if text is None:
        return
    name, _, passage = text.partition(":")
    left = [int(passage or 1)]

    def hook(passed: str) -> None:
        if passed == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    crashpoint.hook = hook
