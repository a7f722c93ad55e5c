"""Files in records, as the recorded calls of a client create, change and read them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.practice_org.calls import Caller, new_org

CONTENT = base64.b64decode("BAgVFiNC")


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def version(admin: Caller, **more: str) -> str:
    return admin.create(
        "ContentVersion", Title="File for testing", PathOnClient="a/file.txt", VersionData="BAgVFiNC", **more
    )


def test_a_query_answers_with_an_address_and_the_address_with_the_bytes(admin: Caller) -> None:
    made = version(admin)
    (row,) = admin.query("SELECT Id, VersionData FROM ContentVersion")["records"]
    assert row["VersionData"] == f"/services/data/v60.0/sobjects/ContentVersion/{made}/VersionData"
    answer = admin("GET", row["VersionData"].removeprefix("/services/data/v60.0"))
    assert (answer.status, answer.raw) == (200, CONTENT)
    assert answer.headers["content-type"] == "application/octetstream"
    assert admin("PATCH", f"/sobjects/ContentVersion/{made}", {"VersionData": "AAAA"}).status == 204
    assert admin("GET", f"/sobjects/ContentVersion/{made}/versiondata").raw == b"\0\0\0"
    assert admin("GET", f"/sobjects/ContentVersion/{made}/Title").status == 404
    assert admin("GET", "/sobjects/ContentVersion/068000000000000AAA/VersionData").status == 404


def test_versions_share_a_document(admin: Caller) -> None:
    first = admin("GET", f"/sobjects/ContentVersion/{version(admin)}").json
    assert (first["FileExtension"], first["FileType"], first["ContentSize"]) == ("txt", "TEXT", 6)
    assert first["VersionNumber"] == "1" and first["IsLatest"] is True
    version(admin, ContentDocumentId=first["ContentDocumentId"])
    rows = admin.query("SELECT VersionNumber, IsLatest FROM ContentVersion ORDER BY VersionNumber")["records"]
    assert [(r["VersionNumber"], r["IsLatest"]) for r in rows] == [("1", False), ("2", True)]
    (document,) = admin.query("SELECT Title, LatestPublishedVersion.VersionNumber FROM ContentDocument")[
        "records"
    ]
    assert document["LatestPublishedVersion"]["VersionNumber"] == "2"


def test_what_is_no_base64_is_refused(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="A", Company="B")
    body = {"ParentId": lead, "Name": "a.txt", "Body": "not base64!"}
    refused = admin("POST", "/sobjects/Attachment", body)
    assert refused.json[0]["errorCode"] == "JSON_PARSER_ERROR"
    assert "instance of base64 from VALUE_STRING" in refused.json[0]["message"]
    made = admin.create("Attachment", **{**body, "Body": "BAgVFiNC"})
    assert admin("GET", f"/sobjects/Attachment/{made}").json["BodyLength"] == 6
    assert admin("GET", f"/sobjects/Attachment/{made}/Body").raw == CONTENT


def test_bytes_may_come_in_a_part_of_their_own(admin: Caller) -> None:
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="entity_content"\r\nContent-Type: application/json\r\n\r\n'
        b'{"PathOnClient": "b.bin"}\r\n--xyz\r\nContent-Disposition: form-data; name="VersionData"; '
        b'filename="b.bin"\r\nContent-Type: application/octet-stream\r\n\r\n' + CONTENT + b"\r\n--xyz--\r\n"
    )
    made = admin(
        "POST", "/sobjects/ContentVersion", raw=body, Content_Type='multipart/form-data; boundary="xyz"'
    )
    assert made.status == 201
    assert admin("GET", f"/sobjects/ContentVersion/{made.json['id']}/VersionData").raw == CONTENT
    broken = admin("POST", "/sobjects/ContentVersion", raw=body, Content_Type="multipart/form-data")
    assert broken.status == 400
