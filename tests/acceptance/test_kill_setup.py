"""SIGKILL while the org is prepared (C-20) and while a database is upgraded (C-28): gone on from, nothing done twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.acceptance.installation import Installation
from tests.practice_org.server import RunningOrg, serve_in_thread

from diptych.domain.creating import KEY_FIELD
from diptych.store.migrations import upgrade as upgrading
from diptych.store.sql_store import open_store


def key_fields(org: RunningOrg) -> int:
    """On how many objects the field is, also while nobody may see it."""
    return sum(KEY_FIELD in name for name in org.control("metadata", {"type": "CustomField"}))


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path_factory.mktemp("org"), records=5) as running:
        yield running


def test_killed_when_a_field_was_created_and_before_the_next_step(org: RunningOrg, tmp_path: Path) -> None:
    installation = Installation(tmp_path / "data", org).set_up()
    wishes = ["prepare", "--creating", "--yes"]
    for part in ("fields", "layouts", "visibility", "lead-mapping"):
        wishes += ["--without", part]
    installation.killed_at("C-20", *wishes)
    assert key_fields(org) == 1, "created, and the process is gone"
    installation.diptych(*wishes)
    assert key_fields(org) == 2
    assert json.loads(installation.diptych("prepare", "--undo", "--yes", "--json"))["done"]
    assert key_fields(org) == 0, "also what was created just before the kill is taken back"


def schema(folder: Path) -> tuple[list[tuple[str]], int]:
    """The version, and how many triggers and views there are."""
    with closing(sqlite3.connect(folder / "app.db")) as database:
        version = database.execute("SELECT version_num FROM alembic_version").fetchall()
        made = database.execute("SELECT count(*) FROM sqlite_master WHERE type IN ('trigger', 'view')")
        return version, int(made.fetchone()[0])


def test_killed_between_the_tables_and_the_triggers_of_an_upgrade(
    org: RunningOrg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = Installation(tmp_path / "data", org)
    installation.folder.mkdir()
    monkeypatch.setattr(upgrading, "SCHEMA_VERSION", "0001")
    open_store(f"sqlite:///{installation.folder}/app.db").close()
    monkeypatch.undo()
    before = schema(installation.folder)
    assert before[0] == [("0001",)]
    installation.killed_at("C-28", "status")
    assert schema(installation.folder) == before, "one transaction: the old program still runs on it"
    installation.diptych("status")
    assert schema(installation.folder)[0] == [(upgrading.SCHEMA_VERSION,)]
    assert schema(installation.folder)[1] >= before[1]
