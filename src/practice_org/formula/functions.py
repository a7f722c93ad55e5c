"""What the functions and operators of formulas do, over values as they are stored.

Texts are `str`, numbers `int` or `float`, dates `2026-01-31`, datetimes `2026-01-31T12:00:00` in UTC,
booleans `bool` (0 and 1 when SQLite calls). A blank is None, which text functions read as empty text and
all others answer with None, as formulas do that "treat blank fields as blanks".
"""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

Value = Any


@dataclass(frozen=True)
class Function:
    """`takes` has the type of each argument, `?` after those that may be left out, `*` when the last repeats.

    A type is Text, Number, Boolean, Date, Date/Time, Picklist, Multipicklist or Any; alternatives are
    joined by `|`. The result "first" is the type of the first argument.
    """

    takes: tuple[str, ...]
    gives: str
    does: Callable[..., Value]
    strict: bool = True
    """Whether a blank argument makes the result blank without asking `does`."""


def call(function: Function, args: tuple[Value, ...]) -> Value:
    """The value of a function; what cannot be computed (a root of -1) is blank, where a real record
    shows #Error!."""
    if function.strict and None in args:
        return None
    try:
        return function.does(*args)
    except (ValueError, OverflowError, ZeroDivisionError, TypeError, IndexError):
        return None


def _text(value: Value) -> str:
    return "" if value is None else str(value)


