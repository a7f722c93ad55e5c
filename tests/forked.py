"""`diptych` in processes of its own, forked from one that has imported everything already.

What a test runs is a real process - its own environment, its own memory, killable at any line - that only skips the second
which the imports take. The suite starts hundreds of them. Where the start itself matters (`serve`, the demo, the guided
set-up) the tests start the command as a person does.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

_IMPORTED = ("diptych.cli.main", "diptych.cli.trouble", "diptych.wiring", "diptych.jobs.dbos_jobs", "psycopg")


class Forked:
    """One run of `diptych`; as much of `subprocess.Popen` as the tests need."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self._out, self._errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(_parent()))
        order = json.dumps({"arguments": arguments, "environment": dict(environment), "folder": os.getcwd()})
        said = order.encode()
        socket.send_fds(
            self._line, [len(said).to_bytes(4, "big")], [self._out.fileno(), self._errors.fileno()]
        )
        self._line.sendall(said)
        self._answers = self._line.makefile()
        self.pid = int(self._answers.readline())

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self._answers.close()
        self._line.close()
        self._out.close()
        self._errors.close()

    def poll(self) -> int | None:
        if self.returncode is None and (self._readable() or not _alive(self.pid)):
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if timeout is not None and not self._readable(timeout):
                self.kill()
                raise subprocess.TimeoutExpired("diptych", timeout)
            self.returncode = int(self._answers.readline())
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.wait(timeout)
        texts = []
        for file in (self._out, self._errors):
            file.seek(0)
            texts.append(file.read().decode())
        return texts[0], texts[1]

    def _readable(self, seconds: float = 0) -> bool:
        end = time.monotonic() + seconds
        self._line.setblocking(False)
        try:
            while True:
                try:
                    return bool(self._line.recv(1, socket.MSG_PEEK))
                except BlockingIOError:
                    if time.monotonic() >= end:
                        return False
                    time.sleep(0.01)
        finally:
            self._line.setblocking(True)


def run(
    arguments: tuple[str, ...], environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `diptych` to its end. Raises subprocess.TimeoutExpired, having killed it."""
    with Forked(arguments, environment) as process:
        out, errors = process.communicate(timeout)
    assert process.returncode is not None
    return subprocess.CompletedProcess(arguments, process.returncode, out, errors)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@functools.cache
def _parent() -> Path:
    """The socket of the process that forks, started when first needed; it ends with this one."""
    folder = tempfile.TemporaryDirectory(prefix="forked-")
    place = Path(folder.name) / "s"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DIPTYCH_")}
    process = subprocess.Popen(
        [sys.executable, __file__, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"

    def end() -> None:
        process.kill()
        process.wait()
        folder.cleanup()

    atexit.register(end)
    return place


def _serve(place: str) -> None:
    for name in _IMPORTED:
        __import__(name)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(place)
    listening.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the keepers are not waited for
    print("ready", flush=True)
    while True:
        line, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _keep(line)
        line.close()


def _keep(line: socket.socket) -> None:
    """Between the tests and one command: fork it, say its pid, wait for its end, say how it ended."""
    head, (out, errors), _, _ = socket.recv_fds(line, 4, 2)
    size, said = int.from_bytes(head, "big"), b""
    while len(said) < size:
        said += line.recv(size - len(said))
    order = json.loads(said)
    pid = os.fork()
    if pid == 0:
        line.close()
        _become(order, out, errors)
    line.sendall(f"{pid}\n".encode())
    status = os.waitpid(pid, 0)[1]
    line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(order: dict[str, object], out: int, errors: int) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(errors, 2)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    os.chdir(str(order["folder"]))
    time.tzset()
    sys.argv = ["diptych", *order["arguments"]]  # type: ignore[misc]
    code = 1
    try:
        from diptych.cli.main import main

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        _end(code)


def _end(code: int) -> None:
    """As the interpreter ends: what was registered for it, then the streams."""
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
