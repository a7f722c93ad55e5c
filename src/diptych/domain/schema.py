"""Objects and fields as an org describes them, and how two descriptions differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FieldDescription:
    """One field as the sync user sees it. `type` is Salesforce's own describe type."""

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = False
    updateable: bool = False
    calculated: bool = False
    custom: bool = False
    unique: bool = False
    external_id: bool = False
    defaulted_on_create: bool = False
    restricted_picklist: bool = False
    picklist: tuple[str, ...] = ()
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    compound_field: str | None = None
    formula: str | None = None


@dataclass(frozen=True)
class ObjectDescription:
    """One object as the sync user sees it; `fields` keyed by API name, in describe order."""

    name: str
    label: str
    label_plural: str
    key_prefix: str
    fields: Mapping[str, FieldDescription]
    queryable: bool = True
    createable: bool = False
    updateable: bool = False
    deletable: bool = False
    custom: bool = False


@dataclass(frozen=True)
class Retyped:
    """A field whose type or size changed between two describes."""

    name: str
    before: FieldDescription
    after: FieldDescription


@dataclass(frozen=True)
class SchemaDifference:
    """What changed in one object. `renamed` are guesses to be confirmed by a person (D-15): old name -> new name."""

    object_name: str
    added: tuple[FieldDescription, ...] = ()
    removed: tuple[FieldDescription, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    retyped: tuple[Retyped, ...] = ()
    relabelled: tuple[Retyped, ...] = ()
    picklists: tuple[Retyped, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.added or self.removed or self.retyped or self.relabelled or self.picklists)


def difference(before: ObjectDescription, after: ObjectDescription) -> SchemaDifference:
    """How `after` differs from `before` (S-41, D-12..D-18).

    A field counts as 'renamed?' when exactly one field of its type and label, or of its type and size, went while one came.
    """
    added = {name: f for name, f in after.fields.items() if name not in before.fields}
    removed = {name: f for name, f in before.fields.items() if name not in after.fields}
    common = [(before.fields[name], after.fields[name]) for name in before.fields if name in after.fields]
    renamed: dict[str, str] = {}
    for old in removed.values():
        same = [
            f
            for f in added.values()
            if f.type == old.type and f.custom == old.custom and f.name not in renamed.values()
        ]
        alike = [f for f in same if f.label == old.label] or [
            f for f in same if (f.length, f.scale) == (old.length, old.scale)
        ]
        if len(alike) == 1:
            renamed[old.name] = alike[0].name
    return SchemaDifference(
        after.name,
        added=tuple(added.values()),
        removed=tuple(removed.values()),
        renamed=renamed,
        retyped=tuple(
            Retyped(a.name, b, a)
            for b, a in common
            if (b.type, b.length, b.precision, b.scale) != (a.type, a.length, a.precision, a.scale)
        ),
        relabelled=tuple(Retyped(a.name, b, a) for b, a in common if b.label != a.label),
        picklists=tuple(Retyped(a.name, b, a) for b, a in common if b.picklist != a.picklist),
    )
