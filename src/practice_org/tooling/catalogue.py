"""The objects of the Tooling API, read from `objects.tsv`."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources

from practice_org.schema.catalogue import ObjectType, Schema, parse_object

REIFIED: dict[str, tuple[str, ...]] = {
    "FieldDefinition": ("EntityDefinitionId", "DurableId"),
    "EntityParticle": ("EntityDefinitionId", "FieldDefinitionId", "DurableId"),
    "PicklistValueInfo": ("EntityParticleId", "DurableId"),
    "StandardValueSet": ("MasterLabel", "DurableId"),
    "RelationshipDomain": ("ChildSobjectId", "ParentSobjectId", "DurableId"),
}
"""Objects that are only answered when one of these columns is filtered (quoted refusals)."""
ALSO_DATA = frozenset(
    {"EntityDefinition", "FieldDefinition", "EntityParticle", "PicklistValueInfo", "RelationshipDomain"}
)
"""Objects that the data API's query knows as well."""
DURABLE = frozenset(REIFIED) | {"EntityDefinition"}
"""Objects whose records have no id of their own, only a durable one."""
NO_ID = "000000000000000AAA"


@lru_cache(maxsize=1)
def schema() -> Schema:
    """All objects, as a schema that the SOQL engine takes."""
    text = (resources.files("practice_org.tooling") / "objects.tsv").read_text("utf-8")
    return Schema(tuple(parse_object(part) for part in _parts(text)))


def _parts(text: str) -> list[str]:
    parts: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("object\t"):
            parts.append([])
        if parts:
            parts[-1].append(line)
    return ["\n".join(part) for part in parts]


def object_named(name: str) -> ObjectType | None:
    """The object of that name in any case."""
    return schema().get(name)


_FROM = re.compile(r"\bfrom\s+(\w+)(?![^()]*\))", re.IGNORECASE)


def asked(soql: str) -> bool:
    """Whether a query of the data API is about one of ALSO_DATA."""
    found = _FROM.search(soql)
    obj = schema().get(found[1]) if found else None
    return obj is not None and obj.name in ALSO_DATA
