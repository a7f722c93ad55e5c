"""What changed in the org's fields, and syncing a held field again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from pydantic import BaseModel

from diptych.api.gate import Noun, workspace_of
from diptych.sync.drift import Notice

noun = Noun("schema")


@dataclass(frozen=True)
class Schema:
    """`notices`, oldest first; `held`: fields (Object.Field) that are not synced now, with the reason."""

    notices: Sequence[Notice]
    held: dict[str, str]


class Name(BaseModel):
    """A field as Object.Field."""

    field: str


@noun.read()
def get_schema(request: Request) -> Schema:
    """Changes of the org's fields that were noticed, and fields held because of them."""
    return Schema(*workspace_of(request).schema())


@noun.admin("POST", "/accept")
def accept_field(request: Request, wanted: Name) -> Schema:
    """Sync a held field again, as it is now."""
    workspace_of(request).accept_field(wanted.field)
    return Schema(*workspace_of(request).schema())
