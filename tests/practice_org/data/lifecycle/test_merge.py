"""Merging: winners, losers, and what was around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from practice_org.data import dml
from practice_org.data.lifecycle.merge import Merge, Merged, merge
from practice_org.errors import ApiError
from practice_org.org import Org
from practice_org.schema import birth, permission_sets
from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Org, Caller]]:
    org, admin = new_org(tmp_path)
    yield org, admin
    org.close()


def one(org: Org, admin: Caller, name: str, master: str, *losers: str, **values: object) -> Merged:
    return merge(org, admin.user_id, [Merge(name, master, losers, values)])[0]


def code(result: Merged) -> str:
    assert result.error is not None and not result.loser_ids
    return result.error.code


def test_losers_name_the_winner_and_their_records_move(made: tuple[Org, Caller]) -> None:
    org, admin = made
    create_field(org, "Lead", "Firm", "lookup", refers_to="Account")
    winner, first, second = (admin.create("Account", Name=n) for n in ("Acme", "Acme Inc", "ACME"))
    contact = admin.create("Contact", LastName="x", AccountId=first)
    daughter = admin.create("Account", Name="Daughter", ParentId=second)
    lead = admin.create("Lead", LastName="l", Company="c", Firm__c=second)
    org.clock.advance(60)
    result = one(org, admin, "Account", winner[:15], first, second[:15], Site="here", Phone=None)
    assert result.error is None and result.id == winner and result.loser_ids == (first, second)
    assert sorted(result.moved_ids) == sorted([contact, daughter, lead])
    rows = admin.query("SELECT Id, IsDeleted, MasterRecordId, Site FROM Account ORDER BY Id", "/queryAll")
    by_id = {r["Id"]: r for r in rows["records"]}
    assert (by_id[winner]["IsDeleted"], by_id[winner]["Site"]) == (False, "here")
    for loser in (first, second):
        assert (by_id[loser]["IsDeleted"], by_id[loser]["MasterRecordId"]) == (True, winner)
    assert admin("GET", f"/sobjects/Contact/{contact}").json["AccountId"] == winner
    assert admin("GET", f"/sobjects/Account/{daughter}").json["ParentId"] == winner
    moved = admin("GET", f"/sobjects/Lead/{lead}").json
    assert moved["Firm__c"] == winner and moved["SystemModstamp"] > moved["CreatedDate"]
    assert admin.query("SELECT Id FROM Account WHERE MasterRecordId != null", "/query")["totalSize"] == 0


def test_the_feed_of_deletes_tells_of_losers(made: tuple[Org, Caller]) -> None:
    org, admin = made
    winner, loser = (admin.create("Lead", LastName=n, Company="c") for n in "ab")
    assert one(org, admin, "Lead", winner, loser).error is None
    now = org.clock.now()
    span = [(now + timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%SZ") for m in (-5, 2)]
    told = admin("GET", f"/sobjects/Lead/deleted?start={span[0]}&end={span[1]}").json["deletedRecords"]
    assert [entry["id"] for entry in told] == [loser]


def test_chains_keep_each_step(made: tuple[Org, Caller]) -> None:
    org, admin = made
    a, b, c = (admin.create("Contact", LastName=n) for n in "abc")
    assert one(org, admin, "Contact", b, a).error is None
    assert one(org, admin, "Contact", c, b).error is None
    rows = admin.query("SELECT Id, MasterRecordId FROM Contact", "/queryAll")["records"]
    assert {r["Id"]: r["MasterRecordId"] for r in rows} == {a: b, b: c, c: None}
    assert code(one(org, admin, "Contact", c, a)) == "ENTITY_IS_DELETED"


def test_a_loser_may_come_back_alone(made: tuple[Org, Caller]) -> None:
    org, admin = made
    winner, loser = (admin.create("Account", Name=n) for n in "ab")
    contact = admin.create("Contact", LastName="x", AccountId=loser)
    one(org, admin, "Account", winner, loser)
    dml.undelete(org, admin.user_id, "Account", loser)
    assert admin("GET", f"/sobjects/Account/{loser}").json["MasterRecordId"] is None
    assert admin("GET", f"/sobjects/Contact/{contact}").json["AccountId"] == winner


def test_the_winner_may_take_a_unique_value_of_a_loser(made: tuple[Org, Caller]) -> None:
    org, admin = made
    create_field(org, "Lead", "Key", "text", length=20, external_id=True, unique=True)
    winner = admin.create("Lead", LastName="a", Company="c")
    loser = admin.create("Lead", LastName="b", Company="c", Key__c="1")
    assert one(org, admin, "Lead", winner, loser, Key__c="1").error is None
    assert admin("GET", f"/sobjects/Lead/{winner}").json["Key__c"] == "1"


def test_contacts_of_two_accounts_and_their_superiors(made: tuple[Org, Caller]) -> None:
    org, admin = made
    accounts = [admin.create("Account", Name=n) for n in "ab"]
    boss = admin.create("Contact", LastName="boss")
    winner = admin.create("Contact", LastName="w", AccountId=accounts[0])
    loser = admin.create("Contact", LastName="l", AccountId=accounts[1], ReportsToId=boss)
    worker = admin.create("Contact", LastName="worker", ReportsToId=loser)
    result = one(org, admin, "Contact", winner, loser)
    assert result.moved_ids == (worker,)
    kept = admin("GET", f"/sobjects/Contact/{winner}").json
    assert (kept["AccountId"], kept["ReportsToId"]) == (accounts[0], boss)
    assert admin("GET", f"/sobjects/Contact/{worker}").json["ReportsToId"] == winner


def test_what_is_refused_changes_nothing(made: tuple[Org, Caller]) -> None:
    org, admin = made
    boss = admin.create("Contact", LastName="boss")
    worker = admin.create("Contact", LastName="worker", ReportsToId=boss)
    more = [admin.create("Contact", LastName=n) for n in "cd"]
    lead = admin.create("Lead", LastName="l", Company="c")
    opened = admin.query(
        "SELECT Id, SystemModstamp, ReportsToId, IsDeleted FROM Contact ORDER BY Id", "/queryAll"
    )
    org.clock.advance(60)
    assert code(one(org, admin, "Contact", worker, boss)) == "CIRCULAR_DEPENDENCY"
    assert code(one(org, admin, "Contact", boss)) == "MISSING_ARGUMENT"
    assert code(one(org, admin, "Contact", boss, boss)) == "INVALID_MERGE_RECORD"
    assert code(one(org, admin, "Contact", boss, worker, worker[:15])) == "INVALID_MERGE_RECORD"
    assert code(one(org, admin, "Contact", boss, lead)) == "INVALID_MERGE_RECORD"
    assert code(one(org, admin, "Contact", boss, worker, *more)) == "EXCEEDED_ID_LIMIT"
    assert code(one(org, admin, "Contact", boss, "nonsense")) == "MALFORMED_ID"
    assert code(one(org, admin, "Contact", lead, worker)) == "MALFORMED_ID"
    unknown = worker[:8] + "0000000"
    assert code(one(org, admin, "Contact", boss, unknown)) == "INVALID_CROSS_REFERENCE_KEY"
    assert code(one(org, admin, "Contact", boss, worker, LastName=None)) == "REQUIRED_FIELD_MISSING"
    assert code(one(org, admin, "Contact", boss, worker, Nonsense="x")) == "INVALID_FIELD"
    assert code(one(org, admin, "User", admin.user_id, boss)) == "INVALID_TYPE_FOR_OPERATION"
    again = admin.query(
        "SELECT Id, SystemModstamp, ReportsToId, IsDeleted FROM Contact ORDER BY Id", "/queryAll"
    )
    assert again == opened


def test_rights_to_delete_are_needed(made: tuple[Org, Caller]) -> None:
    org, admin = made
    rep = birth.create_user(org, username="rep@example.com", last_name="Rep")
    winner, loser = (admin.create("Lead", LastName=n, Company="c") for n in "ab")
    profile = org.reader().execute(
        'SELECT s."Id" FROM "PermissionSet" s JOIN "Profile" p ON p."Id" = s."ProfileId" WHERE p."Name" = ?',
        (birth.STANDARD_PROFILE,),
    )
    permission_sets.set_object_rights(org, profile.fetchone()[0], "Lead", ("Read", "Create", "Edit"))
    refusal = one(org, replace(admin, user_id=rep), "Lead", winner, loser).error
    assert isinstance(refusal, ApiError) and refusal.code == "INSUFFICIENT_ACCESS_OR_READONLY"
