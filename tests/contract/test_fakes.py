"""The store and the org in memory do what every adapter must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from diptych.domain.mapping import ObjectMapping
from diptych.domain.merge import Conflict
from diptych.domain.pair import Record
from diptych.domain.values import Value
from diptych.sync.ports import StoredDeadLetter
from diptych.testing import InMemoryStore
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
