"""The mapping as a file a person can read, keep in version control and bring back: JSON, one entry a field."""

from __future__ import annotations

import json
from collections.abc import Mapping

from diptych.domain.mapping import Blanks, Direction, FieldMapping, Policy
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.mapping_adopt import Wanted
from diptych.domain.mapping_edit import check_columns, placed
from diptych.domain.proposal import MappingRefused, turn
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import Kind

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
    return entry | {"type": f.sf_type, "kind": f.kind.value} | ({"length": f.length} if f.length else {})


def read_entries(text: str) -> list[Wanted]:
    """What a mapping file asks for. Raises MappingRefused, naming the entry, for what is no mapping file."""
    try:
        document = json.loads(text)
        if document.get("format") != FORMAT:
            raise MappingRefused(f"This is not a mapping file: its format is not {FORMAT}.")
        entries = [
            (
                str(e["field"]),
                str(e["column"]),
                e["direction"],
                e["policy"],
                e.get("blanks", Blanks.OVERWRITE),
                e.get("restrictive"),
                e.get("kind"),
                e.get("length", 0),
                str(e.get("type", "")),
            )
            for e in document["fields"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        if isinstance(problem, MappingRefused):
            raise
        raise MappingRefused("This is not a mapping file: it is no JSON of the expected form.") from problem
    found = []
    for name, column, direction, policy, blanks, restrictive, kind, length, sf_type in entries:
        if restrictive is not None and not isinstance(restrictive, bool):
            raise MappingRefused(f"{name}: restrictive is true or false, not {restrictive!r}.")
        if not isinstance(length, int):
            raise MappingRefused(f"{name}: length is a number, not {length!r}.")
        try:
            found.append(
                Wanted(
                    name,
                    column,
                    Direction(direction),
                    Policy(policy),
                    Blanks(blanks),
                    restrictive,
                    Kind(kind) if kind is not None else None,
                    length,
                    sf_type,
                )
            )
        except ValueError as problem:
            raise MappingRefused(f"{name}: {problem}") from problem
    return found


def read_mapping(text: str, current: Mappings, described: Mapping[str, ObjectDescription]) -> Mappings:
    """`current` with columns, directions, policies and blanks as the file says; fields that the file leaves out stay, and an
    entry that says nothing of blanks lets them overwrite.

    Raises MappingRefused, naming the entry, for anything that is not a mapping file or cannot be so.
    """
    wanted = current
    for one in read_entries(text):
        try:
            wanted = turn(wanted, described, one.name, one.direction, one.policy, one.blanks, one.restrictive)
        except MappingRefused as problem:
            raise MappingRefused(f"{one.name}: {problem}") from problem
        wanted = placed(wanted, one.name, one.column)
    check_columns(wanted)
    return Mappings(current.version + 1, wanted.fields)
