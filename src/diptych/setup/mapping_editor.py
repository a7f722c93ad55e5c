"""The mapping for life: each change shown before it is made, kept as a version, and undone by another one.

Pages, commands and the API all come here. What a change would do is decided in `domain.mapping_effect`, what it makes of the
mapping in `domain.mapping_edit` and `domain.mapping_adopt`; here both are brought together with what the database and the org
hold, and carried out in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from diptych.domain.mapping import FieldMapping
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.mapping_adopt import AdoptedField, Adoption, adopt, wanted_of
from diptych.domain.mapping_changes import FieldChange, by_name, differences
from diptych.domain.mapping_edit import Edit, edited
from diptych.domain.mapping_effect import Differing, Effect, Fate, counts, effects
from diptych.domain.outcome import OrgError
from diptych.domain.presets import Preset
from diptych.domain.proposal import MappingRefused
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import InvalidValue, Value, canonical
from diptych.setup.mapping_file import read_entries
from diptych.setup.mapping_rows import MappedField, RowFilter, mapped_fields
from diptych.setup.state import SetupRefused, read_preset
from diptych.sync.mapping_log import SavedMapping
from diptych.sync.outbound.outbox import refusal
from diptych.sync.ports import FeedRead, Org, Transaction

MOST = 10_000
"""Of each field so many differing values are looked at; of more, the counts are of these."""
ALL = RowFilter()
_SAMPLED_FIELDS = 5
_T = TypeVar("_T")
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_REASON_LENGTH = 500


class Remap(Protocol):
    """Saves a changed mapping and what belongs to it: columns, backfill, which fields are chosen."""

    def __call__(
        self, change: Callable[[Mappings], Mappings], reason: str, expected: int | None = None
    ) -> Mappings: ...


@dataclass(frozen=True)
class Arrival:
    """A value that would come in for the first time."""

    sf_id: str
    theirs: Value


@dataclass(frozen=True)
class FieldPreview:
    """What one field's change would do. `differing`: values that are not the same on both sides now; `looked_at`: how many of them
    the counts are of. `before`, `after`: how many would be sent, taken in, asked about or stay; `touched`: for how many that
    changes. `fills`: about how many records a backfill fills (None: none is needed, or it is not known). `live`: the samples were
    read from Salesforce just now."""

    change: FieldChange
    differing: int = 0
    looked_at: int = 0
    before: Mapping[Fate, int] | None = None
    after: Mapping[Fate, int] | None = None
    touched: int = 0
    fills: int | None = None
    samples: tuple[Effect, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    live: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What a change of mapping would do. `version`: the one that was looked at, and that must still be the current one when the
    change is made. `fields`: those that change; `refused`, `only_here`, `noted`: of a mapping taken over from elsewhere."""

    version: int
    fields: tuple[FieldPreview, ...]
    refused: tuple[AdoptedField, ...] = ()
    only_here: tuple[AdoptedField, ...] = ()
    noted: tuple[AdoptedField, ...] = ()

    @property
    def touched(self) -> int:
        return sum(one.touched for one in self.fields)


@dataclass(frozen=True)
class Version:
    """One version of the mapping, and how many fields it changed against the one before (None: nothing before it is kept)."""

    saved: SavedMapping
    fields: int
    changed: int | None


