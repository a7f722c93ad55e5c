"""What compiled queries ask of SQLite beyond its own functions: local time, formats, distances."""

from __future__ import annotations

import math
import sqlite3
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from practice_org.sosl import terms

_EARTH_KM = 6371.0
_KM_PER_MILE = 1.609344


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def local(moment: str | None, zone: str) -> str | None:
    """A stored moment (`2026-01-31T23:00:00`, UTC) as the clock on the wall shows it."""
    if moment is None:
        return None
    try:
        then = datetime.fromisoformat(moment).replace(tzinfo=UTC).astimezone(_zone(zone))
    except (ValueError, OverflowError):
        return moment
    return then.replace(tzinfo=None).isoformat()


def shown(value: str | None, zone: str) -> str | None:
    """A date or moment as the locale en_US writes it: `1/31/2026`, `1/31/2026, 3:00 PM`."""
    if value is None:
        return None
    if "T" not in value:
        year, month, day = value.split("-")
        return f"{int(month)}/{int(day)}/{year}"
    then = datetime.fromisoformat(local(value, zone) or value)
    half = "AM" if then.hour < 12 else "PM"
    return f"{then.month}/{then.day}/{then.year}, {then.hour % 12 or 12}:{then.minute:02d} {half}"


def number(value: float | None, scale: int, sign: str) -> str | None:
    """A number as the locale en_US writes it: `-$1,250.00`."""
    if value is None:
        return None
    return f"{'-' if value < 0 else ''}{sign}{abs(value):,.{scale}f}"


def distance(
    lat1: float | None, lon1: float | None, lat2: float | None, lon2: float | None, unit: str
) -> float | None:
    """The way along the earth's surface (haversine) in `mi` or `km`; None when a place is not known."""
    if lat1 is None or lon1 is None or lat2 is None or lon2 is None:
        return None
    a, b = math.radians(lat1), math.radians(lat2)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    km = 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
    return km / _KM_PER_MILE if unit == "mi" else km


def digits(number: str | None) -> str:
    """A telephone number without all that is no digit."""
    return "" if number is None else "".join(char for char in number if char.isdigit())


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    connection.create_function("sf_local", 2, local, deterministic=True)
    connection.create_function("sf_number", 3, number, deterministic=True)
    connection.create_function("sf_format", 2, shown, deterministic=True)
    connection.create_function("sf_distance", 5, distance, deterministic=True)
    connection.create_function("sf_digits", 1, digits, deterministic=True)
    connection.create_function("sf_finds", 2, terms.found, deterministic=True)
