"""The shapes of metadata components: which elements a type has, in order, and how often.

Read from `value_types.tsv`. `type` starts a type (name, the type that it extends); indented rows are its
elements: name, type, and how often it may come (`1` once, `?` at most once, `*` any number, `+` at least
once); `enum` lists the values of an enumeration. The facts are those of Salesforce's own Metadata WSDL of
API version 63.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources

SCALARS = frozenset({"string", "boolean", "int", "double", "dateTime", "date", "time", "base64Binary"})


@dataclass(frozen=True)
class Element:
    """One element of a type."""

    name: str
    type: str
    count: str

    @property
    def many(self) -> bool:
        return self.count in "*+"

    @property
    def required(self) -> bool:
        return self.count in "1+"


@dataclass(frozen=True)
class ValueType:
    """A complex type; the elements of what it extends come first."""

    name: str
    elements: tuple[Element, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Element]:
        return {element.name: element for element in self.elements}


@dataclass(frozen=True)
class Shapes:
    """All types and enumerations."""

    types: Mapping[str, ValueType]
    enums: Mapping[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def shapes() -> Shapes:
    """The table, read once."""
    text = (resources.files("practice_org.metadata") / "value_types.tsv").read_text("utf-8")
    bases: dict[str, str | None] = {}
    elements: dict[str, list[Element]] = {}
    enums: dict[str, tuple[str, ...]] = {}
    current = ""
    for line in text.splitlines():
        kind, *cells = line.split("\t")
        if kind == "type":
            current = cells[0]
            bases[current] = cells[1] if len(cells) > 1 else None
            elements[current] = []
        elif kind == "enum":
            enums[cells[0]] = tuple(cells[1].split(","))
        else:
            elements[current].append(Element(*cells))

    def whole(name: str) -> tuple[Element, ...]:
        base = bases[name]
        return (*(whole(base) if base else ()), *elements[name])

    return Shapes({name: ValueType(name, whole(name)) for name in bases}, enums)


def value_type(name: str) -> ValueType | None:
    """The complex type of that name, or None."""
    return shapes().types.get(name)
