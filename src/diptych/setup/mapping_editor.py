"""The mapping for life: each change shown before it is made, kept as a version, and undone by another one.

Pages, commands and the API all come here. What a change would do is decided in `domain.mapping_effect`, what it makes of the
mapping in `domain.mapping_edit` and `domain.mapping_adopt`; here both are brought together with what the database and the org
hold, and carried out in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from diptych.domain.mapping import FieldMapping
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.mapping_adopt import AdoptedField, Adoption, Verdict, adopt, wanted_of
from diptych.domain.mapping_changes import FieldChange, by_name, differences
from diptych.domain.mapping_edit import Edit, edited, edited_partly, retyped
from diptych.domain.objects import synced_object
from diptych.domain.presets import Preset
from diptych.domain.proposal import MappingRefused
from diptych.domain.schema import ObjectDescription
from diptych.setup.field_choice import FieldChoice
from diptych.setup.mapping_board import Board, board
from diptych.setup.mapping_file import read_entries
from diptych.setup.mapping_preview import Preview, Previewer
from diptych.setup.mapping_rows import MappedField, RowFilter, mapped_fields
from diptych.setup.state import SetupRefused, read_preset
from diptych.sync.mapping_log import SavedMapping
from diptych.sync.ports import Org, Transaction

ALL = RowFilter()
_T = TypeVar("_T")
_REASON_LENGTH = 500


class Remap(Protocol):
    """Saves a changed mapping and what belongs to it: columns, backfill, which fields are chosen."""

    def __call__(
        self, change: Callable[[Mappings], Mappings], reason: str, expected: int | None = None
    ) -> Mappings: ...


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
        self._previewer = Previewer(look, org)
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

    def board(
        self, object_name: str, choices: Sequence[FieldChoice], search: str = "", column: str = ""
    ) -> Board:
        """One object's fields and the columns they can be moved to; `choices`: its fields as Salesforce has them."""
        described = self._describe()
        with self._look() as unit:
            mapping = unit.mapping()
            table = synced_object(object_name).table
            filled = unit.mappings.filled(table, sample=True).columns
            if (
                filled.keys() - mapping.columns(table).keys()
            ):  # how much a column holds that nothing fills is told exactly
                filled = unit.mappings.filled(table).columns
        return board(mapping, described, choices, object_name, filled, search, column)

    # ------------------------------------------------------------ a change

    def preview(self, edit: Edit, samples: int = 5) -> Preview:
        """What this edit would do. Changes nothing."""
        before, preset = self._now()
        described, earlier = self._describe(edit.take_type), self._earlier(edit)
        made = self._refused(lambda: edited_partly(before, described, edit, preset, earlier))
        left = tuple(AdoptedField(name, Verdict.REFUSED, reason) for name, reason in made.left_out)
        return Preview(before.version, self._previewer.of(before, made.after, samples), left)

    def apply(self, edit: Edit, reason: str = "", expected: int | None = None) -> Mappings:
        """Make it: the next version, in force at once; new columns are filled while the sync goes on. `expected`: the version
        that was looked at; SetupRefused when it is not the current one any more."""
        described, (_, preset) = self._describe(edit.take_type), self._now()
        said, earlier = _said(edit.words, reason), self._earlier(edit)
        return self._remap(lambda current: edited(current, described, edit, preset, earlier), said, expected)

    def preview_as_it_is_now(self, name: str, samples: int = 5) -> Preview:
        """What taking over a field that was changed in Salesforce, as it is there now, would do. Changes nothing."""
        before, _ = self._now()
        row, after = self.row(name), before
        said = [row.held] if row.held else []
        if row.drift:
            described = self._describe(True)
            after = self._refused(lambda: retyped(before, described, name))
            said = [f"It was mapped as {row.type}; in Salesforce it is {row.drift} now."]
        elif not row.acceptable:
            raise SetupRefused(f"{name} does not wait to be accepted.", "See: diptych schema")
        change = FieldChange(name, row.mapped, by_name(after)[name])
        if not change.moved:
            said.append("The column keeps what it holds, and the field is filled from Salesforce again.")
        return Preview(before.version, (self._previewer.one(change, after, samples, *said),))

    def preview_renamed(self, old: str, make: Callable[[Mappings], Mappings], new: str) -> Preview:
        """What following a field to its new name would do; `make` does it. Changes nothing."""
        before, _ = self._now()
        after = self._refused(lambda: make(before))
        change = FieldChange(new, by_name(before)[old], by_name(after)[new])
        said = f"{old} is called {new} now: its column, direction and policy go on with it, and no value is lost."
        return Preview(before.version, (self._previewer.one(change, after, 5, said),))

    def preview_mapping(self, make: Callable[[Mappings], Mappings], samples: int = 5) -> Preview:
        """What putting the mapping that `make` gives in place of the current one would do. Changes nothing."""
        before, _ = self._now()
        after = self._refused(lambda: make(before))
        return Preview(before.version, self._previewer.of(before, after, samples))

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
            self._previewer.of(before, found.after, samples),
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


def _worth(found: Adoption) -> Mappings:
    if not found.changes:
        first = f" {found.refused[0].reason}" if found.refused else ""
        raise MappingRefused(f"Nothing of it can be taken over, or all of it is so already.{first}")
    return found.after


def _said(what: str, reason: str) -> str:
    given = " ".join(reason.split())[:_REASON_LENGTH]
    return f"{what[:300]} - {given}" if given else what[:300]
