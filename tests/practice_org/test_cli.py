"""`practice-org serve` as a process: what it prints, what survives, and how it refuses."""

from __future__ import annotations

import json
import signal
import sqlite3
import ssl
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from practice_org import cli
from tests.practice_org.server import ROOT, start_practice_org


def refused(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "practice_org", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("practice-org: "), done.stderr
    return done.stderr


def test_state_credentials_and_sessions_survive_sigkill(tmp_path: Path) -> None:
    first = start_practice_org(tmp_path, records=10)
    with first.api() as api:
        made = api.post("sobjects/Lead", json={"LastName": "Acknowledged", "Company": "C"}).json()["id"]
        token = api.headers["Authorization"]
        first.control("clock", {"offset_seconds": 500})
        first.control("settings", {"refresh_rotation": True})
    first.kill()
    with start_practice_org(tmp_path, records=99) as second:
        for same in ("org_id", "users", "client_id", "client_secret", "control_token", "security_token"):
            assert second.facts[same] == first.facts[same]
        answer = httpx2.get(
            f"{second.base_url}/services/data/v60.0/sobjects/Lead/{made}", headers={"Authorization": token}
        )
        assert answer.json()["LastName"] == "Acknowledged"
        state = second.control("state")
        assert state["records"]["Lead"] == 8 and state["settings"]["refresh_rotation"] is True
        assert state["clock"]["offset_seconds"] == 500


def test_two_orgs_are_not_the_same_and_a_sandbox_says_so(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with start_practice_org(tmp_path / "a") as a, start_practice_org(tmp_path / "b", sandbox=True) as b:
        assert a.org_id != b.org_id and a.client_secret != b.client_secret
        assert (a.facts["sandbox"], b.facts["sandbox"]) == (False, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_told(tmp_path: Path, number: int) -> None:
    org = start_practice_org(tmp_path)
    assert org.process is not None
    org.process.send_signal(number)
    assert org.process.wait(20) == 0
    assert (tmp_path / "practice-org.log").read_text() == ""
    org.stop()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with start_practice_org(tmp_path) as org:
        port = org.base_url.rpartition(":")[2]
        said = refused("--port", port, "--data", str(tmp_path / "other.sqlite3"))
    assert f"port {port}" in said and "--port" in said
    assert not (tmp_path / "other.sqlite3").exists()


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "cannot be written" in refused("--port", "0", "--data", str(tmp_path / "file" / "org.sqlite3"))
    (tmp_path / "text.sqlite3").write_text("this is no database, it only has its name")
    assert "is not a practice org" in refused("--port", "0", "--data", str(tmp_path / "text.sqlite3"))
    start_practice_org(tmp_path).stop()
    file = tmp_path / "practice-org.sqlite3"
    connection = sqlite3.connect(file)
    connection.execute("UPDATE _setting SET value = 'false' WHERE key = 'complete'")
    connection.commit()
    assert "half made" in refused("--port", "0", "--data", str(file))
    connection.execute("UPDATE _meta SET value = '999' WHERE key = 'file_version'")
    connection.commit()
    connection.close()
    assert "newer version" in refused("--port", "0", "--data", str(file))


def test_a_first_start_that_is_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.sow, "sow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cli.open_or_create(tmp_path / "org.sqlite3", "Org", sandbox=False, seed=10, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_people_read_what_programs_parse(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "practice_org", "serve", "--port", "0", "--data", str(tmp_path / "o.sqlite3")],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    text = "".join(lines)
    for word in ("Login URL", "Org id", "Client secret", "Control plane", "sync@", "no-api@"):
        assert word in text
    assert rest == "Stopped.\n" and process.returncode == 0


def test_a_tunnel_leads_to_the_org_and_nowhere_else(tmp_path: Path) -> None:
    with start_practice_org(tmp_path, tls=True) as org:
        trust = ssl.create_default_context(cafile=org.ca_file)
        with httpx2.Client(proxy=org.base_url, verify=trust, trust_env=False) as client:
            for host in ("login.salesforce.com", "test.salesforce.com", "acme.my.salesforce.com"):
                rows = client.get(f"https://{host}/services/data").json()
                assert rows[-1]["version"] == "67.0"
            with pytest.raises(httpx2.ProxyError, match="403"):
                client.get("https://www.example.com/")
            token = client.post(
                "https://acme.my.salesforce.com/services/oauth2/token",
                data={"grant_type": "client_credentials"},
                auth=(org.client_id, org.client_secret),
            ).json()
            assert token["instance_url"] == "https://acme.my.salesforce.com"
            org.control("faults", {"trigger": "query", "cut": "before"})
            with pytest.raises(httpx2.TransportError):
                client.get(
                    "https://acme.my.salesforce.com/services/data/v60.0/query?q=SELECT+Id+FROM+Lead",
                    headers={"Authorization": f"Bearer {token['access_token']}"},
                )
    assert json.dumps(org.facts)
