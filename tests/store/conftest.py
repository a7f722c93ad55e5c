from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.store import SqlStore, open_store
from tests.store.sql_user import SqlUser


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    opened = open_store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def store_user(store: SqlStore) -> SqlUser:
    return SqlUser(store)
