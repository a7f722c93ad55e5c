"""Record types: in describes, on records, and made through the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.errors import ApiError
from practice_org.schema import record_types
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def infos(admin: Caller, name: str) -> list[tuple[Any, ...]]:
    described = admin("GET", f"/sobjects/{name}/describe").json["recordTypeInfos"]
    return [
        (i["developerName"], i["available"], i["defaultRecordTypeMapping"], i["master"]) for i in described
    ]


def test_an_object_gains_its_field_with_its_first_record_type(admin: Caller) -> None:
    names = [f["name"] for f in admin("GET", "/sobjects/Lead/describe").json["fields"]]
    assert "RecordTypeId" not in names
    assert infos(admin, "Lead") == [("Master", True, True, True)]
    trade = record_types.create(admin.org, "Lead", "Trade", label="Trade fair", default=True)
    record_types.create(admin.org, "Lead", "Web", active=False)
    names = [f["name"] for f in admin("GET", "/sobjects/Lead/describe").json["fields"]]
    assert names[names.index("Name") + 1] == "RecordTypeId"
    assert infos(admin, "Lead") == [
        ("Trade", True, True, False),
        ("Web", False, False, False),
        ("Master", True, False, True),
    ]
    lead = admin.create("Lead", LastName="Berg", Company="Nordlicht")
    found = admin.query("SELECT Id, RecordTypeId, RecordType.DeveloperName, RecordType.Name FROM Lead")
    record = found["records"][0]
    assert [record["Id"], record["RecordTypeId"]] == [lead, trade]
    assert [record["RecordType"]["DeveloperName"], record["RecordType"]["Name"]] == ["Trade", "Trade fair"]


def test_a_record_takes_active_record_types_of_its_own_object(admin: Caller) -> None:
    lead_type = record_types.create(admin.org, "Lead", "Trade")
    contact_type = record_types.create(admin.org, "Contact", "Partner")
    closed = record_types.create(admin.org, "Lead", "Old", active=False)
    body = {"LastName": "Berg", "Company": "Nordlicht"}
    made = admin.create("Lead", **body, RecordTypeId=lead_type[:15])
    assert admin("GET", f"/sobjects/Lead/{made}").json["RecordTypeId"] == lead_type
    assert admin("PATCH", f"/sobjects/Lead/{made}", {"RecordTypeId": "012000000000000AAA"}).status == 204
    assert admin("GET", f"/sobjects/Lead/{made}").json["RecordTypeId"] is None
    for wrong in (contact_type, closed):
        refused = admin("POST", "/sobjects/Lead", {**body, "RecordTypeId": wrong})
        assert refused.json == [
            {
                "message": f"Record Type ID: this ID value isn't valid for the user: {wrong}",
                "errorCode": "INVALID_CROSS_REFERENCE_KEY",
                "fields": ["RecordTypeId"],
            }
        ]


def test_record_types_can_be_made_through_the_api(admin: Caller) -> None:
    etag = admin("GET", "/sobjects/Opportunity/describe").headers["etag"]
    admin.create(
        "RecordType", Name="Renewal", DeveloperName="Renewal", SobjectType="Opportunity", IsActive=True
    )
    assert admin("GET", "/sobjects/Opportunity/describe", if_none_match=etag).status == 200
    assert [one[0] for one in infos(admin, "Opportunity")] == ["Renewal", "Master"]


def test_objects_without_record_types_say_so(admin: Caller) -> None:
    assert infos(admin, "OpportunityContactRole") == []
    with pytest.raises(ApiError, match="not supported"):
        record_types.create(admin.org, "OpportunityContactRole", "Some")
    record_types.create(admin.org, "Lead", "Trade")
    with pytest.raises(ApiError, match="already"):
        record_types.create(admin.org, "Lead", "TRADE")


def test_a_describe_of_an_early_version_lacks_the_developer_name(admin: Caller) -> None:
    early = Caller(admin.org, admin.user_id, version="42.0")
    described = early("GET", "/sobjects/Lead/describe").json
    assert "developerName" not in described["recordTypeInfos"][0]
    assert len(described) == 36
    assert {len(f) for f in described["fields"]} == {55}
    assert len(Caller(admin.org, admin.user_id, version="48.0")("GET", "/sobjects/Lead/describe").json) == 43
