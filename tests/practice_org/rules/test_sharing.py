"""Sharing by owner: what a user does not see is not there, whichever way it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from practice_org.schema import access, birth, permission_sets, profiles
from tests.practice_org.calls import Caller
from tests.practice_org.orders import Order


@dataclass
class People:
    admin: Caller
    seller: Caller
    other: Caller
    queue: str


@pytest.fixture
def people(admin: Caller) -> People:
    org = admin.org
    users = [birth.create_user(org, username=f"{n}@example.com", last_name=n) for n in ("seller", "other")]
    return People(
        admin, Caller(org, users[0], "a"), Caller(org, users[1], "b"), birth.create_queue(org, "In")
    )


def lead_of(people: People, owner: str, **values: object) -> str:
    return people.admin.create("Lead", LastName="L", Company="C", OwnerId=owner, **values)


def seen(caller: Caller, object_name: str = "Lead") -> set[str]:
    return {row["Id"] for row in caller.query(f"SELECT Id FROM {object_name}")["records"]}


def test_a_private_record_of_another_is_not_there(people: People, order: Order) -> None:
    mine = lead_of(people, people.seller.user_id)
    theirs = lead_of(people, people.other.user_id, Email="t@example.com")
    assert seen(people.seller) == {mine, theirs}
    order("sharing", {"defaults": {"Lead": "Private"}})
    seller = people.seller
    assert seen(seller) == {mine}
    assert seller.query("SELECT COUNT() FROM Lead")["totalSize"] == 1
    assert seller("GET", f"/sobjects/Lead/{theirs}").status == 404
    assert seller("GET", "/sobjects/Lead/Email/t@example.com").status == 404
    retrieved = seller("POST", "/composite/sobjects/Lead", {"ids": [theirs, mine], "fields": ["Id"]}).json
    assert [row and row["Id"] for row in retrieved] == [None, mine]
    assert seen(people.admin) == {mine, theirs}


def test_what_is_not_seen_cannot_be_changed_and_the_refusal_says_which_way(
    people: People, order: Order
) -> None:
    theirs = lead_of(people, people.other.user_id)
    path = f"/sobjects/Lead/{theirs}"
    order("sharing", {"defaults": {"Lead": "Private"}})
    for verb, body in (("PATCH", {"Title": "x"}), ("DELETE", None)):
        answer = people.seller(verb, path, body)
        assert answer.status == 400
        assert answer.json == [
            {
                "message": f"insufficient access rights on cross-reference id: {theirs[:15]}",
                "errorCode": "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                "fields": [],
            }
        ]
    order("sharing", {"defaults": {"Lead": "Read"}})
    assert seen(people.seller) == {theirs}
    answer = people.seller("PATCH", path, {"Title": "x"})
    assert (answer.status, answer.json[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")
    order("sharing", {"defaults": {"Lead": "ReadWrite"}})
    assert people.seller("PATCH", path, {"Title": "x"}).status == 204
    assert people.seller("DELETE", path).json[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert people.other("DELETE", path).status == 204


def test_a_change_of_owner_makes_records_vanish(people: People, order: Order) -> None:
    order("sharing", {"defaults": {"Lead": "Private"}})
    lead = lead_of(people, people.seller.user_id)
    assert people.seller("PATCH", f"/sobjects/Lead/{lead}", {"OwnerId": people.other.user_id}).status == 204
    assert seen(people.seller) == set() and seen(people.other) == {lead}


def test_queues_roles_and_shares_open_records(people: People, order: Order) -> None:
    order("sharing", {"defaults": {"Lead": "Private"}})
    queued, theirs = lead_of(people, people.queue), lead_of(people, people.other.user_id)
    assert seen(people.seller) == set()
    order("sharing", {"queues": {"In": ["seller@example.com"]}})
    assert seen(people.seller) == {queued}
    order("sharing", {"share": [{"id": theirs, "with": "seller@example.com"}]})
    assert seen(people.seller) == {queued, theirs}
    path = f"/sobjects/Lead/{theirs}"
    assert (
        people.seller("PATCH", path, {"Title": "x"}).json[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    order("sharing", {"share": [{"id": theirs, "with": "seller@example.com", "level": "Edit"}]})
    assert people.seller("PATCH", path, {"Title": "x"}).status == 204
    order("sharing", {"unshare": [theirs]})
    assert seen(people.seller) == {queued}
    order(
        "sharing",
        {
            "roles": {"All": None, "West": "All"},
            "users": {"seller@example.com": "All", "other@example.com": "West"},
        },
    )
    assert seen(people.seller) == {queued, theirs}
    assert seen(people.other) == {theirs}


def test_contacts_follow_their_account(people: People, order: Order) -> None:
    admin = people.admin
    accounts = [admin.create("Account", Name="A", OwnerId=u.user_id) for u in (people.seller, people.other)]
    contacts = [admin.create("Contact", LastName="C", AccountId=a, OwnerId=admin.user_id) for a in accounts]
    alone = admin.create("Contact", LastName="Alone", OwnerId=people.seller.user_id)
    order("sharing", {"defaults": {"Account": "Private", "Contact": "ControlledByParent"}})
    assert seen(people.seller, "Contact") == {contacts[0], alone}
    children = people.seller.query("SELECT Id, (SELECT Id FROM Contacts) FROM Account")["records"]
    assert [row["Id"] for row in children] == [accounts[0]]
    refused = people.seller("POST", "/sobjects/Contact", {"LastName": "N", "AccountId": accounts[1]})
    assert refused.json[0]["errorCode"] == "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"


def test_change_feeds_tell_only_what_is_seen(people: People, order: Order) -> None:
    clock = people.admin.org.clock
    mine, theirs = lead_of(people, people.seller.user_id), lead_of(people, people.other.user_id)
    gone = lead_of(people, people.other.user_id)
    people.admin("DELETE", f"/sobjects/Lead/{gone}")
    order("sharing", {"defaults": {"Lead": "Private"}})
    now = clock.now()
    clock.advance(120)
    span = f"start={now:%Y-%m-%dT%H:%M:00Z}&end={clock.now():%Y-%m-%dT%H:%M:00Z}"
    assert people.seller("GET", f"/sobjects/Lead/updated?{span}").json["ids"] == [mine]
    assert set(people.admin("GET", f"/sobjects/Lead/updated?{span}").json["ids"]) == {mine, theirs}
    assert people.seller("GET", f"/sobjects/Lead/deleted?{span}").json["deletedRecords"] == []
    assert [
        d["id"] for d in people.admin("GET", f"/sobjects/Lead/deleted?{span}").json["deletedRecords"]
    ] == [gone]


def test_view_all_sees_and_does_not_edit(people: People, order: Order) -> None:
    theirs = lead_of(people, people.other.user_id)
    org = people.admin.org
    order("sharing", {"defaults": {"Lead": "Private"}})
    own_set = profiles.own_permission_set(org, people.seller.user_id)
    permission_sets.set_system_permission(org, own_set, "ViewAllData", True)
    assert seen(people.seller) == {theirs}
    answer = people.seller("PATCH", f"/sobjects/Lead/{theirs}", {"Title": "x"})
    assert answer.json[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    permission_sets.set_object_rights(org, own_set, "Lead", access.RIGHTS)
    assert people.seller("PATCH", f"/sobjects/Lead/{theirs}", {"Title": "x"}).status == 204


def test_the_default_is_public_and_a_reset_makes_it_so(people: People, order: Order) -> None:
    lead_of(people, people.other.user_id)
    assert access.for_user(people.admin.org, people.seller.user_id).sharing is None
    order("sharing", {"defaults": {"Lead": "Private"}})
    row = people.admin.query("SELECT DefaultLeadAccess FROM Organization")["records"][0]
    assert row["DefaultLeadAccess"] == "None"
    order("reset", {})
    assert len(seen(people.seller)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"defaults": {"Lead": "Secret"}},
        {"users": {"seller@example.com": "Nowhere"}},
        {"users": {"nobody@example.com": "All"}},
        {"queues": {"Nope": []}},
        {"share": [{"id": "x", "with": "seller@example.com"}]},
        {"colour": 1},
    ],
)
def test_what_makes_no_sense_changes_nothing(people: People, order: Order, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        order("sharing", {**wrong})
    assert order("sharing") == {"defaults": {}, "shares": []}
