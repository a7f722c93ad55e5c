"""The Bulk API 1.0 as simple-salesforce (JSON) and jsforce (XML jobs, CSV batches) use it, unmodified."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceGeneralError, SalesforceMalformedRequest

from tests.practice_org.clients.peers import run_node
from tests.practice_org.clients.watch import watched
from tests.practice_org.server import RunningOrg, start_practice_org

pytestmark = pytest.mark.clients
TEXT = 'Ünïcode 🌻, "quotes",\nnewline; NULL'


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=100, tls=True) as running:
        yield running


@pytest.fixture
def sf(org: RunningOrg, monkeypatch: pytest.MonkeyPatch) -> Salesforce:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", org.ca_file)
    instance = org.tls_url.removeprefix("https://")
    return Salesforce(instance=instance, session_id=org.token("admin"), version="60.0")


def test_simple_salesforce(org: RunningOrg, sf: Salesforce) -> None:
    with watched(org, "simple-salesforce"):
        rows = [{"LastName": f"S{n}", "Company": "sf.bulk", "Description": TEXT} for n in range(5)]
        made = sf.bulk.Lead.insert([*rows, {"LastName": "", "Company": "sf.bulk"}], batch_size=4)
        assert [row["success"] for row in made] == [True] * 5 + [False]
        assert made[5]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
        ids = [row["id"] for row in made[:5]]
        sf.bulk.Lead.update([{"Id": one, "Title": "changed"} for one in ids], use_serial=True)
        upserted = sf.bulk.Lead.upsert(
            [{"Legacy_Id__c": "sf.bulk", "LastName": "U", "Company": "sf.bulk"}],
            "Legacy_Id__c",
            batch_size="auto",
        )
        assert upserted == [] or upserted[0]["created"] is True
        found = sf.bulk.Lead.query(
            "SELECT Id, Title, Description, CreatedDate FROM Lead WHERE Company = 'sf.bulk'"
        )
        changed = [row for row in found if row["Title"] == "changed"]
        assert {row["Id"] for row in changed} == set(ids) and all(
            row["Description"] == TEXT for row in changed
        )
        assert all(isinstance(row["CreatedDate"], int) for row in found)
        detailed = sf.bulk.Lead.update([{"Id": ids[0], "City": "Rome"}], include_detailed_results=True)
        assert detailed[0]["City"] == "Rome" and detailed[0]["success"]
        sf.bulk.Lead.delete([{"Id": ids[0]}])
        sf.bulk.Lead.hard_delete([{"Id": ids[1]}])
        every = sf.bulk.Lead.query_all("SELECT Id, IsDeleted FROM Lead WHERE Company = 'sf.bulk'")
        assert {row["Id"]: row["IsDeleted"] for row in every if row["Id"] in ids} == {
            ids[0]: True,
            **dict.fromkeys(ids[2:], False),
        }
        with pytest.raises(SalesforceGeneralError, match="Selecting compound data"):
            sf.bulk.Lead.query("SELECT Address FROM Lead")
        with pytest.raises(SalesforceMalformedRequest, match="Records not processed"):
            sf.bulk.Lead.insert([{"Nope": 1}])
        expired = Salesforce(instance=sf.sf_instance, session_id="00D!expired", version="60.0")
        with pytest.raises(SalesforceMalformedRequest, match="InvalidSessionId"):
            expired.bulk.Lead.query("SELECT Id FROM Lead")


def test_jsforce(org: RunningOrg, sf: Salesforce) -> None:
    with watched(org, "jsforce 3.10.26"):
        said = run_node(
            "bulk1.mjs",
            {
                "url": org.base_url,
                "accessToken": org.token("admin"),
                "company": "conn.bulk",
                "title": "from jsforce",
                "text": TEXT,
            },
        )
    good, other, bad = said["inserted"]
    assert (good["success"], other["success"], bad["success"]) == (True, True, False)
    assert bad["errors"] == ["REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"]
    assert [row["success"] for row in said["updated"]] == [True, True] and said["upserted"][0]["success"]
    assert sorted(row["LastName"] for row in said["read"]) == ["First", "Second", "Third"]
    assert {"LastName": "First", "Title": "from jsforce", "Description": TEXT} in said["read"]
    assert (said["deleted"][0]["success"], said["left"]) == (True, 2)
    assert said["compound"] == (
        "InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: Selecting compound data not supported "
        "in Bulk Query"
    )
    assert said["unknownField"] == "InvalidBatch : Field name not found : Nope"
    assert (said["opened"], said["checked"], said["closed"]) == ("Open", "insert", "Closed")
    assert said["batches"] == ["Completed"] and said["expired"] == "InvalidSessionId"
    back = sf.query("SELECT Description FROM Lead WHERE Company = 'conn.bulk' AND LastName = 'First'")
    assert back["records"][0]["Description"] == TEXT
