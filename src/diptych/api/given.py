"""Types of what is given: no type stands for another (true is no number, 0 is not false, 0.5 is no moment)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Strict


def _moment(value: Any) -> Any:
    if not isinstance(value, str) or (":" not in value and "-" not in value.strip("+-")):
        raise ValueError("Input should be a date, or a date and time, as 2026-01-31 or 2026-01-31T08:00:00Z")
    return value


YesNo = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A moment in a query; without a zone it is UTC (`in_utc`)."""