def number_text(value: Value) -> str:
    """A number as TEXT() writes it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def _as_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value):
        return value.replace("T", " ") + "Z"
    return _text(value)


def _half_up(value: float, places: float) -> float:
    factor = 10 ** int(places)
    return math.copysign(math.floor(abs(value) * factor + 0.5), value) / factor


def _to_number(text: str) -> float:
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text):
        raise ValueError(text)
    return float(text)


def _is_number(text: Value) -> bool:
    try:
        _to_number(_text(text))
    except ValueError:
        return False
    return True


def moved(value: str, days: float) -> str:
    """A date or datetime so many days later; dates know whole days only."""
    if len(value) == 10:
        return (date.fromisoformat(value) + timedelta(days=math.trunc(days))).isoformat()
    return (datetime.fromisoformat(value) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S")


def days_between(later: str, earlier: str) -> float:
    """Days from one moment to another."""
    span = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    days = span.total_seconds() / 86400
    return int(days) if days.is_integer() else days


def _add_months(value: str, months: float) -> str:
    day = date.fromisoformat(value[:10])
    index = day.year * 12 + day.month - 1 + int(months)
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    at_end = day.day == calendar.monthrange(day.year, day.month)[1]
    return date(year, month + 1, last if at_end else min(day.day, last)).isoformat() + value[10:]


def _find(needle: Value, text: Value, start: float = 1) -> int:
    return _text(text).find(_text(needle), int(start) - 1) + 1


def _regex(text: Value, pattern: str) -> bool:
    return re.fullmatch(pattern, _text(text)) is not None


def _pad(text: Value, length: float, with_text: Value = " ", *, left: bool) -> str:
    whole, fill = _text(text), _text(with_text) or " "
    short = int(length) - len(whole)
    if short <= 0:
        return whole[: int(length)]
    pad = (fill * short)[:short]
    return pad + whole if left else whole + pad


def _id18(text: str) -> str:
    from practice_org import ids

    return ids.to18(text) or text


def _included(values: Value, one: Value) -> bool:
    return _text(one) in _text(values).split(";")


def _mod(value: float, by: float) -> float:
    return value - by * math.floor(value / by)


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        # -- text
        "&": Function(("Text", "Text"), "Text", lambda a, b: _text(a) + _text(b), False),
        "BEGINS": Function(("Text", "Text"), "Boolean", lambda a, b: _text(a).startswith(_text(b)), False),
        "CONTAINS": Function(("Text", "Text"), "Boolean", lambda a, b: _text(b) in _text(a), False),
        "FIND": Function(("Text", "Text", "Number?"), "Number", _find, False),
        "LEFT": Function(("Text", "Number"), "Text", lambda a, n: a[: max(0, int(n))]),
        "RIGHT": Function(("Text", "Number"), "Text", lambda a, n: a[-int(n) :] if n >= 1 else ""),
        "MID": Function(
            ("Text", "Number", "Number"),
            "Text",
            lambda a, at, n: a[max(0, int(at) - 1) : max(0, int(at) - 1) + max(0, int(n))],
        ),
        "LEN": Function(("Text",), "Number", lambda a: len(_text(a)), False),
        "LOWER": Function(("Text", "Text?"), "Text", lambda a, *_: a.lower()),
        "UPPER": Function(("Text", "Text?"), "Text", lambda a, *_: a.upper()),
        "INITCAP": Function(("Text",), "Text", lambda a: a.title()),
        "LPAD": Function(("Text", "Number", "Text?"), "Text", lambda *a: _pad(*a, left=True), False),
        "RPAD": Function(("Text", "Number", "Text?"), "Text", lambda *a: _pad(*a, left=False), False),
        "REVERSE": Function(("Text",), "Text", lambda a: a[::-1]),
        "SUBSTITUTE": Function(
            ("Text", "Text", "Text"), "Text", lambda a, b, c: a.replace(_text(b), _text(c)) if b else a, False
        ),
        "TRIM": Function(("Text",), "Text", str.strip),
        "BR": Function((), "Text", lambda: "_BR_ENCODED_"),
        "ASCII": Function(("Text",), "Number", lambda a: ord(a[0])),
        "CHR": Function(("Number",), "Text", lambda n: chr(int(n))),
        "CASESAFEID": Function(("Text",), "Text", _id18),
        "HYPERLINK": Function(
            ("Text", "Text", "Text?"),
            "Text",
            lambda url, name, *_: f'<a href="{url}">{_text(name)}</a>',
            False,
        ),
        "REGEX": Function(("Text", "Text"), "Boolean", _regex, False),
        "TEXT": Function(("Number|Date|Date/Time|Picklist|Text",), "Text", _as_text),
        "VALUE": Function(("Text",), "Number", _to_number),
        "ISNUMBER": Function(("Text",), "Boolean", _is_number, False),
        "ISPICKVAL": Function(("Picklist", "Text"), "Boolean", lambda a, b: _text(a) == _text(b), False),
        "INCLUDES": Function(("Multipicklist", "Text"), "Boolean", _included, False),
        # -- numbers
        "+": Function(("Number", "Number"), "Number", lambda a, b: a + b),
        "-": Function(("Number", "Number"), "Number", lambda a, b: a - b),
        "*": Function(("Number", "Number"), "Number", lambda a, b: a * b),
        "/": Function(("Number", "Number"), "Number", lambda a, b: a / b),
        "^": Function(("Number", "Number"), "Number", lambda a, b: float(a) ** b),
        "NEGATE": Function(("Number",), "Number", lambda a: -a),
        "ABS": Function(("Number",), "Number", abs),
        "CEILING": Function(("Number",), "Number", lambda a: math.copysign(math.ceil(abs(a)), a) if a else a),
        "FLOOR": Function(("Number",), "Number", lambda a: math.copysign(math.floor(abs(a)), a) if a else a),
        "MCEILING": Function(("Number",), "Number", math.ceil),
        "MFLOOR": Function(("Number",), "Number", math.floor),
        "ROUND": Function(("Number", "Number"), "Number", _half_up),
        "TRUNC": Function(
            ("Number", "Number?"), "Number", lambda a, n=0: math.trunc(a * 10 ** int(n)) / 10 ** int(n)
        ),
        "MAX": Function(("Number", "Number*"), "Number", max),
        "MIN": Function(("Number", "Number*"), "Number", min),
        "MOD": Function(("Number", "Number"), "Number", _mod),
        "SQRT": Function(("Number",), "Number", math.sqrt),
        "EXP": Function(("Number",), "Number", math.exp),
        "LN": Function(("Number",), "Number", math.log),
        "LOG": Function(("Number",), "Number", math.log10),
        # -- dates
        "DATE": Function(
            ("Number", "Number", "Number"), "Date", lambda y, m, d: date(int(y), int(m), int(d)).isoformat()
        ),
        "DATEVALUE": Function(
            ("Date/Time|Text|Date",), "Date", lambda a: date.fromisoformat(a[:10]).isoformat()
        ),
        "DATETIMEVALUE": Function(
            ("Text|Date|Date/Time",),
            "Date/Time",
            lambda a: datetime.fromisoformat(a.strip().rstrip("Z")).strftime("%Y-%m-%dT%H:%M:%S"),
        ),
        "YEAR": Function(("Date",), "Number", lambda a: int(a[:4])),
        "MONTH": Function(("Date",), "Number", lambda a: int(a[5:7])),
        "DAY": Function(("Date",), "Number", lambda a: int(a[8:10])),
        "WEEKDAY": Function(("Date",), "Number", lambda a: date.fromisoformat(a).isoweekday() % 7 + 1),
        "ADDMONTHS": Function(("Date|Date/Time", "Number"), "first", _add_months),
        "MOVED": Function(("Date|Date/Time", "Number"), "first", moved),
        "DAYS": Function(("Date|Date/Time", "Date|Date/Time"), "Number", days_between),
    }
)
"""By name. MOVED, DAYS and NEGATE are what `+` and `-` mean between dates, and of one number."""
HIDDEN = frozenset({"MOVED", "DAYS", "NEGATE", "&", "+", "-", "*", "/", "^"})
"""Those that cannot be called by name."""
