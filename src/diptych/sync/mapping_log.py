"""A part of the port `Transaction`: the versions of the mapping, and the values that a change of it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from diptych.domain.mapping import FieldMapping
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.mapping_effect import Differing
from diptych.domain.values import Value


@dataclass(frozen=True)
class SavedMapping:
    """One version: when it was made, by whom (None: not told, or the engine) and why."""

    version: int
    at: datetime
    author: str | None
    reason: str


@dataclass(frozen=True)
class Filled:
    """How many rows a table has, and in how many of them each mapped column is filled."""

    rows: int
    columns: Mapping[str, int]


class MappingLog(Protocol):
    """What was mapped when."""

    def versions(self, limit: int, before: int | None = None) -> list[SavedMapping]:
        """The newest first; of those lower than `before`."""

    def of(self, version: int) -> FieldMappings | None:
        """The mapping of that version; None when there is none."""

    def differing(self, mapped: FieldMapping, limit: int) -> list[Differing]:
        """Values of that field that may differ on both sides, of paired and parked pairs, the oldest pair first."""

    def differing_count(self, mapped: FieldMapping) -> int:
        """How many there are in all."""

    def held(self, mapped: FieldMapping, sf_ids: Sequence[str]) -> Mapping[str, tuple[int, Value]]:
        """Of these records, the person of each and what our column holds for it, blank where there is no such column yet;
        records that are nobody's are missing, and so are all of an object that is copied in only."""

    def errors(self) -> Mapping[tuple[str, str], int]:
        """How many open errors each field has, by object and column; errors of a whole record count for the fields they name."""

    def filled(self, table: str, sample: bool = False) -> Filled:
        """How full the mapped columns of person, company or salesforce_user are. `sample`: of 10,000 rows of a longer table,
        from all parts of it."""
