"""Counts that are kept with the rows (`store.tally`). That they are right after whatever a test did, every test of a store says
(conftest); here: what they are for, and how they stay few rows."""

from __future__ import annotations

import sqlalchemy as sa

from diptych.services.keeping import prune_if_due
from diptych.store import SqlStore, tally
from tests.store.kept import kept_and_counted
from tests.store.sql_user import SqlUser


def test_people_are_counted_whoever_writes(store: SqlStore, store_user: SqlUser) -> None:
    people = [store.create_person("admin:ana", {}) for _ in range(4)]
    store_user.run(
        "UPDATE person SET link_state = 'lead', salesforce_type = 'lead' WHERE id = :n", n=people[0]
    )
    store_user.delete(people[1])
    with store.reading() as connection:
        kept = tally.counts(connection, "person")
    assert kept == {("", "none"): 2, ("lead", "lead"): 1}
    assert (tally.total(kept), tally.total(kept, ""), tally.total(kept, b="lead")) == (3, 2, 1)
    found = store.queries.people(salesforce_type="lead")
    assert (found.total, found.everyone, [row["id"] for row in found.rows]) == (1, 3, people[:1])


def test_what_is_rolled_back_is_not_counted(store: SqlStore, store_user: SqlUser) -> None:
    store.create_person("admin:ana", {})
    with store.engine.connect() as connection:
        connection.execute(sa.text("INSERT INTO person DEFAULT VALUES"))
        connection.rollback()
    assert store.queries.status().people == 1


def test_many_rows_of_counts_become_few_and_a_wrong_count_is_found_out(
    store: SqlStore, store_user: SqlUser
) -> None:
    with store.transaction() as unit:
        for _ in range(tally.MANY + 1):
            tally.add(unit.connection, "company", "", "live", 1)
        tally.fold(unit.connection)
        rows = unit.connection.execute(sa.text("SELECT count(*) FROM tally WHERE what = 'company'")).scalar()
        assert (rows, tally.counts(unit.connection, "company")) == (1, {("", "live"): tally.MANY + 1})
    prune_if_due(store, store.now())
    kept, counted = kept_and_counted(store)
    assert kept == counted and kept["company"] == {}


def test_pages_of_people_are_found_by_the_id_at_their_edge(store: SqlStore, store_user: SqlUser) -> None:
    people = sorted((store.create_person("admin:ana", {}) for _ in range(7)), reverse=True)

    def page(number: int, **edge: int) -> list[int]:
        return [row["id"] for row in store.queries.people(page=number, page_size=3, **edge).rows]

    assert page(1) == people[:3]
    assert page(2, below=people[2]) == page(2) == people[3:6]
    assert page(3, below=people[5]) == people[6:]
    assert page(2, above=people[6]) == people[3:6]
    assert page(1, above=people[3]) == people[:3]
