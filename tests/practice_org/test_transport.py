"""The wire: what clients do with HTTP itself, in the clear, over TLS and through CONNECT."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.practice_org.server import RunningOrg, start_practice_org


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("wire"), records=3, tls=True) as one:
        yield one


@pytest.fixture(scope="module")
def token(org: RunningOrg) -> str:
    return org.token("admin")


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    return parts.hostname, parts.port


def connected(org: RunningOrg) -> socket.socket:
    return socket.create_connection(address(org.base_url), timeout=20)


def answer_of(wire: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case) and body of one answer with a Content-Length."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = wire.recv(1)
        assert byte, head
        head += byte
    lines = head.decode("latin-1").split("\r\n")
    headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines[1:] if line)}
    body = b""
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        body += wire.recv(length - len(body))
    return int(lines[0].split()[1]), headers, body


def head_of(token: str, method: str, path: str, *more: str, version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", f"Authorization: Bearer {token}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


LIMITS = "/services/data/v60.0/limits"
LEAD = "/services/data/v60.0/sobjects/Lead"
PERSON = json.dumps({"LastName": "Wired", "Company": "Wire"}).encode()


def test_one_connection_carries_many_requests_even_sent_ahead(org: RunningOrg, token: str) -> None:
    with closing(connected(org)) as wire:
        for _ in range(3):
            wire.sendall(head_of(token, "GET", LIMITS))
            assert answer_of(wire)[0] == 200
        wire.sendall(head_of(token, "GET", LIMITS) + head_of(token, "GET", "/services/data/v60.0/nope"))
        assert [answer_of(wire)[0], answer_of(wire)[0]] == [200, 404]
        wire.sendall(head_of(token, "DELETE", LIMITS, "Connection: close"))
        assert answer_of(wire)[0] == 405 and wire.recv(1) == b""


def test_http_1_0_is_answered_and_closed(org: RunningOrg, token: str) -> None:
    with closing(connected(org)) as wire:
        wire.sendall(head_of(token, "GET", LIMITS, version="1.0"))
        status, _, body = answer_of(wire)
        assert status == 200 and json.loads(body)["DailyApiRequests"]
        assert wire.recv(1) == b""


def test_a_body_in_chunks(org: RunningOrg, token: str) -> None:
    more = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    with closing(connected(org)) as wire:
        wire.sendall(head_of(token, "POST", LEAD, *more))
        for piece in (PERSON[:5], PERSON[5:]):
            wire.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        wire.sendall(b"0\r\n\r\n")
        assert answer_of(wire)[0] == 201


def test_a_client_that_asks_before_it_sends(org: RunningOrg, token: str) -> None:
    more = ("Content-Type: application/json", f"Content-Length: {len(PERSON)}", "Expect: 100-continue")
    with closing(connected(org)) as wire:
        wire.sendall(head_of(token, "POST", LEAD, *more))
        assert answer_of(wire)[0] == 100
        wire.sendall(PERSON)
        assert answer_of(wire)[0] == 201


def test_large_bodies_go_both_ways(org: RunningOrg, token: str) -> None:
    text = "long " * 6_000
    rows = b"".join(b"Lead %d,Company,%s\n" % (n, b"x" * 900) for n in range(12_000))
    with httpx2.Client(
        base_url=f"{org.base_url}/services/data/v60.0/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=120,
    ) as api:
        made = [
            api.post("sobjects/Lead", json={"LastName": "L", "Company": "B", "Description": text}).json()[
                "id"
            ]
            for _ in range(20)
        ]
        listed = "', '".join(made)
        soql = f"SELECT Description FROM Lead WHERE Id IN ('{listed}')"
        found = api.get("query", params={"q": soql}).json()["records"]
        assert [len(row["Description"]) for row in found] == [len(text.strip())] * 20
        job = api.post("jobs/ingest", json={"object": "Lead", "operation": "insert"}).json()["id"]
        csv = b"LastName,Company,Description\n" + rows
        sent = api.put(f"jobs/ingest/{job}/batches", content=csv, headers={"Content-Type": "text/csv"})
        assert len(csv) > 11_000_000 and sent.status_code == 201
        assert api.patch(f"jobs/ingest/{job}", json={"state": "Aborted"}).status_code == 200


def test_what_is_no_http_is_answered_and_the_connection_closed(org: RunningOrg) -> None:
    for rubbish in (
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"CONNECT\r\n\r\n",
    ):
        with closing(connected(org)) as wire:
            wire.sendall(rubbish)
            said = wire.recv(65_536)
            assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), rubbish
            assert b"Traceback" not in said


def context_of(org: RunningOrg) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=org.ca_file)


def test_tls_with_the_local_ca(org: RunningOrg, token: str) -> None:
    with httpx2.Client(verify=context_of(org), headers={"Authorization": f"Bearer {token}"}) as client:
        root = client.get(f"{org.tls_url}/services/data/v60.0/").json()
        assert root["identity"].startswith(f"{org.tls_url}/id/")
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{org.tls_url}/services/data", verify=ssl.create_default_context())


@pytest.mark.parametrize(
    "host",
    ["login.salesforce.com", "test.salesforce.com", "some-dev-ed.my.salesforce.com", "LOGIN.salesforce.com"],
)
def test_the_plain_port_is_the_proxy_of_salesforces_hosts(org: RunningOrg, host: str) -> None:
    with closing(connected(org)) as wire:
        wire.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert answer_of(wire)[0] == 200
        with context_of(org).wrap_socket(wire, server_hostname=host.lower()) as secure:
            for _ in range(2):
                secure.sendall(f"GET /services/data HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                status, _, body = answer_of(secure)
                assert status == 200 and json.loads(body)[0]["version"] == "31.0"
            form = (
                f"grant_type=client_credentials&client_id={org.client_id}&client_secret={org.client_secret}"
            )
            secure.sendall(
                f"POST /services/oauth2/token HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(form)}\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}".encode()
            )
            assert json.loads(answer_of(secure)[2])["instance_url"] == f"https://{host}"


@pytest.mark.parametrize(
    "host", ["example.com", "evil.com.my.salesforce.com.evil.com", "a.b.my.salesforce.com"]
)
def test_nothing_else_is_tunnelled(org: RunningOrg, host: str) -> None:
    with closing(connected(org)) as wire:
        wire.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
        assert answer_of(wire)[0] == 403


def test_clients_find_salesforce_through_the_proxy_settings(org: RunningOrg, tmp_path: Path) -> None:
    with httpx2.Client(proxy=org.base_url, verify=context_of(org)) as client:
        versions = client.get("https://login.salesforce.com/services/data").json()
    assert versions[-1]["version"] == "67.0"
