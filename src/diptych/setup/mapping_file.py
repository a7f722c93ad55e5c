"""The mapping as a file a person can read, keep in version control and bring back: JSON, one entry a field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from diptych.domain.mapping import Blanks, Direction, FieldMapping, Policy
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.proposal import SYSTEM_COLUMNS, MappingRefused, turn
from diptych.domain.schema import ObjectDescription

FORMAT = "diptych-mapping-1"


def write_mapping(mapping: Mappings) -> str:
    """The mapping as text; `read_mapping` gives it back."""
    entries = [_entry(f) for f in mapping.fields]
    return json.dumps({"format": FORMAT, "version": mapping.version, "fields": entries}, indent=1) + "\n"


def _entry(f: FieldMapping) -> dict[str, object]:
    entry: dict[str, object] = {
        "field": f"{f.object_name}.{f.field}",
        "column": f"{f.table}.{f.column}",
        "direction": f.direction.value,
        "policy": f.policy.value,
    }
    if f.blanks is not Blanks.OVERWRITE:
        entry["blanks"] = f.blanks.value
    if f.policy is Policy.MOST_RESTRICTIVE:
        entry["restrictive"] = f.restrictive
    return entry


def read_mapping(text: str, current: Mappings, described: Mapping[str, ObjectDescription]) -> Mappings:
    """`current` with columns, directions, policies and blanks as the file says; fields that the file leaves out stay, and an
    entry that says nothing of blanks lets them overwrite.

    Raises MappingRefused, naming the entry, for anything that is not a mapping file or cannot be so.
    """
    try:
        document = json.loads(text)
        if document.get("format") != FORMAT:
            raise MappingRefused(f"This is not a mapping file: its format is not {FORMAT}.")
        entries = [
            (
                e["field"],
                e["column"],
                e["direction"],
                e["policy"],
                e.get("blanks", Blanks.OVERWRITE),
                e.get("restrictive"),
            )
            for e in document["fields"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        if isinstance(problem, MappingRefused):
            raise
        raise MappingRefused("This is not a mapping file: it is no JSON of the expected form.") from problem
    wanted = current
    for name, column, direction, policy, blanks, restrictive in entries:
        if restrictive is not None and not isinstance(restrictive, bool):
            raise MappingRefused(f"{name}: restrictive is true or false, not {restrictive!r}.")
        try:
            wanted = turn(
                wanted, described, name, Direction(direction), Policy(policy), Blanks(blanks), restrictive
            )
        except ValueError as problem:
            raise MappingRefused(f"{name}: {problem}") from problem
        wanted = _placed(wanted, name, column)
    _check_columns(wanted)
    return Mappings(current.version + 1, wanted.fields)


def _placed(mapping: Mappings, name: str, column: str) -> Mappings:
    object_name, _, field = name.partition(".")
    mapped = mapping.of(object_name).by_field[field]
    table, _, wanted = column.partition(".")
    if mapped.column == wanted and mapped.table == table:
        return mapping
    if mapped.standard:
        raise MappingRefused(f"{name} belongs to a standard pair, which is given.")
    if table != mapped.table:
        raise MappingRefused(f"{name} goes to the table {mapped.table}, not {table}.")
    if wanted in SYSTEM_COLUMNS or not wanted.isidentifier() or wanted != wanted.lower() or len(wanted) > 60:
        raise MappingRefused(f"{name}: {wanted!r} cannot be the name of a column.")
    return mapping.with_fields(replace(f, column=wanted) if f is mapped else f for f in mapping.fields)


def _check_columns(mapping: Mappings) -> None:
    there: dict[tuple[str, str], str] = {}
    kinds: dict[tuple[str, str], str] = {}
    for f in mapping.fields:
        name = f"{f.object_name}.{f.field}"
        place = (f.object_name, f"{f.table}.{f.column}")
        if place in there:
            raise MappingRefused(f"{there[place]} and {name} are both mapped to {place[1]}.")
        there[place] = name
        if kinds.setdefault((f.table, f.column), f.kind) != f.kind:
            raise MappingRefused(f"{name} does not fit the kind of values that {f.table}.{f.column} holds.")
