"""Date literals: which there are, and the span of time that each stands for."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

PLAIN = frozenset(
    {"YESTERDAY", "TODAY", "TOMORROW", "LAST_90_DAYS", "NEXT_90_DAYS"}
    | {
        f"{way}_{unit}"
        for way in ("LAST", "THIS", "NEXT")
        for unit in ("WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR")
    }
)
"""The literals without a number."""
_UNITS = "DAYS|WEEKS|MONTHS|QUARTERS|YEARS|FISCAL_QUARTERS|FISCAL_YEARS"
_COUNTED = re.compile(rf"(?:LAST|NEXT)_N_(?:{_UNITS})\Z|N_(?:{_UNITS})_AGO\Z")


def is_counted(name: str) -> bool:
    """Whether a literal takes a number: LAST_N_DAYS:n, N_WEEKS_AGO:n and their like."""
    return _COUNTED.match(name) is not None


def span(name: str, count: int, now: datetime, zone: tzinfo) -> tuple[date, date]:
    """First day and the day after the last, in the user's time zone; weeks begin on Sunday.

    LAST_N_DAYS:n ends with today, NEXT_N_DAYS:n begins tomorrow; fiscal periods are calendar ones.
    Raises OverflowError or ValueError for a time beyond the calendar.
    """
    today = now.astimezone(zone).date()
    name = name.replace("FISCAL_", "")
    if name.startswith("N_") and name.endswith("_AGO"):
        unit = name[2:-4].rstrip("S")
        first = _shift(_floor(today, unit), unit, -count)
        return first, _shift(first, unit, 1)
    if "_N_" in name:
        way, _, unit = name.partition("_N_")
        return _counted(way, unit.rstrip("S"), count, today)
    if name in ("LAST_90_DAYS", "NEXT_90_DAYS"):
        return _counted(name[:4], "DAY", 90, today)
    single = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
    if name in single:
        first = today + timedelta(days=single[name])
        return first, first + timedelta(days=1)
    way, _, unit = name.partition("_")
    first = _shift(_floor(today, unit), unit, {"LAST": -1, "THIS": 0, "NEXT": 1}[way])
    return first, _shift(first, unit, 1)


def _counted(way: str, unit: str, count: int, today: date) -> tuple[date, date]:
    here = _floor(today, unit)
    if unit == "DAY":
        if way == "LAST":
            return today - timedelta(days=count), today + timedelta(days=1)
        return today + timedelta(days=1), today + timedelta(days=count + 1)
    if way == "LAST":
        return _shift(here, unit, -count), here
    return _shift(here, unit, 1), _shift(here, unit, count + 1)


def _floor(day: date, unit: str) -> date:
    if unit == "WEEK":
        return day - timedelta(days=(day.weekday() + 1) % 7)
    if unit == "MONTH":
        return day.replace(day=1)
    if unit == "QUARTER":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    if unit == "YEAR":
        return day.replace(month=1, day=1)
    return day


def _shift(day: date, unit: str, count: int) -> date:
    if unit in ("DAY", "WEEK"):
        return day + timedelta(days=count * (7 if unit == "WEEK" else 1))
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit] * count
    index = day.year * 12 + day.month - 1 + months
    return day.replace(year=index // 12, month=index % 12 + 1)


def instant(day: date, zone: tzinfo) -> datetime:
    """The moment at which a day begins in a zone, in UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)
