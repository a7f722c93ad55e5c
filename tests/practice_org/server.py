"""A running practice org for tests of any folder: a real process, or a thread of this one.

with start_practice_org(tmp_path, records=50) as org:
    org.base_url, org.username, org.password, org.security_token, org.client_id, ...
    org.control("faults", {"trigger": "query", "status": 503})
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

START_SECONDS = 60
ROOT = Path(__file__).parents[2]


@dataclass
class RunningOrg:
    """A served practice org. `facts` is the JSON document that `serve --json` printed."""

    facts: dict[str, Any]
    process: subprocess.Popen[str] | None = None
    _stop: Any = None
    org: Any = None
    """The org itself, when it is served in a thread."""
    _client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=120, trust_env=False))

    def __enter__(self) -> RunningOrg:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        return str(self.facts["base_url"])

    @property
    def tls_url(self) -> str:
        return str(self.facts["tls_url"])

    @property
    def ca_file(self) -> str:
        return str(self.facts["ca_file"])

    @property
    def org_id(self) -> str:
        return str(self.facts["org_id"])

    @property
    def username(self) -> str:
        """Of the sync user, as are `password` and `security_token`; for others see `user`."""
        return str(self.facts["username"])

    @property
    def password(self) -> str:
        return str(self.facts["password"])

    @property
    def security_token(self) -> str:
        return str(self.facts["security_token"])

    @property
    def client_id(self) -> str:
        return str(self.facts["client_id"])

    @property
    def client_secret(self) -> str:
        return str(self.facts["client_secret"])

    @property
    def control_token(self) -> str:
        return str(self.facts["control_token"])

    @property
    def data_file(self) -> Path:
        return Path(self.facts["data_file"])

    def user(self, role: str) -> dict[str, str]:
        """The first login of a role: admin, sync, sales, no_api, inactive."""
        found: dict[str, str] = next(one for one in self.facts["users"] if one["role"] == role)
        return found

    def control(self, path: str, order: Any = None, *, method: str | None = None) -> Any:
        """POST an order to `/__sim__/path` (GET without one) and return the answer; raises on refusal."""
        answer = self._client.request(
            method or ("GET" if order is None else "POST"),
            f"{self.base_url}/__sim__/{path}",
            json=order,
            headers={"Authorization": f"Bearer {self.control_token}"},
        )
        if answer.status_code != 200:
            raise ValueError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    def token(self, role: str = "sync") -> str:
        """A fresh access token of a user, by the username-password grant."""
        one = self.user(role)
        answer = self._client.post(
            f"{self.base_url}/services/oauth2/token",
            data={
                "grant_type": "password",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "username": one["username"],
                "password": one["password"] + one["security_token"],
            },
        )
        if answer.status_code != 200:
            raise ValueError(answer.text)
        return str(answer.json()["access_token"])

    def api(self, role: str = "sync", version: str = "60.0") -> httpx2.Client:
        """An HTTP client logged in as a user; paths are relative to `/services/data/v{version}/`."""
        return httpx2.Client(
            base_url=f"{self.base_url}/services/data/v{version}/",
            headers={"Authorization": f"Bearer {self.token(role)}"},
            timeout=120,
            trust_env=False,
        )

    def later(self, seconds: float = 1) -> None:
        """Put the org's clock forward: what happens from here on falls into a later second than all that was before."""
        self.control("clock", {"advance": seconds})

    @contextmanager
    def at_work(self, role: str = "sales") -> Iterator[httpx2.Client]:
        """`api`, for what somebody does in Salesforce between our cycles: in seconds that are neither those of our last
        read or write nor those of our next. What changes in the very second of ours is read a cycle later (R-8), so that a
        test which expects it in the next one has to do it here."""
        self.later()
        try:
            with self.api(role) as client:
                yield client
        finally:
            self.later()

    def edit(self, object_name: str, sf_id: str, role: str = "sales", **values: Any) -> None:
        """Somebody edits a record in Salesforce; see `at_work`."""
        with self.at_work(role) as salesforce:
            answer = salesforce.patch(f"sobjects/{object_name}/{sf_id}", json=values)
            assert answer.status_code == 204, answer.text

    def does(self, lifecycle: Any) -> Any:
        """Somebody merges, converts, deletes ... there (the control plane's `lifecycle`); see `at_work`."""
        self.later()
        done = self.control("lifecycle", lifecycle)
        self.later()
        return done

    def stop(self) -> None:
        """Stop as Ctrl-C does, and wait."""
        self._client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        if self._stop is not None:
            self._stop()

    def kill(self) -> None:
        """SIGKILL, as a power cut would. Only for an org in a process of its own."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


def start_practice_org(
    folder: Path,
    records: int = 0,
    *,
    tls: bool = False,
    events: bool = False,
    sandbox: bool = False,
    port: int = 0,
    name: str = "Practice Org",
) -> RunningOrg:
    """Start `practice-org serve` as a process on a free port; its file lies in `folder` and is kept.

    Started again on the same folder (and port) it is the same org. Raises RuntimeError with what the
    process said when it does not come up.
    """
    arguments = ["serve", "--json", "--port", str(port), "--name", name, "--seed", str(records)]
    arguments += ["--data", str(folder / "practice-org.sqlite3"), "--sandbox" if sandbox else "--production"]
    arguments += ["--tls-port", "0"] if tls else []
    arguments += ["--events-port", "0"] if events else []
    log = folder / "practice-org.log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "practice_org", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(
                    [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
                ),
            },
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.stdout.close()
        process.wait(START_SECONDS)
        raise RuntimeError(f"the practice org did not start: {log.read_text()}")
    return RunningOrg(json.loads(line), process)


def serve_in_thread(
    folder: Path, records: int = 0, *, sandbox: bool = False, events: bool = False
) -> RunningOrg:
    """The same in a thread of this process: starts faster, cannot be killed; no https."""
    from practice_org import cli
    from practice_org.app import create_app
    from practice_org.events.server import EventServer
    from practice_org.serving import Serving, listen
    from practice_org.tls import tls_files

    org = cli.open_or_create(
        folder / "practice-org.sqlite3", "Practice Org", sandbox=sandbox, seed=records, quiet=True
    )
    sock = listen("127.0.0.1", 0)
    files = tls_files(org.file("tls")) if events else None
    bus = EventServer(org, "127.0.0.1", 0, files) if files else None
    ready = threading.Event()
    server = Serving(create_app(org), sock, on_ready=ready.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    if not ready.wait(START_SECONDS):
        raise RuntimeError("the practice org did not start")
    if bus is not None:
        bus.start()

    def stop() -> None:
        server.should_exit = True
        if bus is not None:
            bus.stop()
        thread.join(10)
        org.close()

    facts = cli.facts(org, "127.0.0.1", sock, None, files, bus.port if bus else None)
    return RunningOrg(facts, _stop=stop, org=org)
