"""The SOAP API of jsforce, unmodified: records, conversion, merge, the recycle bin."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.practice_org.clients.peers import run_node
from tests.practice_org.clients.watch import watched
from tests.practice_org.server import start_practice_org

pytestmark = pytest.mark.clients


def test_jsforce_soap(tmp_path: Path) -> None:
    with start_practice_org(tmp_path, records=20) as org:
        orders = {
            "url": org.base_url,
            "username": org.user("admin")["username"],
            "password": org.user("admin")["password"],
            "token": org.user("admin")["security_token"],
        }
        with watched(org, "jsforce 3.10.26"):
            said = run_node("soap.mjs", orders)
    assert said["user"] == orders["username"] and said["clock"].endswith("Z")
    assert "Lead" in said["tabs"][0]
    first, second = said["created"]
    assert first["success"] is True and second["success"] is False
    assert second["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert said["updated"]["success"] is True
    assert {key: said["read"][key] for key in ("Title", "City", "Company")} == {
        "Title": None, "City": "Rome", "Company": "A & <B>",
    }  # fmt: skip
    assert said["upserted"][0]["created"] is True
    done = said["converted"]
    assert done["success"] is True and done["leadId"] == first["id"]
    assert [done[key][:3] for key in ("accountId", "contactId", "opportunityId")] == ["001", "003", "006"]
    assert said["refused"][0]["errors"][0]["statusCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert said["lead"]["IsConverted"] is True and said["lead"]["ConvertedContactId"] == done["contactId"]
    winner, loser = said["accounts"]
    assert said["merged"][0]["success"] is True and said["merged"][0]["mergedRecordIds"] == [loser]
    assert said["loser"] == [winner]
    assert [one["success"] for one in said["deleted"]] == [True, False]
    assert said["undeleted"][0] == {"errors": [], "id": winner, "success": True}
    assert said["emptied"][0]["success"] is True
    assert said["emptiedAgain"][0]["errors"][0]["statusCode"] == "INVALID_ID_FIELD"
    assert said["fault"][0] == "sf:INVALID_TYPE" and "'Nope' is not supported" in said["fault"][1]
