"""Bulk API 2.0 jobs: states, lists, refusals, uploads that are unusable, and restarts."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.api import bulk_jobs
from practice_org.data import dml, jobs
from practice_org.data import ingest as ingest_work
from practice_org.data.jobs import Job
from practice_org.errors import ApiError
from practice_org.ids import mint
from practice_org.org import Org
from practice_org.schema import birth, profiles, setup_rows
from practice_org.schema.custom import create_field, delete_field
from tests.practice_org.bulk import finished, ingest, new_ingest, refusal, rows, start
from tests.practice_org.calls import Caller, new_org
from tests.practice_org.server import start_practice_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    _, caller = new_org(tmp_path)
    yield caller
    caller.org.close()


# -- states -----------------------------------------------------------------------------------------


def test_wrong_states_are_refused_as_the_service_words_it(admin: Caller) -> None:
    _, job = ingest(admin, "LastName,Company\nA,C\n", object="Lead", operation="insert")
    again = admin("PATCH", f"/jobs/ingest/{job}", {"state": "Aborted"})
    assert again.text == (
        '[{"errorCode": "INVALIDJOBSTATE", "message": "Aborting already Completed Job not allowed"}]'
    )
    closed = admin("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    assert refusal(closed) == (400, "INVALIDJOBSTATE", "Closing already Completed Job not allowed")
    assert admin("PUT", f"/jobs/ingest/{job}/batches", raw=b"x").json[0]["errorCode"] == "BULK_API_ERROR"
    opened = new_ingest(admin)
    assert (
        admin("PATCH", f"/jobs/ingest/{opened}", {"state": "Open"}).json[0]["errorCode"] == "INVALIDJOBSTATE"
    )
    assert admin("GET", f"/jobs/ingest/{opened}/failedResults").json[0]["errorCode"] == "INVALIDJOBSTATE"
    assert admin("PATCH", f"/jobs/ingest/{opened}", {"state": "Aborted"}).json["state"] == "Aborted"
    late = admin("PUT", f"/jobs/ingest/{opened}/batches", raw=b"x")
    assert refusal(late) == (400, "INVALIDJOBSTATE", "Uploading to already Aborted Job not allowed")
    assert admin("DELETE", f"/jobs/ingest/{opened}").status == 204
    assert admin("DELETE", f"/jobs/ingest/{opened}").status == 404
    assert admin("GET", f"/jobs/query/{job}").status == 404


def test_a_stuck_job_is_moved_by_nothing_but_another_speed(admin: Caller) -> None:
    admin.org.set_setting("job_speed", "stuck")
    job = new_ingest(admin, "LastName,Company\nA,C\n")
    admin("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    admin.org.clock.advance(3600)
    for _ in range(3):
        assert admin("GET", f"/jobs/ingest/{job}").json["state"] == "InProgress"
    assert admin.query("SELECT count() FROM Lead")["totalSize"] == 0
    admin.org.set_setting("job_speed", "instant")
    assert finished(admin, "ingest", job)["state"] == "JobComplete"
    assert admin.query("SELECT count() FROM Lead")["totalSize"] == 1


def test_an_aborted_job_keeps_what_it_did_and_gives_back_the_rest(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks: list[int] = []
    real = ingest_work._chunk

    def aborted_after_the_second(org: Org, job: Job, *more: Any) -> bool:
        if len(chunks) == 2:
            admin("PATCH", f"/jobs/ingest/{job.id}", {"state": "Aborted"})
        chunks.append(1)
        return real(org, job, *more)

    monkeypatch.setattr(ingest_work, "_chunk", aborted_after_the_second)
    rows_sent = [f'"L {n}",C' for n in range(650)]
    job = new_ingest(admin, "LastName,Company\n" + "\n".join(rows_sent))
    admin("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    done = finished(admin, "ingest", job)
    assert (done["state"], done["numberRecordsProcessed"]) == ("Aborted", 400)
    assert admin.query("SELECT count() FROM Lead")["totalSize"] == 400
    assert admin("GET", f"/jobs/ingest/{job}/successfulResults").text.count("\n") == 401
    left = admin("GET", f"/jobs/ingest/{job}/unprocessedrecords").text
    assert left == "LastName,Company\n" + "\n".join(rows_sent[400:]) + "\n"


def test_jobs_are_forgotten_after_seven_days(admin: Caller) -> None:
    _, old = ingest(admin, "LastName,Company\nA,C\n", object="Lead", operation="insert")
    admin.org.clock.advance(6 * 86400)
    assert admin("GET", f"/jobs/ingest/{old}").status == 200
    admin.org.clock.advance(2 * 86400)
    assert admin("GET", f"/jobs/ingest/{old}").status == 404
    assert admin("GET", "/jobs/ingest").json["records"] == []
    assert not list(admin.org.files.glob(f"job-{old}*"))


# -- lists ------------------------------------------------------------------------------------------


def test_lists_have_pages_and_filters(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_jobs, "LIST_LENGTH", 2)
    made = [new_ingest(admin) for _ in range(5)]
    query = start(admin, "SELECT Id FROM Lead")
    seen: list[str] = []
    url: str | None = "/jobs/ingest?jobType=V2Ingest"
    while url is not None:
        page = admin("GET", url).json
        assert list(page) == ["done", "records", "nextRecordsUrl"]
        assert page["done"] is (page["nextRecordsUrl"] is None)
        seen += [record["id"] for record in page["records"]]
        url = page["nextRecordsUrl"] and page["nextRecordsUrl"].removeprefix("/services/data/v60.0")
    assert seen == made[::-1]
    record = admin("GET", "/jobs/ingest").json["records"][0]
    assert (record["jobType"], record["state"]) == ("V2Ingest", "Open") and "retries" not in record
    ids = [record["id"] for record in admin("GET", "/jobs/query").json["records"]]
    assert ids == [query]
    for nothing in ("isPkChunkingEnabled=true", "jobType=Classic", "concurrencyMode=serial"):
        assert admin("GET", f"/jobs/query?{nothing}").json["records"] == []
    assert admin("GET", "/jobs/query?concurrencyMode=parallel").json["records"]
    assert admin("GET", "/jobs/query?queryLocator=nonsense").status == 400


# -- refused creations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"operation": "insert"}, "INVALIDJOB"),
        ({"object": "Lead"}, "INVALIDJOB"),
        ({"object": "Nonesuch", "operation": "insert"}, "INVALIDJOB"),
        ({"object": "Lead", "operation": "merge"}, "INVALIDJOB"),
        ({"object": "Lead", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Lead", "operation": "upsert", "externalIdFieldName": "Title"}, "INVALIDJOB"),
        ({"object": "Lead", "operation": "insert", "columnDelimiter": "SPACE"}, "INVALIDJOB"),
        ({"object": "Lead", "operation": "insert", "columnDelimiter": ["TAB"]}, "INVALIDJOB"),
        ({"object": "Lead", "operation": "insert", "lineEnding": "CR"}, "INVALIDJOB"),
        ({"object": "Lead", "operation": "insert", "contentType": "JSON"}, "INVALIDJOB"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
def test_refused_ingest_jobs(admin: Caller, body: Any, code: str) -> None:
    answer = admin("POST", "/jobs/ingest", body)
    assert (answer.status, answer.json[0]["errorCode"]) == (400, code)


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        ("SELECT Address FROM Lead", "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported"),
        (
            "SELECT LastName, COUNT(Id) FROM Lead GROUP BY LastName",
            "API_ERROR",
            "not supported in Bulk Query",
        ),
        ("SELECT Id FROM Lead LIMIT 1 OFFSET 1", "API_ERROR", "OFFSET"),
        ("SELECT TYPEOF Owner WHEN User THEN Name END FROM Lead", "API_ERROR", "TYPEOF"),
        ("", "INVALIDJOB", "query"),
    ],
)
def test_what_bulk_queries_cannot_do(admin: Caller, soql: str, code: str, message: str) -> None:
    answer = admin("POST", "/jobs/query", {"operation": "query", "query": soql})
    assert (answer.status, answer.json[0]["errorCode"]) == (400, code)
    assert message in answer.json[0]["message"]


def test_places_are_compound_too(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Place", "location", scale=2)
    admin.create("Lead", LastName="L", Company="C", Place__Latitude__s=1.5, Place__Longitude__s=-2)
    answer = admin("POST", "/jobs/query", {"operation": "query", "query": "SELECT Place__c FROM Lead"})
    assert answer.json[0]["errorCode"] == "FUNCTIONALITY_NOT_ENABLED"
    job = start(admin, "SELECT Place__Latitude__s, Place__Longitude__s FROM Lead")
    finished(admin, "query", job)
    assert rows(admin("GET", f"/jobs/query/{job}/results").text)[1] == ["1.5", "-2.0"]


def test_objects_that_the_bulk_api_does_not_serve(admin: Caller) -> None:
    with pytest.raises(
        ApiError, match=r"INVALIDENTITY: Entity 'CaseStatus' is not supported by the Bulk API\."
    ):
        bulk_jobs.require_bulk("CaseStatus")


def test_the_limits_of_a_day(admin: Caller) -> None:
    start(admin, "SELECT Id FROM Lead")
    ingest(admin, "LastName,Company\nA,C\n", object="Lead", operation="insert")
    limits = admin("GET", "/limits").json
    assert limits["DailyBulkV2QueryJobs"]["Remaining"] == limits["DailyBulkV2QueryJobs"]["Max"] - 1
    assert limits["DailyBulkApiBatches"]["Remaining"] == limits["DailyBulkApiBatches"]["Max"] - 1
    admin.org.set_setting("limits", {"DailyBulkV2QueryJobs": 1, "DailyBulkApiBatches": 1})
    query = admin("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Lead"})
    assert refusal(query) == (400, "LIMIT_EXCEEDED", "Max bulk v2 query jobs (1) per 24 hrs has been reached")
    assert admin("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"}).status == 400
    admin.org.clock.advance(86401)
    assert start(admin, "SELECT Id FROM Lead")
    admin.org.set_setting("bulk_open_jobs", 1)
    new_ingest(admin)
    full = admin("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"})
    assert (full.status, full.json[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")


def test_resources_exist_from_their_version_on(admin: Caller) -> None:
    admin.version = "46.0"
    assert admin("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Lead"}).status == 404
    admin.version = "40.0"
    assert admin("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"}).status == 404
    admin.version = "57.0"
    job = start(admin, "SELECT Id FROM Lead")
    finished(admin, "query", job)
    assert admin("GET", f"/jobs/query/{job}/resultPages").status == 404
    assert admin("GET", f"/jobs/query/{job}/results").status == 200


def test_hard_delete_needs_a_permission(admin: Caller) -> None:
    profile = profiles.create_profile(admin.org, "Plain")
    user = birth.create_user(admin.org, username="p@example.com", last_name="P", profile=profile)
    plain = Caller(admin.org, user)
    answer = plain("POST", "/jobs/ingest", {"object": "Lead", "operation": "hardDelete"})
    assert (answer.status, answer.json[0]["errorCode"]) == (400, "FEATURENOTENABLED")
    assert plain("POST", "/jobs/ingest", {"object": "Lead", "operation": "delete"}).status == 200


# -- uploads ----------------------------------------------------------------------------------------


def test_a_job_and_its_content_in_one_multipart_request(admin: Caller) -> None:
    body = (
        '--BOUNDARY\nContent-Type: application/json\nContent-Disposition: form-data; name="job"\n\n'
        '{"object":"Lead", "contentType":"CSV", "operation": "insert"}\n\n'
        '--BOUNDARY\nContent-Type: text/csv\nContent-Disposition: form-data; name="content"; filename="content"\n\n'
        'LastName,Company\nAstro,"a\nb"\n--BOUNDARY--\n'
    )
    form = 'multipart/form-data; boundary="BOUNDARY"'
    made = admin("POST", "/jobs/ingest", raw=body.encode(), Content_Type=form)
    assert (made.status, made.json["state"]) == (200, "UploadComplete"), made.text
    assert finished(admin, "ingest", made.json["id"])["numberRecordsProcessed"] == 1
    assert admin.query("SELECT Company FROM Lead")["records"][0]["Company"] == "a\nb"
    again = admin("POST", "/jobs/ingest", raw=body.replace("\n", "\r\n").encode(), Content_Type=form)
    assert finished(admin, "ingest", again.json["id"])["errorMessage"].startswith("ClientInputError")
    for broken in (body[:-5], body.replace("name=", "nam="), "", body.replace('"job"', '"jobs"')):
        assert admin("POST", "/jobs/ingest", raw=broken.encode(), Content_Type=form).status == 400
    assert admin("POST", "/jobs/ingest", raw=b"", Content_Type="multipart/form-data").status == 400


def test_an_upload_that_is_too_large(admin: Caller) -> None:
    admin.org.set_setting("bulk_upload_bytes", 40)
    job = new_ingest(admin)
    assert admin("PUT", f"/jobs/ingest/{job}/batches", raw=b"x" * 31).status == 413
    assert admin("PUT", f"/jobs/ingest/{job}/batches", raw=b"LastName,Company\nA,C\n").status == 201


@pytest.mark.parametrize(
    ("content", "form", "message"),
    [
        ('﻿"LastName",Company\nA,C\n', {}, "InvalidBatch : Failed to parse CSV. Found unescaped quote."),
        ("﻿LastName,Company\nA,C\n", {}, "InvalidBatch : Field name not found : ﻿LastName"),
        ('LastName,Company\nA,C\n"B,C\n', {}, "InvalidBatch : Failed to parse CSV. EOF reached"),
        ("LastName,Company\nA,C\nB,C\r\n", {}, "ClientInputError : LineEnding is invalid on user data."),
        ("LastName,Company\nA,C\n", {"lineEnding": "CRLF"}, "Current LineEnding setting is CRLF"),
        ("LastName,Company\nA,C\n", {"columnDelimiter": "TAB"}, "Field name not found : LastName,Company"),
        ("LastName,Company,Owner.Title\nA,C,x\n", {}, "InvalidBatch : Field name not found : Owner.Title"),
        ("LastName,Company\nA,C\n", {"operation": "update"}, "InvalidBatch : Field name not found : Id"),
    ],
)
def test_what_fails_a_job_as_a_whole(admin: Caller, content: str, form: dict[str, str], message: str) -> None:
    done, job = ingest(admin, content, **{"object": "Lead", "operation": "insert", **form})
    assert (done["state"], done["numberRecordsProcessed"]) == ("Failed", 0)
    assert message in done["errorMessage"]
    assert admin.query("SELECT count() FROM Lead")["totalSize"] == 0
    left = admin("GET", f"/jobs/ingest/{job}/unprocessedrecords")
    assert left.status == 200 and left.raw.splitlines()[1:] == content.encode().splitlines()[1:]


@pytest.mark.parametrize("content", ["", "\n", "LastName,Company\n"])
@pytest.mark.parametrize("operation", ["insert", "delete"])
def test_an_upload_without_records_completes(admin: Caller, content: str, operation: str) -> None:
    header = "Id\n" if content and operation == "delete" else content
    done, job = ingest(admin, header, object="Lead", operation=operation)
    assert (done["state"], done["numberRecordsProcessed"]) == ("JobComplete", 0)
    for kind in ("successfulResults", "failedResults", "unprocessedrecords"):
        answer = admin("GET", f"/jobs/ingest/{job}/{kind}")
        assert answer.status == 200 and len(answer.text.splitlines()) <= 1


def test_headers_come_back_as_they_were_sent(admin: Caller) -> None:
    _, job = ingest(admin, '"LastName",company\nA,C\nB,\n', object="Lead", operation="insert")
    good = admin("GET", f"/jobs/ingest/{job}/successfulResults")
    lead = admin.query("SELECT Id FROM Lead")["records"][0]["Id"]
    assert good.text == f'"sf__Id","sf__Created","LastName",company\n"{lead}","true","A","C"\n'
    bad = admin("GET", f"/jobs/ingest/{job}/failedResults").text
    assert bad == (
        '"sf__Id","sf__Error","LastName",company\n'
        '"","REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --","B",""\n'
    )
    admin.version = "53.0"
    update = new_ingest(admin, f"Id,Email\n{lead},bad\n", operation="update")
    admin("PATCH", f"/jobs/ingest/{update}", {"state": "UploadComplete"})
    finished(admin, "ingest", update)
    bad = admin("GET", f"/jobs/ingest/{update}/failedResults").text
    assert bad.splitlines()[1].startswith(f'"{lead}","INVALID_EMAIL_ADDRESS:')


def test_parents_by_their_keys(admin: Caller) -> None:
    create_field(admin.org, "Account", "Ext", "text", length=40, external_id=True)
    account = admin.create("Account", Name="A", Ext__c="k")
    birth.create_user(admin.org, username="o@example.com", last_name="O", profile=birth.ADMINISTRATOR_PROFILE)
    first = admin.create("Contact", LastName="First", AccountId=account)
    done, job = ingest(
        admin,
        f"Id,Account.Ext__c\n{first},#N/A\n{first},nowhere\n{first},\n",
        object="Contact",
        operation="update",
    )
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (3, 1)
    bad = rows(admin("GET", f"/jobs/ingest/{job}/failedResults").text)
    assert bad[1][1] == (
        "INVALID_FIELD:Foreign key external ID: nowhere not found for field Ext__c in entity Account:--"
    )
    assert admin.query("SELECT AccountId FROM Contact")["records"][0]["AccountId"] is None


def test_record_types_by_name(admin: Caller) -> None:
    with admin.org.transaction() as tx:
        kind = mint(tx.connection, "012")[0]
        setup_rows.insert_row(
            admin.org,
            "RecordType",
            {
                "Id": kind,
                "Name": "Partner",
                "DeveloperName": "Partner_Account",
                "SobjectType": "Account",
                "IsActive": 1,
                "CreatedDate": tx.stamp,
                "LastModifiedDate": tx.stamp,
                "SystemModstamp": tx.stamp,
                "CreatedById": admin.user_id,
                "LastModifiedById": admin.user_id,
            },
        )
    done, _ = ingest(
        admin,
        "Name,RecordType.Name\nA,Partner\nB,None such\n",
        object="Account",
        operation="insert",
    )
    assert done["numberRecordsFailed"] == 1
    assert admin.query("SELECT RecordTypeId FROM Account")["records"][0]["RecordTypeId"] == kind


def test_assignment_rules_of_a_job(admin: Caller) -> None:
    owner = birth.create_user(
        admin.org, username="o@example.com", last_name="O", profile=birth.ADMINISTRATOR_PROFILE
    )
    entry = {"when": None, "owner": owner}
    rule = {"object": "Lead", "active": False, "default_owner": None, "entries": [entry], "name": "Night"}
    admin.org.set_setting("assignment_rules", [{**rule, "id": "01Q000000000001EAA"}])
    ingest(
        admin,
        "LastName,Company\nA,C\n",
        object="Lead",
        operation="insert",
        assignmentRuleId="01Q000000000001",
    )
    assert admin.query("SELECT OwnerId FROM Lead")["records"][0]["OwnerId"] == owner


def test_external_ids_given_twice_in_a_chunk(admin: Caller) -> None:
    create_field(admin.org, "Lead", "Ext", "text", length=40, external_id=True)
    content = "Ext__c,LastName,Company\n1,A,C\n1,B,C\n,D,C\n"
    done, job = ingest(admin, content, object="Lead", operation="upsert", externalIdFieldName="Ext__c")
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (3, 2)
    errors = [row[1] for row in rows(admin("GET", f"/jobs/ingest/{job}/failedResults").text)[1:]]
    assert errors == [
        "DUPLICATE_VALUE:Duplicate external id specified: 1:Ext__c --",
        "MISSING_ARGUMENT:Ext__c not specified:--",
    ]


def test_a_failed_query_says_why(admin: Caller) -> None:
    admin.org.set_setting("job_speed", "stepped")
    create_field(admin.org, "Lead", "Gone", "text")
    job = start(admin, "SELECT Gone__c FROM Lead")
    delete_field(admin.org, "Lead", "Gone__c")
    done = finished(admin, "query", job)
    assert done["state"] == "Failed" and "Gone__c" in done["errorMessage"]
    assert admin("GET", f"/jobs/query/{job}/results").status == 400


def test_a_locked_row_fails_alone(admin: Caller) -> None:
    admin.org.set_setting("lock_wait_seconds", 0)
    held = admin.create("Lead", LastName="held", Company="C")
    free = admin.create("Lead", LastName="free", Company="C")
    admin.org.late.hold(admin.user_id, "update", "Lead", held, {"Title": "later"}, 600)
    done, job = ingest(admin, f"Id,City\n{held},Rome\n{free},Rome\n", object="Lead", operation="update")
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (2, 1)
    bad = rows(admin("GET", f"/jobs/ingest/{job}/failedResults").text)[1]
    assert bad[0] == held and bad[1].startswith("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access")


# -- restarts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 2])
def test_work_that_broke_off_goes_on_where_it_was(
    admin: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """A process that ends in the middle of a chunk leaves nothing of it: neither rows nor results."""
    real, done = dml.apply, [0]

    def breaking(*given: Any, **more: Any) -> Any:
        outcomes = real(*given, **more)
        if done[0] == after:
            raise KeyboardInterrupt
        done[0] += 1
        return outcomes

    monkeypatch.setattr(dml, "apply", breaking)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    content = "LastName,Company\n" + "".join(f"L{n},{'C' if n % 7 else ''}\n" for n in range(500))
    job = new_ingest(admin, content)
    admin("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    for thread in list(admin.org.jobs.values()):
        thread.join()
    assert admin.query("SELECT count() FROM Lead")["totalSize"] == after * 200 - len(
        [n for n in range(after * 200) if n % 7 == 0]
    )
    monkeypatch.undo()
    admin.org.close()
    admin.org = Org.open(tmp_path / "org.sqlite3")
    jobs.resume(admin.org, {"ingest": ingest_work.work})
    for thread in list(admin.org.jobs.values()):
        thread.join()
    shown = admin("GET", f"/jobs/ingest/{job}").json
    assert (shown["state"], shown["numberRecordsProcessed"]) == ("JobComplete", 500)
    good = rows(admin("GET", f"/jobs/ingest/{job}/successfulResults").text)[1:]
    bad = rows(admin("GET", f"/jobs/ingest/{job}/failedResults").text)[1:]
    assert sorted([*(r[2] for r in good), *(r[2] for r in bad)]) == sorted(f"L{n}" for n in range(500))
    stored = {r["Id"] for r in admin.query("SELECT Id FROM Lead")["records"]}
    assert {r[0] for r in good} == stored and len(bad) == shown["numberRecordsFailed"]


def test_killed_in_the_middle_of_a_job(tmp_path: Path) -> None:
    with start_practice_org(tmp_path) as org, org.api() as api:
        content = "LastName,Company\n" + "".join(f"L{n},C\n" for n in range(6000))
        job = api.post("jobs/ingest", json={"object": "Lead", "operation": "insert"}).json()["id"]
        packed = gzip.compress(content.encode())
        headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
        assert api.put(f"jobs/ingest/{job}/batches", content=packed, headers=headers).status_code == 201
        api.patch(f"jobs/ingest/{job}", json={"state": "UploadComplete"})
        org.kill()
    with start_practice_org(tmp_path) as org, org.api() as api:
        for _ in range(300):
            shown = api.get(f"jobs/ingest/{job}").json()
            if shown["state"] == "JobComplete":
                break
        assert (shown["numberRecordsProcessed"], shown["numberRecordsFailed"]) == (6000, 0)
        good = api.get(f"jobs/ingest/{job}/successfulResults").text
        assert good.count("\n") == 6001
        counted = api.get("query", params={"q": "SELECT count() FROM Lead"}).json()
        assert counted["totalSize"] == 6000


def test_an_upsert_by_id_without_an_id_column_inserts(admin: Caller) -> None:
    done, _ = ingest(
        admin, "LastName,Company\nA,C\n", object="Lead", operation="upsert", externalIdFieldName="Id"
    )
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (
        "JobComplete",
        1,
        0,
    )
    assert admin.query("SELECT LastName FROM Lead")["records"][0]["LastName"] == "A"
