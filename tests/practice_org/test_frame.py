"""What every answer of the REST API has in common."""

from __future__ import annotations

import email.utils
import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

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
    assert [c.partition("=")[0] for c in headers.get_list("set-cookie")] == [
        "CookieConsentPolicy",
        "LSKey-c$CookieConsentPolicy",
        "BrowserId",
    ]
    assert "set-cookie" not in again.headers
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
    expired = '[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]'
    no_token = '[{"message":"INVALID_HEADER_TYPE","errorCode":"INVALID_AUTH_HEADER"}]'
    for given, body in (
        ("", expired),
        ("Bearer 00Dnonsense", expired),
        ("OAuth 00Dnonsense", expired),
        ("Basic abc", no_token),
        ("OAuth", no_token),
    ):
        answer = httpx2.get(
            f"{live_org.base_url}/services/data/v60.0/nonsense", headers={"Authorization": given}
        )
        assert (answer.status_code, answer.text) == (401, body)
        assert "sforce-limit-info" not in answer.headers and "vary" not in answer.headers


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


def test_headers_are_spelled_as_salesforce_spells_them(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        made = api.post("sobjects/Lead", json={"LastName": "Spelled", "Company": "X"})
        changed = api.patch(f"sobjects/Lead/{made.json()['id']}", json={"Title": "Dr"})
    recorded = {
        "Strict-Transport-Security", "X-Content-Type-Options", "X-XSS-Protection", "X-Robots-Tag",
        "Cache-Control", "Sforce-Limit-Info", "Content-Type", "Location", "Vary", "Date", "Server",
        "X-SFDC-Request-Id", "Content-Length", "Set-Cookie",
    }  # fmt: skip
    assert {name.decode() for name, _ in made.headers.raw} == recorded
    bodiless = {name.decode() for name, _ in changed.headers.raw}
    assert bodiless & {"Content-Type", "Vary"} == set() and "Content-Security-Policy" in bodiless


def test_an_address_may_end_in_json(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        assert api.get("limits.json").json()["DailyApiRequests"]["Max"] == 15000
        assert api.get("sobjects/Lead/describe.json").json()["name"] == "Lead"
        assert api.get("nonsense.json").status_code == 404


def test_bodies_that_are_no_json_are_refused(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        for kind in ("application/x-www-form-urlencoded", "text/plain", "text/xml"):
            answer = api.post("sobjects/Lead", content=b"LastName=X", headers={"Content-Type": kind})
            assert answer.status_code == 415
            assert answer.json() == [
                {
                    "errorCode": "UNSUPPORTED_MEDIA_TYPE",
                    "message": f"MediaType of '{kind}' is not supported by this resource",
                }
            ]
        body = b'{"LastName":"X","Company":"Y"}'
        for kind in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", ""):
            headers = {"Content-Type": kind} if kind else {}
            assert api.post("sobjects/Lead", content=body, headers=headers).status_code == 201


def test_headers_and_bodies_have_limits(live_org: RunningOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("practice_org.intake.LARGEST_BODY", 2_000)
    with live_org.api() as api:
        answer = api.get("limits", headers={"X-Long": "x" * 17_000})
        assert answer.status_code == 431 and "Request Header Fields Too Large" in answer.text
        large = api.post("sobjects/Lead", json={"LastName": "x" * 3_000, "Company": "Y"})
        assert large.status_code == 413
        assert large.json()[0]["errorCode"] == "EXCEEDED_MAX_SIZE_REQUEST"
        assert api.get("limits").status_code == 200


def test_too_many_long_calls_at_a_time(live_org: RunningOrg) -> None:
    live_org.control("settings", {"long_call_seconds": 1, "concurrent_long_calls": 1})
    live_org.control("faults", {"trigger": "query", "latency_ms": 2500})
    faults = 0
    envelope = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader '
        f'xmlns="urn:partner.soap.sforce.com"><sessionId>{live_org.token()}</sessionId></SessionHeader></e:Header>'
        '<e:Body><getServerTimestamp xmlns="urn:partner.soap.sforce.com"/></e:Body></e:Envelope>'
    )
    with live_org.api() as api, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(api.get, "query", params={"q": "SELECT Id FROM Lead LIMIT 1"})
        answers = []
        while not slow.done():
            answers.append(api.get("limits"))
            soap = httpx2.post(f"{live_org.base_url}/services/Soap/u/60.0", content=envelope)
            assert soap.status_code == 200 or "ConcurrentPerOrgLongTxn Limit exceeded." in soap.text
            faults += soap.status_code == 500
        assert slow.result().status_code == 200 and faults
        refused = [a.text for a in answers if a.status_code != 200]
        assert set(refused) == {
            '[{"message":"ConcurrentPerOrgLongTxn Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]'
        }
        assert api.get("limits").status_code == 200


def test_an_app_with_a_quota_is_told_of_it(live_org: RunningOrg) -> None:
    live_org.control("settings", {"app_api_calls": 250})
    with live_org.api() as api:
        api.get("sobjects")
        told = api.get("sobjects").headers["sforce-limit-info"]
    assert re.fullmatch(r"api-usage=2/15000; per-app-api-usage=2/250\(appName=.+\)", told)


def test_verbs_and_addresses_that_are_none(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        for verb in ("TRACE", "FROBNICATE", "OPTIONS"):
            answer = api.request(verb, "limits")
            assert answer.status_code == 405
            assert answer.json()[0]["message"] == f"HTTP Method '{verb}' not allowed. Allowed are HEAD,GET"
            assert not [name for name in answer.headers if name.startswith("access-control-")]
        head = api.head("limits")
        assert head.status_code == 200 and head.content == b""
        assert head.headers["content-type"] == "application/json;charset=UTF-8"
    base = live_org.base_url
    assert httpx2.post(f"{base}/services/apexrest/mine", json={}).json()[0]["errorCode"] == "NOT_FOUND"
    assert "URL No Longer Exists" in httpx2.get(f"{base}/nowhere/at/all").text


def test_answers_and_records_in_xml(live_org: RunningOrg) -> None:
    as_xml = {"Accept": "application/xml"}
    with live_org.api() as api:
        body = b"<Lead><!-- a person --><LastName>A <![CDATA[&]]> B</LastName><Company>X</Company><AnnualRevenue>5</AnnualRevenue></Lead>"
        made = api.post("sobjects/Lead", content=body, headers={**as_xml, "Content-Type": "application/xml"})
        assert made.status_code == 201 and made.headers["content-type"] == "application/xml;charset=UTF-8"
        found = re.fullmatch(
            r"<\?xml version=\"1.0\" encoding=\"UTF-8\"\?><Result><id>(00Q\w{15})</id><success>true</success></Result>",
            made.text,
        )
        assert found
        shown = api.get(f"sobjects/Lead/{found[1]}.xml", params={"fields": "LastName,Title"}).text
        assert "<LastName>A &amp; B</LastName>" in shown and '<Lead type="Lead" url="/services/' in shown
        assert 'xsi:nil="true"' in shown
        rows = api.get("query", params={"q": "SELECT LastName FROM Lead LIMIT 2"}, headers=as_xml).text
        assert rows.count("<records ") == 2 and "<QueryResult><totalSize>2</totalSize>" in rows
        wrong = api.get("nonsense", headers=as_xml)
        assert wrong.text.endswith(
            "<Errors><Error><errorCode>NOT_FOUND</errorCode>"
            "<message>The requested resource does not exist</message></Error></Errors>"
        )
        for path in ("", "limits.xml", "sobjects.xml", "sobjects/Lead/describe.xml"):
            assert ElementTree.fromstring(api.get(path, headers=as_xml).content).tag in (
                "urls", "LimitsSnapshot", "DescribeGlobal", "Lead",
            )  # fmt: skip
        assert api.get("limits", headers={"Accept": "text/html,application/xml;q=0.9,*/*"}).json()
        broken = api.post("sobjects/Lead", content=b"<Lead><", headers={"Content-Type": "application/xml"})
        assert broken.status_code == 400 and broken.json()[0]["errorCode"] == "XML_PARSER_ERROR"


def test_every_resource_that_is_named_is_there(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        resources = api.get("").json()
        for name in ("composite", "tooling", "jobs", "metadata", "appMenu"):
            below = api.get(f"{live_org.base_url}{resources[name]}/").json()
            assert all(path.startswith(f"{resources[name]}/") for path in below.values())
            for path in below.values():
                # Of `tree` there is only what lies below: an object's name follows.
                found = api.get(f"{live_org.base_url}{path}")
                assert found.status_code != 404 or path.endswith("/tree"), path
