"""One thing that pre-flight looks at, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """`missing` stops the sync; a `warning` does not; `unknown` could not be told."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One thing looked at. `what` was found, `why` it matters, `remedy` is what to do; `fields` are API names."""

    name: str
    status: CheckStatus
    what: str
    why: str = ""
    remedy: str = ""
    object: str | None = None
    fields: tuple[str, ...] = ()
