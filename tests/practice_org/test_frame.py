"""What every answer of the REST API has in common."""

from __future__ import annotations

import email.utils
import gzip
import json
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.practice_org.server import RunningOrg


def test_versions_need_no_login_and_run_from_31_to_67(live_org: RunningOrg) -> None:
    rows = httpx2.get(f"{live_org.base_url}/services/data").json()
    assert rows[0]["version"] == "31.0" and rows[0]["label"] == "Summer '14"
    assert rows[-2] == {"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"}
    assert rows[-1]["version"] == "67.0"


@pytest.mark.parametrize(
    ("version", "status"), [("30.0", 410), ("68.0", 404), ("59.5", 404), ("31.0", 200), ("67.0", 200)]
)
def test_versions_that_are_gone_or_not_there_yet(live_org: RunningOrg, version: str, status: int) -> None:
    answer = httpx2.get(
        f"{live_org.base_url}/services/data/v{version}/limits",
        headers={"Authorization": f"Bearer {live_org.token()}"},
    )
    assert answer.status_code == status
    if status == 410:
        assert answer.json()[0]["errorCode"] == "GONE"


def test_the_root_of_a_version_lists_resources_and_an_absolute_identity(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        root = api.get("").json()
    assert root["sobjects"] == "/services/data/v60.0/sobjects"
    assert root["identity"] == f"{live_org.base_url}/id/{live_org.org_id}/{live_org.user('sync')['user_id']}"


def test_headers(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        answer = api.get("sobjects/Lead/describe")
        plain = api.get("sobjects/Lead/describe", headers={"Accept-Encoding": "identity"})
        again = api.get("limits")
    headers = answer.headers
    assert headers["content-type"] == "application/json;charset=UTF-8"
    assert headers["cache-control"] == "no-cache,must-revalidate,max-age=0,no-store,private"
    assert headers["sforce-limit-info"] == "api-usage=1/15000"
    assert headers["content-encoding"] == "gzip" and headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain.headers and plain.content == answer.content
    assert headers["server"] == "sfdcedge" and headers["x-sfdc-request-id"]
    assert "BrowserId=" in headers["set-cookie"] and "set-cookie" not in again.headers
    assert answer.text.startswith("{") and '": ' not in answer.text[:200]


def test_pretty_print(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        text = api.get(
            "query", params={"q": "SELECT Id FROM Lead LIMIT 1"}, headers={"X-PrettyPrint": "1"}
        ).text
    assert text.startswith(
        '{\n  "totalSize" : 1,\n  "done" : true,\n  "records" : [ {\n    "attributes" : {\n'
    )
    assert json.loads(text)["totalSize"] == 1


def test_date_follows_the_orgs_clock(live_org: RunningOrg) -> None:
    live_org.control("clock", {"offset_seconds": 86_400})
    with live_org.api() as api:
        said = email.utils.parsedate_to_datetime(api.get("limits").headers["date"])
        assert said - datetime.now(UTC) > timedelta(hours=23)
        live_org.control("clock", {"freeze": "2026-03-04T05:06:07Z"})
    with live_org.api() as api:
        assert api.get("limits").headers["date"] == "Wed, 04 Mar 2026 05:06:07 GMT"
    live_org.control("clock", {"advance": 60})
    assert live_org.control("state")["now"] == "2026-03-04T05:07:07.000+0000"


def test_paths(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        assert api.get("limits/").status_code == 200
        assert api.get("sobjects//Lead").status_code == 404
        assert api.get("nonsense").json() == [
            {"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}
        ]
        wrong = api.delete("limits")
        assert wrong.status_code == 405 and wrong.json()[0]["errorCode"] == "METHOD_NOT_ALLOWED"
        assert "Allowed are" in wrong.json()[0]["message"]
    for token in ("", "Bearer 00Dnonsense", "Basic abc"):
        answer = httpx2.get(
            f"{live_org.base_url}/services/data/v60.0/nonsense", headers={"Authorization": token}
        )
        assert answer.status_code == 401
        assert answer.text == '[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]'


def test_a_gzipped_body_is_read_and_a_damaged_one_refused(live_org: RunningOrg) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    body = json.dumps({"LastName": "Zipped", "Company": "Gzip"}).encode()
    with live_org.api() as api:
        assert api.post("sobjects/Lead", content=gzip.compress(body), headers=headers).status_code == 201
        assert api.post("sobjects/Lead", content=b"rubbish", headers=headers).status_code == 400


def test_calls_are_counted_and_run_out(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        live_org.control("limits", {"DailyApiRequests": 3, "used": 0})
        assert [api.get("sobjects").status_code for _ in range(4)] == [200, 200, 200, 403]
        refused = api.get("sobjects")
        assert (
            refused.text
            == '[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]'
        )
        limits = api.get("limits")
        assert limits.json()["DailyApiRequests"] == {"Max": 3, "Remaining": 0}
        live_org.control("clock", {"advance": 25 * 3600})
    with live_org.api() as api:
        assert api.get("sobjects").status_code == 200


def test_an_address_that_is_too_long(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        assert api.get("query", params={"q": "SELECT Id FROM Lead" + " " * 17_000}).status_code == 414
        assert api.get("query", params={"q": "SELECT Id FROM Lead" + "%20" * 1_000}).status_code != 414


def test_slashes_doubled_at_the_root_count_once_and_are_not_found_further_on(live_org: RunningOrg) -> None:
    """The Salesforce CLI sends the first (login by access token); the second is a recorded 404 (cli issue 2968)."""
    headers = {"Authorization": f"Bearer {live_org.token()}"}
    host = live_org.base_url
    assert httpx2.get(f"{host}//services/data/v60.0/limits", headers=headers).status_code == 200
    assert httpx2.get(f"{host}/services/data/v60.0/jobs/query//750", headers=headers).status_code == 404
