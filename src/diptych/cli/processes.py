"""The parent of a few processes: starts them, starts one again that died, ends all of them within a bounded time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

REOPEN = 75
"""Exit code of a process that wants to be started again at once, on another database."""
_STOP_SECONDS = 15.0
_FAST = 5.0
_LONGEST_WAIT = 30.0


@dataclass
class _Child:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    pass_fds: tuple[int, ...]
    log: Path | None
    keep_stdout: bool = False
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    deaths: int = 0
    again_at: float | None = None
    output: IO[bytes] | None = field(default=None, repr=False)


class Children:
    """The children of this process. Use it in the main thread."""

    def __init__(self) -> None:
        self._children: list[_Child] = []

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        pass_fds: tuple[int, ...] = (),
        log: Path | None = None,
        keep_stdout: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program; it is kept alive until `stop`. With `log` what it prints goes to the end of that file; with
        `keep_stdout` its standard output is a pipe to read from."""
        child = _Child(name, command, environment, pass_fds, log, keep_stdout)
        self._children.append(child)
        return self._spawn(child)

    def tend(self) -> list[str]:
        """Start again what has died; a line for each death that was none of our doing. Call it a few times a second."""
        said = []
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                if child.again_at is not None and time.monotonic() >= child.again_at:
                    self._spawn(child)
                continue
            code = child.process.returncode
            child.process = None
            if code == REOPEN:
                self._spawn(child)
                continue
            child.deaths = child.deaths + 1 if time.monotonic() - child.began < _FAST else 1
            wait = min(2.0 ** (child.deaths - 1), _LONGEST_WAIT)
            child.again_at = time.monotonic() + wait
            said.append(f"{child.name} ended ({_how(code)}); starting it again in {wait:g} s")
        return said

    def alive(self, name: str) -> bool:
        return any(
            c.name == name and c.process is not None and c.process.poll() is None for c in self._children
        )

    def stop(self) -> None:
        """End all, the last started first: ask, wait a bounded time, then kill."""
        running = [c for c in reversed(self._children) if c.process is not None]
        for child in running:
            assert child.process is not None
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + _STOP_SECONDS
        for child in running:
            assert child.process is not None
            try:
                child.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            if child.process.stdout is not None:
                child.process.stdout.close()
            child.process = None
        for child in self._children:
            if child.output is not None:
                child.output.close()
                child.output = None
        self._children = []

    def _spawn(self, child: _Child) -> subprocess.Popen[bytes]:
        child.again_at, child.began = None, time.monotonic()
        if child.log is not None and child.output is None:
            child.output = child.log.open("ab")
        # a session of its own: Ctrl-C reaches us alone, and we end the children in order
        child.process = subprocess.Popen(
            [sys.executable, "-m", "diptych.cli.child", str(os.getpid()), *child.command],
            env=dict(child.environment),
            pass_fds=child.pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if child.keep_stdout else child.output,
            stderr=child.output,
            start_new_session=True,
        )
        return child.process


def diptych_command(*arguments: str) -> list[str]:
    """The command line of another `diptych` process with this interpreter."""
    return [sys.executable, "-m", "diptych.cli", *arguments]


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; a second Ctrl-C ends the process at once."""
    stop = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _how(code: int) -> str:
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
