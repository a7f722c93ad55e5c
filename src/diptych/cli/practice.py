"""The practice org of a demo: started as a process, and one lead edited in it as a salesperson would through the API."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.cli.trouble import Refused
from diptych.config import DEMO_FILE

_VERSION = "60.0"


@dataclass(frozen=True)
class PracticeOrg:
    """A running practice org. `facts` is what `practice-org serve --json` printed."""

    facts: dict[str, Any]
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return str(self.facts["base_url"])

    def user(self, role: str) -> dict[str, str]:
        """The first login of a role: admin, sync, sales."""
        return next(one for one in self.facts["users"] if one["role"] == role)

    def token(self, role: str) -> str:
        """An access token of that user."""
        user = self.user(role)
        form = {
            "grant_type": "password",
            "client_id": self.facts["client_id"],
            "client_secret": self.facts["client_secret"],
            "username": user["username"],
            "password": user["password"] + user["security_token"],
        }
        request = urllib.request.Request(
            f"{self.url}/services/oauth2/token", urllib.parse.urlencode(form).encode(), method="POST"
        )
        return str(_answer(request)["access_token"])

    def read(
        self, object_name: str, sf_id: str, fields: Sequence[str], role: str = "sales"
    ) -> dict[str, Any]:
        """The fields of a record as that user sees them."""
        return dict(self._call(role, "GET", f"sobjects/{object_name}/{sf_id}?fields={','.join(fields)}"))

    def edit(self, object_name: str, sf_id: str, values: dict[str, Any], role: str = "sales") -> None:
        """Change a record as that user."""
        self._call(role, "PATCH", f"sobjects/{object_name}/{sf_id}", values)

    def query(self, statement: str, role: str = "sales") -> list[dict[str, Any]]:
        """Rows of a SOQL query."""
        return list(self._call(role, "GET", f"query?q={urllib.parse.quote(statement)}")["records"])

    def order(self, name: str, order: dict[str, Any]) -> None:
        """An order to the control plane of the practice org."""
        request = urllib.request.Request(
            f"{self.url}/__sim__/{name}",
            json.dumps(order).encode(),
            {"Authorization": f"Bearer {self.facts['control_token']}", "Content-Type": "application/json"},
            method="POST",
        )
        _answer(request)

    def _call(self, role: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/services/data/v{_VERSION}/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token(role)}", "Content-Type": "application/json"},
            method=method,
        )
        return _answer(request)


def practice_org_command(data: Path, port: int, records: int) -> list[str]:
    """The command line that serves it and prints what it is as one JSON line."""
    return [
        sys.executable, "-m", "practice_org", "serve", "--json",
        "--data", str(data), "--port", str(port), "--seed", str(records), "--name", "Practice Org",
    ]  # fmt: skip


def wait_for_org(process: subprocess.Popen[bytes], log: Path, seconds: float) -> PracticeOrg:
    """Its facts, once it serves. Raises Refused with what it said when it does not come up."""
    assert process.stdout is not None
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.append(process.stdout.readline()), daemon=True)  # type: ignore[union-attr]
    reader.start()
    reader.join(seconds)
    if not lines or not lines[0].strip():
        said = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        why = said[-1] if said else f"it said nothing within {seconds:g} seconds"
        raise Refused(f"The practice org did not start: {why}")
    return PracticeOrg(json.loads(lines[0]), process)


def write_facts(folder: Path, org: PracticeOrg) -> None:
    """Leave what it takes to connect to the demo's org for the admin pages, which show it where it is asked for."""
    file = folder / DEMO_FILE
    draft = file.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(org.facts))
    draft.replace(file)


def _answer(request: urllib.request.Request) -> Any:
    try:
        # never through a proxy: it runs on this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            text = answer.read()
    except urllib.error.HTTPError as problem:
        raise Refused(
            f"The practice org refused {request.get_method()}: {problem.code} {problem.read()[:300].decode(errors='replace')}"
        ) from None
    except OSError as problem:
        raise Refused(f"The practice org does not answer: {problem}") from None
    return json.loads(text) if text else None
