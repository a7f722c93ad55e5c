"""serve, worker and demo as processes: they end together, start again what died, and go on after SIGKILL."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from diptych.cli.processes import REOPEN, Children
from tests.cli.conftest import Terminal
from tests.practice_org.server import RunningOrg

Wait = Callable[[Callable[[], bool]], None]


def running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid: int) -> dict[str, int]:
    """Children by what they are: web, worker, practice_org."""
    found = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            if (
                folder.name.isdigit()
                and int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid
            ):
                words = (folder / "cmdline").read_text().split("\0")
                for name in ("web", "worker", "practice_org"):
                    if name in words:
                        found[name] = int(folder.name)
    return found


@contextlib.contextmanager
def started(terminal: Terminal, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych.cli", *arguments],
        env=terminal.all_of_it,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_ctrl_c_ends_serve_and_its_children(terminal: Terminal, wait_until: Wait) -> None:
    with started(terminal, "serve", "--port", "0") as process:
        assert process.stdout is not None
        assert re.search(r"http://127\.0\.0\.1:\d+/enter\?token=\S+", process.stdout.readline())
        wait_until(lambda: set(children_of(process.pid)) == {"web", "worker"})
        pids = children_of(process.pid).values()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert not any(running(pid) for pid in pids)
        assert process.stdout.read().strip().endswith("Stopped.")


def test_children_end_with_a_parent_that_was_killed(terminal: Terminal, wait_until: Wait) -> None:
    with started(terminal, "serve", "--port", "0") as process:
        assert process.stdout is not None
        process.stdout.readline()
        wait_until(lambda: set(children_of(process.pid)) == {"web", "worker"})
        pids = list(children_of(process.pid).values())
        process.kill()
        wait_until(lambda: not any(running(pid) for pid in pids))


def test_a_killed_worker_is_started_again_and_goes_on(
    terminal: Terminal, practice_org: RunningOrg, wait_until: Wait
) -> None:
    terminal.set_up(practice_org)
    with started(terminal, "serve", "--port", "0") as process:
        wait_until(lambda: "worker" in children_of(process.pid))
        first = children_of(process.pid)["worker"]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: children_of(process.pid).get("worker", first) != first)
        wait_until(lambda: terminal.json("status")["state"] in ("last_sync", "in_progress"))
        wait_until(lambda: terminal.json("status")["state"] == "last_sync")
    assert terminal.json("verify")["equal"]


def test_a_crash_point_ends_the_process_at_its_passage(terminal: Terminal, practice_org: RunningOrg) -> None:
    terminal.set_up(practice_org)
    terminal("sync", "--once", code=-signal.SIGKILL, DIPTYCH_CRASHPOINT="C-09:2")
    with contextlib.closing(sqlite3.connect(terminal.folder / "app.db")) as database:
        assert database.execute("SELECT count(*) FROM run WHERE ended_at IS NULL").fetchone() == (1,)
    assert terminal.json("sync", "--once")["status"] == "Succeeded"
    assert terminal.json("verify")["equal"]


def test_the_headless_demo_takes_all_steps(terminal: Terminal) -> None:
    done = terminal("demo", "--headless", "--records", "40", "--org-port", "0", "--json")
    summary = json.loads(done.stdout)
    assert summary["ok"]
    assert summary["verify"]["equal"]
    assert summary["changes"]["salesforce_to_us"]["arrived"]
    assert summary["changes"]["us_to_salesforce"]["arrived"]
    assert [step["name"] for step in summary["steps"]][:7] == [
        "Practice org",
        "Credentials",
        "Prepare",
        "Sync Fields",
        "Confirm Credentials",
        "Mappings",
        "Start Sync",
    ]
    assert summary["counts"]["Lead"] > 0


def test_the_guided_demo_says_what_to_type_and_can_be_started_over(
    terminal: Terminal, wait_until: Wait, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    with started(
        terminal, "demo", "--guided", "--records", "20", "--port", "0", "--org-port", "0",
        "--data-dir", str(folder),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = ""
        while "client secret" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        for words in ("Login address", "User name", "Password", "Security token", "as salesperson"):
            assert words in said
        wait_until(lambda: set(children_of(process.pid)) == {"web", "worker", "practice_org"})
        worker = children_of(process.pid)["worker"]
        script = (
            "from diptych.config import read_settings; from diptych.wiring import open_workspace;"
            f"space = open_workspace(read_settings(data_dir={str(folder)!r}, demo=True)); space.start_over();"
            "print(space.setup.state().step)"
        )
        over = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
        assert over.stdout.strip() == "prepare", over.stderr
        assert (folder / "app.db").exists()
        assert (folder / "app-2.db").exists()
        wait_until(lambda: children_of(process.pid).get("worker", worker) != worker)
        pids = list(children_of(process.pid).values())
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0
        assert not any(running(pid) for pid in pids)


def test_starting_over_is_for_demos_only(terminal: Terminal) -> None:
    script = (
        "from diptych.config import read_settings; from diptych.wiring import open_workspace;"
        "open_workspace(read_settings()).start_over()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=terminal.all_of_it, capture_output=True, text=True, timeout=60
    )
    assert "Only a demo can be started over" in done.stderr


def test_children_are_started_again_and_reopened(tmp_path: Path, wait_until: Wait) -> None:
    children = Children()
    marks = tmp_path / "marks"
    code = (
        f"import pathlib, sys; p = pathlib.Path({str(marks)!r}); n = len(p.read_text()) if p.exists() else 0;"
        f"p.write_text('x' * (n + 1)); sys.exit({REOPEN} if n == 0 else 3 if n == 1 else 0)"
    )
    said: list[str] = []

    def three_times() -> bool:
        said.extend(children.tend())
        return marks.exists() and len(marks.read_text()) >= 3

    try:
        children.start("mark", [sys.executable, "-c", code], dict(os.environ))
        wait_until(three_times)
    finally:
        children.stop()
    assert any("exit code 3" in line for line in said)
    assert not any(str(REOPEN) in line for line in said)


def test_a_child_that_ignores_the_request_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Wait
) -> None:
    monkeypatch.setattr("diptych.cli.processes._STOP_SECONDS", 0.5)
    ready = tmp_path / "ready"
    code = (
        "import signal, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    )
    children = Children()
    process = children.start("deaf", [sys.executable, "-c", code], dict(os.environ))
    wait_until(ready.exists)
    children.stop()
    assert not running(process.pid)