class MappingEditor:
    """Looks at, previews and makes changes of the mapping. Every method may raise SetupRefused; those that ask the org OrgError."""

    def __init__(
        self,
        look: Callable[[], AbstractContextManager[Transaction]],
        describe: Callable[..., Mapping[str, ObjectDescription]],
        org: Callable[[], Org],
        remap: Remap,
    ) -> None:
        """`describe`: the objects as the org has them; with True as they are at this moment."""
        self._look, self._describe, self._org, self._remap = look, describe, org, remap
        self._versions: dict[int, Mappings] = {}

    # ------------------------------------------------------------ the list

    def rows(self, wanted: RowFilter = ALL) -> list[MappedField]:
        """The mapped fields that `wanted` takes. Asks nothing of the org."""
        return [row for row in mapped_fields(self._look, self.last_changes()) if wanted.takes(row)]

    def row(self, name: str) -> MappedField:
        """One field, `Object.Field`. Raises SetupRefused when it is not mapped."""
        found = next(
            (row for row in mapped_fields(self._look, self.last_changes()) if row.name == name), None
        )
        if found is None:
            raise SetupRefused(
                f"{name} is not a mapped field.", "Write it as Object.Field, such as Lead.City."
            )
        return found

    # ------------------------------------------------------------ one change

    def preview(self, edit: Edit, samples: int = 5) -> Preview:
        """What this edit would do. Changes nothing."""
        before, preset = self._now()
        described, earlier = self._describe(edit.take_type), self._earlier(edit)
        after = self._refused(lambda: edited(before, described, edit, preset, earlier))
        return Preview(before.version, self._previews(before, after, samples))

    def apply(self, edit: Edit, reason: str = "", expected: int | None = None) -> Mappings:
        """Make it: the next version, in force at once; new columns are filled while the sync goes on. `expected`: the version
        that was looked at; SetupRefused when it is not the current one any more."""
        described, (_, preset) = self._describe(edit.take_type), self._now()
        said, earlier = _said(edit.words, reason), self._earlier(edit)
        return self._remap(lambda current: edited(current, described, edit, preset, earlier), said, expected)

    def _earlier(self, edit: Edit, most: int = 200) -> Mapping[str, FieldMapping]:
        """How fields that are to be added were mapped last."""
        found: dict[str, FieldMapping] = {}
        if not edit.add:
            return found
        with self._look() as unit:
            for one in unit.mappings.versions(most):
                held = by_name(self._of(unit, one.version))
                found.update({name: held[name] for name in edit.names if name in held and name not in found})
                if len(found) == len(edit.names):
                    break
        return found

    # ------------------------------------------------------------ versions

    def versions(self, limit: int = 50, before: int | None = None) -> list[Version]:
        """The newest first."""
        with self._look() as unit:
            kept = unit.mappings.versions(limit + 1, before)
            held = [self._of(unit, one.version) for one in kept]
        return [
            Version(
                one,
                len(held[n].fields),
                len(differences(held[n + 1], held[n])) if n + 1 < len(held) else None,
            )
            for n, one in enumerate(kept[:limit])
        ]

    def version(self, number: int) -> Mappings:
        """Raises SetupRefused when there is none of that number."""
        with self._look() as unit:
            return self._of(unit, number)

    def diff(self, before: int, after: int) -> list[FieldChange]:
        """How two versions differ."""
        with self._look() as unit:
            return differences(self._of(unit, before), self._of(unit, after))

    def last_changes(self, most: int = 200) -> Mapping[str, SavedMapping]:
        """By field, the version that changed it last; of the latest `most` versions."""
        with self._look() as unit:
            kept = unit.mappings.versions(most)[::-1]
            held = [self._of(unit, one.version) for one in kept]
        found: dict[str, SavedMapping] = {}
        if kept and kept[0].version == 1:
            found = dict.fromkeys(by_name(held[0]), kept[0])
        for n in range(1, len(kept)):
            found.update({change.name: kept[n] for change in differences(held[n - 1], held[n])})
        return found

    def preview_undo(self, number: int, samples: int = 5) -> Preview:
        """What going back to that version would do. Changes nothing."""
        return self._preview_adoption(self._back_to(number), samples)

    def undo(self, number: int, reason: str = "", expected: int | None = None) -> Mappings:
        """Go back to that version, as far as the org still allows it: a new version, the ones between are kept."""
        take = self._back_to(number)
        said = _said(f"back to version {number}", reason)
        return self._remap(lambda current: _worth(take(current)), said, expected)

    def _back_to(self, number: int) -> Callable[[Mappings], Adoption]:
        wanted, described, (_, preset) = wanted_of(self.version(number)), self._describe(), self._now()
        return lambda current: adopt(current, described, wanted, preset, whole=True)

    # ------------------------------------------------------------ the file of another org

    def preview_promotion(self, text: str, samples: int = 5) -> Preview:
        """What taking over this file would do, field by field, and what of it this org does not allow. Changes nothing."""
        return self._preview_adoption(self._promoted(text), samples)

    def promote(self, text: str, reason: str = "", expected: int | None = None) -> Mappings:
        """Take over what can be; the rest stays as it is here."""
        take = self._promoted(text)
        said = _said("promoted from a file", reason)
        return self._remap(lambda current: _worth(take(current)), said, expected)

    def _promoted(self, text: str) -> Callable[[Mappings], Adoption]:
        wanted = self._refused(lambda: read_entries(text))
        described, (_, preset) = self._describe(), self._now()
        return lambda current: adopt(current, described, wanted, preset)

    # ------------------------------------------------------------ within

    def _preview_adoption(self, take: Callable[[Mappings], Adoption], samples: int) -> Preview:
        before, _ = self._now()
        found = self._refused(lambda: take(before))
        return Preview(
            before.version,
            self._previews(before, found.after, samples),
            found.refused,
            found.only_here,
            tuple(one for one in found.fields if one.reason and one not in found.refused),
        )

    def _now(self) -> tuple[Mappings, Preset]:
        with self._look() as unit:
            mapping, preset = unit.mapping(), read_preset(unit)
        if not mapping.fields:
            raise SetupRefused("There is no mapping yet.", "Run Sync Fields first.")
        return mapping, preset

    def _of(self, unit: Transaction, number: int) -> Mappings:
        held = self._versions.get(number)
        if held is None:
            held = unit.mappings.of(number)
            if held is None:
                raise SetupRefused(
                    f"There is no version {number} of the mapping.", "See: diptych mapping history"
                )
            if len(self._versions) > 300:
                self._versions.clear()
            self._versions[number] = held
        return held

    def _refused(self, make: Callable[[], _T]) -> _T:
        try:
            return make()
        except MappingRefused as problem:
            raise SetupRefused(str(problem)) from problem

    def _previews(self, before: Mappings, after: Mappings, samples: int) -> tuple[FieldPreview, ...]:
        changes = differences(before, after)
        with self._look() as unit:
            filled = {table: unit.mappings.filled(table) for table in {_one(c).table for c in changes}}
            found = []
            for change in changes:
                held = filled[_one(change).table].columns.get(_one(change).column, 0)
                found.append(_previewed(unit, change, held))
        sampled = 0
        for n, one in enumerate(found):
            if samples and sampled < _SAMPLED_FIELDS and (one.samples or one.change.before is None):
                found[n] = self._with_samples(one, samples)
                sampled += 1
            else:
                found[n] = replace(one, samples=one.samples[:samples])
        return tuple(found)

    def _with_samples(self, one: FieldPreview, samples: int) -> FieldPreview:
        try:
            if one.change.before is None:
                return self._arriving(one, samples)
            return self._read_live(one, samples)
        except (OrgError, SetupRefused):  # a preview without fresh values is better than none
            return replace(one, samples=one.samples[:samples])

    def _arriving(self, one: FieldPreview, samples: int) -> FieldPreview:
        mapped = _one(one.change)
        org = self._org()
        (page,) = org.changed([FeedRead(mapped.object_name, (mapped.field,), _LONG_AGO, limit=samples)])
        arrivals = tuple(
            Arrival(r.sf_id, _shown(mapped, r.fields[mapped.field]))
            for r in page.records[:samples]
            if mapped.field in r.fields
        )
        fills = org.fill_counts(mapped.object_name, (mapped.field,)).get(mapped.field)
        return replace(one, arrivals=arrivals, fills=fills, live=True)

    def _read_live(self, one: FieldPreview, samples: int) -> FieldPreview:
        mapped = one.change.before
        assert mapped is not None
        shown = one.samples[:samples]
        ids = [effect.value.sf_id for effect in shown]
        records = self._org().retrieve(mapped.object_name, ids, (mapped.field,)).records
        fresh = []
        for effect in shown:
            record = records.get(effect.value.sf_id)
            if record is not None and mapped.field in record.fields:
                theirs = _shown(mapped, record.fields[mapped.field])
                fresh += effects(one.change.before, one.change.after, [replace(effect.value, theirs=theirs)])
            else:
                fresh.append(effect)
        return replace(one, samples=tuple(fresh), live=True)


