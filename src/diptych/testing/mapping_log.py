"""The versions of the mapping in memory: `sync.mapping_log`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from diptych.domain.causes import OPEN
from diptych.domain.mapping import FieldMapping, ObjectMapping
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.mapping_effect import Differing
from diptych.domain.pair import PairState
from diptych.domain.values import Value
from diptych.sync.mapping_log import Filled, SavedMapping

if TYPE_CHECKING:
    from diptych.testing.tables import Tables
    from diptych.testing.transaction import InMemoryTransaction

_LIVE = (PairState.PAIRED, PairState.PARKED)


class InMemoryMappingLog:
    """See `MappingLog`."""

    def __init__(self, unit: InMemoryTransaction, tables: Tables) -> None:
        self._unit, self._tables = unit, tables

    def versions(self, limit: int, before: int | None = None) -> list[SavedMapping]:
        kept = [
            SavedMapping(version, at, None, reason)
            for version, (_, at, reason) in self._tables.mappings.items()
            if before is None or version < before
        ]
        return kept[::-1][:limit]

    def of(self, version: int) -> FieldMappings | None:
        held = self._tables.mappings.get(version)
        return held[0] if held else None

    def differing(self, mapped: FieldMapping, limit: int) -> list[Differing]:
        return self._all(mapped)[:limit]

    def differing_count(self, mapped: FieldMapping) -> int:
        return len(self._all(mapped))

    def _all(self, mapped: FieldMapping) -> list[Differing]:
        alone = ObjectMapping(mapped.object_name, 0, (mapped,))
        found = []
        for pair in self._tables.pairs.values():
            if pair.object_name != mapped.object_name or pair.state not in _LIVE or pair.sf_id is None:
                continue
            linked = self._unit.linked(alone, [pair.sf_id])[pair.sf_id]
            for column, value in linked.dirty.items():
                noted = linked.base[column]
                held = column in linked.parked and linked.parked[column] == value
                found.append(
                    Differing(
                        pair.person_id, pair.sf_id, noted, value, noted, held, linked.standing.get(column)
                    )
                )
        return found

    def held(self, mapped: FieldMapping, sf_ids: Sequence[str]) -> Mapping[str, tuple[int, Value]]:
        if mapped.table != "person":
            return {}
        found: dict[str, tuple[int, Value]] = {}
        for pair in self._tables.pairs.values():
            person = self._tables.person.get(pair.person_id)
            if (
                pair.object_name == mapped.object_name
                and pair.sf_id is not None
                and pair.sf_id in sf_ids
                and pair.state in _LIVE
                and person is not None
            ):
                found[pair.sf_id] = (pair.person_id, person.get(mapped.column))
        return found

    def errors(self) -> Mapping[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for kept in self._tables.dead_letters.values():
            if kept.status == OPEN and kept.letter.column is not None:
                key = (self._tables.pairs[kept.pair_id].object_name, kept.letter.column)
                found[key] = found.get(key, 0) + 1
        return found

    def filled(self, table: str, sample: bool = False) -> Filled:
        rows = list(self._tables.person.values()) if table == "person" else []
        names = {name for owner, name in self._tables.columns if owner == table}
        return Filled(len(rows), {name: sum(row.get(name) is not None for row in rows) for name in names})
