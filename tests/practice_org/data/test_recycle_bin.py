"""The recycle bin: what goes in together comes back together, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from practice_org.clock import wire
from practice_org.data import dml, recycle_bin
from practice_org.errors import ApiError
from practice_org.org import Org
from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Org, Caller]]:
    org, admin = new_org(tmp_path)
    yield org, admin
    org.close()


def refused(org: Org, admin: Caller, operation: str, object_name: str, record_id: str) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        dml.perform(org, admin.user_id, operation, object_name, record_id, {})
    return caught.value.code, caught.value.message


def test_children_come_back_with_their_account_but_not_by_themselves(made: tuple[Org, Caller]) -> None:
    org, admin = made
    account = admin.create("Account", Name="Acme")
    before = admin.create("Contact", LastName="gone earlier", AccountId=account)
    along = admin.create("Contact", LastName="goes along", AccountId=account)
    dml.delete(org, admin.user_id, "Contact", before)
    dml.delete(org, admin.user_id, "Account", account)
    assert admin.query("SELECT Id FROM Contact")["totalSize"] == 0
    assert refused(org, admin, "undelete", "Contact", along) == (
        "UNDELETE_FAILED",
        "Entity is not in the recycle bin",
    )
    dml.undelete(org, admin.user_id, "Account", account)
    assert [r["Id"] for r in admin.query("SELECT Id FROM Contact")["records"]] == [along]
    dml.undelete(org, admin.user_id, "Contact", before)
    assert admin.query(f"SELECT Id FROM Contact WHERE AccountId = '{account}'")["totalSize"] == 2


def test_an_emptied_bin_gives_nothing_back_and_the_feed_still_tells(made: tuple[Org, Caller]) -> None:
    org, admin = made
    account = admin.create("Account", Name="Acme")
    contact = admin.create("Contact", LastName="x", AccountId=account)
    none = ("INVALID_ID_FIELD", "invalid record id; no recycle bin entry found")
    assert refused(org, admin, "emptyRecycleBin", "Account", account) == none
    dml.delete(org, admin.user_id, "Account", account)
    assert refused(org, admin, "emptyRecycleBin", "Contact", contact) == none
    dml.perform(org, admin.user_id, "emptyRecycleBin", "Account", account, {})
    assert refused(org, admin, "emptyRecycleBin", "Account", account) == none
    assert refused(org, admin, "undelete", "Account", account)[0] == "UNDELETE_FAILED"
    for name in ("Account", "Contact"):
        assert admin.query(f"SELECT Id FROM {name}", "/queryAll")["totalSize"] == 0
    start = wire((org.clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")).replace("+", "%2B")
    end = wire((org.clock.now() + timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%S")).replace("+", "%2B")
    told = admin("GET", f"/sobjects/Contact/deleted?start={start}&end={end}").json["deletedRecords"]
    assert [one["id"] for one in told] == [contact]
    assert refused(org, admin, "delete", "Account", account)[0] == "ENTITY_IS_DELETED"


def test_after_fifteen_days_it_is_gone(made: tuple[Org, Caller]) -> None:
    org, admin = made
    early, late = (
        admin.create("Lead", LastName="a", Company="c"),
        admin.create("Lead", LastName="b", Company="c"),
    )
    dml.delete(org, admin.user_id, "Lead", early)
    org.clock.advance(timedelta(days=10).total_seconds())
    dml.delete(org, admin.user_id, "Lead", late)
    org.clock.advance(timedelta(days=4, hours=23).total_seconds())
    recycle_bin.sweep(org)
    assert admin.query("SELECT Id FROM Lead", "/queryAll")["totalSize"] == 2
    org.clock.advance(timedelta(hours=2).total_seconds())
    recycle_bin.sweep(org)
    assert [r["Id"] for r in admin.query("SELECT Id FROM Lead", "/queryAll")["records"]] == [late]
    dml.undelete(org, admin.user_id, "Lead", late)


def test_hard_delete_takes_the_children(made: tuple[Org, Caller]) -> None:
    org, admin = made
    account = admin.create("Account", Name="Acme")
    admin.create("Contact", LastName="x", AccountId=account)
    dml.perform(org, None, "hardDelete", "Account", account, {})
    assert admin.query("SELECT Id FROM Contact", "/queryAll")["totalSize"] == 0
    assert refused(org, admin, "undelete", "Account", account)[0] == "UNDELETE_FAILED"


def test_a_unique_value_that_was_used_again_keeps_the_first_one_in_the_bin(made: tuple[Org, Caller]) -> None:
    org, admin = made
    create_field(org, "Lead", "Key", "text", length=20, external_id=True, unique=True)
    first = admin.create("Lead", LastName="a", Company="c", Key__c="1")
    dml.delete(org, admin.user_id, "Lead", first)
    second = admin.create("Lead", LastName="b", Company="c", Key__c="1")
    code, message = refused(org, admin, "undelete", "Lead", first)
    assert code == "DUPLICATE_VALUE" and second[:15] in message
    assert admin.query("SELECT Id FROM Lead", "/queryAll")["totalSize"] == 2


def test_what_came_back_does_not_point_to_what_is_gone(made: tuple[Org, Caller]) -> None:
    org, admin = made
    boss = admin.create("Contact", LastName="boss")
    worker = admin.create("Contact", LastName="worker", ReportsToId=boss)
    for one in (worker, boss):
        dml.delete(org, admin.user_id, "Contact", one)
    dml.perform(org, admin.user_id, "emptyRecycleBin", "Contact", boss, {})
    dml.undelete(org, admin.user_id, "Contact", worker)
    assert admin("GET", f"/sobjects/Contact/{worker}").json["ReportsToId"] is None
