"""Both public clients of the Pub/Sub API, unmodified: pysfpubsub and the npm salesforce-pubsub-api-client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.practice_org.clients.peers import run_node, run_python
from tests.practice_org.clients.watch import watched
from tests.practice_org.server import RunningOrg, start_practice_org

pytestmark = pytest.mark.conformance
TOPIC = "/event/Said__e"
TEXT = 'with "quotes", 東京 🚀\nnew line'


@pytest.fixture
def org(tmp_path: Path) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path, tls=True, events=True) as running:
        running.control("events", {"define": {"name": "Said", "fields": {"Text": "textarea"}}})
        running.control("events", {"managed": {"name": "Kept", "topic": TOPIC, "default_replay": "EARLIEST"}})
        # The clients begin what comes next when the first keepalive tells them that the stream stands.
        running.control("events", {"keepalive_seconds": 0.5})
        yield running


def changes(org: RunningOrg) -> str:
    """Four changes of a lead; returns its id."""
    with org.api() as api:
        headers = {"Sforce-Call-Options": "client=Someone"}
        lead = str(
            api.post(
                "sobjects/Lead",
                json={"LastName": "Lind", "FirstName": "Eva", "Company": "C", "AnnualRevenue": 1000},
                headers=headers,
            ).json()["id"]
        )
        for values in ({"LastName": "Lund", "City": "Bonn"}, {"Title": TEXT, "AnnualRevenue": None}):
            assert api.patch(f"sobjects/Lead/{lead}", json=values).status_code == 204
        assert api.patch(f"sobjects/Lead/{lead}", json={"Email": "eva@example.com"}).status_code == 204
    return lead


def check(events: list[dict[str, Any]], lead: str) -> None:
    headers = [event["ChangeEventHeader"] for event in events]
    assert [h["changeType"] for h in headers] == ["CREATE", "UPDATE", "UPDATE", "UPDATE"]
    assert all(h["recordIds"] == [lead] and h["entityName"] == "Lead" for h in headers)
    assert headers[0]["changeOrigin"] == "com/salesforce/api/rest/60.0;client=Someone"
    assert [sorted(h["changedFields"]) for h in headers] == [
        [],
        ["Address.City", "LastModifiedDate", "Name.LastName"],
        ["AnnualRevenue", "LastModifiedDate", "Title"],
        ["Email", "LastModifiedDate"],
    ]


def test_pysfpubsub(org: RunningOrg) -> None:
    lead = changes(org)
    with watched(org, "pysfpubsub 0.1.2"):
        said = run_python(
            "pubsub.py",
            {
                "ca": org.ca_file,
                "url": org.tls_url,
                "port": org.facts["events_port"],
                "username": org.username,
                "password": org.password + org.security_token,
                "lead": lead,
                "title": "live",
                "event": TOPIC,
                "text": TEXT,
            },
            REQUESTS_CA_BUNDLE=org.ca_file,
            SSL_CERT_FILE=org.ca_file,
        )
    check(said["events"], lead)
    create, named, titled, _ = said["events"]
    assert create["Name"]["FirstName"] == "Eva" and create["AnnualRevenue"] == 1000.0
    assert named["Name"]["LastName"] == "Lund" and named["Address"]["City"] == "Bonn"
    assert titled["Title"] == TEXT and titled["AnnualRevenue"] is None
    assert said["resumed"] == [True, True]
    assert [sorted(names) for names in said["live"]] == [["LastModifiedDate", "Title"]]
    assert [said["back"][0]] == said["published"] and said["back"][1]["Text__c"] == TEXT


def test_the_npm_client(org: RunningOrg) -> None:
    lead = changes(org)
    with watched(org, "salesforce-pubsub-api-client 5.5.2"):
        said = run_node(
            "pubsub.mjs",
            {
                "url": org.tls_url,
                "endpoint": f"127.0.0.1:{org.facts['events_port']}",
                "username": org.username,
                "password": org.password,
                "token": org.security_token,
                "clientId": org.client_id,
                "clientSecret": org.client_secret,
                "keyFile": org.facts["jwt_key_file"],
                "accessToken": org.token(),
                "lead": lead,
                "title": "live",
                "event": TOPIC,
                "text": TEXT,
                "managed": "Kept",
            },
            NODE_EXTRA_CA_CERTS=org.ca_file,
        )
    assert said["logins"] == 3
    check(said["events"], lead)
    create, named, titled, mailed = said["events"]
    assert create["Name"]["FirstName"] == "Eva" and named["Name"]["LastName"] == "Lund"
    assert titled["Title"] == TEXT and mailed["Email"] == "eva@example.com"
    assert said["resumed"] == [True, True]
    assert [sorted(names) for names in said["live"]] == [["LastModifiedDate", "Title"]]
    assert said["published"][0] == "key-1" and said["batch"] == ["a", "b"]
    assert [text for _, text in said["back"]] == [TEXT, "a", "b"]
    assert said["managed"] == [TEXT, "a", "b"] and said["committed"] == ["b"]
    assert said["back"][0][0] == said["published"][1]
    assert named["ChangeEventHeader"]["sequenceNumber"] == 1
