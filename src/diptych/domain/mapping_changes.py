"""How two mappings differ, field by field: what a version changed, what another would change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from diptych.domain.mapping import FieldMapping
from diptych.domain.mapping import Mapping as Mappings

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True)
class Part:
    """One property of a field's mapping that differs. `name`: column, direction, policy, blanks, restrictive or type."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class FieldChange:
    """A field (`Object.Field`) whose mapping differs; None: not mapped there."""

    name: str
    before: FieldMapping | None
    after: FieldMapping | None

    @property
    def what(self) -> str:
        if self.before is None:
            return ADDED
        return REMOVED if self.after is None else CHANGED

    @property
    def label(self) -> str:
        one = self.after or self.before
        return (one.label or one.field) if one else self.name

    @property
    def parts(self) -> tuple[Part, ...]:
        """What differs; of a field that is mapped on one side only, nothing."""
        if self.before is None or self.after is None:
            return ()
        was, now = properties(self.before), properties(self.after)
        return tuple(Part(name, was[name], now[name]) for name in was if was[name] != now[name])

    @property
    def moved(self) -> bool:
        """Whether values lie in another column afterwards."""
        return (
            self.before is not None
            and self.after is not None
            and (self.before.table, self.before.column) != (self.after.table, self.after.column)
        )


def properties(mapped: FieldMapping) -> dict[str, str]:
    """What a person decides about a field, as text; sizes, labels and picklists are Salesforce's and are left out."""
    return {
        "column": f"{mapped.table}.{mapped.column}",
        "direction": mapped.direction.value,
        "policy": mapped.policy.value,
        "blanks": mapped.blanks.value,
        "restrictive": str(mapped.restrictive).lower() if mapped.policy == "most_restrictive" else "",
        "type": mapped.kind.value,
    }


def full_name(mapped: FieldMapping) -> str:
    """`Object.Field`."""
    return f"{mapped.object_name}.{mapped.field}"


def by_name(mapping: Mappings) -> dict[str, FieldMapping]:
    """The mapped fields by `Object.Field`."""
    return {full_name(f): f for f in mapping.fields}


def differences(before: Mappings, after: Mappings) -> list[FieldChange]:
    """Fields whose mapping differs in what a person decides, by name."""
    was, now = by_name(before), by_name(after)
    found = []
    for name in sorted(was.keys() | now.keys()):
        one, other = was.get(name), now.get(name)
        if one is None or other is None or properties(one) != properties(other):
            found.append(FieldChange(name, one, other))
    return found


def last_changes(versions: Iterable[Mappings]) -> Mapping[str, int]:
    """By field, the version that changed it last. `versions`: oldest first; of the oldest, every field counts as changed
    there only if it is the first version of all."""
    found: dict[str, int] = {}
    before: Mappings | None = None
    for after in versions:
        if before is None:
            found = dict.fromkeys(by_name(after), after.version) if after.version == 1 else {}
        else:
            found.update({change.name: after.version for change in differences(before, after)})
        before = after
    return found
