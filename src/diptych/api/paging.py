"""Long lists by cursor: a page says where the next one begins; lines that come meanwhile neither repeat nor hide any."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from diptych.api.problems import Refusal

T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
Cursor = Annotated[str, Query(max_length=200, description="`next` of the page before.")]
Number = Annotated[int, Query(ge=1, lt=2**53)]


class Page(BaseModel, Generic[T]):
    """`next`: the cursor of the next page; null on the last one."""

    items: list[T]
    next: str | None = Field(None, description="The cursor of the next page; null on the last one.")


def page_of(rows: Sequence[T], limit: int, key: Callable[[T], str]) -> Page[T]:
    """A page of `rows`, of which one more than `limit` was asked for. `key` says where a row is in the order."""
    shown = list(rows[:limit])
    return Page(items=shown, next=_sealed(key(shown[-1])) if len(rows) > limit else None)


def number_of(cursor: str) -> int | None:
    """The cursor of a list in the order of ids. Raises Refusal."""
    if not cursor:
        return None
    text = _opened(cursor)
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise _not_ours()
    return int(text)


def _sealed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if _sealed(text) != cursor:
            raise _not_ours()
        return text
    except (binascii.Error, ValueError):
        raise _not_ours() from None


def _not_ours() -> Refusal:
    return Refusal(422, "The cursor is not one of this list.", "Begin without one.")
