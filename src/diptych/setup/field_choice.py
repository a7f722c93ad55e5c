"""The list from which fields are chosen: what the sync user sees, how filled it is, what changed since last time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.objects import SYNCED_OBJECTS, SyncedObject
from diptych.domain.schema import FieldDescription, ObjectDescription, difference
from diptych.domain.selection import Use, default_selection, use_of

NEW, RENAMED, RETYPED, GONE = "new", "renamed", "retyped", "gone"


@dataclass(frozen=True)
class FieldChoice:
    """One field to choose or not.

    `fill`: share of records in which it is filled (0-1), None when the org could not count it. `use` and `reason` say
    whether it can be left out or taken at all. `change` since the last Sync Fields: new, renamed (`was` is the likely
    old name), retyped (`was` is the old type), gone. `column` is the one it is synced to now.
    """

    object_name: str
    description: FieldDescription
    selected: bool
    use: Use
    reason: str
    fill: float | None = None
    change: str | None = None
    was: str | None = None
    column: str | None = None

    @property
    def name(self) -> str:
        return f"{self.object_name}.{self.description.name}"

    @property
    def locked(self) -> bool:
        """The choice is not a person's to make."""
        return self.use in (Use.ALWAYS, Use.NEVER)

    def matches(self, search: str) -> bool:
        """Whether all words of `search` occur in its name (`Object.Field`), label or type."""
        text = f"{self.name} {self.description.label} {self.description.type}".lower()
        return all(word in text for word in search.lower().split())


def chosen(
    described: Mapping[str, ObjectDescription], selection: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """What will be synced: the selection (the default where nobody chose), always with what the engine needs."""
    result = {}
    for known in SYNCED_OBJECTS:
        there = described.get(known.name)
        if there is None:
            continue
        wanted = set(selection.get(known.name, default_selection(known, there)))
        uses = {name: use_of(known, there, name)[0] for name in there.fields}
        result[known.name] = tuple(
            n for n, use in uses.items() if use is Use.ALWAYS or (n in wanted and use is not Use.NEVER)
        )
    return result


def choices(
    known: SyncedObject,
    described: ObjectDescription,
    selected: tuple[str, ...],
    seen: ObjectDescription | None,
    mapped: Mappings,
    fill: Mapping[str, float],
) -> list[FieldChoice]:
    """All fields of one object, those that are gone last."""
    columns = {f.field: f.column for f in mapped.of(known.name).fields}
    found = {}
    for name, field in described.fields.items():
        use, reason = use_of(known, described, name)
        found[name] = FieldChoice(
            known.name, field, name in selected, use, reason, fill.get(name), column=columns.get(name)
        )
    if seen is None:
        return list(found.values())
    changes = difference(seen, described)
    for field in changes.added:
        found[field.name] = replace(found[field.name], change=NEW)
    for old, new in changes.renamed.items():
        found[new] = replace(found[new], change=RENAMED, was=old)
    for retyped in changes.retyped:
        found[retyped.name] = replace(found[retyped.name], change=RETYPED, was=type_text(retyped.before))
    gone = [
        FieldChoice(
            known.name,
            field,
            False,
            Use.NEVER,
            "deleted in Salesforce, or hidden from the sync user; our column keeps its values",
            change=GONE,
            column=columns.get(field.name),
        )
        for field in changes.removed
        if field.name not in changes.renamed
    ]
    return [*found.values(), *gone]


def can_be_added(choice: FieldChoice) -> bool:
    """Whether it is not mapped, and can be."""
    return choice.column is None and choice.use is not Use.NEVER and choice.change != GONE


def type_text(field: FieldDescription) -> str:
    """A field's type and size as one word, such as `string(80)` or `currency(18,2)`."""
    if field.precision:
        return f"{field.type}({field.precision},{field.scale})"
    return f"{field.type}({field.length})" if field.length else field.type