def _previewed(unit: Transaction, change: FieldChange, held: int) -> FieldPreview:
    """A field's change from what the database holds; all samples that it has."""
    mapped = change.before
    if mapped is None:
        return FieldPreview(change, warnings=_warnings(change, {}, {}, 0, 0))
    values: list[Differing] = unit.mappings.differing(mapped, MOST) if mapped.table == "person" else []
    number = unit.mappings.differing_count(mapped) if len(values) >= MOST else len(values)
    found = effects(change.before, change.after, values)
    before, after = counts(e.before for e in found), counts(e.after for e in found)
    touched = [e for e in found if e.differs]
    too_much = sum(
        change.after is not None
        and e.after.fate is Fate.SENT
        and e.before.fate is not Fate.SENT
        and refusal(change.after, e.value.ours) is not None
        for e in found
    )
    moved = change.moved or (change.after is not None and change.after.kind is not mapped.kind)
    return FieldPreview(
        change,
        number,
        len(values),
        before,
        after,
        len(touched),
        held if moved else None,
        tuple(touched or found)[:200],
        warnings=_warnings(change, before, after, held, too_much),
    )


def _warnings(
    change: FieldChange, before: Mapping[Fate, int], after: Mapping[Fate, int], held: int, refused: int
) -> tuple[str, ...]:
    def more(fate: Fate) -> int:
        return after.get(fate, 0) - before.get(fate, 0)

    said = []
    waiting = before.get(Fate.SENT, 0)
    if change.before is None:
        said.append(
            "A new column is made, or one that is there is used; a backfill fills it from Salesforce."
        )
    elif change.after is None:
        said.append(f"The column keeps its {held:,} values; nothing of it is synced any more.")
    if change.moved and change.before is not None and change.after is not None:
        said.append(
            f"{change.before.column} keeps its {held:,} values and is not synced any more; "
            f"{change.after.column} is filled from Salesforce."
        )
    if change.before is not None and waiting and (change.moved or change.after is None):
        said.append(f"{waiting:,} values that Salesforce does not have yet are not sent.")
    elif more(Fate.SENT) > 0:
        said.append(f"{more(Fate.SENT):,} values of ours go to Salesforce with the next cycle.")
    if more(Fate.TAKEN) > 0:
        said.append(
            f"{more(Fate.TAKEN):,} values of ours are replaced by Salesforce's with the next cycle; they stay in the history."
        )
    if more(Fate.ASKED) > 0:
        said.append(f"{more(Fate.ASKED):,} values wait for a person's decision.")
    if refused:
        said.append(
            f"{refused:,} of them Salesforce would refuse (length, picklist, required): they become errors."
        )
    return tuple(said)


def _one(change: FieldChange) -> FieldMapping:
    found = change.before or change.after
    assert found is not None
    return found


def _shown(mapped: FieldMapping, raw: object) -> Value:
    try:
        return canonical(mapped.kind, raw, mapped.scale)
    except InvalidValue:
        return str(raw)


def _worth(found: Adoption) -> Mappings:
    if not found.changes:
        first = f" {found.refused[0].reason}" if found.refused else ""
        raise MappingRefused(f"Nothing of it can be taken over, or all of it is so already.{first}")
    return found.after


def _said(what: str, reason: str) -> str:
    given = " ".join(reason.split())[:_REASON_LENGTH]
    return f"{what[:300]} - {given}" if given else what[:300]
