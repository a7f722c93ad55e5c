"""Field mappings: one column of ours, one field of theirs, a direction, a policy. A mapping is a versioned set of them.

The same column may be mapped once per object: `person.city` to Lead.City and to Contact.MailingCity (data-semantics 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from diptych.domain.pair import Observation, Record
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import InvalidValue, Kind, Value, canonical, kind_of


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    BOTH = "both"


class Policy(StrEnum):
    """Who wins a conflict (glossary: conflict policy)."""

    SALESFORCE = "salesforce"
    OURS = "ours"
    ASK = "ask"
    MOST_RECENT = "most_recent"
    MOST_COMPLETE = "most_complete"
    WRITE_ONCE = "write_once"
    MOST_RESTRICTIVE = "most_restrictive"


class Blanks(StrEnum):
    """Whether a blank may overwrite a value, in each direction (D-44d)."""

    OVERWRITE = "overwrite"
    KEEP_OURS = "keep_ours"  # a blank in Salesforce never wipes out a value of ours
    KEEP_SALESFORCE = "keep_salesforce"  # a blank of ours never wipes out a value in Salesforce
    KEEP_BOTH = "keep_both"

    @property
    def keeps_ours(self) -> bool:
        return self in (Blanks.KEEP_OURS, Blanks.KEEP_BOTH)

    @property
    def keeps_theirs(self) -> bool:
        return self in (Blanks.KEEP_SALESFORCE, Blanks.KEEP_BOTH)


@dataclass(frozen=True)
class FieldMapping:
    """One mapped field. `field` is the API name, or a relationship path such as `Account.Name` (inbound only).

    `blanks`: whether a blank may overwrite a value. `restrictive`: for a consent field, the value that allows less: true
    of an opt-out, false of an opt-in. What each policy means is told in `domain.policies`. `length` (characters, 0 = unlimited) and `scale` (decimals) are Salesforce's; `restricted` lists the only values a
    restricted picklist takes. `standard` pairs are given (data-semantics 4), the others can be paired and broken.
    """

    object_name: str
    field: str
    table: str
    column: str
    kind: Kind
    direction: Direction
    policy: Policy
    length: int = 0
    scale: int = 0
    standard: bool = False
    calculated: bool = False
    nillable: bool = True
    restricted: tuple[str, ...] = ()
    sf_type: str = "string"
    label: str = ""
    blanks: Blanks = Blanks.OVERWRITE
    restrictive: bool = True


@dataclass(frozen=True)
class ObjectMapping:
    """All mapped fields of one object, under one version."""

    object_name: str
    version: int
    fields: tuple[FieldMapping, ...]

    @cached_property
    def by_column(self) -> dict[str, FieldMapping]:
        return {f.column: f for f in self.fields}

    @cached_property
    def by_field(self) -> dict[str, FieldMapping]:
        return {f.field: f for f in self.fields}


@dataclass(frozen=True)
class Mapping:
    """Every mapped field of every object. Immutable: a change makes a new one with a higher `version`."""

    version: int
    fields: tuple[FieldMapping, ...]

    @cached_property
    def _by_object(self) -> dict[str, ObjectMapping]:
        names = dict.fromkeys(f.object_name for f in self.fields)
        return {
            n: ObjectMapping(n, self.version, tuple(f for f in self.fields if f.object_name == n))
            for n in names
        }

    def of(self, object_name: str) -> ObjectMapping:
        """The mapping of one object; empty when nothing of it is mapped."""
        return self._by_object.get(object_name) or ObjectMapping(object_name, self.version, ())

    def consent(self, table: str) -> dict[str, bool]:
        """The columns of consent of a table, each with the value that allows less."""
        kept = [f for f in self.fields if f.table == table and f.policy is Policy.MOST_RESTRICTIVE]
        return {mapped.column: mapped.restrictive for mapped in kept}

    def columns(self, table: str) -> dict[str, FieldMapping]:
        """The mapped columns of a table, each with (one of) its field mappings, in order."""
        found: dict[str, FieldMapping] = {}
        for mapped in self.fields:
            if mapped.table == table:
                found.setdefault(mapped.column, mapped)
        return found

    def with_fields(self, fields: Iterable[FieldMapping]) -> Mapping:
        """The next version, with these fields instead."""
        return Mapping(self.version + 1, tuple(fields))


def observe(object_mapping: ObjectMapping, record: Record) -> Observation:
    """`record` in our terms. A mapped field that was not in the answer, or whose wire value is not of its kind (a field
    retyped since), is left out of `values`: unknown, never blank (R-13)."""
    values: dict[str, Value] = {}
    unreadable: dict[str, str] = {}
    for mapped in object_mapping.fields:
        if mapped.field not in record.fields:
            continue
        try:
            values[mapped.column] = canonical(mapped.kind, record.fields[mapped.field], mapped.scale)
        except InvalidValue as problem:
            unreadable[mapped.column] = str(problem)
    return Observation(record, values, unreadable)


@dataclass(frozen=True)
class UsableMapping:
    """What of an object's mapping can be used with the schema as it is now. `held`: column -> why it cannot be (R-13);
    `read_only`: columns whose field the sync user may read but not edit."""

    mapping: ObjectMapping
    held: dict[str, str]
    read_only: frozenset[str] = frozenset()


def usable(object_mapping: ObjectMapping, description: ObjectDescription) -> UsableMapping:
    """The mapped fields that the sync user sees and whose type still holds our kind, with sizes, picklists and blanks as
    the org has them now. A field that is gone, hidden or of another kind is held: neither read nor written, base kept."""
    relationships = {f.relationship_name for f in description.fields.values()} - {None}
    kept: list[FieldMapping] = []
    held: dict[str, str] = {}
    read_only: set[str] = set()
    for mapped in object_mapping.fields:
        if "." in mapped.field:
            if mapped.field.split(".")[0] in relationships:
                kept.append(mapped)
                read_only.add(mapped.column)
            else:
                held[mapped.column] = f"{mapped.field} is no longer visible to the sync user"
            continue
        described = description.fields.get(mapped.field)
        if described is None:
            held[mapped.column] = f"{mapped.field} is gone, or hidden from the sync user"
        elif (kind := kind_of(described.type, described.scale)) is not mapped.kind:
            held[mapped.column] = (
                f"{mapped.field} has become {described.type} ({kind.value}, not {mapped.kind.value})"
            )
        else:
            if not described.updateable:
                read_only.add(mapped.column)
            kept.append(
                replace(
                    mapped,
                    length=described.length,
                    scale=described.scale,
                    nillable=described.nillable,
                    restricted=described.picklist if described.restricted_picklist else (),
                )
            )
    return UsableMapping(replace(object_mapping, fields=tuple(kept)), held, frozenset(read_only))
