"""Row locks: a write that is held open keeps its record and the parents from others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    org.set_setting("lock_wait_seconds", 0)
    yield caller
    org.close()


def locked(caller: Caller, verb: str, path: str, body: object = None) -> bool:
    answer = caller(verb, path, body)
    if answer.status < 300:
        return False
    assert answer.json[0]["errorCode"] == "UNABLE_TO_LOCK_ROW", answer.text
    return True


def test_a_held_contact_locks_its_account_and_so_its_siblings(admin: Caller) -> None:
    account, other = (admin.create("Account", Name=name) for name in "AB")
    held, sibling = (admin.create("Contact", LastName=n, AccountId=account) for n in "CD")
    stranger = admin.create("Contact", LastName="E", AccountId=other)
    number = admin.org.late.hold(None, "update", "Contact", held, {"Title": "x"}, 30)
    assert admin.org.late.listing()[0]["locked"] == [held, account]
    answer = admin("PATCH", f"/sobjects/Contact/{sibling}", {"Title": "y"})
    assert answer.json == [
        {
            "message": f"unable to obtain exclusive access to this record or 1 records: {account}",
            "errorCode": "UNABLE_TO_LOCK_ROW",
            "fields": [],
        }
    ]
    assert locked(admin, "PATCH", f"/sobjects/Account/{account}", {"Phone": "1"})
    assert locked(admin, "POST", "/sobjects/Contact", {"LastName": "N", "AccountId": account})
    assert locked(admin, "PATCH", f"/sobjects/Contact/{stranger}", {"AccountId": account})
    assert locked(admin, "DELETE", f"/sobjects/Contact/{sibling}")
    assert not locked(admin, "PATCH", f"/sobjects/Contact/{stranger}", {"Title": "z"})
    admin.org.clock.advance(31)
    assert not locked(admin, "PATCH", f"/sobjects/Contact/{sibling}", {"Title": "y"})
    assert number == 1


def test_one_locked_record_of_a_collection_leaves_its_neighbours(admin: Caller) -> None:
    held, free = (admin.create("Lead", LastName=n, Company="C") for n in "AB")
    admin.org.late.hold(None, "update", "Lead", held, {"Title": "x"}, 30)
    records = [{"attributes": {"type": "Lead"}, "Id": i, "Title": "y"} for i in (held, free)]
    answer = admin("PATCH", "/composite/sobjects", {"records": records}).json
    assert [one["success"] for one in answer] == [False, True]
    assert answer[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"


def test_the_status_of_the_refusal_can_be_chosen(admin: Caller) -> None:
    lead = admin.create("Lead", LastName="A", Company="C")
    admin.org.late.hold(None, "update", "Lead", lead, {}, 30)
    for status in (400, 500):
        admin.org.set_setting("lock_status", status)
        assert admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"}).status == status


def test_locks_survive_a_restart(admin: Caller) -> None:
    account = admin.create("Account", Name="A")
    contact = admin.create("Contact", LastName="C", AccountId=account)
    admin.org.late.hold(None, "update", "Contact", contact, {}, 30)
    again = type(admin.org).open(admin.org.path)
    assert again.late.listing()[0]["locked"] == [contact, account]
    again.close()
