"""simple-salesforce, unmodified: every login it knows, then query, update and Bulk 2.0."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceMalformedRequest

from tests.practice_org.clients.watch import watched
from tests.practice_org.server import RunningOrg, start_practice_org

pytestmark = pytest.mark.clients
VERSION = "60.0"
TEXT = 'Ünïcode 🌻, "quotes",\nnewline; NULL'


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with (
        start_practice_org(tmp_path_factory.mktemp("org"), records=3000, tls=True) as running,
        watched(running, "simple-salesforce"),
    ):
        yield running


@pytest.fixture
def proxies(org: RunningOrg, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The plain port as https proxy, and our CA: what makes login.salesforce.com be the practice org."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", org.ca_file)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    return {"https": org.base_url}


def test_password_and_security_token_at_login_salesforce_com(
    org: RunningOrg, proxies: dict[str, str]
) -> None:
    sf = Salesforce(org.username, org.password, org.security_token, proxies=proxies, version=VERSION)
    assert sf.sf_instance == "login.salesforce.com"
    assert sf.query("SELECT Id FROM Organization")["records"][0]["Id"] == org.org_id
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        Salesforce(org.username, "wrong", org.security_token, proxies=proxies, version=VERSION)


def test_oauth_logins(org: RunningOrg, proxies: dict[str, str]) -> None:
    app = {"consumer_key": org.client_id, "proxies": proxies, "version": VERSION}
    secret = {"consumer_secret": org.client_secret}
    password = Salesforce(org.username, org.password + org.security_token, **app, **secret)
    credentials = Salesforce(domain="practice.my", **app, **secret)
    jwt = Salesforce(org.username, privatekey_file=org.facts["jwt_key_file"], **app)
    for sf in (password, credentials, jwt):
        assert sf.query("SELECT count() FROM User WHERE IsActive = true")["totalSize"] > 3


def test_query_update_bulk_and_read_back_over_tls(org: RunningOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", org.ca_file)
    session, instance = SalesforceLogin(
        org.username, org.password, org.security_token, scratch_url=org.tls_url, sf_version=VERSION
    )
    sf = Salesforce(instance=instance, session_id=session, version=VERSION)
    everything = sf.query_all("SELECT Id, LastName, Email FROM Lead")
    assert everything["totalSize"] == len(everything["records"]) > 2000 and everything["done"]
    lead = everything["records"][0]["Id"]
    assert sf.Lead.update(lead, {"Description": TEXT, "Title": None}) == 204
    assert sf.Lead.get(lead)["Description"] == TEXT
    made = sf.Lead.create({"LastName": "Simple", "Company": "Salesforce"})
    assert made["success"] and sf.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceMalformedRequest, match="invalid email address"):
        sf.Lead.update(lead, {"Email": "no address"})
    pages = list(sf.bulk2.Lead.query("SELECT Id, Description FROM Lead", max_records=1000))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page, newline=""))]
    assert len(pages) > 2 and len(rows) == sf.query("SELECT count() FROM Lead")["totalSize"]
    assert next(row for row in rows if row["Id"] == lead)["Description"] == TEXT


def test_bulk_insert_and_upsert(org: RunningOrg, proxies: dict[str, str], tmp_path: Path) -> None:
    sf = Salesforce(org.username, org.password, org.security_token, proxies=proxies, version=VERSION)
    rows = [{"LastName": f"Bulk {n}", "Company": "B", "Legacy_Id__c": f"B-{n}"} for n in range(5)]
    done = sf.bulk2.Lead.insert(records=[*rows, {"LastName": "", "Company": "B", "Legacy_Id__c": "bad"}])
    assert (done[0]["numberRecordsProcessed"], done[0]["numberRecordsFailed"]) == (6, 1)
    again = sf.bulk2.Lead.upsert(
        records=[{"Legacy_Id__c": "B-0", "LastName": "Changed", "Company": "B"}],
        external_id_field="Legacy_Id__c",
    )
    assert again[0]["numberRecordsFailed"] == 0
    got = sf.query("SELECT LastName FROM Lead WHERE Legacy_Id__c = 'B-0'")
    assert [row["LastName"] for row in got["records"]] == ["Changed"]
