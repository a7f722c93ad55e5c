"""One change of a mapping as a person orders it, and what it makes of the mapping: pure, and refused with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from diptych.domain.mapping import Blanks, Direction, FieldMapping, Policy
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.mapping_changes import by_name, full_name
from diptych.domain.objects import SYNCED_OBJECTS, synced_object
from diptych.domain.pairing import column_name, compatible
from diptych.domain.presets import Preset
from diptych.domain.proposal import SYSTEM_COLUMNS, MappingRefused, named, propose, read_only, turn
from diptych.domain.schema import FieldDescription, ObjectDescription
from diptych.domain.selection import Use, use_of
from diptych.domain.values import kind_of

Described = Mapping[str, ObjectDescription]
NEVER: Mapping[str, FieldMapping] = {}


@dataclass(frozen=True)
class Edit:
    """What is wanted of these fields (`Object.Field`); None: as it is. `add`: fields that are not mapped yet; `unmap`: fields
    that are not to be synced any more; `take_type`: the field's type as Salesforce has it now. `column`: of one field;
    `instead`: the field of its object that is in that column now is not mapped any more; `own_column`: one that no other field
    fills. `partly`: fields that cannot be changed so are left out, the others are changed."""

    names: tuple[str, ...]
    direction: Direction | None = None
    policy: Policy | None = None
    blanks: Blanks | None = None
    restrictive: bool | None = None
    column: str | None = None
    add: bool = False
    unmap: bool = False
    take_type: bool = False
    own_column: bool = False
    instead: bool = False
    partly: bool = False

    @property
    def words(self) -> str:
        """The change in a line, for the list of versions."""
        said = [
            "mapped" if self.add else "",
            "no longer mapped" if self.unmap else "",
            f"direction {self.direction}" if self.direction else "",
            f"policy {self.policy}" if self.policy else "",
            f"blanks {self.blanks}" if self.blanks else "",
            "" if self.restrictive is None else f"{str(self.restrictive).lower()} allows less",
            f"column {self.column}" if self.column else "",
            "in place of the field there" if self.instead else "",
            "a column of its own" if self.own_column else "",
            "type as it is now" if self.take_type else "",
        ]
        shown = ", ".join(self.names[:3]) + (
            f" and {len(self.names) - 3} more" if len(self.names) > 3 else ""
        )
        return f"{shown}: {', '.join(filter(None, said))}"


@dataclass(frozen=True)
class Edited:
    """The next version, and the fields that were left out of the change, each with the reason."""

    after: Mappings
    left_out: tuple[tuple[str, str], ...] = ()


def edited(
    current: Mappings,
    described: Described,
    edit: Edit,
    preset: Preset = Preset.SAFE,
    earlier: Mapping[str, FieldMapping] = NEVER,
) -> Mappings:
    """The next version; see `edited_partly`."""
    return edited_partly(current, described, edit, preset, earlier).after


def edited_partly(
    current: Mappings,
    described: Described,
    edit: Edit,
    preset: Preset = Preset.SAFE,
    earlier: Mapping[str, FieldMapping] = NEVER,
) -> Edited:
    """The next version. `earlier`: how fields that are to be added were mapped last, if they ever were. Raises MappingRefused,
    naming the field, for what cannot be (unless it is to be left out), and for a change that changes nothing."""
    if not edit.names:
        raise MappingRefused("Name a field, such as Lead.City.")
    if edit.column is not None and len(edit.names) > 1:
        raise MappingRefused("A column is for one field; name only one.")
    wanted = current
    left: list[tuple[str, str]] = []
    places = _places(current, described, edit.names, preset) if edit.add else NEVER
    for name in dict.fromkeys(edit.names):
        try:
            wanted = _changed(wanted, described, name, edit, places.get(name), earlier.get(name))
        except MappingRefused as problem:
            if not edit.partly:
                raise
            left.append((name, str(problem)))
    check_columns(wanted)
    if wanted.fields == current.fields:
        first = f" {left[0][1]}" if left else ""
        raise MappingRefused(f"That is how it is mapped already: nothing would change.{first}")
    return Edited(Mappings(current.version + 1, wanted.fields), tuple(left))


def _changed(
    wanted: Mappings,
    described: Described,
    name: str,
    edit: Edit,
    place: FieldMapping | None,
    earlier: FieldMapping | None,
) -> Mappings:
    if edit.unmap:
        return without(wanted, described, name)
    if edit.add:
        wanted = with_field(wanted, described, name, earlier=earlier, place=place)
    for one in named(wanted, name):
        wanted = _turned(wanted, described, one, edit)
    if edit.partly and edit.add:  # nothing else gives two fields one column: a column is for one field
        check_columns(wanted)
    return wanted


def _turned(wanted: Mappings, described: Described, name: str, edit: Edit) -> Mappings:
    if edit.take_type:
        wanted = retyped(wanted, described, name)
    if edit.direction or edit.policy or edit.blanks or edit.restrictive is not None:
        wanted = turn(wanted, described, name, edit.direction, edit.policy, edit.blanks, edit.restrictive)
    if edit.own_column and not (edit.add and by_name(wanted)[name].standard):
        wanted = apart(wanted, name)
    if edit.column is not None:
        mapped = by_name(wanted)[name]
        column = edit.column if "." in edit.column else f"{mapped.table}.{edit.column}"
        if edit.instead:
            wanted = _vacated(wanted, described, mapped, column)
        wanted = placed(wanted, name, column)
        _check_references(wanted, described, name)
    return wanted


def apart(current: Mappings, name: str) -> Mappings:
    """`current` with a field in a column that no other field fills; one that is alone in its column stays there. Raises
    MappingRefused for a standard field that shares its column."""
    mapped = by_name(current)[name]
    if not _others(current, mapped):
        return current
    taken = {f.column for f in current.fields if f.table == mapped.table} | SYSTEM_COLUMNS
    column = column_name(mapped.field, taken, mapped.object_name.lower())
    return placed(current, name, f"{mapped.table}.{column}")


def _others(current: Mappings, mapped: FieldMapping) -> list[FieldMapping]:
    return [
        f for f in current.fields if f is not mapped and (f.table, f.column) == (mapped.table, mapped.column)
    ]


def _vacated(current: Mappings, described: Described, mapped: FieldMapping, column: str) -> Mappings:
    """`current` without the field of the same object that is in `column` (`table.column`)."""
    for f in current.of(mapped.object_name).fields:
        if f.field != mapped.field and f"{f.table}.{f.column}" == column:
            return without(current, described, full_name(f))
    return current


def _check_references(current: Mappings, described: Described, name: str) -> None:
    """Ids of different objects are of one kind, and still are not the same thing."""
    mapped = by_name(current)[name]
    one = _there(described, mapped)
    for other in _others(current, mapped):
        two = _there(described, other)
        if one and two and "reference" in (one.type, two.type) and (misfit := compatible(one, two)):
            raise MappingRefused(f"{name} and {full_name(other)} cannot be one column: {misfit}.")


def _there(described: Described, mapped: FieldMapping) -> FieldDescription | None:
    of = described.get(mapped.object_name)
    return of.fields.get(mapped.field) if of else None


def with_field(
    current: Mappings,
    described: Described,
    name: str,
    preset: Preset = Preset.SAFE,
    earlier: FieldMapping | None = None,
    place: FieldMapping | None = None,
) -> Mappings:
    """`current` and one more field: as it was mapped `earlier`, or in its `place`, which is where Sync Fields would put it.
    Raises MappingRefused."""
    object_name, _, field = name.partition(".")
    there = _described_field(described, name)
    if name in by_name(current):
        raise MappingRefused(f"{name} is mapped already.")
    use, reason = use_of(synced_object(object_name), described[object_name], field)
    if use is Use.NEVER:
        raise MappingRefused(f"{name} cannot be mapped: {reason}.")
    made = place or _places(current, described, (name,), preset)[name]
    if earlier is not None:
        made = _as_before(refreshed(earlier, there), made, current)
    order = {o.name: n for n, o in enumerate(SYNCED_OBJECTS)}
    fields = sorted((*current.fields, made), key=lambda f: order[f.object_name])
    return current.with_fields(fields)


def _places(
    current: Mappings, described: Described, names: Iterable[str], preset: Preset
) -> Mapping[str, FieldMapping]:
    """Where Sync Fields would put these fields; those that are not there are missing."""
    chosen = {o.name: [f.field for f in current.of(o.name).fields] for o in SYNCED_OBJECTS}
    for name in names:
        object_name, _, field = name.partition(".")
        if object_name in described and field in described[object_name].fields:
            chosen[object_name].append(field)
    return by_name(Mappings(0, propose(described, chosen, current, preset=preset).fields))


def _as_before(earlier: FieldMapping, made: FieldMapping, current: Mappings) -> FieldMapping:
    """The field as it was mapped before; in its new place where its column has been given to another field since."""
    there = [f for f in current.fields if (f.table, f.column) == (earlier.table, earlier.column)]
    if any(f.object_name == earlier.object_name or f.kind is not earlier.kind for f in there):
        return replace(earlier, column=made.column)
    return earlier


def without(current: Mappings, described: Described, name: str) -> Mappings:
    """`current` less a field; its column keeps its values. Raises MappingRefused for one that the sync needs."""
    mapped = by_name(current).get(name)
    if mapped is None:
        raise MappingRefused(f"{name} is not a mapped field; write it as Object.Field, such as Lead.City.")
    reason = needed(described, mapped)
    if reason:
        raise MappingRefused(f"{name} cannot be left out: {reason}.")
    return current.with_fields(f for f in current.fields if f is not mapped)


def needed(described: Described, mapped: FieldMapping) -> str:
    """Why a field cannot be unmapped; blank if it can."""
    if "." in mapped.field:
        return "it is the name of the company, which is given"
    there = described.get(mapped.object_name)
    if there is None or mapped.field not in there.fields:
        return ""
    use, reason = use_of(synced_object(mapped.object_name), there, mapped.field)
    return reason if use is Use.ALWAYS else ""


def retyped(current: Mappings, described: Described, name: str) -> Mappings:
    """`current` with the type and size that the field has now. A column that then holds another kind than the field's partner
    is left to the partner; the field gets one of its own."""
    mapped = by_name(current).get(name)
    if mapped is None:
        raise MappingRefused(f"{name} is not a mapped field; write it as Object.Field, such as Lead.City.")
    now = refreshed(mapped, _described_field(described, name))
    partner = next(
        (
            f
            for f in current.fields
            if f is not mapped
            and (f.table, f.column) == (mapped.table, mapped.column)
            and f.kind is not now.kind
        ),
        None,
    )
    if partner is not None:
        taken = {f.column for f in current.fields if f.table == mapped.table} | SYSTEM_COLUMNS
        now = replace(now, column=column_name(mapped.field, taken, mapped.object_name.lower()))
    return current.with_fields(now if f is mapped else f for f in current.fields)


def refreshed(mapped: FieldMapping, there: FieldDescription) -> FieldMapping:
    """The field's mapping with type, kind, size and picklist as described; read only there: it comes in only."""
    return replace(
        mapped,
        kind=kind_of(there.type, there.scale),
        direction=Direction.INBOUND if read_only(there) else mapped.direction,
        length=there.length,
        scale=there.scale,
        calculated=there.calculated,
        nillable=there.nillable,
        restricted=there.picklist if there.restricted_picklist else (),
        sf_type=there.type,
        label=there.label,
    )


