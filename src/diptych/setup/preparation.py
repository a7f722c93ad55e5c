"""What is to be changed in Salesforce so that the sync has all it may want: worked out from what is there (S-3..S-16, S-21).

Pure: facts and wishes in, changes out. Every change can be taken back, and knows by names, not by ids, what it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from diptych.domain.creating import CREATED_OBJECT
from diptych.setup.prepare import (
    ACTING_RIGHTS,
    CONVERT_RIGHT,
    CREATING_RIGHT,
    FIELDS_TO_CREATE,
    KEY,
    OBJECT_RIGHTS,
    FieldToCreate,
)

OBJECTS = ("Lead", "Contact")
PERMISSION_SET = "Diptych_Sync"
SECTION = "Diptych"
"""The section of a page layout that holds our fields."""


class Part(StrEnum):
    """What a person can leave out."""

    FIELDS = "fields"
    PERMISSIONS = "permissions"
    VISIBILITY = "visibility"
    LAYOUTS = "layouts"
    LEAD_MAPPING = "lead-mapping"
    CREATING = "creating"
    """The key field; only where it was asked for."""


class Act(StrEnum):
    """The kinds of change, in the order in which they are carried out."""

    CREATE_FIELDS = "create_fields"
    CREATE_PERMISSION_SET = "create_permission_set"
    GRANT_OBJECT = "grant_object"
    GRANT_SYSTEM = "grant_system"
    GRANT_FIELDS = "grant_fields"
    ASSIGN = "assign"
    SHOW_FIELDS = "show_fields"
    PLACE_FIELDS = "place_fields"
    MAP_FIELDS = "map_fields"


_PART = {
    Act.CREATE_FIELDS: Part.FIELDS,
    Act.CREATE_PERMISSION_SET: Part.PERMISSIONS,
    Act.GRANT_OBJECT: Part.PERMISSIONS,
    Act.GRANT_SYSTEM: Part.PERMISSIONS,
    Act.GRANT_FIELDS: Part.PERMISSIONS,
    Act.ASSIGN: Part.PERMISSIONS,
    Act.SHOW_FIELDS: Part.VISIBILITY,
    Act.PLACE_FIELDS: Part.LAYOUTS,
    Act.MAP_FIELDS: Part.LEAD_MAPPING,
}


@dataclass(frozen=True)
class Change:
    """One change. `names` are fields, or the rights on an object; `target` is the permission set, user or layout."""

    act: Act
    object_name: str = ""
    names: tuple[str, ...] = ()
    target: str = ""

    @property
    def part(self) -> Part:
        if self.names == (KEY.api_name,) and self.act in (Act.CREATE_FIELDS, Act.MAP_FIELDS):
            return Part.CREATING
        return _PART[self.act]

    @property
    def text(self) -> str:
        """What it does, in words."""
        listed = ", ".join(self.names)
        match self.act:
            case Act.CREATE_FIELDS:
                return f"Create on {self.object_name}: {listed}."
            case Act.CREATE_PERMISSION_SET:
                return f"Create the permission set {self.target}."
            case Act.GRANT_OBJECT:
                return f"Let {self.target} {' and '.join(self.names).lower()} {self.object_name} records."
            case Act.GRANT_SYSTEM:
                return f"Let {self.target} convert leads."
            case Act.GRANT_FIELDS:
                return f"Let {self.target} read and edit on {self.object_name}: {listed}."
            case Act.ASSIGN:
                return f"Assign the permission set {PERMISSION_SET} to {self.target}."
            case Act.SHOW_FIELDS:
                return f"Let every profile see, not change, on {self.object_name}: {listed}."
            case Act.PLACE_FIELDS:
                return f"Put into a section '{SECTION}' of the page layout {self.target}: {listed}."
            case Act.MAP_FIELDS:
                return f"Keep on conversion of a lead, in the contact's field of the same name: {listed}."

    @property
    def undoing(self) -> str:
        """What taking it back does."""
        listed = ", ".join(self.names)
        match self.act:
            case Act.CREATE_FIELDS:
                return f"Delete from {self.object_name}, with all their values: {listed}."
            case Act.CREATE_PERMISSION_SET:
                return f"Delete the permission set {self.target}."
            case Act.GRANT_OBJECT:
                return f"Take from {self.target} its rights on {self.object_name}."
            case Act.GRANT_SYSTEM:
                return f"Take from {self.target} the right to convert leads."
            case Act.GRANT_FIELDS:
                return f"Take from {self.target} its rights on {self.object_name}: {listed}."
            case Act.ASSIGN:
                return f"Take the permission set {PERMISSION_SET} from {self.target}."
            case Act.SHOW_FIELDS:
                return f"Hide from profiles that may only see them, on {self.object_name}: {listed}."
            case Act.PLACE_FIELDS:
                return f"Take off the page layout {self.target}: {listed}."
            case Act.MAP_FIELDS:
                return f"Map no longer on conversion: {listed}."


@dataclass(frozen=True)
class PreparationFacts:
    """What is there. `fields` by object: names of all fields, seen or not; `layouts`: the fields on each, by full name.

    `granted_objects`, `granted_fields` (`Object.Field`, editable) and `granted_system` are what the permission set of ours gives;
    `lacking` are the rights that whoever asks would need and has not.
    """

    fields: Mapping[str, frozenset[str]]
    sync_user: str
    has_permission_set: bool = False
    granted_objects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    granted_fields: frozenset[str] = frozenset()
    assigned: bool = False
    layouts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    mapped: frozenset[str] = frozenset()
    lacking: tuple[str, ...] = ()
    granted_system: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Wishes:
    """What a person wants: `optional` the 13 further fields too; `creating` what creating people in Salesforce needs (the key
    field, the right to create leads); `acting` the rights to merge, convert and delete from here; `without` these parts."""

    optional: bool = False
    without: frozenset[Part] = frozenset()
    creating: bool = False
    acting: bool = False

    @property
    def fields(self) -> tuple[FieldToCreate, ...]:
        return tuple(f for f in FIELDS_TO_CREATE if f.recommended or self.optional)


def plan(facts: PreparationFacts, wishes: Wishes) -> tuple[Change, ...]:
    """The changes that are missing, in order; none when all is there."""
    changes = [*_fields(facts, wishes), *_permissions(facts, wishes), *_visibility(facts, wishes)]
    changes += [*_layouts(facts, wishes), *_mapping(facts, wishes)]
    return tuple(change for change in changes if change.part not in wishes.without)


def _there(facts: PreparationFacts, wishes: Wishes, object_name: str) -> tuple[str, ...]:
    """Our fields that an object has, or will have when this is done; the key is apart."""
    held = facts.fields.get(object_name, frozenset())
    will = Part.FIELDS not in wishes.without
    return tuple(f.api_name for f in wishes.fields if will or f.api_name in held)


def _key_there(facts: PreparationFacts, wishes: Wishes, object_name: str) -> tuple[str, ...]:
    """The key, if it is wanted and the object has it, or will have it when this is done."""
    if not wishes.creating:
        return ()
    held = KEY.api_name in facts.fields.get(object_name, frozenset())
    return (KEY.api_name,) if held or Part.CREATING not in wishes.without else ()


def _missing(facts: PreparationFacts, wishes: Wishes, object_name: str) -> tuple[str, ...]:
    held = facts.fields.get(object_name, frozenset())
    return tuple(f.api_name for f in wishes.fields if f.api_name not in held)


def _fields(facts: PreparationFacts, wishes: Wishes) -> list[Change]:
    found = [(name, _missing(facts, wishes, name)) for name in OBJECTS]
    if wishes.creating:
        found += [
            (name, (KEY.api_name,))
            for name in OBJECTS
            if KEY.api_name not in facts.fields.get(name, frozenset())
        ]
    return [Change(Act.CREATE_FIELDS, name, missing) for name, missing in found if missing]


_RIGHTS = ("Read", "Create", "Edit", "Delete")


def rights_on(object_name: str, wishes: Wishes) -> tuple[str, ...]:
    """The rights wanted on an object, in Salesforce's order."""
    wanted = {right for one in OBJECT_RIGHTS if one.object_name == object_name for right in one.rights}
    if wishes.creating and object_name == CREATED_OBJECT:
        wanted.add(CREATING_RIGHT)
    if wishes.acting:
        wanted |= set(ACTING_RIGHTS.get(object_name, ()))
    return tuple(right for right in _RIGHTS if right in wanted)


