"""The mapping of one object as two lists between which fields are moved: its fields that are not synced, and our columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from diptych.domain.mapping import FieldMapping
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.mapping_changes import full_name
from diptych.domain.mapping_edit import Described, needed
from diptych.domain.objects import synced_object
from diptych.domain.standard_pairs import STANDARD_COLUMN
from diptych.domain.values import kind_of
from diptych.setup.field_choice import FieldChoice, can_be_added, type_text

MOST = 200
"""So many fields and so many columns are shown at once; of more, a search finds the rest."""


@dataclass(frozen=True)
class Piece:
    """One field that can be moved. `at`: the column it is in, as table.column, blank when it is not synced; `home`: the only
    column it can be in, blank when it is free; `fixed`: why it cannot be left out, blank when it can."""

    name: str
    label: str
    type: str
    kind: str
    at: str = ""
    home: str = ""
    fixed: str = ""

    def matches(self, search: str) -> bool:
        return _has(f"{self.name} {self.label} {self.type}", search)


@dataclass(frozen=True)
class Place:
    """One column. `kind`: of its values, blank when nothing fills it now; `piece`: the object's field in it; `others`: fields of
    other objects in it; `filled`: in how many rows it holds a value."""

    table: str
    column: str
    kind: str
    piece: Piece | None
    others: tuple[FieldMapping, ...]
    filled: int

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"

    def matches(self, search: str) -> bool:
        fields = " ".join(f"{full_name(f)} {f.label}" for f in self.others)
        own = f"{self.piece.name} {self.piece.label}" if self.piece else ""
        return _has(f"{self.column} {own} {fields}", search)


@dataclass(frozen=True)
class Board:
    """What can be moved where. `pieces` and `places`: the first `MOST` of those that are searched for; `all_*`: how many there are."""

    object_name: str
    version: int
    pieces: tuple[Piece, ...]
    places: tuple[Place, ...]
    all_pieces: int
    all_places: int
    mapped: tuple[Piece, ...]


def board(
    mapping: Mappings,
    described: Described,
    choices: Sequence[FieldChoice],
    object_name: str,
    filled: Mapping[str, int],
    search: str = "",
    column: str = "",
) -> Board:
    """`choices`: the object's fields as Salesforce has them; `filled`: of every column of its table, in how many rows it holds a
    value. `search` and `column`: words that fields and columns must have."""
    known = synced_object(object_name)
    free = [_free(c) for c in choices if can_be_added(c)]
    own = {f.column: _mapped(f, described) for f in mapping.of(object_name).fields}
    by_column: dict[str, list[FieldMapping]] = {name: [] for name in mapping.columns(known.table)}
    by_column |= {name: [] for name in sorted(filled) if name not in by_column}
    for f in mapping.fields:
        if f.table == known.table:
            by_column[f.column].append(f)
    places = [
        Place(
            known.table,
            name,
            fields[0].kind.value if fields else "",
            own.get(name),
            tuple(f for f in fields if f.object_name != object_name),
            filled.get(name, 0),
        )
        for name, fields in by_column.items()
    ]
    places.sort(key=lambda place: place.piece is None)
    pieces = [one for one in free if one.matches(search)]
    shown = [one for one in places if one.matches(column)]
    return Board(
        object_name,
        mapping.version,
        tuple(pieces[:MOST]),
        tuple(shown[:MOST]),
        len(pieces),
        len(shown),
        tuple(own.values()),
    )


def _free(choice: FieldChoice) -> Piece:
    there = choice.description
    known = synced_object(choice.object_name)
    pair = STANDARD_COLUMN.get((choice.object_name, there.name))
    home = f"{known.table}.{pair.column}" if pair else "" if known.two_way else f"{known.table}."
    kind = kind_of(there.type, there.scale).value
    return Piece(choice.name, there.label or there.name, type_text(there), kind, home=home)


def _mapped(f: FieldMapping, described: Described) -> Piece:
    at = f"{f.table}.{f.column}"
    size = f"({f.length})" if f.length else ""
    return Piece(
        full_name(f),
        f.label or f.field,
        f"{f.sf_type}{size}",
        f.kind.value,
        at,
        at if f.standard else "",
        needed(described, f),
    )


def _has(text: str, search: str) -> bool:
    lower = text.lower()
    return all(word in lower for word in search.lower().split())
