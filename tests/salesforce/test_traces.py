"""What the org tells about records that it does not show, in all the ways in which it may not tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import httpx2
import pytest

from diptych.salesforce import traces
from diptych.sync.ports import Traces
from tests.salesforce.wire import answer, client

NOW = datetime(2026, 11, 24, 8, 0, 30, tzinfo=UTC)
ONE, TWO = "00Q000000000001EAA", "00Q000000000002EAA"


def org_that(**told: Any) -> Any:
    """An org that answers a part with rows, and refuses what is not named."""
    asked: list[str] = []

    def sub(url: str) -> dict[str, Any]:
        asked.append(unquote_plus(url))
        rows: Any = None
        if "/deleted?" in url:
            rows = told.get("log")
        for name in ("UserRecordAccess", "ObjectPermissions", "PermissionSet", "Organization"):
            if f"FROM {name} " in f"{asked[-1]} ":
                rows = told.get(name)
                break
        if rows is None:
            refused = [{"errorCode": "INVALID_TYPE", "message": "sObject type is not supported"}]
            return {"body": refused, "httpStatusCode": 400, "httpHeaders": {}, "referenceId": "x"}
        body = {"deletedRecords": rows} if "/deleted?" in url else {"records": rows, "done": True}
        return {"body": body, "httpStatusCode": 200, "httpHeaders": {}, "referenceId": "x"}

    def handler(request: httpx2.Request) -> httpx2.Response:
        parts = json.loads(request.content)["compositeRequest"]
        made = [{**sub(part["url"]), "referenceId": part["referenceId"]} for part in parts]
        return answer({"compositeResponse": made})

    return client(handler), asked


def traced(name: str = "Lead", **told: Any) -> Traces:
    made, _ = org_that(**told)
    return traces.trace(made, "005000000000001AAA", "00e000000000001AAA", name, [ONE, TWO], NOW)


def test_the_log_of_deletes_is_asked_for_two_weeks_and_only_these_ids_count() -> None:
    made, asked = org_that(log=[{"id": ONE}, {"id": "00Q000000000009EAA"}])
    found = traces.trace(made, "005000000000001AAA", "00e000000000001AAA", "Lead", [ONE, TWO], NOW)
    assert found.deleted == {ONE}
    assert "start=2026-11-10T08:00:00Z&end=2026-11-24T08:01:00Z" in asked[0]


def test_a_record_that_sharing_would_show_exists() -> None:
    rows = [{"RecordId": ONE, "HasReadAccess": True}, {"RecordId": TWO, "HasReadAccess": False}]
    assert traced(UserRecordAccess=rows).shared == {ONE}


def test_what_may_not_be_asked_is_not_told() -> None:
    assert traced() == Traces(frozenset(), frozenset(), None)


@pytest.mark.parametrize(
    ("name", "told", "sees_all"),
    [
        ("Lead", {"PermissionSet": [{"PermissionsViewAllData": True}]}, True),
        ("Lead", {"PermissionSet": [{"PermissionsModifyAllData": True}]}, True),
        ("Lead", {"ObjectPermissions": [{"SobjectType": "Lead", "PermissionsViewAllRecords": True}]}, True),
        (
            "Lead",
            {"ObjectPermissions": [{"SobjectType": "Contact", "PermissionsViewAllRecords": True}]},
            None,
        ),
        ("Lead", {"Organization": [{"DefaultLeadAccess": "ReadEditTransfer"}]}, True),
        ("Lead", {"Organization": [{"DefaultLeadAccess": "Read"}]}, True),
        ("Lead", {"Organization": [{"DefaultLeadAccess": "None"}]}, False),
        ("Contact", {"Organization": [{"DefaultContactAccess": "ControlledByParent"}]}, False),
        ("User", {"Organization": [{"DefaultLeadAccess": "Read"}]}, None),
    ],
)
def test_whether_sharing_can_hide_anything(name: str, told: dict[str, Any], sees_all: bool | None) -> None:
    assert traced(name, **told).sees_all is sees_all
