"""The mapping's rows, changes and previews as documents, the same for `--json` and for the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from diptych.domain.mapping import FieldMapping
from diptych.domain.mapping_adopt import AdoptedField
from diptych.domain.mapping_changes import FieldChange
from diptych.domain.values import Value, to_text
from diptych.setup.mapping_editor import Version
from diptych.setup.mapping_preview import FieldPreview, Preview
from diptych.setup.mapping_rows import MappedField


@dataclass(frozen=True)
class Mapped:
    """How a field is mapped."""

    column: str
    direction: str
    policy: str
    blanks: str
    restrictive: bool | None
    kind: str = ""


@dataclass(frozen=True)
class Change:
    """A field whose mapping differs; null: not mapped there."""

    field: str
    before: Mapped | None
    after: Mapped | None


@dataclass(frozen=True)
class Row:
    """A mapped field. `fill`: share of our rows in which its column is filled; `changed_*`: the version that changed it last;
    `errors`: open ones; `held`: why it is not synced now; `drift`: its type in Salesforce, where that differs from `type`."""

    field: str
    label: str
    type: str
    column: str
    direction: str
    policy: str
    blanks: str
    fill: float | None
    errors: int
    state: str
    held: str
    drift: str
    renamed_to: str
    changed_version: int | None
    changed_at: datetime | None
    changed_by: str | None


@dataclass(frozen=True)
class Example:
    """A value that differs, and what becomes of it: sent, taken, asked or stays. Values as text."""

    person: int
    record: str
    ours: str | None
    salesforce: str | None
    before: str
    after: str
    ours_after: str | None
    salesforce_after: str | None


@dataclass(frozen=True)
class Arriving:
    """A value that comes in for the first time: what the person has in that column now, and then; null: nobody, or blank."""

    record: str
    salesforce: str | None
    person: int | None = None
    ours: str | None = None
    ours_after: str | None = None


@dataclass(frozen=True)
class PreviewedField:
    """What the change of one field does: values that differ now, how many of them are touched, and by fate."""

    change: Change
    differing: int
    touched: int
    before: Mapping[str, int]
    after: Mapping[str, int]
    fills: int | None
    examples: tuple[Example, ...]
    arriving: tuple[Arriving, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class NotTaken:
    """A field of another mapping that is not taken over (missing, type, refused, only_here), or has something to be known."""

    field: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class Previewed:
    """What a change would do; give `version` back when making it."""

    version: int
    touched: int
    fields: tuple[PreviewedField, ...]
    not_taken: tuple[NotTaken, ...]


@dataclass(frozen=True)
class VersionRow:
    """One version; `changed`: fields that differ from the version before."""

    version: int
    at: datetime
    author: str | None
    reason: str
    fields: int
    changed: int | None


def mapped_document(f: FieldMapping) -> Mapped:
    return Mapped(
        f"{f.table}.{f.column}",
        f.direction.value,
        f.policy.value,
        f.blanks.value,
        f.restrictive,
        f.kind.value,
    )


def change_document(change: FieldChange) -> Change:
    return Change(
        change.name,
        mapped_document(change.before) if change.before else None,
        mapped_document(change.after) if change.after else None,
    )


def row_document(row: MappedField) -> Row:
    m, last = row.mapped, row.last
    return Row(
        row.name, m.label, row.type, row.column, m.direction.value, m.policy.value, m.blanks.value, row.fill, row.errors,
        row.state, row.held, row.drift, row.renamed_to, last.version if last else None, last.at if last else None,
        last.author if last else None,
    )  # fmt: skip


def version_document(one: Version) -> VersionRow:
    s = one.saved
    return VersionRow(s.version, s.at, s.author, s.reason, one.fields, one.changed)


def preview_document(found: Preview) -> Previewed:
    left = (*found.refused, *found.noted, *found.only_here)
    return Previewed(
        found.version,
        found.touched,
        tuple(_field(one) for one in found.fields),
        tuple(_not_taken(one) for one in left),
    )


def _not_taken(one: AdoptedField) -> NotTaken:
    return NotTaken(one.name, one.verdict.value, one.reason)


def _field(one: FieldPreview) -> PreviewedField:
    def text(value: Value) -> str | None:
        return to_text(value)

    return PreviewedField(
        change_document(one.change),
        one.differing,
        one.touched,
        {fate.value: n for fate, n in (one.before or {}).items()},
        {fate.value: n for fate, n in (one.after or {}).items()},
        one.fills,
        tuple(
            Example(
                e.value.person_id,
                e.value.sf_id,
                text(e.value.ours),
                text(e.value.theirs),
                e.before.fate.value,
                e.after.fate.value,
                text(e.after.ours),
                text(e.after.theirs),
            )
            for e in one.samples
        ),
        tuple(
            Arriving(a.sf_id, text(a.theirs), a.person_id, text(a.ours), text(a.after)) for a in one.arrivals
        ),
        one.warnings,
    )
