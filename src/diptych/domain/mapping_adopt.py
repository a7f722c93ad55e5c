"""Taking over another mapping as far as it goes: an earlier version (undo), or the file of another org (promotion). Pure.

Every field of it gets a verdict of its own; what cannot be taken over stays as it is here, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from diptych.domain.mapping import Blanks, Direction, FieldMapping, Policy
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.mapping_changes import FieldChange, by_name, differences, full_name
from diptych.domain.mapping_edit import Described, clashes, placed, with_field, without
from diptych.domain.presets import Preset
from diptych.domain.proposal import MappingRefused, turn
from diptych.domain.values import Kind, kind_of


class Verdict(StrEnum):
    """What becomes of one field: same, changed, added, removed; or refused: missing in this org, of another type, not to be
    mapped so, or mapped only here."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    MISSING = "missing"
    TYPE = "type"
    REFUSED = "refused"
    ONLY_HERE = "only_here"
    SAME = "same"


APPLIED = frozenset((Verdict.CHANGED, Verdict.ADDED, Verdict.REMOVED))
REFUSED = frozenset((Verdict.MISSING, Verdict.TYPE, Verdict.REFUSED))

_NUMBERS = {Kind.INTEGER, Kind.DECIMAL}


@dataclass(frozen=True)
class Wanted:
    """One field as it is to be mapped. `name`: Object.Field; `column`: table.column; `kind` and `length` are those of the org it
    comes from, None and 0 when not told."""

    name: str
    column: str
    direction: Direction
    policy: Policy
    blanks: Blanks = Blanks.OVERWRITE
    restrictive: bool | None = None
    kind: Kind | None = None
    length: int = 0
    sf_type: str = ""


@dataclass(frozen=True)
class AdoptedField:
    """The verdict about one field. `reason`: why it is refused, or what to know about it; `change`: what would change."""

    name: str
    verdict: Verdict
    reason: str = ""
    change: FieldChange | None = None


@dataclass(frozen=True)
class Adoption:
    """What taking over comes to: each field's verdict, those that change first, and the mapping as it would be."""

    fields: tuple[AdoptedField, ...]
    after: Mappings

    @property
    def changes(self) -> tuple[AdoptedField, ...]:
        return tuple(f for f in self.fields if f.verdict in APPLIED)

    @property
    def refused(self) -> tuple[AdoptedField, ...]:
        return tuple(f for f in self.fields if f.verdict in REFUSED)

    @property
    def only_here(self) -> tuple[AdoptedField, ...]:
        return tuple(f for f in self.fields if f.verdict is Verdict.ONLY_HERE)


def wanted_of(mapping: Mappings) -> list[Wanted]:
    """A mapping as what is wanted."""
    return [
        Wanted(
            full_name(f), f"{f.table}.{f.column}", f.direction, f.policy, f.blanks, f.restrictive, f.kind, f.length,
            f.sf_type,
        )
        for f in mapping.fields
    ]  # fmt: skip


def adopt(
    current: Mappings,
    described: Described,
    wanted: Sequence[Wanted],
    preset: Preset = Preset.SAFE,
    *,
    whole: bool = False,
) -> Adoption:
    """`current` as `wanted` has it, as far as this org allows. `whole`: fields that are not in it are unmapped; otherwise they
    stay as they are."""
    after = current
    refused: dict[str, AdoptedField] = {}
    for one in wanted:
        try:
            after = _taken(after, described, one, preset)
        except _Refused as problem:
            refused[one.name] = AdoptedField(one.name, problem.verdict, str(problem))
    if whole:
        for name in by_name(current).keys() - {one.name for one in wanted}:
            try:
                after = without(after, described, name)
            except MappingRefused as problem:
                refused[name] = AdoptedField(name, Verdict.REFUSED, str(problem))
    after = _without_clashes(current, after, refused)
    after = Mappings(current.version + 1, after.fields)
    return Adoption(_verdicts(current, after, wanted, refused, described), after)


class _Refused(Exception):
    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict


def _taken(current: Mappings, described: Described, one: Wanted, preset: Preset) -> Mappings:
    object_name, _, field = one.name.partition(".")
    object_there = described.get(object_name)
    mapped = by_name(current).get(one.name)
    there = object_there.fields.get(field) if object_there else None
    if there is None and not (mapped and "." in field):
        raise _Refused(Verdict.MISSING, f"{one.name} is not there in this org, or hidden from the sync user.")
    if one.kind is not None:
        here = mapped.kind if mapped else kind_of(there.type, there.scale) if there else one.kind
        if here is not one.kind and not {here, one.kind} <= _NUMBERS:
            was, now = (
                one.sf_type or one.kind.value,
                mapped.sf_type if mapped else there.type if there else "",
            )
            raise _Refused(Verdict.TYPE, f"{one.name} is {was} there and {now} here.")
    try:
        taken = current if mapped else with_field(current, described, one.name, preset)
        taken = turn(taken, described, one.name, one.direction, one.policy, one.blanks, one.restrictive)
        return placed(taken, one.name, one.column)
    except MappingRefused as problem:
        raise _Refused(Verdict.REFUSED, str(problem)) from problem


def _without_clashes(current: Mappings, after: Mappings, refused: dict[str, AdoptedField]) -> Mappings:
    """`after` with fields put back to what they are now where two cannot share a column."""
    was = by_name(current)
    while found := clashes(after):
        culprits = dict(found)
        changed = {c.name for c in differences(current, after)}
        backed = culprits.keys() & changed or _sharers(after, culprits) & changed
        if not backed:
            return current  # the mapping itself does not hold together; nothing is taken over
        for name in backed:
            refused[name] = AdoptedField(name, Verdict.REFUSED, culprits.get(name, "Its column is taken."))
        fields = []
        for f in after.fields:
            name = full_name(f)
            if name not in backed:
                fields.append(f)
            elif name in was:
                fields.append(replace(f, column=was[name].column))
        after = after.with_fields(fields)
    return after


def _sharers(mapping: Mappings, culprits: Mapping[str, str]) -> set[str]:
    places = {(f.table, f.column) for f in mapping.fields if full_name(f) in culprits}
    return {full_name(f) for f in mapping.fields if (f.table, f.column) in places}


def _verdicts(
    current: Mappings,
    after: Mappings,
    wanted: Sequence[Wanted],
    refused: Mapping[str, AdoptedField],
    described: Described,
) -> tuple[AdoptedField, ...]:
    changes = {c.name: c for c in differences(current, after)}
    given = {one.name: one for one in wanted}
    now = by_name(after)
    found = []
    for name in sorted(given.keys() | by_name(current).keys()):
        change = changes.get(name)
        if name in refused:
            found.append(replace(refused[name], change=change))
        elif change is not None:
            verdict = {"added": Verdict.ADDED, "removed": Verdict.REMOVED}.get(change.what, Verdict.CHANGED)
            found.append(AdoptedField(name, verdict, _note(given.get(name), now.get(name)), change))
        elif name not in given:
            found.append(AdoptedField(name, Verdict.ONLY_HERE))
        else:
            found.append(AdoptedField(name, Verdict.SAME, _note(given[name], now.get(name))))
    order = list(Verdict)
    return tuple(sorted(found, key=lambda one: order.index(one.verdict)))


def _note(wanted: Wanted | None, here: FieldMapping | None) -> str:
    if wanted is None or here is None or not wanted.length or not here.length or here.kind is not Kind.TEXT:
        return ""
    if here.length < wanted.length:
        return f"It takes {here.length} characters here, {wanted.length} there: longer values are held as errors."
    return ""
