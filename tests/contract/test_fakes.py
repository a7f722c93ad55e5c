"""The store and the org in memory do what every adapter must do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from diptych.domain.mapping import ObjectMapping
from diptych.domain.merge import Conflict
from diptych.domain.pair import Record
from diptych.domain.values import Value
from diptych.sync.ports import StoredDeadLetter
from diptych.testing import Fault, InMemoryOrg, InMemoryStore
from tests.contract.org_contract import OrgContract
from tests.contract.store_contract import StoreContract


class SqlUser:
    """A StoreUser of the store in memory."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    def insert(self, **values: Value) -> int:
        return self._store.insert(**values)

    def edit(self, person_id: int, column: str, value: Value) -> None:
        self._store.edit(person_id, column, value)

    def delete(self, person_id: int) -> None:
        self._store.delete(person_id)

    def person(self, person_id: int) -> Mapping[str, Any] | None:
        return self._store.person(person_id)

    def people(self) -> Sequence[Mapping[str, Any]]:
        return self._store.people()

    def mirror_row(self, table: str, sf_id: str) -> Mapping[str, Any] | None:
        return self._store.mirror_row(table, sf_id)

    def changes(self, person_id: int) -> Sequence[Any]:
        return self._store.changes(person_id)

    def conflicts(self) -> Sequence[Conflict]:
        return [kept.conflict for kept in self._store.tables.conflicts.values()]

    def dead_letters(self) -> Sequence[StoredDeadLetter]:
        return list(self._store.tables.dead_letters.values())

    def run_status(self, run_id: int) -> str:
        return self._store.tables.runs[run_id].status

    def add_pair(self, person_id: int, object_mapping: ObjectMapping, record: Record) -> int:
        with self._store.transaction() as tx:
            return tx.add_pair(person_id, object_mapping, record).id


class TestInMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()

    @pytest.fixture
    def store_user(self, store: InMemoryStore) -> SqlUser:
        return SqlUser(store)


WRITES = ("update", "retrieve", "create", "convert", "merge", "delete")


class Salesperson:
    """An OrgUser of the org in memory."""

    def __init__(self, org: InMemoryOrg) -> None:
        self._org = org

    def create(self, object_name: str, late_by: float = 0, **values: Any) -> str:
        return self._org.records.create(object_name, late_by, **values)

    def create_many(self, object_name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return [self._org.records.create(object_name, **row) for row in rows]

    def edit(self, object_name: str, sf_id: str, late_by: float = 0, **values: Any) -> None:
        self._org.records.edit(object_name, sf_id, late_by, **values)

    def delete(self, object_name: str, sf_id: str) -> None:
        self._org.records.delete(object_name, sf_id)

    def undelete(self, object_name: str, sf_id: str) -> None:
        self._org.records.undelete(object_name, sf_id)

    def convert(self, lead_id: str) -> str:
        return self._org.records.convert(lead_id)

    def value(self, object_name: str, sf_id: str, field: str) -> Any:
        records = self._org.records
        return records.value(object_name, records.live(object_name, sf_id), field)

    def advance(self, seconds: float) -> None:
        self._org.clock.advance(seconds)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        yield  # time only passes when it is told to

    def hide(self, object_name: str, field: str) -> None:
        self._org.hide(object_name, field)

    def make_read_only(self, object_name: str, field: str) -> None:
        self._org.lock_field(object_name, field)

    def show_only(self, object_name: str, ids: Sequence[str] | None) -> None:
        every = set(self._org.records.rows[object_name])
        self._org.unseen = set() if ids is None else every - set(ids)

    def purge(self, object_name: str, sf_id: str) -> None:
        self._org.records.purge(object_name, sf_id)

    def add_key_field(self) -> None:
        self._org.add_key_field()

    def duplicate_rule(self, email: str, found: str) -> None:
        self._org.duplicate_rule = lambda name, values: [found] if values.get("Email") == email else []

    def let_manage(self) -> None:
        pass  # it may do anything from the start

    @contextmanager
    def holding(self, object_name: str, sf_id: str) -> Iterator[None]:
        self._org.records.edit(object_name, sf_id, late_by=60)
        yield
        self._org.clock.advance(60)

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        self._org.faults.arm(Fault(name, 1, "after") for name in WRITES)
        yield
        self._org.faults.arm(())

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        self._org.faults.arm(Fault(name, 1, "before") for name in WRITES)
        yield
        self._org.faults.arm(())


class TestInMemoryOrg(OrgContract):
    @pytest.fixture
    def org(self) -> InMemoryOrg:
        return InMemoryOrg()

    @pytest.fixture
    def org_user(self, org: InMemoryOrg) -> Salesperson:
        return Salesperson(org)
