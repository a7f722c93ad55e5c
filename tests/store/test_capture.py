"""What SQL users do with any client is seen: base, history, parts, REPLACE, DELETE (decision 0001)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from diptych.domain.mapping import Mapping, ObjectMapping
from diptych.domain.pair import Inflight, Linked, PairState
from diptych.domain.values import InvalidValue, Kind
from diptych.store import SqlStore, open_store
from diptych.store.editing import EditedMeanwhile
from diptych.sync.ports import PairChange
from tests.contract.store_contract import ACCOUNT, LEAD, MAPPING, T0, mapped, page, seen, sf_id
from tests.store.sql_user import SqlUser

WIDE = Mapping(1, tuple(mapped("Lead", f"F{n}__c", f"f{n}") for n in range(700)))


def provision(store: SqlStore, mapping: Mapping = MAPPING) -> None:
    with store.transaction() as tx:
        tx.provision(mapping)
        tx.save_mapping(mapping, T0, "set-up")


def pair(store: SqlStore, number: int = 1, mapping: ObjectMapping = LEAD) -> Linked:
    with store.transaction() as tx:
        return tx.linked(mapping, [sf_id(number)])[sf_id(number)]


@pytest.fixture
def ada(store: SqlStore) -> Linked:
    provision(store)
    with store.transaction() as tx:
        tx.add_people(LEAD, [seen(1, first_name="Ada", city="Bonn", number_of_employees=3)], None)
    return pair(store)


# ---------------------------------------------------------------- UPDATE


def test_a_change_and_its_way_back_leave_nothing_owed(
    store: SqlStore, store_user: SqlUser, ada: Linked
) -> None:
    for city in ("Rom", "Oslo", "Bonn"):
        store_user.edit(ada.pair.person_id, "city", city)
    assert store_user.run("SELECT * FROM base") == []
    assert store_user.run("SELECT * FROM v_backlog") == []
    assert [(c.old, c.new) for c in store_user.changes(ada.pair.person_id)] == [
        ("Bonn", "Rom"),
        ("Rom", "Oslo"),
        ("Oslo", "Bonn"),
    ]


def test_one_statement_over_many_rows_and_columns(store: SqlStore, store_user: SqlUser) -> None:
    provision(store)
    with store.transaction() as tx:
        tx.add_people(LEAD, [seen(n, city="Bonn", number_of_employees=n) for n in range(1, 6)], None)
    store_user.run(
        "UPDATE person SET city = 'Rom', number_of_employees = number_of_employees + 1, since = '2026-03-04'"
    )
    with store.transaction() as tx:
        owed = tx.owed(LEAD, T0, 0, 10)
    assert [o.dirty for o in owed] == [
        {"city": "Rom", "number_of_employees": n + 1, "since": "2026-03-04"} for n in range(1, 6)
    ]
    assert len(store_user.run("SELECT * FROM v_backlog")) == 15


def test_conflict_clauses_of_a_statement_do_not_override_the_base(
    store: SqlStore, store_user: SqlUser, ada: Linked
) -> None:
    clause = "" if store_user.postgres else "OR REPLACE"
    store_user.run(f"UPDATE {clause} person SET city = 'Rom'")
    store_user.run(f"UPDATE {clause} person SET city = 'Oslo'")
    assert pair(store).base["city"] == "Bonn"


def test_updated_at_moves_and_the_key_does_not(store: SqlStore, store_user: SqlUser, ada: Linked) -> None:
    long_ago = "2020-01-01T00:00:00Z"
    with store.transaction() as tx:
        tx._engine_writes()
        tx.connection.execute(sa.text(f"UPDATE person SET updated_at = '{long_ago}'"))
    store_user.edit(ada.pair.person_id, "city", "Rom")
    person = store_user.person(ada.pair.person_id)
    assert person is not None and str(person["updated_at"])[:4] != "2020"
    with pytest.raises(sa.exc.DBAPIError, match="never changes"):
        store_user.run("UPDATE person SET id = 77")


def test_a_company_changed_here_is_history_only(store: SqlStore, store_user: SqlUser) -> None:
    provision(store)
    with store.transaction() as tx:
        tx.mirror(ACCOUNT, [seen(1, ACCOUNT, prefix="001", name="A")])
    store_user.run("UPDATE company SET name = 'B'")
    (line,) = store_user.run("SELECT * FROM change_log")
    assert (line["table_name"], line["old_value"], line["new_value"], line["side"]) == (
        "company",
        "A",
        "B",
        "ours",
    )
    assert store_user.run("SELECT * FROM base") == []


def test_the_admin_is_named_and_others_are_sql(store: SqlStore, store_user: SqlUser, ada: Linked) -> None:
    number = ada.pair.person_id
    assert store.edit_person("admin:alice", number, {"city": " Rom ", "first_name": "Ada"}) == ["city"]
    store_user.edit(number, "city", "Oslo")
    assert [(c.column, c.new, c.actor) for c in store_user.changes(number)] == [
        ("city", "Rom", "admin:alice"),
        ("city", "Oslo", "sql"),
    ]
    assert pair(store).dirty == {"city": "Oslo"}
    with pytest.raises(InvalidValue, match="number_of_employees"):
        store.edit_person("admin:alice", number, {"city": "Kiel", "number_of_employees": "many"})
    with pytest.raises(KeyError):
        store.edit_person("admin:alice", 999, {"city": "Kiel"})
    with pytest.raises(KeyError):
        store.create_person("admin:alice", {"no_such": "x"})
    assert pair(store).ours["city"] == "Oslo"


def test_an_edit_replaces_only_what_its_author_saw(store: SqlStore, store_user: SqlUser, ada: Linked) -> None:
    number = ada.pair.person_id
    store_user.edit(number, "city", "Oslo")
    with pytest.raises(EditedMeanwhile) as moved:
        store.edit_person(
            "admin", number, {"city": "Kiel", "first_name": "Ad"}, {"city": "Bern", "first_name": "Ada"}
        )
    assert moved.value.current == {"city": "Oslo"}
    assert pair(store).ours["first_name"] == "Ada"
    assert store.edit_person("admin", number, {"city": "Oslo"}, {"city": "Bern"}) == []
    assert store.edit_person("admin", number, {"city": "Kiel"}, {"city": "Oslo"}) == ["city"]
    assert store.queries.waiting([number, number + 1]) == {number}


def test_a_person_made_by_hand_is_ours_only(store: SqlStore, store_user: SqlUser) -> None:
    provision(store)
    number = store.create_person("admin:alice", {"first_name": "Eva", "annual_revenue": "12.5", "city": " "})
    (came,) = store_user.changes(number)
    assert (came.column, came.actor) == (None, "admin:alice") and "Eva" in str(came.new)
    person = store.queries.person(number)
    assert person is not None and person.values["first_name"] == "Eva" and person.pairs == ()
    assert person.system["link_state"] == "none" and person.values["city"] is None
    assert store.create_person("admin:alice", {}) > number


# ---------------------------------------------------------------- DELETE, INSERT OR REPLACE, upsert


def test_delete_keeps_the_values_in_history(store: SqlStore, store_user: SqlUser, ada: Linked) -> None:
    store_user.delete(ada.pair.person_id)
    (gone,) = store_user.changes(ada.pair.person_id)
    assert gone.column is None and '"Bonn"' in str(gone.old) and gone.new is None
    assert pair(store).pair.state is PairState.DETACHED
    # an id never comes again, and a person put back under the old one stays ours only
    assert store_user.insert(city="Rom") > ada.pair.person_id
    store_user.run("INSERT INTO person (id, city) VALUES (:number, 'Kiel')", number=ada.pair.person_id)
    with store.transaction() as tx:
        assert tx.owed(LEAD, T0, 0, 10) == [] and tx.live_ids("Lead", "", 10) == []


def test_saving_for_a_person_deleted_meanwhile_changes_nothing(
    store: SqlStore, store_user: SqlUser, ada: Linked
) -> None:
    store_user.delete(ada.pair.person_id)
    with store.transaction() as tx:
        change = PairChange(
            ada.pair.id, ada.pair.person_id, ours={"city": "Rom"}, base={"city": "Rom"}, link_state="lead"
        )
        tx.save([change], None)
    assert store_user.people() == []


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_insert_or_replace_keeps_pair_base_and_fence(tmp_path: Path, recursive: str) -> None:
    store = open_store(f"sqlite:///{tmp_path}/app.db")
    user = SqlUser(store)
    provision(store)
    with store.transaction() as tx:
        tx.add_people(LEAD, [seen(1, first_name="Ada", city="Bonn")], None)
        number = tx.linked(LEAD, [sf_id(1)])[sf_id(1)].pair
        sent = Inflight({"city": "Rom"}, "7-1", T0)
        tx.save([PairChange(number.id, number.person_id, inflight=sent)], None)
    with store.engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA recursive_triggers={recursive}")
        connection.exec_driver_sql(
            f"INSERT OR REPLACE INTO person (id, city) VALUES ({number.person_id}, 'Oslo')"
        )
        connection.commit()
    again = pair(store)
    assert again.pair.state is PairState.PAIRED and again.pair.inflight == sent
    assert again.dirty == {"first_name": None, "city": "Oslo"}
    assert (again.base["first_name"], again.base["city"]) == ("Ada", "Bonn")
    person = user.person(number.person_id)
    assert person is not None and person["salesforce_id"] == sf_id(1) and person["link_state"] == "lead"
    assert {(c.column, c.old, c.new) for c in user.changes(number.person_id)} >= {
        ("first_name", "Ada", None),
        ("city", "Bonn", "Oslo"),
    }
    # a mark that an ignored insert leaves behind must not bring a deleted person's pair back
    user.run("INSERT OR IGNORE INTO person (id, city) VALUES (:n, 'Kiel')", n=number.person_id)
    user.delete(number.person_id)
    assert pair(store).pair.state is PairState.DETACHED
    store.close()


def test_an_upsert_is_an_update(store: SqlStore, store_user: SqlUser, ada: Linked) -> None:
    store_user.run(
        "INSERT INTO person (id, city) VALUES (:number, 'Rom') ON CONFLICT (id) DO UPDATE SET city = excluded.city",
        number=ada.pair.person_id,
    )
    assert pair(store).dirty == {"city": "Rom"}
    assert [(c.column, c.old, c.new) for c in store_user.changes(ada.pair.person_id)] == [
        ("city", "Bonn", "Rom")
    ]
    store_user.delete(ada.pair.person_id)
    assert pair(store).pair.state is PairState.DETACHED


# ---------------------------------------------------------------- values of the wrong type, on SQLite


@pytest.mark.parametrize(
    ("column", "stored", "shown"),
    [
        ("number_of_employees", "'about ten'", "about ten"),
        ("number_of_employees", "3.7", 4),
        ("city", "42", "42"),
        ("city", "x'c3a9ff'", "é�"),
        ("annual_revenue", "'1.005'", None),
        ("unsubscribed", "'yes'", True),
        ("unsubscribed", "7", True),
        ("since", "'2026-02-30'", "2026-02-30"),
        ("salesforce_created_at", "'2026-01-02 03:04:05'", "2026-01-02T03:04:05Z"),
    ],
)
def test_what_sqlite_lets_in_can_be_read(tmp_path: Path, column: str, stored: str, shown: object) -> None:
    store = open_store(f"sqlite:///{tmp_path}/app.db")
    user = SqlUser(store)
    provision(store)
    with store.transaction() as tx:
        tx.add_people(LEAD, [seen(1)], None)
    user.run(f"UPDATE person SET {column} = {stored}")
    with store.transaction() as tx:
        (owed,) = tx.owed(LEAD, T0, 0, 10)
    assert owed.base[column] is None
    assert shown is None or owed.dirty == {column: shown}
    person = store.queries.person(owed.pair.person_id)
    assert person is not None and person.values[column] == owed.ours[column]
    user.run("DELETE FROM person")
    store.close()


# ---------------------------------------------------------------- real clients


def test_another_process_with_plain_sqlite3_is_captured(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/app.db")
    provision(store)
    with store.transaction() as tx:
        tx.add_people(LEAD, [seen(1, city="Bonn")], None)
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute(\"UPDATE person SET city = 'Rom' WHERE id = 1\"); c.commit()"
    )
    subprocess.run([sys.executable, "-c", script, f"{tmp_path}/app.db"], check=True)
    assert pair(store).dirty == {"city": "Rom"}
    store.close()


# ---------------------------------------------------------------- parts


def test_wide_people_live_in_parts(store: SqlStore, store_user: SqlUser) -> None:
    provision(store, WIDE)
    lead = WIDE.of("Lead")
    values = {f"f{n}": f"value {n}" for n in range(0, 700, 7)}
    with store.transaction() as tx:
        tx.add_people(lead, [seen(1, lead, **values)], None)
        rows = [{"Id": sf_id(2), "F1__c": "one", "F350__c": "two", "F699__c": "three"}]
        assert tx.load_page(lead, page(rows, lead), T0).inserted == 1
        assert tx.load_page(lead, page(rows, lead), T0).inserted == 0
    assert {c: v for c, v in pair(store, 1, lead).ours.items() if v is not None} == values
    second = pair(store, 2, lead)
    assert {c: v for c, v in second.ours.items() if v} == {"f1": "one", "f350": "two", "f699": "three"}
    tables = {c.part_table for c in store_user.catalogue().columns("person").values()}
    assert tables == {"person", "person_2", "person_3"}

    store_user.edit(second.pair.person_id, "f350", "zwei")
    store_user.edit(second.pair.person_id, "f1", "eins")
    assert pair(store, 2, lead).dirty == {"f350": "zwei", "f1": "eins"}
    with store.transaction() as tx:
        change = PairChange(
            second.pair.id,
            second.pair.person_id,
            ours={"f350": "deux", "f699": "trois"},
            base={"f350": "deux", "f699": "trois"},
        )
        tx.save([change], None)
    assert pair(store, 2, lead).dirty == {"f1": "eins"}
    person = store_user.person(second.pair.person_id)
    assert person is not None and (person["f350"], person["f699"]) == ("deux", "trois")

    made = store_user.insert(f2="x")
    store_user.edit(made, "f650", "y")
    assert store.edit_person("admin:alice", made, {"f500": "z"}) == ["f500"]
    found = store.queries.person(made)
    assert found is not None and (found.values["f2"], found.values["f650"], found.values["f500"]) == (
        "x",
        "y",
        "z",
    )
    store_user.delete(made)
    assert store_user.run("SELECT id FROM person_3 WHERE id = :n", n=made) == []


def test_a_row_of_a_part_deleted_by_hand_is_blank_and_owed(store: SqlStore, store_user: SqlUser) -> None:
    provision(store, WIDE)
    lead = WIDE.of("Lead")
    with store.transaction() as tx:
        tx.add_people(lead, [seen(1, lead, f1="one", f350="two")], None)
    store_user.run("DELETE FROM person_2")
    assert pair(store, 1, lead).dirty == {"f350": None}
    store_user.edit(pair(store, 1, lead).pair.person_id, "f350", "two")
    assert pair(store, 1, lead).dirty == {}


# ---------------------------------------------------------------- provisioning


def test_columns_come_online_and_kinds_widen(store: SqlStore, store_user: SqlUser, ada: Linked) -> None:
    number = ada.pair.person_id
    fields = [f for f in MAPPING.fields if f.column != "number_of_employees"]
    text = MAPPING.with_fields([*fields, mapped("Lead", "NumberOfEmployees", "number_of_employees")])
    with store.transaction() as tx:
        assert tx.provision(text) == []
        tx.save_mapping(text, T0, "retyped")
    lead = text.of("Lead")
    assert pair(store, 1, lead).ours["number_of_employees"] == "3"
    store_user.edit(number, "number_of_employees", "three or so")
    assert pair(store, 1, lead).dirty == {"number_of_employees": "three or so"}
    assert store_user.person(number) is not None


def test_names_that_cannot_be_columns_are_refused(store: SqlStore) -> None:
    for name in ('a" b', "id", "link_state", "9lives", "Äh", "x" * 64, "drop table"):
        with pytest.raises(ValueError), store.transaction() as tx:
            tx.provision(Mapping(1, (mapped("Lead", "X__c", name),)))
    with store.transaction() as tx:
        assert tx.provision(Mapping(1, (mapped("Lead", "X__c", "select"),))) == ["select"]


@pytest.fixture
def company_mapping(store: SqlStore) -> Iterator[Mapping]:
    found = MAPPING.with_fields([*MAPPING.fields, mapped("Contact", "AccountId", "account_id", Kind.ID)])
    provision(store, found)
    yield found


def test_people_find_their_company_early_and_late(
    store: SqlStore, store_user: SqlUser, company_mapping: Mapping
) -> None:
    contact = company_mapping.of("Contact")
    with store.transaction() as tx:
        tx.mirror(ACCOUNT, [seen(1, ACCOUNT, prefix="001", name="A")])
        early = seen(1, contact, prefix="003", account_id=sf_id(1, "001"))
        tx.add_people(contact, [early, seen(2, contact, prefix="003", account_id=sf_id(2, "001"))], None)
        rows = [{"Id": sf_id(3, "003"), "AccountId": sf_id(1, "001")}]
        tx.load_page(contact, page(rows, contact), T0)
    assert [p["company_id"] for p in store_user.people()] == [1, None, 1]
    with store.transaction() as tx:
        tx.load_page(ACCOUNT, page([{"Id": sf_id(2, "001"), "Name": "B"}], ACCOUNT), T0)
    assert [p["company_id"] for p in store_user.people()] == [1, 2, 1]
    with store.transaction() as tx:
        linked = tx.linked(contact, [sf_id(1, "003")])[sf_id(1, "003")]
        move = {"account_id": sf_id(2, "001")}
        tx.save([PairChange(linked.pair.id, linked.pair.person_id, ours=move, base=move)], None)
    assert [p["company_id"] for p in store_user.people()] == [2, 2, 1]
