"""Bring a database to the schema this program knows, or say that it is from a newer program."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from diptych.store import tables
from diptych.store.catalogue import read_catalogue
from diptych.store.engines import StoreUnusable, busy, is_postgres
from diptych.sync.crashpoint import crashpoint

SCHEMA_VERSION = "0012_tally"
_KNOWN = (
    "0001",
    "0002_trail",
    "0003_identity",
    "0004_lifecycle",
    "0005_access",
    "0006_causes",
    "0007_operating",
    "0008_joins",
    "0009_mapping_author",
    "0010_run_trace",
    "0011_standing",
    "0012_tally",
)
_ADVISORY_LOCK = 0x64697074


def upgrade(engine: Engine) -> bool:
    """Run what is missing, and make triggers and views, in one transaction; whether anything was. Safe to call from several processes at once.

    Raises StoreUnusable for a database of a newer version, a file that is no database, or one that cannot be reached.
    """
    try:
        with engine.begin() as connection:
            if is_postgres(connection):
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            found = version_of(connection)
            if found == SCHEMA_VERSION:
                return False
            if found is not None and found not in _KNOWN:
                raise StoreUnusable(
                    f"This database was written by a newer version of Diptych (schema {found}; this one knows "
                    f"{SCHEMA_VERSION}). Start the newer version, or choose another database with DIPTYCH_DATABASE_URL."
                )
            _run(connection)
            return True
    except (DBAPIError, sqlite3.Error) as problem:
        raise StoreUnusable(_why(engine, problem)) from problem


def version_of(connection: Connection) -> str | None:
    """The version of the schema; None for an empty database. Raises StoreUnusable for one that is not Diptych's."""
    if not sa.inspect(connection).has_table("alembic_version"):
        if sa.inspect(connection).has_table("person"):
            raise StoreUnusable(
                "This database has a table named person that Diptych did not make. "
                "Choose an empty database with DIPTYCH_DATABASE_URL."
            )
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA_VERSION)
    crashpoint("C-28")
    tables.rebuild(connection, read_catalogue(connection))


def _why(engine: Engine, problem: Exception) -> str:
    place = (
        engine.url.database
        if engine.dialect.name == "sqlite"
        else engine.url.render_as_string(hide_password=True)
    )
    said = str(problem.orig if isinstance(problem, DBAPIError) else problem).strip().splitlines()
    reason = said[0] if said else type(problem).__name__
    if "not a database" in reason:
        return f"{place} is not a Diptych database. Choose another file with DIPTYCH_DATABASE_URL."
    if busy(problem):
        return f"The database {place} cannot be used just now ({reason}). Is it running, reachable and not locked?"
    return f"The database {place} cannot be opened: {reason}"
