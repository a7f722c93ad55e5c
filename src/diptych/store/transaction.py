"""One atomic unit over the database: `sync.ports.Transaction`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.creating import Candidate, Creation, Wish
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.mapping import ObjectMapping
from diptych.domain.matching import Group
from diptych.domain.objects import synced_object
from diptych.domain.pair import Linked, Observation, Pair, PairState
from diptych.domain.person_merge import HeldPerson, PersonJoin, SplitPlan, StoredJoin
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import Value
from diptych.store import (
    actions,
    auditing,
    creations,
    joining,
    loading_postgres,
    loading_sqlite,
    mapping_log,
    mirror,
    pair_opening,
    pairs,
    parting,
    people,
    references,
    suppressions,
    sync_state,
    tables,
    trail,
    trouble,
    whole_people,
)
from diptych.store.catalogue import Catalogue, quote, read_catalogue
from diptych.store.causes import SqlCauses
from diptych.store.engines import is_postgres
from diptych.store.system_tables import dead_letter, pair
from diptych.sync.observing import NOBODY, Fact, Observer
from diptych.sync.ports import (
    FeedCursor,
    MirrorCount,
    PageLoad,
    PairChange,
    SnapshotPage,
    SnapshotProgress,
    Step,
    StoredDeadLetter,
)


class SqlTransaction:
    """Made by `SqlStore.transaction`. `connection` is inside a transaction and in nobody else's hands."""

    def __init__(
        self,
        connection: Connection,
        mappings: sync_state.MappingReader,
        now: Callable[[], datetime],
        observer: Observer = NOBODY,
    ) -> None:
        self.connection = connection
        self._observer = observer
        self._mappings = mappings
        self._now = now
        self._catalogue: Catalogue | None = None
        self._marked = False
        self._referring: list[tuple[str, str, bool]] | None = None

    @property
    def catalogue(self) -> Catalogue:
        """The run-time columns as this transaction sees them."""
        if self._catalogue is None:
            self._catalogue = read_catalogue(self.connection)
        return self._catalogue

    def _engine_writes(self) -> None:
        """From here on the capture triggers leave this transaction's writes alone."""
        if self._marked:
            return
        if is_postgres(self.connection):
            self.connection.execute(sa.text("SELECT set_config('app.origin', 'engine', true)"))
        else:
            self.connection.execute(
                sa.text("INSERT INTO write_context (id, origin, actor) VALUES (1, 'engine', NULL)")
            )
        self._marked = True

    def _batch(self, what: str, object_name: str | None, rows: int) -> AbstractContextManager[object]:
        """A batch of rows written, as an observer is told of it."""
        if not rows:
            return nullcontext()
        system = "postgresql" if is_postgres(self.connection) else "sqlite"
        facts: dict[str, Fact] = {"db.system.name": system, "db.operation.batch.size": rows}
        if object_name is not None:
            facts["diptych.object"] = object_name
        return self._observer.piece(f"db {what}", facts)

    def finish(self) -> None:
        """Take the mark away before the commit, so that the next writer is captured."""
        if self._marked and not is_postgres(self.connection):
            self.connection.execute(sa.text("DELETE FROM write_context"))
        self._marked = False

    @contextmanager
    def _as_user(self, actor: str) -> Iterator[None]:
        """Within it, this transaction's writes are captured like anybody's, under that name."""
        marked, postgres = self._marked, is_postgres(self.connection)
        self.finish()
        if postgres:
            self._configure("app.origin", "")
            self._configure("app.actor", actor)
        else:
            self.connection.execute(
                sa.text("INSERT INTO write_context (id, origin, actor) VALUES (1, 'local', :actor)"),
                {"actor": actor},
            )
        yield
        if postgres:
            self._configure("app.actor", "")
        else:
            self.connection.execute(sa.text("DELETE FROM write_context"))
        if marked:
            self._engine_writes()

    def _configure(self, name: str, value: str) -> None:
        self.connection.execute(
            sa.text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value}
        )

    @property
    def trail(self) -> trail.SqlTrail:
        return trail.SqlTrail(self.connection, self.catalogue, self._now, self._engine_writes, self._as_user)

    @property
    def actions(self) -> actions.SqlActions:
        return actions.SqlActions(self.connection)

    @property
    def suppressions(self) -> suppressions.SqlSuppressions:
        return suppressions.SqlSuppressions(self.connection, self._now)

    @property
    def mappings(self) -> mapping_log.SqlMappingLog:
        return mapping_log.SqlMappingLog(self.connection, self.catalogue)

    def mapping(self) -> FieldMappings:
        return self._mappings.current(self.connection)

    # -- inbound

    def linked(self, object_mapping: ObjectMapping, sf_ids: Sequence[str]) -> dict[str, Linked]:
        return pairs.linked(self.connection, self.catalogue, object_mapping, sf_ids)

    def add_people(
        self, object_mapping: ObjectMapping, observations: Sequence[Observation], run_id: int | None
    ) -> None:
        self._engine_writes()
        with self._batch("add people", object_mapping.object_name, len(observations)):
            people.add_people(
                self.connection, self.catalogue, object_mapping, observations, run_id, self._now()
            )

    def load_page(
        self,
        object_mapping: ObjectMapping,
        page: SnapshotPage,
        read_at: datetime,
        run_id: int | None = None,
        held_back: frozenset[str] = frozenset(),
    ) -> PageLoad:
        self._engine_writes()
        two_way = synced_object(object_mapping.object_name).two_way
        before = self._newest_person() if two_way else 0
        fast = loading_postgres if is_postgres(self.connection) else loading_sqlite
        with self._batch("load page", object_mapping.object_name, page.rows):
            load = fast.load_page(
                self.connection,
                self.catalogue,
                object_mapping,
                page,
                read_at,
                self._now(),
                lambda sf_ids: self._known(object_mapping, sf_ids),
                held_back,
            )
        if load.inserted and two_way:
            gone = suppressions.withdraw(
                self.connection, self.catalogue, object_mapping, before, self._now
            )  # the fast way in asks nobody
            load = replace(load, inserted=load.inserted - gone)
        if load.inserted and two_way:
            trail.note_arrival(
                self.connection,
                object_mapping.object_name,
                before + 1,
                self._newest_person(),
                run_id,
                self._now(),
            )
        if load.inserted and object_mapping.object_name == "Account":
            people.find_companies(self.connection, self.catalogue, waiting=True)
        return load

    def _newest_person(self) -> int:
        return int(self.connection.execute(sa.text("SELECT COALESCE(max(id), 0) FROM person")).scalar_one())

    def _known(self, object_mapping: ObjectMapping, sf_ids: Sequence[str]) -> set[str]:
        known = synced_object(object_mapping.object_name)
        found: set[str] = set()
        for some in pairs.chunks(sf_ids):
            if known.two_way:
                wanted = sa.select(pair.c.sf_id).where(
                    pair.c.object_name == known.name, pair.c.sf_id.in_(some)
                )
                found.update(self.connection.execute(wanted).scalars())
            else:
                statement = sa.text(
                    f"SELECT salesforce_id FROM {quote(known.table)} WHERE salesforce_id IN :ids"
                ).bindparams(sa.bindparam("ids", expanding=True))
                found.update(self.connection.execute(statement, {"ids": some}).scalars())
        return found

    def mirror(self, object_mapping: ObjectMapping, observations: Sequence[Observation]) -> MirrorCount:
        self._engine_writes()
        with self._batch("mirror", object_mapping.object_name, len(observations)):
            return mirror.mirror(self.connection, self.catalogue, object_mapping, observations, self._now())

    def save(self, changes: Sequence[PairChange], run_id: int | None) -> None:
        self._engine_writes()
        with self._batch("save", None, len(changes)):
            people.save(self.connection, self.catalogue, changes, run_id, self._now())

    # -- people joined and taken apart

    def held_people(self, ids: Sequence[int]) -> dict[int, HeldPerson]:
        return whole_people.held_people(self.connection, self.catalogue, ids)

    def open_pair(
        self,
        person_id: int,
        object_mapping: ObjectMapping,
        observation: Observation,
        state: PairState = PairState.PAIRED,
        redirect_to: str | None = None,
    ) -> Pair:
        self._engine_writes()
        return pair_opening.open_pair(
            self.connection, self.catalogue, person_id, object_mapping, observation, state, redirect_to
        )

    def open_ended(
        self, object_mapping: ObjectMapping, ended: Sequence[tuple[int, Observation, str]], state: PairState
    ) -> None:
        pair_opening.open_ended(self.connection, object_mapping, ended, state)

    def redirected_to(self, sf_ids: Sequence[str]) -> dict[str, int]:
        return pair_opening.redirected_to(self.connection, sf_ids)

    def join_people(self, join: PersonJoin, run_id: int | None) -> int:
        self._engine_writes()
        if self._referring is None:
            self._referring = references.referring(self.connection)
        return joining.join_people(
            self.connection, self.catalogue, join, run_id, self._now(), self._referring
        )

    def keep_last_values(self, person: HeldPerson, detail: str, run_id: int | None) -> None:
        joining.keep_last_values(self.connection, person, detail, run_id, self._now())

    def joins(self, person_id: int) -> list[StoredJoin]:
        return parting.joins(self.connection, person_id)

    def joins_of_run(self, run_id: int) -> list[StoredJoin]:
        return parting.joins_of_run(self.connection, run_id)

    def part_pair(self, pair_id: int, object_mapping: ObjectMapping, observation: Observation) -> int:
        self._engine_writes()
        return parting.part_pair(self.connection, self.catalogue, pair_id, object_mapping, observation)

    def split_person(self, split: SplitPlan, run_id: int | None) -> int:
        self._engine_writes()
        return parting.split_person(self.connection, self.catalogue, split, run_id, self._now())

    # -- outbound

    def owed(self, object_mapping: ObjectMapping, now: datetime, after_pair: int, limit: int) -> list[Linked]:
        return pairs.owed(self.connection, self.catalogue, object_mapping, now, after_pair, limit)

    def moot(self, object_mapping: ObjectMapping, now: datetime, limit: int) -> list[str]:
        return pairs.moot(self.connection, object_mapping, now, limit)

    def fenced(self, object_mapping: ObjectMapping, limit: int) -> list[Linked]:
        return pairs.fenced(self.connection, self.catalogue, object_mapping, limit)

    def related(
        self, object_mapping: ObjectMapping, column: str, values: Sequence[str], after: str, limit: int
    ) -> list[str]:
        return pairs.related(self.connection, self.catalogue, object_mapping, column, values, after, limit)

    # -- creating people in Salesforce

    def candidates(
        self, columns: Sequence[str], everyone: bool, after_person: int, limit: int
    ) -> list[Candidate]:
        return creations.candidates(self.connection, self.catalogue, columns, everyone, after_person, limit)

    def people_values(self, columns: Sequence[str], people: Sequence[int]) -> dict[int, dict[str, Value]]:
        return creations.people_values(self.connection, self.catalogue, columns, people)

    def external_keys(self, people: Sequence[int]) -> dict[int, str]:
        return creations.external_keys(self.connection, people)

    def people_alike(self, columns: Sequence[str], first: Sequence[str]) -> dict[int, dict[str, Value]]:
        return creations.people_alike(self.connection, self.catalogue, columns, first)

    def match_by(self, column: str | None) -> None:
        creations.match_by(self.connection, self.catalogue, column)

    def alike(self, column: str, after: str, limit: int) -> list[Group]:
        return creations.alike(self.connection, self.catalogue, column, after, limit)

    def creation(self, person_id: int) -> Creation | None:
        return creations.said(self.connection, person_id)

    def save_creation(self, creation: Creation) -> None:
        creations.save(self.connection, creation)

    def drop_creations(self, people: Sequence[int]) -> None:
        creations.drop(self.connection, people)

    def creations(self, wishes: Sequence[Wish], limit: int) -> list[Creation]:
        return creations.all_said(self.connection, wishes, limit)

    def begin_pairs(self, object_mapping: ObjectMapping, people: Sequence[int]) -> dict[int, Pair]:
        return creations.begin(self.connection, object_mapping, people)

    def identify(self, pair_id: int, sf_id: str) -> None:
        self._engine_writes()
        creations.identify(self.connection, pair_id, sf_id)

    def unsent(
        self, object_mapping: ObjectMapping, now: datetime, after_pair: int, limit: int
    ) -> list[Linked]:
        return creations.unsent(self.connection, self.catalogue, object_mapping, now, after_pair, limit)

    def pending(self, object_mapping: ObjectMapping) -> list[Linked]:
        return creations.pending(self.connection, self.catalogue, object_mapping)

    # -- dead letters

    def dead_letter(self, letter_id: int) -> StoredDeadLetter | None:
        found = trouble.letters(self.connection, dead_letter.c.id == letter_id)
        return found[0] if found else None

    def close_dead_letter(self, letter_id: int, status: str, now: datetime) -> None:
        trouble.close(self.connection, letter_id, status, now)

    @property
    def causes(self) -> SqlCauses:
        return SqlCauses(self.connection)

    # -- comparison

    def mirrored(self, object_mapping: ObjectMapping, sf_ids: Sequence[str]) -> dict[str, dict[str, Value]]:
        return mirror.mirrored(self.connection, self.catalogue, object_mapping, sf_ids)

    def live_ids(self, object_name: str, after: str, limit: int) -> list[str]:
        return pairs.live_ids(self.connection, object_name, after, limit)

    def held_ids(self, object_name: str, after: str, limit: int) -> list[str]:
        return pairs.held_ids(self.connection, object_name, after, limit)

    def awaited_ids(self, object_name: str, after: str, limit: int) -> list[str]:
        return pairs.awaited_ids(self.connection, object_name, after, limit)

    def ended_ids(self, object_name: str, after: str, until: str, limit: int) -> list[str]:
        return pairs.ended_ids(self.connection, object_name, after, until, limit)

    # -- cursors and ledger

    def feed_cursor(self, object_name: str) -> FeedCursor | None:
        return sync_state.read_feed_cursor(self.connection, object_name)

    def save_feed_cursor(self, cursor: FeedCursor) -> None:
        sync_state.save_feed_cursor(self.connection, cursor)

    def snapshot(self, object_name: str) -> SnapshotProgress | None:
        return sync_state.read_snapshot(self.connection, object_name)

    def save_snapshot(self, progress: SnapshotProgress) -> None:
        sync_state.save_snapshot(self.connection, progress)

    def open_run(self, kind: str, now: datetime) -> int:
        return sync_state.open_run(self.connection, kind, now, self._observer.trace_id())

    def close_run(self, run_id: int, status: str, now: datetime, error: str | None = None) -> None:
        sync_state.close_run(self.connection, run_id, status, now, error)

    def add_step(self, run_id: int, step: Step) -> None:
        sync_state.add_step(self.connection, run_id, step)

    # -- schema and mapping

    def schema(self, object_name: str) -> ObjectDescription | None:
        return sync_state.read_schema(self.connection, object_name)

    def save_schema(self, description: ObjectDescription, now: datetime) -> None:
        sync_state.save_schema(self.connection, description, now)

    def save_mapping(self, mapping: FieldMappings, now: datetime, reason: str) -> None:
        before, who = self.mapping(), auditing.actor()
        sync_state.save_mapping(self.connection, mapping, now, reason, who.name if who else None)
        old, new = auditing.mapping_change(before, mapping)
        auditing.note(self.connection, f"mapping ({reason})", old, new, self._now)

    def provision(self, mapping: FieldMappings) -> list[str]:
        self._catalogue = None
        return tables.provision(self.connection, mapping)

    # -- settings and state

    def setting(self, name: str) -> str | None:
        return sync_state.read_setting(self.connection, name)

    def save_setting(self, name: str, value: str | None) -> None:
        if auditing.actor() is not None and auditing.of_a_person(name):
            auditing.note(self.connection, name, self.setting(name), value, self._now)
        sync_state.save_setting(self.connection, name, value)
