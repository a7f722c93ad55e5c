"""Requests that no client should make: each is answered as a problem document, and none is taken for another."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.api.door import LARGEST
from diptych.api.problems import MEDIA_TYPE
from tests.api.conftest import Caller


def problem(caller: Caller, method: str, path: str, code: int, **more: Any) -> Any:
    """The answer, which has to be a problem of that status."""
    headers = {"Authorization": f"Bearer {caller.token}", **more.pop("headers", {})}
    answer = caller.client.request(method, f"/api/v1{path}", headers=headers, **more)
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["status"] == code
    assert answer.json()["detail"]
    return answer


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b'{"rule": "\xff"}', 400),
        (b"[" * 100_000, 400),
        (b"1" * 5000, 400),
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b'{"rule": "external-id", "column": "\\ud800"}', 422),
    ],
)
def test_what_is_no_json(admin: Caller, body: bytes, code: int) -> None:
    problem(admin, "PUT", "/identity", code, content=body, headers=JSON)


def test_half_a_character_is_kept_nowhere(admin: Caller, operator: Caller) -> None:
    half = b'"\\ud800"'
    for method, path, body in (
        ("POST", "/people", b'{"values": {"last_name": ' + half + b"}}"),
        ("PUT", "/create-rule/defaults/Company", b'{"value": ' + half + b"}"),
        ("POST", "/tokens", b'{"scope": "read", "name": ' + half + b"}"),
        ("POST", "/create-rule/preview", b'{"filter": ' + half + b"}"),
        ("PUT", "/alerts/channels/x", b'{"kind": "slack", "secret": ' + half + b"}"),
        ("POST", "/mapping/undo", b'{"to": 1, "reason": ' + half + b"}"),
    ):
        assert "half a character" in problem(admin, method, path, 422, content=body, headers=JSON).text


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_body_that_is_not_said_to_be_json(admin: Caller, kind: str) -> None:
    body = b'{"rule": "none"}'
    problem(admin, "PUT", "/identity", 415, content=body, headers={"Content-Type": kind})


def test_numbers_that_are_none(admin: Caller) -> None:
    for number, code in (
        (b"NaN", 400),
        (b"Infinity", 400),
        (b"-Infinity", 400),
        (b"1e999", 422),
        (b"true", 422),
        (b'"60"', 422),
    ):
        body = b'{"pause_seconds": ' + number + b"}"
        problem(admin, "PATCH", "/settings", code, content=body, headers=JSON)


def test_a_whole_number_may_be_written_with_a_fraction_of_nothing(admin: Caller) -> None:
    headers = {"Authorization": f"Bearer {admin.token}", **JSON}
    taken = admin.client.patch("/api/v1/settings", content=b'{"keep_days": 91.0}', headers=headers)
    assert taken.json()["keep_days"] == 91
    problem(admin, "PATCH", "/settings", 422, content=b'{"keep_days": 91.5}', headers=JSON)


def test_large_bodies(admin: Caller) -> None:
    problem(admin, "PUT", "/mapping", 413, content=b" " * (LARGEST + 1), headers=JSON)

    def parts() -> Any:
        for _ in range(LARGEST // 1_000_000 + 1):
            yield b" " * 1_000_000

    problem(admin, "PUT", "/mapping", 413, content=parts(), headers=JSON)


@pytest.mark.parametrize("cursor", ["%ff", "!!", "MQ==MQ", "LTE", "999", "a" * 201, "MQ%00", "\u0661"])
def test_cursors_of_another_list(reader: Caller, cursor: str) -> None:
    problem(reader, "GET", f"/people?cursor={cursor}", 422)


def test_other_methods(reader: Caller, admin: Caller) -> None:
    for method in ("DELETE", "PUT", "TRACE", "FOO"):
        answer = problem(admin, method, "/people", 405)
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert problem(admin, "GET", "/sync/run", 405).headers["allow"] == "OPTIONS, POST"
    assert problem(admin, "POST", "/openapi.json", 405).headers["allow"] == "GET, HEAD, OPTIONS"


def test_head_and_options(client: TestClient, reader: Caller) -> None:
    asked = {"headers": {"Authorization": f"Bearer {reader.token}"}}
    whole = client.get("/api/v1/settings", **asked)
    head = client.head("/api/v1/settings", **asked)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert client.head("/api/v1/settings").status_code == 401
    assert client.head("/api/v1/sync/run", **asked).status_code == 405
    options = client.options("/api/v1/people/7")
    assert (options.status_code, options.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH")
    problem(reader, "OPTIONS", "/nothing", 404)


def test_conditions(admin: Caller) -> None:
    for condition in ({"If-Match": '"x"'}, {"If-Match": "*"}, {"If-None-Match": "*"}):
        problem(admin, "PATCH", "/settings", 412, json={"pause_seconds": 99}, headers=condition)
    asked = {"Authorization": f"Bearer {admin.token}", "If-None-Match": '"x"', "If-Modified-Since": "never"}
    assert admin.client.get("/api/v1/settings", headers=asked).status_code == 200
    assert admin.get("/settings")["pause_seconds"] != 99


@pytest.mark.parametrize(
    "path",
    ["/people/", "/people/0", "/people/-1", "/people/1.5", "/people/9" + "9" * 30, "/people/%00", "//"],
)
def test_addresses_that_are_none(reader: Caller, path: str) -> None:
    code = 404 if path in ("/people/", "//") else 422
    problem(reader, "GET", path, code)


def test_the_page_of_another_site(client: TestClient) -> None:
    answer = client.post("/api/v1/sync/run", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.headers["content-type"]) == (403, MEDIA_TYPE)
