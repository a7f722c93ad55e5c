"""Bulk API 2.0: queries and ingest."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from practice_org.data.jobs import DELIMITERS
from practice_org.data.load import bulk_insert
from practice_org.org import Org
from practice_org.schema.custom import create_field
from tests.practice_org.bulk import finished, ingest, rows, start
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    _, caller = new_org(tmp_path)
    yield caller
    caller.org.close()


# -- queries ----------------------------------------------------------------------------------------


def test_a_job_is_described_as_recorded(admin: Caller) -> None:
    job = admin("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"}).json
    assert list(job) == [
        "id",
        "operation",
        "object",
        "createdById",
        "createdDate",
        "systemModstamp",
        "state",
        "concurrencyMode",
        "contentType",
        "apiVersion",
        "lineEnding",
        "columnDelimiter",
    ]
    assert (job["state"], job["apiVersion"], job["object"]) == ("UploadComplete", 60.0, "Account")
    done = finished(admin, "query", job["id"])
    assert (done["jobType"], done["state"], done["retries"]) == ("V2Query", "JobComplete", 0)


def test_values_are_quoted_and_survive_whatever_they_hold(admin: Caller) -> None:
    text = 'two\nlines, "quoted"; NULL'
    admin.create("Lead", LastName="Ōe", Company="#N/A", Description=text, AnnualRevenue=12345678, City="")
    job = start(
        admin,
        "SELECT LastName, Company, Description, City, IsConverted, AnnualRevenue, CreatedDate FROM Lead",
    )
    finished(admin, "query", job)
    page = admin("GET", f"/jobs/query/{job}/results")
    assert page.headers["content-type"].startswith("text/csv")
    assert page.text.splitlines()[0] == (
        '"LastName","Company","Description","City","IsConverted","AnnualRevenue","CreatedDate"'
    )
    _, row = rows(page.text)
    assert row[:6] == ["Ōe", "#N/A", text, "", "false", "1.2345678E7"]
    assert row[6].endswith(".000Z")
    assert '"#N/A","two' in page.text and ',"",' in page.text


def test_pages_have_a_header_each_and_end_with_the_text_null(admin: Caller) -> None:
    bulk_insert(admin.org, "Lead", ["LastName", "Company"], ((f"L{n}\nx", "C") for n in range(25)))
    job = start(admin, "SELECT Id, LastName FROM Lead ORDER BY Id")
    finished(admin, "query", job)
    seen: list[str] = []
    locator, counts = "", []
    while locator != "null":
        page = admin(
            "GET", f"/jobs/query/{job}/results?maxRecords=10" + (f"&locator={locator}" if locator else "")
        )
        header, *found = rows(page.text)
        assert header == ["Id", "LastName"]
        seen += [row[1] for row in found]
        counts.append(page.headers["sforce-numberofrecords"])
        locator = page.headers["sforce-locator"]
        assert "=" not in locator
    assert counts == ["10", "10", "5"]
    assert seen == [f"L{n}\nx" for n in range(25)]


def test_result_pages_can_be_fetched_side_by_side(admin: Caller) -> None:
    bulk_insert(admin.org, "Lead", ["LastName", "Company"], ((f"L{n}", "C") for n in range(65)))
    admin.org.set_setting("bulk_page_rows", 10)
    job = start(admin, "SELECT LastName FROM Lead")
    finished(admin, "query", job)
    first = admin("GET", f"/jobs/query/{job}/resultPages").json
    assert (len(first["resultPages"]), first["done"]) == (5, False)
    second = admin("GET", first["nextRecordsUrl"].removeprefix("/services/data/v60.0")).json
    assert (len(second["resultPages"]), second["done"], second["nextRecordsUrl"]) == (2, True, None)
    found = [
        row
        for page in first["resultPages"] + second["resultPages"]
        for row in rows(admin("GET", page["resultUrl"].removeprefix("/services/data/v60.0")).text)[1:]
    ]
    assert sorted(found) == sorted([f"L{n}"] for n in range(65))


def test_many_columns_and_each_delimiter(admin: Caller) -> None:
    for number in range(60):
        create_field(admin.org, "Lead", f"Text_{number}", "text")
    values = {f"Text_{n}__c": f'%s "{n}" %w `|;^,' for n in range(60)}
    admin.create("Lead", LastName="x", Company="c", Latitude=37.123456789012345, **values)
    names = [
        f["name"] for f in admin("GET", "/sobjects/Lead/describe").json["fields"] if f["type"] != "address"
    ]
    assert len(names) > 100
    for word, delimiter in DELIMITERS.items():
        job = start(admin, f"SELECT {', '.join(names)} FROM Lead", columnDelimiter=word)
        finished(admin, "query", job)
        header, row = rows(admin("GET", f"/jobs/query/{job}/results").text, delimiter)
        found = dict(zip(header, row, strict=True))
        assert header == names
        assert {name: found[name] for name in values} == values
        assert float(found["Latitude"]) == 37.123456789012345


def test_no_rows_give_a_header(admin: Caller) -> None:
    job = start(admin, "SELECT Id, Owner.Name FROM Lead")
    finished(admin, "query", job)
    page = admin("GET", f"/jobs/query/{job}/results")
    assert page.text == '"Id","Owner.Name"\n'
    assert (page.headers["sforce-numberofrecords"], page.headers["sforce-locator"]) == ("0", "null")


def test_a_result_is_a_snapshot_and_survives_a_restart(admin: Caller, tmp_path: Path) -> None:
    lead = admin.create("Lead", LastName="before", Company="C")
    job = start(admin, "SELECT LastName FROM Lead")
    finished(admin, "query", job)
    admin("PATCH", f"/sobjects/Lead/{lead}", {"LastName": "after"})
    admin.org.close()
    admin.org = Org.open(tmp_path / "org.sqlite3")
    assert rows(admin("GET", f"/jobs/query/{job}/results").text)[1:] == [["before"]]


def test_an_unfinished_job_is_done_after_a_restart(admin: Caller, tmp_path: Path) -> None:
    admin.create("Lead", LastName="x", Company="C")
    admin.org.set_setting("job_speed", "slow")
    job = start(admin, "SELECT LastName FROM Lead")
    assert admin("GET", f"/jobs/query/{job}").json["state"] == "InProgress"
    early = admin("GET", f"/jobs/query/{job}/results")
    assert (early.status, early.json[0]["errorCode"]) == (400, "INVALIDJOBSTATE")
    admin.org.close()
    admin.org = Org.open(tmp_path / "org.sqlite3")
    admin.org.clock.advance(31)
    assert finished(admin, "query", job)["numberRecordsProcessed"] == 1


def test_stepped_jobs_move_at_each_look(admin: Caller) -> None:
    admin.org.set_setting("job_speed", "stepped")
    job = start(admin, "SELECT Id FROM Lead")
    assert admin("GET", f"/jobs/query/{job}").json["state"] == "InProgress"
    assert finished(admin, "query", job)["state"] == "JobComplete"


def test_forms_compression_and_versions(admin: Caller) -> None:
    admin.create("Lead", LastName="a|b", Company="C")
    job = start(admin, "SELECT LastName, Company FROM Lead", columnDelimiter="PIPE", lineEnding="CRLF")
    finished(admin, "query", job)
    plain = admin("GET", f"/jobs/query/{job}/results")
    assert plain.raw == b'"LastName"|"Company"\r\n"a|b"|"C"\r\n'
    packed = admin("GET", f"/jobs/query/{job}/results", Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.raw) == plain.raw
    admin.version = "61.0"
    assert admin("GET", f"/jobs/query/{job}/results").status == 409


def test_abort_and_delete(admin: Caller) -> None:
    admin.org.set_setting("job_speed", "slow")
    job = start(admin, "SELECT Id FROM Lead")
    assert admin("DELETE", f"/jobs/query/{job}").status == 400
    assert admin("PATCH", f"/jobs/query/{job}", {"state": "Aborted"}).json["state"] == "Aborted"
    assert [j["id"] for j in admin("GET", "/jobs/query").json["records"]] == [job]
    assert admin("DELETE", f"/jobs/query/{job}").status == 204
    assert admin("GET", f"/jobs/query/{job}").status == 404


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id, Address FROM Lead",
        "SELECT COUNT(Id) FROM Lead",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT Id FROM Nonesuch",
        "SELECT Id FROM Lead OFFSET 5",
        "SELEKT",
    ],
)
def test_refused_queries(admin: Caller, soql: str) -> None:
    answer = admin("POST", "/jobs/query", {"operation": "query", "query": soql})
    assert answer.status == 400 and answer.json[0]["errorCode"]


# -- ingest -----------------------------------------------------------------------------------------


def test_insert_with_partial_failure(admin: Caller) -> None:
    done, job = ingest(
        admin, 'LastName,Company,Email\nA,"C ""1""",\nB,C,bad\nC,,\n', object="Lead", operation="insert"
    )
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (
        "JobComplete",
        3,
        2,
    )
    good = admin("GET", f"/jobs/ingest/{job}/successfulResults").text
    assert good.splitlines()[0] == '"sf__Id","sf__Created",LastName,Company,Email'
    assert rows(good)[1][1:] == ["true", "A", 'C "1"', ""]
    bad = rows(admin("GET", f"/jobs/ingest/{job}/failedResults").text)
    assert bad[1][1] == "INVALID_EMAIL_ADDRESS:Email: invalid email address: bad:Email --"
    assert bad[2][1] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --"
    assert admin("GET", f"/jobs/ingest/{job}/unprocessedrecords").text == "LastName,Company,Email\n"