def _described_field(described: Described, name: str) -> FieldDescription:
    object_name, _, field = name.partition(".")
    there = described.get(object_name)
    if there is None or field not in there.fields:
        raise MappingRefused(f"{name} is not a field that the sync user sees.")
    return there.fields[field]


def placed(current: Mappings, name: str, column: str) -> Mappings:
    """`current` with a field in another column, `table.column`. Raises MappingRefused."""
    object_name, _, field = name.partition(".")
    mapped = current.of(object_name).by_field[field]
    table, _, wanted = column.partition(".")
    if mapped.column == wanted and mapped.table == table:
        return current
    if mapped.standard:
        raise MappingRefused(f"{name} belongs to a standard pair, which is given.")
    if table != mapped.table:
        raise MappingRefused(f"{name} goes to the table {mapped.table}, not {table}.")
    usable = wanted.isascii() and wanted.isidentifier() and wanted == wanted.lower() and len(wanted) <= 60
    if wanted in SYSTEM_COLUMNS or not usable:
        raise MappingRefused(f"{name}: {wanted!r} cannot be the name of a column.")
    return current.with_fields(replace(f, column=wanted) if f is mapped else f for f in current.fields)


def check_columns(mapping: Mappings) -> None:
    """Raises MappingRefused where two fields of one object share a column, or one holds two kinds of values."""
    for _name, reason in clashes(mapping):
        raise MappingRefused(reason)


def clashes(mapping: Mappings) -> list[tuple[str, str]]:
    """Fields that cannot be where they are, each with the reason."""
    found: list[tuple[str, str]] = []
    there: dict[tuple[str, str], str] = {}
    kinds: dict[tuple[str, str], str] = {}
    for f in mapping.fields:
        name, place = full_name(f), (f.object_name, f"{f.table}.{f.column}")
        if place in there:
            found.append((name, f"{there[place]} and {name} are both mapped to {place[1]}."))
        there.setdefault(place, name)
        if kinds.setdefault((f.table, f.column), f.kind) != f.kind:
            found.append((name, f"{name} does not fit the kind of values that {f.table}.{f.column} holds."))
    return found
