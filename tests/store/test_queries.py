"""What the admin and the terminal read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from diptych.domain.merge import Conflict
from diptych.domain.pair import Inflight, PairState
from diptych.domain.reversal import ReversalRefused
from diptych.services import reversing
from diptych.store import SqlStore
from diptych.sync.ports import DeadLetter, PairChange, SnapshotProgress, Step
from tests.contract.store_contract import ACCOUNT, LEAD, MAPPING, T0, problem, seen, sf_id
from tests.store.sql_user import SqlUser


@pytest.fixture
def people(store: SqlStore) -> SqlStore:
    with store.transaction() as tx:
        tx.provision(MAPPING)
        tx.save_mapping(MAPPING, T0, "set-up")
        names = ("Ada", "Béla", "100%", "under_score", None)
        tx.add_people(LEAD, [seen(n, first_name=name, city="Bonn") for n, name in enumerate(names, 1)], None)
        tx.mirror(ACCOUNT, [seen(n, ACCOUNT, prefix="001", name=f"Company {n}") for n in (1, 2, 3)])
    store.create_person("admin:alice", {"first_name": "Eva"})
    return store


def test_search_filters_sort_and_pages(people: SqlStore) -> None:
    def found(**wanted: object) -> list[int]:
        return [row["id"] for row in people.queries.people(**{"sort": "id", **wanted}).rows]  # type: ignore[arg-type]

    assert found(search="ada") == [1] and found(search="a 1") == [1]
    assert found(search="%") == [3] and found(search="_") == [4] and found(search="nobody") == []
    assert found(search=sf_id(2)) == [2] and found(search=sf_id(2)[:15]) == [2]
    assert found(salesforce_type="none") == [6] and found(salesforce_type="lead", link_state="lead") == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert found(sort="first_name")[-1] == 5 and found(sort="-first_name")[-1] == 5
    page = people.queries.people(sort="-id", page=2, page_size=4)
    assert ([r["id"] for r in page.rows], page.total, page.everyone, page.page) == ([2, 1], 6, 6, 2)
    assert people.queries.people(page=99, page_size=4).page == 2
    with pytest.raises(ValueError, match="sorted"):
        people.queries.people(sort="id; DROP TABLE person")
    assert people.queries.person(999) is None


def test_conflicts_are_searched_and_one_is_reversed_once(people: SqlStore, store_user: SqlUser) -> None:
    with people.transaction() as tx:
        pairs = tx.linked(LEAD, [sf_id(1), sf_id(2)])
        for place, (column, winner, reason) in enumerate(
            [("city", "salesforce", "policy"), ("first_name", "ours", "blank"), ("city", "ours", "policy")]
        ):
            pair = pairs[sf_id(1 if place < 2 else 2)].pair
            lost = Conflict(column, "x", "Rom", "Bonn", winner, reason)
            tx.save([PairChange(pair.id, pair.person_id, conflicts=(lost,))], None)

    def found(**wanted: object) -> list[int]:
        return [row.id for row in people.queries.conflicts(**wanted)[0]]  # type: ignore[arg-type]

    assert found() == [3, 2, 1]
    assert found(column="city") == [3, 1] and found(person_id=1) == [2, 1]
    assert found(winner="salesforce") == [1] and found(reason="blank") == [2]
    assert found(column="city", person_id=2, winner="ours") == [3]
    now = people.queries.conflicts()[0][0].at
    assert found(since=now - timedelta(hours=1)) == [3, 2, 1] and found(since=now + timedelta(hours=1)) == []
    assert people.queries.conflict(9) is None

    done = reversing.reverse(people, 1, "alice")
    assert done.reversal is not None and people.queries.person(1).values["city"] == "Rom"  # type: ignore[union-attr]
    newest = people.queries.history(1)[0]
    assert (newest.side, newest.actor, newest.new) == ("ours", "alice", "Rom")
    assert reversing.reverse(people, 1, "alice").reversal is None, "a second time does nothing"
    assert len([h for h in people.queries.history(1) if h.actor == "alice"]) == 1
    with people.transaction() as tx:
        assert [one.dirty for one in tx.owed(LEAD, T0, 0, 10)] == [{"city": "Rom"}]
    store_user.edit(1, "city", "Lima")
    for number, says in ((1, "edited since"), (9, "no conflict 9")):
        with pytest.raises(ReversalRefused, match=says):
            reversing.reverse(people, number, "alice")
    people.delete_person("alice", 1)
    with pytest.raises(ReversalRefused, match="not here"):
        reversing.reverse(people, 2, "alice")


def test_a_person_shows_what_is_waiting_in_flight_and_parked(people: SqlStore, store_user: SqlUser) -> None:
    store_user.edit(1, "city", "Rom")
    with people.transaction() as tx:
        pair = tx.linked(LEAD, [sf_id(1)])[sf_id(1)].pair
        letter = DeadLetter("Push updates", problem(), "first_name", {"first_name": "x"})
        sent = Inflight({"city": "Rom"}, "1-1", T0)
        tx.save([PairChange(pair.id, 1, inflight=sent, dead_letters=(letter,))], None)
    person = people.queries.person(1)
    assert person is not None
    (shown,) = person.pairs
    assert shown.waiting == {"city": "Bonn"} and shown.in_flight == {"city": "Rom"}
    assert shown.parked == {"first_name": "too long"}
    lines = people.queries.history(1)
    assert [(h.column, h.old, h.new, h.actor) for h in lines] == [("city", "Bonn", "Rom", "sql")]
    assert people.queries.history(1, before=lines[-1].id) == []


def test_status_counts_and_ledger(people: SqlStore, store_user: SqlUser) -> None:
    store_user.edit(1, "city", "Rom")
    with people.transaction() as tx:
        pairs = tx.linked(LEAD, [sf_id(2), sf_id(3)])
        lost = Conflict("city", "Bonn", "Rom", "Oslo", "salesforce", "policy")
        tx.save(
            [
                PairChange(pairs[sf_id(2)].pair.id, 2, state=PairState.TOMBSTONED, conflicts=(lost,)),
                PairChange(
                    pairs[sf_id(3)].pair.id,
                    3,
                    state=PairState.PARKED,
                    dead_letters=(DeadLetter("Push", problem()),),
                ),
            ],
            None,
        )
        run = tx.open_run("cycle", T0)
        tx.add_step(run, Step("Lead", "Pull updates", "Succeeded", T0, T0, new=3, api_calls=2))
        tx.add_step(run, Step("Lead", "Pull updates", "Succeeded", T0, T0, new=1, api_calls=1))
        tx.close_run(run, "Succeeded", T0 + timedelta(seconds=9))
        tx.save_snapshot(SnapshotProgress("Lead", "loading", T0, 1, ("City",), rows_applied=5, rows_total=9))
    status = people.queries.status()
    lead = status.of("Lead")
    assert (lead.ours, lead.backlog, lead.parked, lead.deleted, lead.dead_letters) == (4, 1, 1, 1, 1)
    assert lead.load is not None and lead.load.rows_applied == 5 and [s.new for s in lead.steps] == [1]
    assert status.of("Account").ours == 3 and (status.people, status.people_made_here) == (6, 1)
    assert (status.backlog, status.conflicts, status.dead_letters, status.api_calls_24h) == (1, 1, 1, 3)
    assert status.last_runs["cycle"].status == "Succeeded"
    assert [len(r.steps) for r in people.queries.runs()] == [2]
    letters, total = people.queries.dead_letters(error_class="length")
    assert total == 1 and letters[0].sf_id == sf_id(3) and letters[0].message == "too long"
    conflicts, total = people.queries.conflicts(object_name="Lead")
    assert total == 1 and (conflicts[0].field, conflicts[0].theirs) == ("City", "Oslo")


def test_companies(people: SqlStore) -> None:
    page = people.queries.mirror_rows("company", search="2")
    assert [r["name"] for r in page.rows] == ["Company 2"] and page.total == 1
    row = people.queries.mirror_row("company", page.rows[0]["id"])
    assert row is not None and row["salesforce_modstamp"] == T0
    assert people.queries.names_of("company", [sf_id(1, "001")]) == {sf_id(1, "001"): "Company 1"}
    with pytest.raises(ValueError):
        people.queries.mirror_rows("person")
