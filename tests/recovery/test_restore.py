"""Backup, and what happens when the database is older than Salesforce; over HTTP against the practice org."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from diptych.access.sessions import Sessions
from diptych.access.tokens import Tokens
from diptych.access.users import Users
from diptych.domain.mapping import Policy
from diptych.domain.roles import Role, Scope
from diptych.services import restoring
from diptych.store.auditing import Actor, acting_as
from diptych.store.backup import BackupRefused, examine, take
from diptych.wiring import Workspace, open_workspace
from tests.admin.conftest import connect, settings_of
from tests.practice_org.server import RunningOrg, serve_in_thread


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path_factory.mktemp("org"), records=30) as running:
        yield running


@pytest.fixture(scope="module")
def loaded_folder(org: RunningOrg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loaded")
    with open_workspace(settings_of(folder)) as made:
        connect(made, org)
        made.setup.start()
        assert made.run_cycle().status == "Succeeded"
    return folder


@pytest.fixture
def space(loaded_folder: Path, tmp_path: Path) -> Iterator[Workspace]:
    folder = tmp_path / "data"
    shutil.copytree(loaded_folder, folder)
    with open_workspace(settings_of(folder, overlap_minutes=0)) as workspace:
        yield workspace


def lead(org: RunningOrg, sf_id: str) -> dict[str, Any]:
    with org.api() as salesforce:
        return salesforce.get(f"sobjects/Lead/{sf_id}").json()  # type: ignore[no-any-return]


def some_leads(space: Workspace, count: int) -> list[tuple[int, str]]:
    rows = space.queries.people_before(None, 100, salesforce_type="lead")
    return [(row["id"], row["salesforce_id"]) for row in rows if not row["salesforce_deleted"]][:count]


def value(space: Workspace, person_id: int, column: str) -> Any:
    found = space.queries.person(person_id)
    assert found
    return found.values[column]


def test_a_restored_database_catches_up_and_overwrites_nothing(
    space: Workspace, org: RunningOrg, tmp_path: Path
) -> None:
    database = space.database_file
    assert database
    space.setup.set_policy("Lead.City", Policy.OURS)  # the dangerous one: ours would win every conflict
    (sent, sent_id), (newer, newer_id), (later, later_id), (gone, gone_id), (forgotten, forgotten_id) = (
        some_leads(space, 5)
    )
    assert space.run_cycle().status == "Succeeded"
    for person_id, city in ((sent, "Kiel"), (newer, "Bern")):
        space.store.edit_person("admin", person_id, {"city": city})
    secret, token = Tokens(space.store).create("leaked", Scope.ADMIN, None)
    Users(space.store).add("mallory", Role.ADMIN, "correct horse battery")
    session = Sessions(space.store).begin(None, "link")

    file = tmp_path / "monday.backup"
    made = take(database, file, space.clock.now())
    assert file.stat().st_mode & 0o777 == 0o600
    assert made.people == len(space.queries.people_before(None, 1000))

    # life goes on: what waited is sent, Salesforce goes on from one of it, another edit is made and sent
    space.store.edit_person("admin", later, {"city": "Rom"})
    assert space.run_cycle().status == "Succeeded"
    org.edit("Lead", newer_id, City="Oslo")
    with org.at_work("admin") as salesforce:
        assert salesforce.delete(f"sobjects/Lead/{gone_id}").status_code == 204
    assert space.run_cycle().status == "Succeeded"
    assert (lead(org, sent_id)["City"], lead(org, later_id)["City"]) == ("Kiel", "Rom")
    lost = space.store.create_person("admin", {"last_name": "Lost"})
    with acting_as(Actor("root", "command")):
        Tokens(space.store).revoke(token.id)
        Users(space.store).disable("mallory")
    preview = space.acting.delete(forgotten, _leave(), True, True)
    space.acting.carry_out(preview, "admin")
    assert value(space, newer, "city") == "Oslo"

    # the disk is lost, and the backup put back, while the process is still there
    done = restoring.restore(file, database, space.clock.now())
    assert value(space, newer, "city") == "Bern"
    assert done.kept and done.kept.exists()
    assert (done.carried.revoked, done.carried.disabled, done.carried.forgotten) == (1, 1, (forgotten,))
    assert Tokens(space.store).principal(secret) is None
    assert not Users(space.store).get("mallory").active
    assert Sessions(space.store).principal(session) is None
    assert space.queries.person(forgotten) is None
    assert any(line.what == "user.access mallory" for line in space.queries.audit())
    assert space.store.create_person("admin", {"last_name": "Next"}) > lost  # no number is given twice

    before = len(org.control("requests", method="GET")["requests"])
    assert space.run_cycle().status == "Succeeded"
    writes = [
        r for r in org.control("requests", method="GET")["requests"][before:] if r["method"] in ("PATCH", "POST", "DELETE")
        and "sobjects" in r["path"] and "oauth" not in r["path"]
    ]  # fmt: skip
    assert [w for w in writes if w["method"] != "POST"] == []
    assert (value(space, sent, "city"), lead(org, sent_id)["City"]) == ("Kiel", "Kiel")
    assert (value(space, newer, "city"), lead(org, newer_id)["City"]) == ("Oslo", "Oslo")
    assert (value(space, later, "city"), lead(org, later_id)["City"]) == ("Rom", "Rom")
    person = space.queries.person(gone)
    assert person and person.system["salesforce_deleted"]
    assert lead(org, forgotten_id)["Id"] == forgotten_id
    (conflict,), _ = space.queries.conflicts(1, reason="restored")
    assert (conflict.person_id, conflict.ours, conflict.theirs) == (newer, "Bern", "Oslo")
    assert space.queries.status().backlog == 0
    found = space.verify()
    assert found["equal"], found
    assert [run.kind for run in space.queries.runs(2)] == ["cycle", "recovery"]
    # and the next cycle is an ordinary one
    assert space.run_cycle().status == "Succeeded"
    assert space.queries.runs(1)[0].kind == "cycle"


def _leave() -> Any:
    from diptych.domain.actions import DeletePolicy

    return DeletePolicy.LEAVE


def test_a_database_put_back_without_a_word_is_noticed(
    space: Workspace, org: RunningOrg, tmp_path: Path
) -> None:
    database = space.database_file
    assert database
    (person_id, sf_id), *_ = some_leads(space, 1)
    space.run_cycle()
    space.setup.set_policy("Lead.City", Policy.OURS)
    space.store.edit_person("admin", person_id, {"city": "Genf"})
    copy = tmp_path / "by-hand.db"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    space.run_cycle()
    org.edit("Lead", sf_id, City="Basel")
    space.run_cycle()
    with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(database)) as target:
        source.backup(target)
    assert value(space, person_id, "city") == "Genf"
    assert space.run_cycle().status == "Succeeded"
    assert (value(space, person_id, "city"), lead(org, sf_id)["City"]) == ("Basel", "Basel")
    assert [run.kind for run in space.queries.runs(2)] == ["cycle", "recovery"]


def test_nothing_is_sent_while_salesforce_cannot_be_read(space: Workspace, org: RunningOrg) -> None:
    (person_id, _), *_ = some_leads(space, 1)
    space.run_cycle()
    space.store.edit_person("admin", person_id, {"city": "Genua"})
    restoring.put_back_by_other_means(space.store)
    org.control("faults", {"trigger": "any", "status": 503, "error_code": "SERVER_UNAVAILABLE", "times": 50})
    try:
        assert space.run_cycle().status == "Failed"
    finally:
        org.control("faults", method="DELETE")
    with space.store.looking() as unit:
        assert unit.setting("restored")
    assert space.run_cycle().status == "Succeeded"
    assert space.queries.status().backlog == 0


def test_what_is_no_backup_is_refused(space: Workspace, tmp_path: Path) -> None:
    database = space.database_file
    assert database
    file = tmp_path / "file"
    with pytest.raises(BackupRefused, match="There is no file"):
        examine(file)
    file.write_text("not a database")
    with pytest.raises(BackupRefused, match="not a backup"):
        restoring.restore(file, database, space.clock.now())
    with pytest.raises(BackupRefused, match="there already"):
        take(database, file, space.clock.now())
    with pytest.raises(BackupRefused, match="made by diptych backup"):
        examine(database)
    good = tmp_path / "good"
    take(database, good, space.clock.now())
    damaged = tmp_path / "damaged"
    content = bytearray(good.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = b"\xff" * 4096
    damaged.write_bytes(content)
    with pytest.raises(BackupRefused):
        restoring.restore(damaged, database, space.clock.now())
    assert space.queries.status().people


def test_another_database_is_not_replaced_by_mistake(space: Workspace, tmp_path: Path) -> None:
    assert space.database_file
    with open_workspace(settings_of(tmp_path / "other")) as other:
        assert other.database_file
        file = tmp_path / "other.backup"
        take(other.database_file, file, other.clock.now())
    now = space.clock.now() + timedelta(seconds=1)
    with pytest.raises(BackupRefused, match="another database"):
        restoring.restore(file, space.database_file, now)
    done = restoring.restore(file, space.database_file, now, another=True)
    assert space.queries.status().people == 0
    assert done.kept and done.kept.exists()


def test_a_damaged_database_is_kept_aside(loaded_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(loaded_folder, folder)
    with open_workspace(settings_of(folder)) as space:
        file = tmp_path / "backup"
        assert space.database_file
        made = take(space.database_file, file, space.clock.now())
        now = space.clock.now()
    (folder / "app.db").write_bytes(b"nothing but noise" * 1000)
    for ending in ("-wal", "-shm"):
        (folder / f"app.db{ending}").unlink(missing_ok=True)
    done = restoring.restore(file, folder / "app.db", now)
    assert done.kept and done.kept.read_bytes().startswith(b"nothing but noise")
    with open_workspace(settings_of(folder)) as space:
        assert space.queries.status().people == made.people
