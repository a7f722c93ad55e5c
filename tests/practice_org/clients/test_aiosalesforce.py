"""aiosalesforce, unmodified, at `https://practice.my.salesforce.com` by way of the plain port as proxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from simple_salesforce import Salesforce

from tests.practice_org.clients.peers import run_python
from tests.practice_org.clients.watch import watched
from tests.practice_org.server import RunningOrg, start_practice_org

pytestmark = pytest.mark.conformance
THEIRS = "from Python's other client: O'Brien \\ 東京\nend"
OURS = 'from aiosalesforce: "é" 🚀\nNone'


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=4000, tls=True) as running:
        yield running


def test_every_login_records_composite_and_bulk_and_what_another_wrote(
    org: RunningOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", org.ca_file)
    simple = Salesforce(instance=org.tls_url.removeprefix("https://"), session_id=org.token(), version="60.0")
    simple.Lead.create({"LastName": "O'Brien \\ x", "Company": "Both", "Description": THEIRS})
    leads = simple.query("SELECT COUNT() FROM Lead")["totalSize"]
    with watched(org, "aiosalesforce 0.6.2"):
        said = run_python(
            "aio.py",
            {
                "proxy": org.base_url,
                "username": org.username,
                "password": org.password,
                "token": org.security_token,
                "clientId": org.client_id,
                "clientSecret": org.client_secret,
                "keyFile": org.facts["jwt_key_file"],
                "name": "O'Brien \\ x",
                "text": OURS,
            },
            SSL_CERT_FILE=org.ca_file,
        )
    assert said["logins"] == [1, 1, 1] and said["limit"] == 15000
    assert said["leads"] == leads > 2000 and said["read"] == [THEIRS]
    assert said["got"] == "Async" and simple.Lead.get(said["lead"])["Description"] == OURS
    assert [made for _, made in said["upserts"]] == [True, False]
    assert said["batch"] == [True, 2]
    assert simple.Contact.get(said["composite"][1])["AccountId"] == said["composite"][0]
    assert said["bulk"] == [3, 1, 0] and said["refusal"].startswith("REQUIRED_FIELD_MISSING:")
    assert said["changed"] == 3 and "INVALID_EMAIL_ADDRESS" in said["refused"]
