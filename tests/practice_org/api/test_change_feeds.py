"""`updated` and `deleted`, late commits, and limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from practice_org.data import dml
from practice_org.data.load import bulk_insert
from practice_org.errors import ApiError
from practice_org.org import Org
from tests.practice_org.calls import Answer, Caller, new_org

START = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    org.clock.freeze(START)
    yield caller
    caller.org.close()


def feed(caller: Caller, kind: str, start: datetime, end: datetime) -> Answer:
    span = f"start={quote(start.isoformat())}&end={quote(end.isoformat())}"
    return caller("GET", f"/sobjects/Lead/{kind}/?{span}")


def test_updated_and_deleted_cover_up_to_now(admin: Caller) -> None:
    first = admin.create("Lead", LastName="a", Company="c")
    second = admin.create("Lead", LastName="b", Company="c")
    admin.org.clock.advance(60)
    admin("DELETE", f"/sobjects/Lead/{second}")
    span = (START - timedelta(minutes=5), START + timedelta(hours=1))
    assert feed(admin, "updated", *span).json == {
        "ids": [first],
        "latestDateCovered": "2026-03-10T12:01:30.000+0000",
    }
    answer = feed(admin, "deleted", *span).json
    assert answer["deletedRecords"] == [{"id": second, "deletedDate": "2026-03-10T12:01:30.000+0000"}]
    assert list(answer) == ["deletedRecords", "earliestDateAvailable", "latestDateCovered"]


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("updated", START, START),
        ("updated", START, START - timedelta(hours=1)),
        ("updated", START - timedelta(days=31), START),
        ("deleted", START - timedelta(days=16), START),
    ],
)
def test_impossible_spans(admin: Caller, kind: str, start: datetime, end: datetime) -> None:
    answer = feed(admin, kind, start, end)
    assert (answer.status, answer.json[0]["errorCode"]) == (400, "INVALID_REPLICATION_DATE")


def test_a_late_commit_shows_up_behind_what_was_read(admin: Caller) -> None:
    early = admin.create("Lead", LastName="a", Company="c")
    admin.org.clock.advance(10)
    admin.org.late.hold(admin.user_id, "update", "Lead", early, {"Title": "late"}, 120)
    began = admin.org.clock.now()
    admin.org.clock.advance(60)
    other = admin.create("Lead", LastName="b", Company="c")
    span = (START - timedelta(minutes=5), START + timedelta(hours=1))
    during = feed(admin, "updated", *span).json
    assert during["latestDateCovered"] == began.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    assert admin("GET", f"/sobjects/Lead/{early}").json["Title"] is None
    refused = admin("PATCH", f"/sobjects/Lead/{early}", {"Title": "mine"})
    assert refused.json == [
        {
            "message": f"unable to obtain exclusive access to this record or 1 records: {early}",
            "errorCode": "UNABLE_TO_LOCK_ROW",
            "fields": [],
        }
    ]
    admin.org.clock.advance(60)
    late = admin("GET", f"/sobjects/Lead/{early}").json
    assert late["Title"] == "late"
    assert late["SystemModstamp"] == during["latestDateCovered"]
    assert late["SystemModstamp"] < admin("GET", f"/sobjects/Lead/{other}").json["SystemModstamp"]
    assert feed(admin, "updated", *span).json["latestDateCovered"] == "2026-03-10T12:02:40.000+0000"
    assert admin("PATCH", f"/sobjects/Lead/{early}", {"Title": "mine"}).status == 204


def test_the_status_of_a_lock_error_is_a_switch(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="a", Company="c")
    admin.org.set_setting("lock_status", 500)
    admin.org.set_setting("lock_wait_seconds", 0)
    admin.org.late.hold(None, "update", "Lead", lead, {"Title": "late"}, 120)
    assert admin("DELETE", f"/sobjects/Lead/{lead}").status == 500
    collection = admin(
        "PATCH", "/composite/sobjects", {"records": [{"attributes": {"type": "Lead"}, "id": lead}]}
    )
    assert collection.json[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"


def test_a_late_commit_survives_a_restart(admin: Caller, tmp_path: Path) -> None:
    admin.org.late.hold(admin.user_id, "insert", "Lead", None, {"LastName": "L", "Company": "c"}, 60)
    admin.org.save_clock()
    admin.org.close()
    admin.org = Org.open(tmp_path / "org.sqlite3")
    assert admin.org.late.oldest_start == START
    assert admin.query("SELECT Id FROM Lead")["totalSize"] == 0
    admin.org.clock.advance(61)
    record = admin.query("SELECT SystemModstamp FROM Lead")["records"][0]
    assert record["SystemModstamp"] == "2026-03-10T12:00:30.000+0000"


def test_a_bump_moves_the_modstamp_alone(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="a", Company="c")
    admin.org.clock.advance(10)
    assert dml.bump(admin.org, "Lead", [lead]) == 1
    record = admin("GET", f"/sobjects/Lead/{lead}").json
    assert record["SystemModstamp"] > record["LastModifiedDate"]


def test_limits_count_the_last_24_hours(admin: Caller) -> None:
    limits = admin.org.limits
    limits.set_maximum("DailyApiRequests", 3)
    for _ in range(3):
        limits.count()
    assert limits.info() == "api-usage=3/3"
    with pytest.raises(ApiError) as refused:
        limits.count()
    assert refused.value.status == 403
    assert refused.value.body() == [
        {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    ]
    table = admin("GET", "/limits").json
    assert len(table) == 71
    assert table["DailyApiRequests"] == {"Max": 3, "Remaining": 0}
    admin.org.clock.advance(24 * 3600 + 61)
    limits.count()
    assert limits.used == 1


def test_record_counts(admin: Caller) -> None:
    bulk_insert(admin.org, "Lead", ["LastName", "Company"], [("a", "c"), ("b", "c")])
    answer = admin("GET", "/limits/recordCount?sObjects=Lead,Account").json
    assert answer == {"sObjects": [{"count": 0, "name": "Account"}, {"count": 2, "name": "Lead"}]}
