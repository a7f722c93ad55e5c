"""Assignment rules: entries in order, the default owner, and the header that chooses (spec 5.11)."""

from __future__ import annotations

import pytest

from practice_org.rules.badrule import BadRule
from practice_org.schema import birth
from tests.practice_org.calls import Caller
from tests.practice_org.orders import Order


@pytest.fixture
def owners(admin: Caller) -> dict[str, str]:
    org = admin.org
    return {
        "hot": birth.create_user(org, username="hot@example.com", last_name="Hot"),
        "queue": birth.create_queue(org, "Inbound"),
        "default": birth.create_user(org, username="d@example.com", last_name="Default"),
    }


def rule(owners: dict[str, str], **more: object) -> dict[str, object]:
    return {
        "object": "Lead",
        "name": "Standard",
        "entries": [
            {"when": 'ISPICKVAL(Rating, "Hot")', "owner": owners["hot"]},
            {"when": {"field": "Company", "is": "starts_with", "value": "acme"}, "owner": owners["queue"]},
            {"when": {"field": "Company", "is": "equals", "value": "Mine"}, "keep_owner": True},
        ],
        "default_owner": owners["default"],
        **more,
    }


def owner_of(caller: Caller, lead: str) -> str:
    return str(caller("GET", f"/sobjects/Lead/{lead}").json["OwnerId"])


def made(caller: Caller, header: str | None = None, **values: object) -> str:
    headers = {} if header is None else {"Sforce_Auto_Assign": header}
    answer = caller("POST", "/sobjects/Lead", {"LastName": "L", "Company": "C", **values}, **headers)
    assert answer.status == 201, answer.text
    return owner_of(caller, answer.json["id"])


def test_the_first_entry_that_holds_decides(admin: Caller, order: Order, owners: dict[str, str]) -> None:
    order("rules", {"assignment": [rule(owners)]})
    assert made(admin, Rating="Hot", Company="Acme") == owners["hot"]
    assert made(admin, Company="ACME Ltd") == owners["queue"]
    assert made(admin, Company="Mine") == admin.user_id
    assert made(admin) == owners["default"]


def test_the_header_chooses(admin: Caller, order: Order, owners: dict[str, str]) -> None:
    second = {"object": "Lead", "name": "Night", "active": False, "entries": [{"owner": owners["queue"]}]}
    order("rules", {"assignment": [rule(owners), second]})
    rows = admin.query("SELECT Id, Name, SobjectType, Active FROM AssignmentRule ORDER BY Name")["records"]
    assert [(r["Name"], r["SobjectType"], r["Active"]) for r in rows] == [
        ("Night", "Lead", False),
        ("Standard", "Lead", True),
    ]
    night = rows[0]["Id"]
    assert night.startswith("01Q")
    assert made(admin, "FALSE", Rating="Hot") == admin.user_id
    assert made(admin, "true", Rating="Hot") == owners["hot"]
    assert made(admin, night[:15]) == owners["queue"]
    wrong = admin(
        "POST", "/sobjects/Lead", {"LastName": "L", "Company": "C"}, Sforce_Auto_Assign="01Q000000000000AAA"
    )
    assert wrong.json[0]["errorCode"] == "INVALID_CROSS_REFERENCE_KEY"


def test_updates_are_assigned_only_when_asked(admin: Caller, order: Order, owners: dict[str, str]) -> None:
    order("rules", {"assignment": [rule(owners)]})
    lead = admin(
        "POST", "/sobjects/Lead", {"LastName": "L", "Company": "C"}, Sforce_Auto_Assign="FALSE"
    ).json["id"]
    admin("PATCH", f"/sobjects/Lead/{lead}", {"Rating": "Hot"})
    assert owner_of(admin, lead) == admin.user_id
    admin("PATCH", f"/sobjects/Lead/{lead}", {"Rating": "Hot"}, Sforce_Auto_Assign="TRUE")
    assert owner_of(admin, lead) == owners["hot"]


def test_a_rule_keeps_its_id_when_it_is_changed(admin: Caller, order: Order, owners: dict[str, str]) -> None:
    first = order("rules", {"assignment": [rule(owners)]})["assignment"][0]["id"]
    assert order("rules", {"assignment": [rule(owners, active=False)]})["assignment"][0]["id"] == first
    assert made(admin, Rating="Hot") == admin.user_id


def test_two_active_rules_and_strange_owners_are_refused(order: Order, owners: dict[str, str]) -> None:
    for rules in (
        [rule(owners), rule(owners, name="Twin")],
        {"Lead": "005000000000000AAA"},
        [{"object": "FieldPermissions", "entries": []}],
    ):
        with pytest.raises(BadRule):
            order("rules", {"assignment": rules})
