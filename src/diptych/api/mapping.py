"""The mapping as a document: read, compared with another, replaced by it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Path, Request
from pydantic import BaseModel

from diptych.api.gate import Noun, workspace_of
from diptych.api.problems import Refusal
from diptych.domain.mapping import Blanks, Direction, FieldMapping, Mapping, Policy
from diptych.domain.presets import PolicyChange, Preset

noun = Noun("mapping")


class Entry(BaseModel):
    """One field: `field` as Object.Field, `column` as table.column."""

    field: str
    column: str
    direction: str
    policy: str
    blanks: str | None = None
    restrictive: bool | None = None


class Document(BaseModel):
    """The mapping as `diptych mapping export` writes it. Fields that are left out stay as they are."""

    format: str = "diptych-mapping-1"
    version: int | None = None
    fields: list[Entry]


@dataclass(frozen=True)
class Mapped:
    """How a field is mapped."""

    column: str
    direction: str
    policy: str
    blanks: str
    restrictive: bool | None


@dataclass(frozen=True)
class Change:
    """A field whose mapping differs."""

    field: str
    before: Mapped | None
    after: Mapped | None


class Changes(BaseModel):
    """What another mapping would change; `version` of the mapping that was compared or made."""

    version: int
    changes: list[Change]


class FieldWanted(BaseModel):
    """What is left out stays as it is."""

    direction: Direction | None = None
    policy: Policy | None = None
    blanks: Blanks | None = None
    restrictive: bool | None = None


class Pair(BaseModel):
    """Two fields as Object.Field."""

    first: str
    second: str


class FieldName(BaseModel):
    field: str


class PresetName(BaseModel):
    preset: Literal["safe", "marketo"]


@noun.read()
def get_mapping(request: Request) -> Document:
    """All mapped fields."""
    return Document.model_validate_json(workspace_of(request).setup.export_mapping())


@noun.read("/preset/{preset}")
def preview_preset(request: Request, preset: Preset) -> list[PolicyChange]:
    """What taking over the policies of a preset would change."""
    return workspace_of(request).setup.preset_changes(preset)


@noun.read("/preview", method="POST")
def preview_mapping(request: Request, wanted: Document) -> Changes:
    """What putting this document in place would change. Changes nothing."""
    before, after = workspace_of(request).setup.read_import(_text(wanted))
    return Changes(version=before.version, changes=compared(before, after))


@noun.admin("PUT")
def put_mapping(request: Request, wanted: Document) -> Changes:
    """Put it in place, all of it or nothing; new columns are filled while the sync goes on."""
    setup = workspace_of(request).setup
    text = _text(wanted)
    before, _ = setup.read_import(text)
    after = setup.import_mapping(text)
    return Changes(version=after.version, changes=compared(before, after))


@noun.admin("PATCH", "/fields/{name}")
def change_field(
    request: Request, name: Annotated[str, Path(max_length=160, description="Lead.City")], wanted: FieldWanted
) -> Changes:
    """Direction, policy, blanks of one field."""
    if (
        wanted.direction is None
        and wanted.policy is None
        and wanted.blanks is None
        and wanted.restrictive is None
    ):
        raise Refusal(422, "Say what to change: direction, policy, blanks or restrictive.")
    before = _current(request)
    setup = workspace_of(request).setup
    if wanted.direction is not None:
        setup.set_direction(name, wanted.direction)
    if wanted.policy is not None or wanted.blanks is not None or wanted.restrictive is not None:
        setup.set_policy(name, wanted.policy, wanted.blanks, wanted.restrictive)
    return _changes(request, before)


@noun.admin("POST", "/pair")
def pair_fields(request: Request, wanted: Pair) -> Changes:
    """Make a Lead field and a Contact field one field of the person."""
    before = _current(request)
    workspace_of(request).setup.pair(wanted.first, wanted.second)
    return _changes(request, before)


@noun.admin("POST", "/break")
def break_pair(request: Request, wanted: FieldName) -> Changes:
    """Give the two fields of a pair a column each."""
    before = _current(request)
    workspace_of(request).setup.break_pair(wanted.field)
    return _changes(request, before)


@noun.admin("POST", "/reset")
def reset_mapping(request: Request) -> Changes:
    """Back to the automatic pairs and default directions."""
    before = _current(request)
    workspace_of(request).setup.reset()
    return _changes(request, before)


@noun.admin("POST", "/preset")
def use_preset(request: Request, wanted: PresetName) -> Changes:
    """Take over the policies of a preset, for the fields mapped now and those that come."""
    before = _current(request)
    workspace_of(request).setup.use_preset(Preset(wanted.preset))
    return _changes(request, before)


def _current(request: Request) -> Mapping:
    with workspace_of(request).store.looking() as unit:
        return unit.mapping()


def _changes(request: Request, before: Mapping) -> Changes:
    after = _current(request)
    return Changes(version=after.version, changes=compared(before, after))


def compared(before: Mapping, after: Mapping) -> list[Change]:
    """Fields whose mapping differs."""
    was = {f"{f.object_name}.{f.field}": _mapped(f) for f in before.fields}
    now = {f"{f.object_name}.{f.field}": _mapped(f) for f in after.fields}
    return [
        Change(name, was.get(name), now.get(name))
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


def _mapped(f: FieldMapping) -> Mapped:
    return Mapped(f"{f.table}.{f.column}", f.direction.value, f.policy.value, f.blanks.value, f.restrictive)


def _text(wanted: Document) -> str:
    return json.dumps(wanted.model_dump(exclude_none=True))
