"""The mapping as a list a person works with: each field with how full it is, when it was changed last, its errors, its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from diptych.domain.mapping import FieldMapping
from diptych.domain.mapping_changes import full_name
from diptych.domain.schema import FieldDescription
from diptych.domain.values import kind_of
from diptych.setup.field_choice import type_text
from diptych.sync.drift import held_now, read_notices, read_waiting
from diptych.sync.mapping_log import Filled, SavedMapping
from diptych.sync.ports import Transaction

FINE, HELD, DRIFTED = "fine", "held", "drifted"


@dataclass(frozen=True)
class MappedField:
    """One mapped field. `fill`: share of our rows in which its column is filled (0-1), None when there is no row; `last`: the
    version that changed it last, None when that is too long ago to tell; `errors`: open ones. `held`: why it is not synced now;
    `acceptable`: a person may take it as it is now; `drift`: how Salesforce has it now, where that differs from what is mapped;
    `renamed_to`: what it seems to be called now. `partner`: the other object's field in the same column."""

    mapped: FieldMapping
    fill: float | None = None
    last: SavedMapping | None = None
    errors: int = 0
    held: str = ""
    acceptable: bool = False
    drift: str = ""
    renamed_to: str = ""
    partner: FieldMapping | None = None

    @property
    def name(self) -> str:
        return full_name(self.mapped)

    @property
    def column(self) -> str:
        return f"{self.mapped.table}.{self.mapped.column}"

    @property
    def type(self) -> str:
        m = self.mapped
        return f"{m.sf_type}({m.length})" if m.length else m.sf_type

    @property
    def state(self) -> str:
        return HELD if self.held else DRIFTED if self.drift else FINE


@dataclass(frozen=True)
class RowFilter:
    """Which rows are wanted. `state`: held, drifted, errors, or '' for all."""

    search: str = ""
    object_name: str = ""
    direction: str = ""
    policy: str = ""
    blanks: str = ""
    state: str = ""

    def takes(self, row: MappedField) -> bool:
        m = row.mapped
        text = f"{m.object_name}.{m.field} {m.label} {row.column} {m.sf_type}".lower()
        if not all(word in text for word in self.search.lower().split()):
            return False
        for wanted, given in (
            (self.object_name, m.object_name),
            (self.direction, m.direction.value),
            (self.policy, m.policy.value),
            (self.blanks, m.blanks.value),
        ):
            if wanted and wanted != given:
                return False
        if self.state == "errors":
            return row.errors > 0
        return not self.state or row.state == self.state


def mapped_fields(
    look: Callable[[], AbstractContextManager[Transaction]], last: Mapping[str, SavedMapping]
) -> list[MappedField]:
    """All of them, those of leads and contacts first; nothing is asked of the org."""
    with look() as unit:
        mapping = unit.mapping()
        tables = {f.table for f in mapping.fields}
        objects = dict.fromkeys(f.object_name for f in mapping.fields)
        filled = {table: unit.mappings.filled(table, sample=True) for table in tables}
        errors = unit.mappings.errors()
        held = {name: held_now(unit, name) for name in objects}
        waiting = {name: read_waiting(unit, name) for name in objects}
        there = {name: unit.schema(name) for name in objects}
        renamed = {
            f"{n.object_name}.{n.field}": f"{n.object_name}.{n.after.split(' ')[0]}"
            for n in read_notices(unit)
            if n.change == "renamed" and n.after
        }
    sharing: dict[tuple[str, str], list[FieldMapping]] = {}
    for f in mapping.fields:
        sharing.setdefault((f.table, f.column), []).append(f)
    found = []
    for f in mapping.fields:
        schema = there[f.object_name]
        described = schema.fields.get(f.field) if schema else None
        why = held[f.object_name].get(f.field, "") or waiting[f.object_name].get(f.field, "")
        other_kind = described is not None and kind_of(described.type, described.scale) is not f.kind
        gone = schema is not None and described is None and "." not in f.field
        name = full_name(f)
        new_name = renamed.get(name, "") if gone else ""
        found.append(
            MappedField(
                f,
                _share(filled[f.table], f.column),
                last.get(name),
                errors.get((f.object_name, f.column), 0),
                why,
                f.field in waiting[f.object_name] or other_kind,
                _drift(f, described) if described else "",
                new_name if schema and new_name.partition(".")[2] in schema.fields else "",
                _partner(f, sharing[f.table, f.column]),
            )
        )
    return sorted(found, key=lambda row: (row.mapped.table != "person", row.mapped.object_name != "Lead"))


def _share(filled: Filled, column: str) -> float | None:
    return filled.columns.get(column, 0) / filled.rows if filled.rows else None


def _drift(mapped: FieldMapping, there: FieldDescription) -> str:
    same = (mapped.sf_type, mapped.length, mapped.scale) == (there.type, there.length, there.scale)
    return "" if same else type_text(there)


def _partner(mapped: FieldMapping, sharing: Sequence[FieldMapping]) -> FieldMapping | None:
    return next((f for f in sharing if f.object_name != mapped.object_name), None)