def _permissions(facts: PreparationFacts, wishes: Wishes) -> list[Change]:
    changes = [] if facts.has_permission_set else [Change(Act.CREATE_PERMISSION_SET, target=PERMISSION_SET)]
    every = dict.fromkeys([*(one.object_name for one in OBJECT_RIGHTS), *ACTING_RIGHTS])
    for name in every:
        wanted = rights_on(name, wishes)
        granted = facts.granted_objects.get(name, frozenset())
        if name != "User" and set(wanted) - granted:
            # what an administrator has given it besides is kept: the row is written anew
            more = tuple(sorted(granted - set(wanted)))
            changes.append(Change(Act.GRANT_OBJECT, name, (*wanted, *more), PERMISSION_SET))
    if wishes.acting and CONVERT_RIGHT not in facts.granted_system:
        changes.append(Change(Act.GRANT_SYSTEM, names=(CONVERT_RIGHT,), target=PERMISSION_SET))
    for name in OBJECTS:
        there = (*_there(facts, wishes, name), *_key_there(facts, wishes, name))
        fields = tuple(f for f in there if f"{name}.{f}" not in facts.granted_fields)
        if fields:
            changes.append(Change(Act.GRANT_FIELDS, name, fields, PERMISSION_SET))
    if not facts.assigned:
        changes.append(Change(Act.ASSIGN, target=facts.sync_user))
    return changes


def _visibility(facts: PreparationFacts, wishes: Wishes) -> list[Change]:
    """Only for fields that are new: who sees those that were there is not ours to change. Nobody needs to see the key."""
    if Part.FIELDS in wishes.without:
        return []
    found = [(name, _missing(facts, wishes, name)) for name in OBJECTS]
    return [Change(Act.SHOW_FIELDS, name, missing) for name, missing in found if missing]


def _layouts(facts: PreparationFacts, wishes: Wishes) -> list[Change]:
    changes = []
    for layout, shown in facts.layouts.items():
        name = layout.partition("-")[0]
        wanted = tuple(f for f in _there(facts, wishes, name) if f not in shown)
        if wanted:
            changes.append(Change(Act.PLACE_FIELDS, name, wanted, layout))
    return changes


def _mapping(facts: PreparationFacts, wishes: Wishes) -> list[Change]:
    both = set(_there(facts, wishes, "Lead")) & set(_there(facts, wishes, "Contact"))
    key = set(_key_there(facts, wishes, "Lead")) & set(_key_there(facts, wishes, "Contact"))
    wanted = tuple(f.api_name for f in wishes.fields if f.api_name in both - facts.mapped)
    found = [wanted, tuple(sorted(key - facts.mapped))]
    return [Change(Act.MAP_FIELDS, "Lead", names) for names in found if names]
