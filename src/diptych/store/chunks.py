"""Long lists of keys, in pieces that fit one statement of any database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

CHUNK = 500


def chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    """In pieces that fit one statement of any database."""
    for start in range(0, len(values), CHUNK):
        yield list(values[start : start + CHUNK])
