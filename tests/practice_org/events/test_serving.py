"""The command serves the event bus on a port of its own, and says so."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from tests.practice_org.events.bus import Bus
from tests.practice_org.server import start_practice_org


def test_the_port_is_told_and_serves(tmp_path: Path) -> None:
    with start_practice_org(tmp_path, events=True) as org:
        port = org.facts["events_port"]
        assert org.facts["events_url"] == f"https://127.0.0.1:{port}" and org.facts["tls_url"] is None
        bus = Bus.of(org)
        assert bus.call("GetTopic", topic_name="/data/ChangeEvents").can_subscribe
        bus.close()


def test_without_the_option_there_is_none(tmp_path: Path) -> None:
    with start_practice_org(tmp_path) as org:
        assert (org.facts["events_url"], org.facts["events_port"]) == (None, None)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "practice_org",
                "serve",
                "--json",
                "--port",
                "0",
                "--events-port",
                str(port),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines() == [
        f"practice-org: cannot listen on 127.0.0.1 port {port} for events. Choose another with --events-port."
    ]
