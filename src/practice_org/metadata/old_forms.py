"""How values looked in older API versions: before 38, a picklist's values stood in its field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from practice_org.metadata import field_value, free_value, registry
from practice_org.metadata.codec import Value, text_of
from practice_org.metadata.value_sets import STANDARD_SETS

if TYPE_CHECKING:
    from practice_org.org import Org

VALUE_SETS_FROM = 38.0
"""The API version that brought value sets (release notes of Winter '17)."""


def more_xml(org: Org, version: float, type_name: str, value: Value) -> str:
    """What a read of that version shows beside the elements that are still known."""
    if version >= VALUE_SETS_FROM or type_name != "CustomField":
        return ""
    owner, _, name = str(value["fullName"]).partition(".")
    obj = org.schema.get(owner)
    f = obj.get(name) if obj else None
    if obj is None or f is None or f.type not in ("picklist", "multipicklist"):
        return ""
    told = {one["fullName"]: one for one in _standard_values(org, obj.name, f.name)}
    entries = [
        {
            key: [text_of(given)]
            for key, given in {**told.get(one["fullName"], {}), **one}.items()
            if key not in ("label", "isActive")
        }
        for one in field_value.custom_values(f.picklist)
    ]
    return free_value.to_xml({"picklist": [{"picklistValues": entries, "sorted": ["false"]}]})


def _standard_values(org: Org, object_name: str, field_name: str) -> list[Value]:
    for name, fields in STANDARD_SETS.items():
        if (object_name, field_name) in fields:
            found = registry.kind_named("StandardValueSet").read(org, name)
            return list(found["standardValue"]) if found else []
    return []


def without_new(version: float, type_name: str, value: Value) -> Value:
    """The value without what that version does not know."""
    if version < VALUE_SETS_FROM and type_name == "CustomField":
        return {key: entry for key, entry in value.items() if key != "valueSet"}
    return value
