"""Field mappings: one column of ours, one field of theirs, a direction, a policy. A mapping is a versioned set of them.

The same column may be mapped once per object: `person.city` to Lead.City and to Contact.MailingCity (data-semantics 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from diptych.domain.values import Kind


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    BOTH = "both"


class Policy(StrEnum):
    """Who wins a conflict (glossary: conflict policy)."""

    SALESFORCE = "salesforce"
    OURS = "ours"
    ASK = "ask"


@dataclass(frozen=True)
class FieldMapping:
    """One mapped field. `field` is the API name, or a relationship path such as `Account.Name` (inbound only).

    `length` (characters, 0 = unlimited) and `scale` (decimals) are Salesforce's; `restricted` lists the only values a
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
