"""Times, days and numbers as a language writes them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

_INSTANT = re.compile(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|\+00:00)?( UTC)?(?![\d:])")
_DAY = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])")
_PERCENT = re.compile(r"(?<=\d)%(?!\w)")
_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\w,])")


def number(value: int | float, language: str) -> str:
    """12,345 in English, 12.345 in Spanish; whole."""
    return str(format_decimal(round(value), "#,##0", locale=language))


def decimal(value: float, language: str) -> str:
    """With one place: 2.5 in English, 2,5 in Spanish."""
    return str(format_decimal(value, "#,##0.0", locale=language))


def exact(value: int | float | Decimal, language: str) -> str:
    """With all its decimals: 1,234.5 in English, 1.234,5 in Spanish."""
    return str(format_decimal(value, "#,##0.##################", locale=language, decimal_quantization=False))


def hour(value: datetime) -> str:
    """The time of a day in UTC, the same in each language: 13:05."""
    return f"{value:%H:%M}"


def short_day(value: date, language: str) -> str:
    """A day beside an axis: 26 Nov."""
    return str(format_date(value, "d MMM", locale=language))


def instant(value: datetime, language: str) -> str:
    """A moment, in UTC: 26 Nov 2026, 13:05:09 UTC."""
    at = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return f"{format_datetime(at, 'd MMM y, HH:mm:ss', tzinfo=UTC, locale=language)} UTC"


def day(value: date, language: str) -> str:
    """A day: 26 Nov 2026."""
    return str(format_date(value, "d MMM y", locale=language))


def are_in(text: str) -> bool:
    """Whether there is a time or a day in the text."""
    return _INSTANT.search(text) is not None or _DAY.search(text) is not None


def in_text(text: str, language: str) -> str:
    """A text with the times, days and grouped numbers in it written as the language does."""
    text = _INSTANT.sub(lambda match: _instant(match, language), text)
    text = _DAY.sub(lambda match: iso_day(match[0], language), text)
    if language == "es":
        text = _PERCENT.sub("\N{NO-BREAK SPACE}%", text)
    return _NUMBER.sub(lambda match: number(int(match[0].replace(",", "")), language), text)


def _instant(match: re.Match[str], language: str) -> str:
    day_text, minute, second, zone, named = match.groups()
    try:
        at = datetime.fromisoformat(f"{day_text}T{minute}{(second or '')[:3]}").replace(tzinfo=UTC)
    except ValueError:
        return match[0]
    shape = "d MMM y, HH:mm:ss" if second else "d MMM y, HH:mm"
    return f"{format_datetime(at, shape, tzinfo=UTC, locale=language)}{' UTC' if zone or named else ''}"


def iso_day(text: str, language: str) -> str:
    """2026-11-26 as the language writes a day; what is none stays."""
    try:
        return day(date.fromisoformat(text), language)
    except ValueError:
        return text
