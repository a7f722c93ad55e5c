"""The mapping as a document: read, compared with another, replaced by it."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from fastapi import Body, Path, Query, Request
from pydantic import BaseModel, Field

from diptych.api.gate import Noun, workspace_of
from diptych.api.given import Whole, YesNo
from diptych.api.problems import Refusal
from diptych.domain.mapping import Blanks, Direction, Mapping, Policy
from diptych.domain.mapping_changes import differences
from diptych.domain.mapping_edit import Edit
from diptych.domain.presets import PolicyChange, Preset
from diptych.setup.mapping_document import (
    Change,
    Previewed,
    Row,
    VersionRow,
    change_document,
    preview_document,
    row_document,
    version_document,
)
from diptych.setup.mapping_rows import RowFilter

noun = Noun("mapping")


class Entry(BaseModel):
    """One field: `field` as Object.Field, `column` as table.column; type, kind and length as in the org it comes from."""

    field: str
    column: str
    direction: Direction
    policy: Policy
    blanks: Blanks | None = None
    restrictive: YesNo | None = None
    type: str | None = None
    kind: str | None = None
    length: Whole | None = None


class Document(BaseModel):
    """The mapping as `diptych mapping export` writes it. Fields that are left out stay as they are."""

    format: str = "diptych-mapping-1"
    version: Whole | None = None
    fields: list[Entry]


class Changes(BaseModel):
    """What another mapping would change; `version` of the mapping that was compared or made."""

    version: int
    changes: list[Change]


class FieldWanted(BaseModel):
    """What is left out stays as it is."""

    direction: Direction | None = None
    policy: Policy | None = None
    blanks: Blanks | None = None
    restrictive: YesNo | None = None


class Pair(BaseModel):
    """Two fields as Object.Field."""

    first: str
    second: str


class FieldName(BaseModel):
    field: str


class PresetName(BaseModel):
    preset: Literal["safe", "marketo"]


FieldPath = Annotated[str, Path(max_length=160, description="Lead.City")]
Number = Annotated[Whole, Field(ge=1, le=1_000_000_000)]


class Wish(BaseModel):
    """A change of fields (Object.Field); what is left out stays. `add`: map fields that are not mapped; `unmap`: sync them no more.
    `column`: of one field; `instead`: the field of its object that is there is unmapped; `own_column`: a column that no other
    field fills. `partly`: fields that cannot be changed so are left out and named, the others are changed. `version`: the one
    that was looked at; refused when it is not the current one any more."""

    fields: list[str] = Field(min_length=1, max_length=3000, examples=[["Lead.City"]])
    direction: Direction | None = None
    policy: Policy | None = None
    blanks: Blanks | None = None
    restrictive: YesNo | None = None
    column: str | None = Field(None, max_length=80)
    instead: YesNo = False
    own_column: YesNo = False
    add: YesNo = False
    unmap: YesNo = False
    partly: YesNo = False
    reason: str = Field("", max_length=500)
    version: Number | None = None

    @property
    def edit(self) -> Edit:
        return Edit(
            tuple(self.fields), self.direction, self.policy, self.blanks, self.restrictive, self.column, self.add, self.unmap,
            own_column=self.own_column, instead=self.instead, partly=self.partly,
        )  # fmt: skip


class Back(BaseModel):
    """Go back to version `to`."""

    to: Number
    reason: str = Field("", max_length=500)
    version: Number | None = None


class Reset(BaseModel):
    """`version`: the one that was looked at; refused when it is not the current one any more."""

    reason: str = Field("", max_length=500)
    version: Number | None = None


class Promotion(BaseModel):
    """The mapping of another org; what can be is taken over."""

    document: Document
    reason: str = Field("", max_length=500)
    version: Number | None = None


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
def change_field(request: Request, name: FieldPath, wanted: FieldWanted) -> Changes:
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


@noun.read("/reset/preview", method="POST")
def preview_reset(request: Request) -> Previewed:
    """What going back to the automatic pairs and default directions would do. Changes nothing."""
    return preview_document(workspace_of(request).setup.preview_reset())


@noun.admin("POST", "/reset")
def reset_mapping(request: Request, wanted: Reset = Body(default=Reset(reason=""))) -> Changes:
    """Back to the automatic pairs and default directions."""
    before = _current(request)
    workspace_of(request).setup.reset(wanted.reason, wanted.version)
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


@noun.read("/fields")
def list_mapped_fields(
    request: Request,
    search: Annotated[str, Query(max_length=200, description="Words of name, label, column or type.")] = "",
    object: Annotated[str, Query(max_length=80)] = "",
    direction: Direction | None = None,
    policy: Policy | None = None,
    blanks: Blanks | None = None,
    state: Literal["", "held", "drifted", "errors"] = "",
) -> list[Row]:
    """Every mapped field with fill rate, last change, open errors and state."""
    wanted = RowFilter(search, object, direction or "", policy or "", blanks or "", state)
    return [row_document(row) for row in workspace_of(request).setup.editor.rows(wanted)]


@noun.read("/fields/{name}")
def get_mapped_field(request: Request, name: FieldPath) -> Row:
    """One of them."""
    return row_document(workspace_of(request).setup.editor.row(name))


@noun.read("/change/preview", method="POST")
def preview_change(request: Request, wanted: Wish) -> Previewed:
    """What a change would do: values touched, examples, warnings. Changes nothing."""
    return preview_document(workspace_of(request).setup.editor.preview(wanted.edit))


@noun.admin("POST", "/change")
def change_fields(request: Request, wanted: Wish) -> Changes:
    """Make it: a new version, in force at once."""
    return _made(
        request, workspace_of(request).setup.editor.apply(wanted.edit, wanted.reason, wanted.version)
    )


@noun.read("/versions")
def list_versions(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None,
) -> list[VersionRow]:
    """The versions, newest first."""
    return [version_document(one) for one in workspace_of(request).setup.editor.versions(limit, before)]


@noun.read("/diff")
def compare_versions(
    request: Request,
    before: Annotated[int, Query(ge=1, le=1_000_000_000)],
    after: Annotated[int, Query(ge=1, le=1_000_000_000)],
) -> list[Change]:
    """How two versions differ."""
    return [change_document(one) for one in workspace_of(request).setup.editor.diff(before, after)]


@noun.read("/undo/preview", method="POST")
def preview_mapping_undo(request: Request, wanted: Back) -> Previewed:
    """What going back would do. Changes nothing."""
    return preview_document(workspace_of(request).setup.editor.preview_undo(wanted.to))


@noun.admin("POST", "/undo")
def undo_mapping(request: Request, wanted: Back) -> Changes:
    """Go back to a version, as a new one."""
    return _made(request, workspace_of(request).setup.editor.undo(wanted.to, wanted.reason, wanted.version))


@noun.read("/promotion/preview", method="POST")
def preview_promotion(request: Request, wanted: Promotion) -> Previewed:
    """What taking over the mapping of another org would do, and what of it cannot be. Changes nothing."""
    return preview_document(workspace_of(request).setup.editor.preview_promotion(_text(wanted.document)))


@noun.admin("POST", "/promotion")
def promote_mapping(request: Request, wanted: Promotion) -> Changes:
    """Take over what can be."""
    editor = workspace_of(request).setup.editor
    return _made(request, editor.promote(_text(wanted.document), wanted.reason, wanted.version))


def _made(request: Request, after: Mapping) -> Changes:
    before = workspace_of(request).setup.editor.version(after.version - 1)
    return Changes(version=after.version, changes=compared(before, after))


def compared(before: Mapping, after: Mapping) -> list[Change]:
    """Fields whose mapping differs."""
    return [change_document(one) for one in differences(before, after)]


def _text(wanted: Document) -> str:
    return json.dumps(wanted.model_dump(exclude_none=True))
