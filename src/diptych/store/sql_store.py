"""The store over SQLite or PostgreSQL: opening it, its transactions, its lease, and writes of people at the admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from diptych.domain.values import Value
from diptych.store import editing, leases
from diptych.store.catalogue import read_catalogue
from diptych.store.engines import is_postgres, open_engine, reading, told_apart
from diptych.store.migrations.upgrade import upgrade
from diptych.store.queries import Queries
from diptych.store.sync_state import MappingReader
from diptych.store.transaction import SqlTransaction
from diptych.sync.observing import NOBODY, Observer
from diptych.sync.ports import Lease


def open_store(url: str, now: Callable[[], datetime] | None = None, observer: Observer = NOBODY) -> SqlStore:
    """Open the database, creating and migrating it as needed. `now` is our own clock, for the ledgers.

    Raises StoreUnusable, with one line that says why and what to do.
    """
    engine = open_engine(url)
    try:
        upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, now or (lambda: datetime.now(UTC)), observer)


class SqlStore:
    """`sync.ports.Store`. May be used from several threads; each transaction belongs to one."""

    def __init__(self, engine: Engine, now: Callable[[], datetime], observer: Observer = NOBODY) -> None:
        self.engine = engine
        self.now = now
        self._observer = observer
        self._mappings = MappingReader()
        self.queries = Queries(self.reading)

    @contextmanager
    def transaction(self, lease: Lease | None = None) -> Iterator[SqlTransaction]:
        """See `Store.transaction`. Raises StoreBusy when the database cannot be used just now."""
        with told_apart(), self.engine.begin() as connection:
            if lease is not None:
                leases.check(connection, lease)
            unit = SqlTransaction(connection, self._mappings, self.now, self._observer)
            yield unit
            unit.finish()
            if lease is not None:
                leases.check(connection, lease)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to look things up with, on one consistent state; for `queries`. It never waits for a writer."""
        with told_apart(), reading(self.engine).begin() as connection:
            yield connection

    @contextmanager
    def looking(self) -> Iterator[SqlTransaction]:
        """A unit that only reads; unlike `transaction` it never waits for a writer, nor lets one wait. What it would write
        is an error or undone, so it is for the methods of a unit that read."""
        with self.reading() as connection:
            yield SqlTransaction(connection, self._mappings, self.now)

    def acquire_lease(self, holder: str, now: datetime, ttl_seconds: float) -> Lease | None:
        with told_apart(), self.engine.begin() as connection:
            return leases.acquire(connection, holder, now, ttl_seconds)

    def lease_holder(self) -> str | None:
        """Who has the lease, or had it when it ran out; None when it was given back."""
        with self.reading() as connection:
            return leases.holder(connection)

    def renew_lease(self, lease: Lease, now: datetime, ttl_seconds: float) -> None:
        with told_apart(), self.engine.begin() as connection:
            leases.renew(connection, lease, now, ttl_seconds)

    def release_lease(self, lease: Lease) -> None:
        with told_apart(), self.engine.begin() as connection:
            leases.release(connection, lease)

    @contextmanager
    def edit_as(self, actor: str) -> Iterator[Connection]:
        """A plain connection for someone's own writes (`admin:alice`): captured as every SQL writer's, under that name."""
        with told_apart(), self.engine.begin() as connection:
            if is_postgres(connection):
                connection.execute(sa.text("SELECT set_config('app.actor', :actor, true)"), {"actor": actor})
                yield connection
                return
            connection.execute(
                sa.text("INSERT INTO write_context (id, origin, actor) VALUES (1, 'local', :actor)"),
                {"actor": actor},
            )
            yield connection
            connection.execute(sa.text("DELETE FROM write_context"))

    def create_person(self, actor: str, values: Mapping[str, Value]) -> int:
        """A person made by hand: ours only, no pair (D-49); the id. Values are brought into canonical form.

        Raises InvalidValue for one that is not of its column's kind, KeyError for a column that does not exist.
        """
        with self.edit_as(actor) as connection:
            return editing.create(connection, read_catalogue(connection), values)

    def edit_person(
        self,
        actor: str,
        person_id: int,
        values: Mapping[str, Value],
        shown: Mapping[str, Value] | None = None,
    ) -> list[str]:
        """Change columns of a person; those that really changed. `shown`: the values the editor saw.

        Raises as `create_person`; KeyError for no such person; EditedMeanwhile when one of `values` would replace something
        else than what was shown.
        """
        with self.edit_as(actor) as connection:
            return editing.edit(connection, read_catalogue(connection), person_id, values, shown)

    def delete_person(self, actor: str, person_id: int) -> None:
        """Delete a person here: the pairs are detached, Salesforce is left alone."""
        with self.edit_as(actor) as connection:
            connection.execute(sa.text("DELETE FROM person WHERE id = :number"), {"number": person_id})

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
