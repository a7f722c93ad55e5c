"""Decoded events compared, key by key, with events that real orgs sent (they lie beside the repository)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.practice_org.events.bus import Bus, Decoded
from tests.practice_org.events.test_subscribing import make
from tests.practice_org.server import RunningOrg

RECORDED = Path(__file__).parents[4] / "shared" / "salesforce" / "real" / "amp_connectors_mit"
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="the recorded events are not there")

OF_OTHER_FEATURES = {
    "RecordTypeId": "record types of accounts, which the recorded org did not have",
    "IsPartner": "partner accounts",
    "IsCustomerPortal": "customer portals",
    "ChannelProgramName": "partner accounts",
    "ChannelProgramLevelName": "partner accounts",
}
"""Standard fields of ours that the recorded account lacks, and the feature that brings them."""


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"subscription_{name}.json").read_text())
    return found


def same_kind(ours: Any, theirs: Any) -> bool:
    return ours is None or theirs is None or type(ours) is type(theirs)


def compare_headers(event: Decoded, theirs: dict[str, Any]) -> None:
    ours = event.header
    known = {**ours, "recordId": ours["recordIds"][0]}
    assert set(theirs) <= set(known)
    for key, value in theirs.items():
        assert same_kind(known[key], value), key
    assert (ours["entityName"], ours["changeType"]) == (theirs["entityName"], theirs["changeType"])
    assert ours["sequenceNumber"] == theirs["sequenceNumber"]
    assert ours["commitTimestamp"] % 1000 == theirs["commitTimestamp"] % 1000 == 0
    key, other = ours["transactionKey"], theirs["transactionKey"]
    assert [len(part) for part in key.split("-")] == [len(part) for part in other.split("-")]
    assert key[:3] == other[:3] == "000"
    assert (len(ours["commitUser"]), ours["commitUser"][:3]) == (18, theirs["commitUser"][:3])


def test_a_created_account(served: RunningOrg, bus: Bus) -> None:
    theirs = recorded("new_account")
    make(served, "Account", Name="Acme", Description="Sample account record.")
    (event,) = bus.earliest("/data/AccountChangeEvent").events(1)
    compare_headers(event, theirs["ChangeEventHeader"])
    assert list(event.header) == list(theirs["ChangeEventHeader"])
    for key in ("nulledFields", "diffFields", "changedFields"):
        assert event.header[key] == theirs["ChangeEventHeader"][key] == []
    ours = {key: value for key, value in event.value.items() if not key.endswith("__c")}
    standard = [key for key in theirs if not key.endswith("__c")]
    assert [key for key in ours if key in standard] == standard
    assert set(ours) - set(standard) <= set(OF_OTHER_FEATURES)
    for key in standard:
        assert same_kind(ours[key], theirs[key]), key
    told = {key for key in standard if theirs[key] is not None and key != "ChangeEventHeader"}
    assert told - {key for key in standard if ours[key] is not None} <= {"CleanStatus"}
    assert (ours["Name"], ours["Description"]) == (theirs["Name"], theirs["Description"])
    assert ours["CreatedDate"] == ours["LastModifiedDate"] == event.header["commitTimestamp"]


@pytest.mark.parametrize(
    ("name", "object_name", "changes"),
    [
        ("update_contact", "Contact", {"LastName": "Youngest"}),
        (
            "update_contact_compound_address",
            "Contact",
            {"MailingStreet": "1235 wildwood St", "MailingCity": "X", "OtherPostalCode": "1"},
        ),
        ("update_lead_compound_address", "Lead", {"Street": "1 Road", "PostalCode": "1"}),
    ],
)
def test_an_update(
    served: RunningOrg,
    bus: Bus,
    name: str,
    object_name: str,
    changes: dict[str, str],
) -> None:
    theirs = recorded(name)
    with served.api() as api:
        values = {"LastName": "Old", **({"Company": "C"} if object_name == "Lead" else {})}
        record = api.post(f"sobjects/{object_name}", json=values).json()["id"]
        assert api.patch(f"sobjects/{object_name}/{record}", json=changes).status_code == 204
    _, event = bus.earliest(f"/data/{object_name}ChangeEvent").events(2)
    compare_headers(event, theirs["ChangeEventHeader"])
    # The recorded lead names its address alone, although it carries LastModifiedDate as well.
    assert event.changed == {*theirs["ChangeEventHeader"]["changedFields"], "LastModifiedDate"}
    for key, value in theirs.items():
        if isinstance(value, dict) and key != "ChangeEventHeader":
            told = {part: given for part, given in event.value[key].items() if given is not None}
            assert value.items() <= told.items()
        else:
            assert event.value[key] is not None
    assert {key.split(".")[0] for key in event.changed} == set(event.body)


def test_a_changed_user(served: RunningOrg, bus: Bus) -> None:
    theirs = recorded("update_user")
    user = served.user("sales")
    with served.api("admin") as api:
        answer = api.patch(f"sobjects/User/{user['user_id']}", json={"FirstName": "BUTTERBALL"})
        assert answer.status_code == 204, answer.text
    (event,) = bus.earliest("/data/UserChangeEvent").events(1)
    compare_headers(event, theirs["ChangeEventHeader"])
    assert event.changed == set(theirs["ChangeEventHeader"]["changedFields"])
    assert set(event.body) == set(theirs) - {"ChangeEventHeader"}
    assert {k: v for k, v in event.value["Name"].items() if v} == theirs["Name"]
