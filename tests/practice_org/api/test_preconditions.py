"""Conditional requests on records, alone and inside a composite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    org.clock.freeze(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))
    yield caller
    org.close()


def at(seconds: int) -> str:
    return format_datetime(
        datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC) + timedelta(seconds=seconds), usegmt=True
    )


def test_only_accounts_have_a_tag(admin: Caller) -> None:
    account = admin("GET", f"/sobjects/Account/{admin.create('Account', Name='A')}")
    contact = admin("GET", f"/sobjects/Contact/{admin.create('Contact', LastName='C')}")
    assert account.headers["last-modified"] == contact.headers["last-modified"] == at(0)
    assert len(account.headers["etag"]) == 46 and "etag" not in contact.headers


def test_a_write_that_comes_too_late_is_refused_and_changes_nothing(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="L", Company="X")
    path = f"/sobjects/Lead/{lead}"
    for method, body in (("PATCH", {"Title": "Dr"}), ("DELETE", None)):
        late = admin(method, path, body, If_Unmodified_Since=at(-1))
        assert late.status == 412
        assert late.json[0]["errorCode"] == "PRECONDITION_FAILED"
        assert list(late.json[0]) == ["errorCode", "message"]
    assert admin("GET", path).json["Title"] is None
    assert admin("PATCH", path, {"Title": "Dr"}, If_Unmodified_Since=at(0)).status == 204


def test_background_changes_do_not_count_for_if_unmodified_since(admin: Caller) -> None:
    from practice_org.data import dml

    lead = admin.create("Lead", LastName="L", Company="X")
    admin.org.clock.freeze(datetime(2026, 3, 4, 6, tzinfo=UTC))
    dml.bump(admin.org, "Lead", [lead])
    assert admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "Dr"}, If_Unmodified_Since=at(0)).status == 204


def test_tags_guard_accounts_and_mean_nothing_elsewhere(admin: Caller) -> None:
    path = f"/sobjects/Account/{admin.create('Account', Name='A')}"
    tag = admin("GET", path).headers["etag"]
    assert admin("GET", path, If_None_Match=tag).status == 304
    assert admin("GET", path, If_None_Match=f'"other", {tag}').raw == b""
    assert admin("GET", path, If_None_Match='"other"').status == 200
    assert admin("PATCH", path, {"Site": "s"}, If_None_Match=tag).status == 412
    assert admin("PATCH", path, {"Site": "s"}, If_Match=tag).status == 204
    assert admin("PATCH", path, {"Site": "t"}, If_Match=tag).status == 412
    zipped = admin("GET", path).headers["etag"].removesuffix('"') + '--gzip"'
    assert admin("PATCH", path, {"Site": "t"}, If_Match=zipped).status == 204
    assert admin("DELETE", path, If_Match=tag).status == 412
    assert admin("DELETE", path, If_Match="*").status == 204
    lead = f"/sobjects/Lead/{admin.create('Lead', LastName='L', Company='X')}"
    assert admin("PATCH", lead, {"Title": "Dr"}, If_Match='"nonsense"').status == 204


def test_readers_are_told_that_nothing_changed(admin: Caller) -> None:
    path = f"/sobjects/Lead/{admin.create('Lead', LastName='L', Company='X')}"
    assert admin("GET", path, If_Modified_Since=at(0)).status == 304
    assert admin("GET", path, If_Modified_Since=at(-1)).status == 200
    assert admin("GET", path, If_Modified_Since="no date").status == 200
    assert admin("GET", path, If_Unmodified_Since=at(-1)).status == 412


def test_conditions_hold_for_upserts_by_key_and_inside_a_composite(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="L", Company="X", Email="l@example.com")
    late = admin("PATCH", "/sobjects/Lead/Email/l@example.com", {"Title": "Dr"}, If_Unmodified_Since=at(-1))
    assert late.status == 412
    order = {
        "compositeRequest": [
            {
                "method": "PATCH",
                "url": f"/services/data/v60.0/sobjects/Lead/{lead}",
                "referenceId": name,
                "httpHeaders": {"If-Unmodified-Since": moment},
                "body": {"Title": name},
            }
            for name, moment in (("late", at(-1)), ("early", at(0)))
        ]
    }
    # A condition on the whole is none on its parts.
    answers = admin("POST", "/composite", order, If_Unmodified_Since=at(-1000)).json["compositeResponse"]
    assert [one["httpStatusCode"] for one in answers] == [412, 204]
    assert admin("GET", f"/sobjects/Lead/{lead}").json["Title"] == "early"
