"""jsforce, unmodified, over plain http: it logs in, queries, updates, and reads what simple-salesforce wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from simple_salesforce import Salesforce

from tests.practice_org.clients.peers import run_node
from tests.practice_org.clients.watch import watched
from tests.practice_org.server import RunningOrg, start_practice_org

pytestmark = pytest.mark.clients
TEXT = 'written by Python: "é", 東京,\nsecond line'


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=3500, tls=True) as running:
        yield running


def test_jsforce_and_simple_salesforce_read_what_the_other_wrote(
    org: RunningOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", org.ca_file)
    instance = org.tls_url.removeprefix("https://")
    python = Salesforce(instance=instance, session_id=org.token(), version="60.0")
    lead = python.Lead.create({"LastName": "Shared", "Company": "Both", "Title": "py", "Description": TEXT})[
        "id"
    ]
    count = python.query("SELECT count() FROM Lead")["totalSize"]
    orders = {
        "url": org.base_url,
        "username": org.username,
        "password": org.password,
        "token": org.security_token,
        "clientId": org.client_id,
        "clientSecret": org.client_secret,
        "leadId": lead,
        "title": 'Überschrift, "js"',
        "text": "from JavaScript 🚀\nNULL",
    }
    with watched(org, "jsforce 3.10.26"):
        said = run_node("exercise.mjs", orders)
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
