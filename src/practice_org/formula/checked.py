"""A formula whose every part has a type."""

from __future__ import annotations

from dataclasses import dataclass

from practice_org.schema.catalogue import Field, ObjectType


@dataclass(frozen=True)
class Step:
    """One step to a parent: from the object over its reference field to the target."""

    obj: ObjectType
    reference: Field
    target: ObjectType


@dataclass(frozen=True)
class Constant:
    value: float | int | str | bool | None
    type: str


@dataclass(frozen=True)
class Column:
    """A field of the record, or of a parent reached over `steps`; `inner` is the formula of a formula field."""

    steps: tuple[Step, ...]
    obj: ObjectType
    field: Field
    type: str
    inner: Checked | None = None


@dataclass(frozen=True)
class Global:
    """`$User.Email`: a field of one of the rows that belong to whoever runs the formula."""

    group: str
    field: Field
    type: str


@dataclass(frozen=True)
class Apply:
    """A function of `functions.FUNCTIONS`, or a form of `checker.FORMS`, over its arguments."""

    function: str
    args: tuple[Checked, ...]
    type: str


Checked = Constant | Column | Global | Apply

TYPES = {
    "boolean": "Boolean",
    "date": "Date",
    "datetime": "Date/Time",
    "double": "Number",
    "currency": "Number",
    "percent": "Number",
    "int": "Number",
    "picklist": "Picklist",
    "multipicklist": "Multipicklist",
}
"""Describe types to the types of formulas; all others are Text."""


def type_of(field: Field) -> str:
    """The type that a field has in a formula."""
    return TYPES.get(field.type, "Text")
