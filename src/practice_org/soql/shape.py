"""From SQL rows to the records of an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ADDRESS_PARTS = (
    ("city", "City"),
    ("country", "Country"),
    ("geocodeAccuracy", "GeocodeAccuracy"),
    ("latitude", "Latitude"),
    ("longitude", "Longitude"),
    ("postalCode", "PostalCode"),
    ("state", "State"),
    ("street", "Street"),
)
"""Keys of an address object and the suffix of the field behind each, in the order of recorded answers."""


@dataclass(frozen=True)
class Leaf:
    """One value: the row's column `index`, or for an address the columns from there on."""

    index: int
    type: str


@dataclass(frozen=True)
class Node:
    """A record: its type is `type_name`, or, for an owner that may be of several, read from the row.

    `variants` are the further entries of each type (TYPEOF); a type that has none shows as null.
    """

    type_name: str
    id_index: int
    entries: Entries
    type_index: int | None = None
    variants: Mapping[str, Entries] | None = None


@dataclass(frozen=True)
class ChildSlot:
    """The place of a sub-select's answer; `number` counts the query's sub-selects."""

    number: int


Entries = tuple[tuple[str, "Leaf | Node | ChildSlot"], ...]
ChildResults = Sequence[Mapping[str, Any]]
"""For each sub-select: parent id to its answer."""


def value(raw: Any, kind: str) -> Any:
    """A stored value as REST answers show it."""
    if raw is None:
        return None
    if kind == "datetime":
        return raw + ".000+0000"
    if kind == "boolean":
        return bool(raw)
    if kind in ("double", "currency", "percent"):
        return float(raw)
    return raw


def address(row: Sequence[Any], start: int) -> dict[str, Any] | None:
    """The compound object of an address; None when all of its parts are."""
    parts = row[start : start + len(ADDRESS_PARTS)]
    if all(part is None for part in parts):
        return None
    return {key: part for (key, _), part in zip(ADDRESS_PARTS, parts, strict=True)}


def location(row: Sequence[Any], start: int) -> dict[str, Any] | None:
    """The compound object of a geolocation; None when it is not set."""
    latitude, longitude = row[start : start + 2]
    if latitude is None or longitude is None:
        return None
    return {"latitude": latitude, "longitude": longitude}


def record(
    node: Node, row: Sequence[Any], version: str, children: ChildResults = ()
) -> dict[str, Any] | None:
    """The record that a row holds; None for a parent that is not there."""
    record_id = row[node.id_index]
    if record_id is None:
        return None
    entries = node.entries
    kind = node.type_name if node.type_index is None else row[node.type_index]
    named = node.type_name
    if node.variants is not None:
        if kind not in node.variants and not entries:
            return None
        entries, named = entries + tuple(node.variants.get(kind, ())), kind
    out: dict[str, Any] = {
        "attributes": {"type": named, "url": f"/services/data/v{version}/sobjects/{kind}/{record_id}"}
    }
    for key, entry in entries:
        if isinstance(entry, Leaf):
            if entry.type == "address":
                out[key] = address(row, entry.index)
            elif entry.type == "location":
                out[key] = location(row, entry.index)
            elif entry.type == "base64":
                told = row[entry.index] is not None
                out[key] = f"{out['attributes']['url']}/{key}" if told else None
            else:
                out[key] = value(row[entry.index], entry.type)
        elif isinstance(entry, Node):
            out[key] = record(entry, row, version)
        else:
            out[key] = children[entry.number].get(record_id)
    return out


def aggregate(entries: tuple[tuple[str, Leaf], ...]) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """The renderer of an aggregate query's rows."""

    def render(row: Sequence[Any]) -> dict[str, Any]:
        out: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
        for key, leaf in entries:
            out[key] = value(row[leaf.index], leaf.type)
        return out

    return render
