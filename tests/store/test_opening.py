"""Opening a database: what is made, what is refused, in one clear line; secrets and the stored connection."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from diptych.store import SqlStore, StoreUnusable, open_store
from diptych.store.connection import (
    StoredConnection,
    forget_connection,
    load_connection,
    lock_connection,
    save_connection,
)
from diptych.store.migrations import upgrade as upgrading
from diptych.store.migrations.upgrade import SCHEMA_VERSION
from diptych.store.secrets import KEY_FILE, SecretUnreadable, open_secrets
from diptych.store.system_tables import metadata
from diptych.sync.ports import LeaseLost, PairChange, StoreBusy
from tests.contract.store_contract import LEAD, MAPPING, T0, seen, sf_id
from tests.postgres_server import PostgresServer


def test_the_tables_are_those_the_queries_know(store: SqlStore) -> None:
    inspector = sa.inspect(store.engine)
    for name, table in metadata.tables.items():
        assert [c["name"] for c in inspector.get_columns(name)] == [c.name for c in table.columns], name
    assert {"v_people", "v_pairs", "v_conflicts", "v_dead_letters", "v_backlog"} <= set(
        inspector.get_view_names()
    )
    with store.reading() as connection:
        for view in inspector.get_view_names():
            assert connection.execute(sa.text(f"SELECT * FROM {view}")).all() == []


def test_opening_again_changes_nothing(database_url: str) -> None:
    open_store(database_url).close()
    again = open_store(database_url)
    with again.transaction() as tx:
        tx.save_setting("a", "b")
    again.close()
    third = open_store(database_url)
    with third.transaction() as tx:
        assert tx.setting("a") == "b"
    third.close()


def test_the_first_schema_is_upgraded_with_all_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    monkeypatch.setattr(upgrading, "SCHEMA_VERSION", "0001")
    old = open_store(url)
    with old.transaction() as tx:
        tx.save_setting("kept", "yes")
    assert "sent" not in sa.inspect(old.engine).get_table_names()
    old.close()
    monkeypatch.undo()
    store = open_store(url)
    test_the_tables_are_those_the_queries_know(store)
    with store.transaction() as tx:
        assert tx.setting("kept") == "yes"
    store.close()


def test_a_mapping_stored_before_there_were_blanks_and_consent_loads_with_defaults(
    store: SqlStore,
) -> None:
    with store.transaction() as tx:
        tx.save_mapping(MAPPING, T0, "of an older version")
    with store.engine.begin() as connection:
        text = connection.execute(sa.text("SELECT fields FROM mapping_version")).scalar_one()
        older = [{k: v for k, v in f.items() if k not in ("blanks", "restrictive")} for f in json.loads(text)]
        connection.execute(
            sa.text("UPDATE mapping_version SET fields = :old, digest = 'other'"), {"old": json.dumps(older)}
        )
    with store.transaction() as tx:
        assert tx.mapping() == MAPPING


def test_a_newer_database_is_refused(database_url: str) -> None:
    store = open_store(database_url)
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreUnusable, match=f"newer version.*9999.*{SCHEMA_VERSION}"):
        open_store(database_url)


@pytest.mark.postgres
def test_an_empty_postgres_database_is_set_up(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    open_store(url).close()
    postgres.drop_database(url)
    with pytest.raises(StoreUnusable, match="cannot be"):
        open_store(url)


def test_several_processes_may_start_at_once(tmp_path: Path) -> None:
    url, problems = f"sqlite:///{tmp_path}/app.db", []

    def start() -> None:
        try:
            open_store(url).close()
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_files_that_are_no_database_of_ours_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello, this is a letter and no database " * 100)
    with pytest.raises(StoreUnusable, match="not a Diptych database"):
        open_store(f"sqlite:///{tmp_path}/text.db")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE person (name TEXT)")
    with pytest.raises(StoreUnusable, match="did not make"):
        open_store(f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(StoreUnusable, match="is a folder"):
        open_store(f"sqlite:///{tmp_path}")
    with pytest.raises(StoreUnusable, match="needs a file"):
        open_store("sqlite://")
    with pytest.raises(StoreUnusable, match="cannot be made"):
        open_store(f"sqlite:///{tmp_path}/text.db/below/app.db")
    with pytest.raises(StoreUnusable, match="not supported"):
        open_store("mysql://somewhere/db")


def test_a_failed_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.store.migrations import upgrade

    def half_way(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE person (id INTEGER)")
        raise KeyboardInterrupt

    url = f"sqlite:///{tmp_path}/app.db"
    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "_run", half_way)
        with pytest.raises(KeyboardInterrupt):
            open_store(url)
    open_store(url).close()


# ---------------------------------------------------------------- busy


def test_a_locked_database_is_busy_not_broken(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/app.db")
    other = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    @sa.event.listens_for(store.engine, "checkout")
    def impatient(connection: sqlite3.Connection, *rest: object) -> None:
        connection.execute("PRAGMA busy_timeout=0")

    with pytest.raises(StoreBusy), store.transaction() as tx:
        tx.save_setting("a", "b")
    with store.reading() as connection:  # reads go on
        assert connection.execute(sa.text("SELECT count(*) FROM person")).scalar() == 0
    other.execute("ROLLBACK")
    other.close()
    with store.transaction() as tx:
        assert tx.setting("a") is None
    store.close()


def test_a_full_disk_is_busy_and_keeps_nothing(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/app.db")
    with pytest.raises(StoreBusy, match="full"), store.transaction() as tx:
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 5}")
        tx.save_setting("large", "x" * 1_000_000)
    with store.transaction() as tx:
        assert tx.setting("large") is None
        tx.connection.exec_driver_sql("PRAGMA max_page_count=1073741823")
    store.close()


@pytest.mark.postgres
def test_a_lost_connection_is_busy(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    store = open_store(url)
    with pytest.raises(StoreBusy), store.transaction() as tx:
        own = tx.connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        with store.engine.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
        tx.save_setting("a", "b")
    with store.transaction() as tx:
        assert tx.setting("a") is None
    store.close()
    postgres.drop_database(url)


def test_a_lease_lost_within_a_transaction_undoes_it(database_url: str) -> None:
    store, other = open_store(database_url), open_store(database_url)
    mine = store.acquire_lease("a", T0, 60)
    assert mine is not None
    with pytest.raises(LeaseLost), store.transaction(mine) as tx:
        tx.save_setting("a", "b")
        # as if the other engine had got in between: the epoch moves on
        tx.connection.execute(sa.text("UPDATE lease SET epoch = epoch + 1, holder = 'b'"))
    assert store.acquire_lease("a", T0, 60) is not None
    with other.transaction() as tx:
        assert tx.setting("a") is None
    store.close()
    other.close()


@pytest.mark.postgres
def test_an_edit_waits_for_the_engine_and_is_not_lost(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    store = open_store(url)
    with store.transaction() as tx:
        tx.provision(MAPPING)
        tx.save_mapping(MAPPING, T0, "set-up")
        tx.add_people(LEAD, [seen(1, city="Bonn")], None)
    started = threading.Event()

    def edit() -> None:
        with store.engine.begin() as connection:
            started.set()
            connection.execute(sa.text("UPDATE person SET city = 'Oslo'"))

    user = threading.Thread(target=edit)
    with store.transaction() as tx:
        pair = tx.linked(LEAD, [sf_id(1)])[sf_id(1)].pair
        user.start()
        assert started.wait(30)
        tx.save([PairChange(pair.id, pair.person_id, ours={"city": "Rom"}, base={"city": "Rom"})], None)
    user.join()
    with store.transaction() as tx:
        again = tx.linked(LEAD, [sf_id(1)])[sf_id(1)]
    assert (again.base["city"], again.dirty) == ("Rom", {"city": "Oslo"})
    store.close()
    postgres.drop_database(url)


# ---------------------------------------------------------------- secrets


def test_secrets_open_only_for_their_org_and_purpose(tmp_path: Path) -> None:
    box = open_secrets(tmp_path)
    sealed = box.seal("pässword", "00D1", "credentials")
    assert "password" not in sealed and box.open(sealed, "00D1", "credentials") == "pässword"
    assert open_secrets(tmp_path).open(sealed, "00D1", "credentials") == "pässword"
    assert box.seal("pässword", "00D1", "credentials") != sealed
    for org, purpose in (("00D2", "credentials"), ("00D1", "session")):
        with pytest.raises(SecretUnreadable):
            box.open(sealed, org, purpose)
    for damaged in (sealed[:-6] + "AAAA==", sealed[:20], "nonsense", ""):
        with pytest.raises(SecretUnreadable):
            box.open(damaged, "00D1", "credentials")
    assert "secret" not in repr(box).lower() or "keys" not in repr(box)


def test_the_key_file_is_private_and_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first, second = open_secrets(folder), open_secrets(folder)
    assert first.keys == second.keys
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert os.listdir(folder) == [KEY_FILE]
    (folder / KEY_FILE).write_text("")
    with pytest.raises(SecretUnreadable, match="empty"):
        open_secrets(folder)


def test_keys_rotate(tmp_path: Path) -> None:
    old = open_secrets(tmp_path, "old key")
    sealed = old.seal("x", "00D1", "credentials")
    both = open_secrets(tmp_path, "new key, old key")
    assert both.open(sealed, "00D1", "credentials") == "x" and not both.current(sealed)
    again = both.seal("x", "00D1", "credentials")
    assert both.current(again)
    new = open_secrets(tmp_path, "new key")
    assert new.open(again, "00D1", "credentials") == "x"
    with pytest.raises(SecretUnreadable, match="another master key"):
        new.open(sealed, "00D1", "credentials")
    assert not (tmp_path / KEY_FILE).exists()


def test_the_connection_is_locked_to_its_org(store: SqlStore) -> None:
    stored = StoredConnection("password", "https://login.example.com", "00D1", {"org_name": "Örg"}, "v1.x.y")
    with store.transaction() as tx:
        assert load_connection(tx.connection) is None
        save_connection(tx.connection, stored, T0)
        assert load_connection(tx.connection) == stored
        save_connection(tx.connection, replace(stored, org_id="00D2"), T0)
        save_connection(tx.connection, stored, T0)
        lock_connection(tx.connection)
        save_connection(tx.connection, replace(stored, sealed="v1.z.z"), T0)
        assert load_connection(tx.connection) == replace(stored, sealed="v1.z.z", locked=True)
        with pytest.raises(ValueError, match="locked to the org 00D1"):
            save_connection(tx.connection, replace(stored, org_id="00D2"), T0)
        forget_connection(tx.connection)
        assert load_connection(tx.connection) is None
    assert "v1.x" not in repr(stored)
