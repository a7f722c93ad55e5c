"""What the event log keeps: with the rows, merged, counted, pruned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from practice_org.data import dml
from practice_org.data.dml import Options, Write
from practice_org.events import log, settings
from practice_org.org import Org
from tests.practice_org.calls import Caller, new_org

Made = tuple[Org, Caller]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    org, admin = new_org(tmp_path)
    yield org, admin
    org.close()


def events(org: Org) -> list[tuple[Any, ...]]:
    """Every event with the number of its transaction: (replay, txn, entity, kind, ids, data)."""
    return (
        org.reader()
        .execute(
            "SELECT replay, txn, entity, kind, ids, data FROM _event WHERE entity != 'User' ORDER BY replay"
        )
        .fetchall()
    )


def kinds(org: Org) -> list[tuple[str, str, str]]:
    return [(entity, kind, ids) for _, _, entity, kind, ids, _ in events(org)]


def leads(org: Org, admin: Caller, count: int) -> list[str]:
    return [admin.create("Lead", LastName=f"L{n}", Company="C") for n in range(count)]


def update(org: Org, admin: Caller, values: dict[str, dict[str, Any]], **options: Any) -> list[Any]:
    obj = org.schema["Lead"]
    writes = [Write("update", obj, record_id, row) for record_id, row in values.items()]
    return dml.apply(org, admin.user_id, writes, Options(**options))


def test_each_way_of_writing_leaves_its_event(made: Made) -> None:
    org, admin = made
    lead = admin.create("Lead", LastName="One", Company="C")
    admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "Boss"})
    admin("DELETE", f"/sobjects/Lead/{lead}")
    dml.undelete(org, admin.user_id, "Lead", lead)
    dml.apply(org, None, [Write("hardDelete", org.schema["Lead"], lead)])
    assert kinds(org) == [("Lead", k, lead) for k in ("CREATE", "UPDATE", "DELETE", "UNDELETE", "DELETE")]
    data = [row[5] for row in events(org)]
    assert '"Title":"Boss"' in data[1] and "LastModifiedDate" in data[1] and "Company" not in data[1]
    assert '"LastName":"One"' in data[3] and '"Title":"Boss"' in data[3] and '"Fax"' not in data[3]
    assert data[2] is None and data[4] is None


def test_deleting_an_account_tells_of_what_goes_with_it(made: Made) -> None:
    org, admin = made
    account = admin.create("Account", Name="A")
    contact = admin.create("Contact", LastName="C", AccountId=account)
    before = len(events(org))
    dml.delete(org, admin.user_id, "Account", account)
    assert {(e, k) for e, k, _ in kinds(org)[before:]} == {("Account", "DELETE"), ("Contact", "DELETE")}
    before = len(events(org))
    dml.undelete(org, admin.user_id, "Account", account)
    assert set(kinds(org)[before:]) == {("Account", "UNDELETE", account), ("Contact", "UNDELETE", contact)}


def test_equal_changes_of_one_transaction_are_one_event(made: Made) -> None:
    org, admin = made
    a, b, c = leads(org, admin, 3)
    before = len(events(org))
    update(org, admin, {a: {"Title": "X"}, b: {"Title": "Y"}, c: {"Title": "X"}})
    assert [row[4] for row in events(org)[before:]] == [f"{a} {c}", b]
    replays = [row[0] for row in events(org)]
    assert replays == list(range(replays[0], replays[0] + len(replays)))


def test_merging_never_shows_a_record_out_of_order(made: Made) -> None:
    org, admin = made
    a, b = leads(org, admin, 2)
    before = len(events(org))
    with org.transaction():
        update(org, admin, {a: {"Title": "1"}, b: {"Title": "2"}})
        update(org, admin, {b: {"Title": "1"}})
    told = [(row[4], '"Title":"1"' in row[5]) for row in events(org)[before:]]
    assert told == [(a, True), (b, False), (b, True)]


def test_what_is_rolled_back_leaves_no_event(made: Made) -> None:
    org, admin = made
    a, b = leads(org, admin, 2)
    before = events(org)
    update(org, admin, {a: {"Title": "X"}, b: {"Email": "no address"}}, all_or_none=True)
    with pytest.raises(ZeroDivisionError), org.transaction():
        update(org, admin, {a: {"Title": "X"}})
        raise ZeroDivisionError
    assert events(org) == before
    update(org, admin, {a: {"Title": "Z"}})
    assert events(org)[-1][0] == before[-1][0] + 1


def test_a_transaction_has_one_key_and_its_user(made: Made) -> None:
    org, admin = made
    a, b = leads(org, admin, 2)
    update(org, admin, {a: {"Title": "X"}, b: {"Title": "Y"}})
    rows = events(org)
    assert rows[-1][1] == rows[-2][1] != rows[-3][1]
    told = org.reader().execute("SELECT number, first, user_id, commit_number FROM _event_txn ORDER BY 1")
    told = told.fetchall()
    assert told[-1][:3] == (rows[-1][1], rows[-2][0], admin.user_id)
    numbers = [row[3] for row in told]
    assert numbers == sorted(set(numbers))


def test_beyond_the_threshold_one_event_an_object(made: Made) -> None:
    org, admin = made
    org.set_setting(settings.OVERFLOW, 2)
    with org.transaction():
        first, second = leads(org, admin, 2)
        account = admin.create("Account", Name="A")
        leads(org, admin, 3)
    assert kinds(org) == [
        ("Lead", "CREATE", first),
        ("Lead", "CREATE", second),
        ("Account", "GAP_OVERFLOW", log.NO_RECORD),
        ("Lead", "GAP_OVERFLOW", log.NO_RECORD),
    ]
    assert account


def test_only_chosen_objects_are_captured(made: Made) -> None:
    org, admin = made
    org.set_setting(settings.ENTITIES, [])
    leads(org, admin, 1)
    org.set_setting(settings.ENTITIES, ["account"])
    leads(org, admin, 1)
    admin.create("Account", Name="A")
    assert [entity for entity, _, _ in kinds(org)] == ["Account"]


def test_a_moved_system_modstamp_alone_is_no_change(made: Made) -> None:
    org, admin = made
    (lead,) = leads(org, admin, 1)
    before = len(events(org))
    dml.bump(org, "Lead", [lead])
    assert len(events(org)) == before


def test_events_are_kept_for_72_hours_and_numbers_never_come_again(made: Made) -> None:
    org, admin = made
    leads(org, admin, 3)
    newest = log.latest(org.reader())
    assert log.earliest(org.reader(), org.changes.horizon()) == 1
    org.clock.advance(timedelta(hours=72, seconds=2).total_seconds())
    assert log.earliest(org.reader(), org.changes.horizon()) == newest + 1
    with org.transaction() as tx:
        org.changes._prune(tx.connection)
    assert events(org) == []
    leads(org, admin, 1)
    assert events(org)[0][0] == newest + 1 == log.earliest(org.reader(), org.changes.horizon())


def test_a_late_commit_is_told_of_when_it_commits(made: Made) -> None:
    org, admin = made
    org.clock.freeze()
    (lead,) = leads(org, admin, 1)
    before = len(events(org))
    started = org.clock.now()
    org.late.hold(admin.user_id, "update", "Lead", lead, {"Title": "late"}, 60)
    other = admin.create("Lead", LastName="Meanwhile", Company="C")
    assert [ids for _, _, ids in kinds(org)[before:]] == [other]
    org.clock.advance(61)
    org.late.settle()
    assert kinds(org)[-1] == ("Lead", "UPDATE", lead)
    at = org.reader().execute("SELECT at FROM _event_txn ORDER BY number DESC").fetchone()[0]
    assert at == int(started.timestamp()) + 61 and started.strftime("%H:%M:%S") in events(org)[-1][5]
