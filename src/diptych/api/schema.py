"""What changed in the org's fields, and syncing a held field again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from pydantic import BaseModel, Field

from diptych.api.gate import Noun, workspace_of
from diptych.api.mapping import Number as Version
from diptych.setup.mapping_document import Previewed, preview_document
from diptych.sync.drift import Notice

noun = Noun("schema")


@dataclass(frozen=True)
class Schema:
    """`notices`, oldest first; `held`: fields (Object.Field) that are not synced now, with the reason."""

    notices: Sequence[Notice]
    held: dict[str, str]


class Accepted(BaseModel):
    """A field as Object.Field. `version`: the one of the mapping that was looked at; refused when it is not the current one any
    more."""

    field: str = Field(max_length=160)
    reason: str = Field("", max_length=400)
    version: Version | None = None


@noun.read()
def get_schema(request: Request) -> Schema:
    """Changes of the org's fields that were noticed, and fields held because of them."""
    return Schema(*workspace_of(request).schema())


@noun.read("/accept/preview", method="POST")
def preview_accept(request: Request, wanted: Accepted) -> Previewed:
    """What taking a field over as it is now would do. Changes nothing."""
    return preview_document(workspace_of(request).setup.editor.preview_as_it_is_now(wanted.field))


@noun.admin("POST", "/accept")
def accept_field(request: Request, wanted: Accepted) -> Schema:
    """Sync a held field again, as it is now."""
    workspace_of(request).accept_field(wanted.field, wanted.reason, wanted.version)
    return Schema(*workspace_of(request).schema())
