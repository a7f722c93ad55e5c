from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from diptych.store import SqlStore, open_store
from tests.postgres_server import PostgresServer, running_postgres
from tests.store.kept import kept_and_counted
from tests.store.sql_user import SqlUser


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A database that is migrated already: others are copied from it."""
    url = postgres.create_database()
    open_store(url).close()
    name = make_url(url).database
    assert name is not None
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty place for a store: SQLite and PostgreSQL in turn."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/app.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database(template=request.getfixturevalue("postgres_template"))
    yield url
    server.drop_database(url)


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    opened = open_store(database_url)
    yield opened
    kept, counted = kept_and_counted(opened)
    opened.close()
    assert kept == counted, "the kept counts are those of the rows, whoever wrote them"


@pytest.fixture
def store_user(store: SqlStore) -> SqlUser:
    return SqlUser(store)
