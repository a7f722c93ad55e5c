"""The fields that the sync user sees: listed, chosen, synced."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from pydantic import BaseModel, Field

from diptych.api.gate import Noun, workspace_of
from diptych.api.mapping import Number as Version
from diptych.setup.field_choice import FieldChoice
from diptych.setup.field_sync import FieldsSynced
from diptych.setup.mapping_document import Previewed, preview_document

noun = Noun("fields")


class Names(BaseModel):
    """Fields as Object.Field, with API names."""

    names: list[str] = Field(min_length=1, max_length=2000, examples=[["Lead.City"]])


class Renamed(BaseModel):
    """A field as Object.Field, as it is mapped, and as it is called now. `version`: the one of the mapping that was looked at; refused
    when it is not the current one any more."""

    old: str = Field(max_length=160)
    new: str = Field(max_length=160)
    reason: str = Field("", max_length=400)
    version: Version | None = None


@noun.read()
def list_fields(
    request: Request,
    object: Annotated[str | None, Query(max_length=80)] = None,
    search: Annotated[str, Query(max_length=200, description="Words of API name, label or type.")] = "",
    fresh: Annotated[
        bool, Query(description="Ask Salesforce anew; otherwise what it said within the last minute.")
    ] = False,
) -> list[FieldChoice]:
    """All fields, with type, fill rate, whether chosen, and what changed since the last Sync Fields. Asks Salesforce."""
    return workspace_of(request).setup.fields(object, search, fresh)


@noun.admin("POST", "/select")
def select_fields(request: Request, wanted: Names) -> list[FieldChoice]:
    """Also sync these, from the next Sync Fields on."""
    workspace_of(request).setup.select(wanted.names)
    return _of(request, wanted.names)


@noun.admin("POST", "/deselect")
def deselect_fields(request: Request, wanted: Names) -> list[FieldChoice]:
    """Do not sync these; a column that exists keeps its values."""
    workspace_of(request).setup.deselect(wanted.names)
    return _of(request, wanted.names)


@noun.admin("POST", "/sync")
def sync_fields(request: Request) -> FieldsSynced:
    """Make columns for the chosen fields and propose their mapping; after the start they are filled while the sync goes on."""
    return workspace_of(request).setup.sync_fields()


@noun.read("/renamed/preview", method="POST")
def preview_renamed(request: Request, wanted: Renamed) -> Previewed:
    """What following a field to its new name would do. Changes nothing."""
    return preview_document(workspace_of(request).setup.preview_renamed(wanted.old, wanted.new))


@noun.admin("POST", "/renamed")
def rename_field(request: Request, wanted: Renamed) -> list[FieldChoice]:
    """A field that went and one that came are the same: its column, direction and policy go on under the new name."""
    workspace_of(request).setup.renamed(wanted.old, wanted.new, wanted.reason, wanted.version)
    return _of(request, [wanted.new])


def _of(request: Request, names: list[str]) -> list[FieldChoice]:
    wanted = set(names)
    return [choice for choice in workspace_of(request).setup.fields() if choice.name in wanted]