def test_empty_leaves_a_value_alone_and_the_null_text_empties_it(admin: Caller) -> None:
    one = admin.create("Lead", LastName="x", Company="c", Title="t", City="Rome")
    done, job = ingest(
        admin, f"Id,Title,City\n{one[:15]},#N/A,\n00Q000000000009EAA,x,\n", object="Lead", operation="update"
    )
    assert done["numberRecordsFailed"] == 1
    record = admin("GET", f"/sobjects/Lead/{one}").json
    assert (record["Title"], record["City"]) == (None, "Rome")
    failed = rows(admin("GET", f"/jobs/ingest/{job}/failedResults").text)
    assert failed[1][1] == "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"


def test_upsert_delete_and_hard_delete(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Ext", "text", length=40, external_id=True)
    content = "Ext__c,LastName,Company\n1,A,C\n2,B,C\n,C,C\n"
    form = {"object": "Lead", "operation": "upsert", "externalIdFieldName": "Ext__c"}
    done, job = ingest(admin, content, **form)
    assert (done["externalIdFieldName"], done["numberRecordsFailed"]) == ("Ext__c", 1)
    assert [r[1] for r in rows(admin("GET", f"/jobs/ingest/{job}/successfulResults").text)[1:]] == [
        "true"
    ] * 2
    _, job = ingest(admin, content, **form)
    results = rows(admin("GET", f"/jobs/ingest/{job}/successfulResults").text)[1:]
    assert [r[1] for r in results] == ["false"] * 2
    ingest(admin, f"Id\n{results[0][0]}\n", object="Lead", operation="delete")
    ingest(admin, f"Id\n{results[1][0]}\n", object="Lead", operation="hardDelete")
    left = admin.query("SELECT Id, IsDeleted FROM Lead", "/queryAll")["records"]
    assert [(r["Id"], r["IsDeleted"]) for r in left] == [(results[0][0], True)]


def test_an_unknown_column_fails_the_whole_job(admin: Caller) -> None:
    done, job = ingest(admin, "LastName,Company,Nope\nA,C,1\n", object="Lead", operation="insert")
    assert done["state"] == "Failed"
    assert done["errorMessage"] == "InvalidBatch : Field name not found : Nope"
    assert admin("GET", f"/jobs/ingest/{job}/unprocessedrecords").text.count("\n") == 2


def test_parents_by_external_id_and_another_delimiter(admin: Caller) -> None:
    create_field(admin.org, "Account", "Ext", "text", length=40, external_id=True)
    account = admin.create("Account", Name="A", Ext__c="k")
    ingest(
        admin,
        "LastName;Account.Ext__c\r\nNg;k\r\n",
        object="Contact",
        operation="insert",
        columnDelimiter="SEMICOLON",
        lineEnding="CRLF",
    )
    assert admin.query("SELECT AccountId FROM Contact")["records"][0]["AccountId"] == account


def test_the_wrong_line_ending_fails_the_job(admin: Caller) -> None:
    done, _ = ingest(admin, "LastName,Company\r\nA,C\r\n", object="Lead", operation="insert")
    assert done["state"] == "Failed" and "LineEnding is invalid" in done["errorMessage"]


def test_content_is_taken_once(admin: Caller) -> None:
    job = admin("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"}).json["id"]
    assert admin("PUT", f"/jobs/ingest/{job}/batches", raw=b"LastName\n").status == 201
    second = admin("PUT", f"/jobs/ingest/{job}/batches", raw=b"LastName\n")
    assert second.status == 400
    assert second.json[0]["message"].startswith(f"Found multiple contents for job: <{job}>, please")
