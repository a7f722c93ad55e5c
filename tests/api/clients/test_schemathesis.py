"""Schemathesis, unmodified: it reads the OpenAPI description of a served Diptych and calls every operation with what the
description allows and with what it does not, one by one and in chains (a person that was made is edited, deleted, asked for).

`SCHEMATHESIS_EXAMPLES=100` makes it as long as one likes; `SCHEMATHESIS_FOLDER` keeps what it sent and got.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from diptych.domain.roles import Scope
from tests.api.served import Served, served
from tests.practice_org.clients import peers

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(3600)]
SETTINGS = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "3")
NEVER = {
    "connect": "logs in at whatever address is made up",
    "test_channel": "sends to whatever address is made up",
}


@pytest.fixture(scope="module")
def diptych(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served"), records=30) as running:
        # made when it is first asked for, which on a busy machine takes longer than the client waits
        httpx2.get(f"{running.url}/api/v1/openapi.json", timeout=300, trust_env=False).raise_for_status()
        yield running


@pytest.mark.parametrize("scope", [Scope.ADMIN, Scope.READ])
def test_the_rest_api_answers_as_it_is_described(diptych: Served, scope: Scope, tmp_path: Path) -> None:
    folder = Path(os.environ.get("SCHEMATHESIS_FOLDER", tmp_path))
    left_out = [part for name in NEVER for part in ("--exclude-operation-id", name)]
    done = subprocess.run(
        [
            peers.schemathesis(),
            *("--config-file", SETTINGS, "run", f"{diptych.url}/api/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {diptych.token(scope)}"),
            *("--max-examples", EXAMPLES, "--report", "ndjson"),
            *("--report-ndjson-path", folder / f"{scope}.ndjson", *left_out),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={name: value for name, value in peers.AT_START.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    tested = re.search(r"(\d+) selected / (\d+) total", done.stdout)
    assert tested and int(tested[2]) - int(tested[1]) == len(NEVER)
