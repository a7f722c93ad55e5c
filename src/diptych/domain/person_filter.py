"""Filters over the columns of a person: `country = "US" AND number_of_employees >= 100 AND email is not blank`.

    filter     ::= condition { AND condition }
    condition  ::= column operator value | column IS BLANK | column IS NOT BLANK
    operator   ::= = | != | < | <= | > | >= | CONTAINS
    value      ::= a word or number, or text in single or double quotes (doubled inside to be meant)

Words are not case-sensitive, nor are texts compared: 'us' is 'US'. A blank is neither equal to anything, nor less or more;
it is different from everything (`!=`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from diptych.domain.values import InvalidValue, Kind, Value, canonical

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "contains", "is blank", "is not blank")
_TOKEN = re.compile(
    r"""\s*(?:(?P<sign><=|>=|!=|<>|=|<|>)|"(?P<double>(?:[^"]|"")*)"|'(?P<single>(?:[^']|'')*)'|(?P<word>[^\s<>=!"']+))"""
)
_ORDERED = (Kind.INTEGER, Kind.DECIMAL, Kind.DATE, Kind.DATETIME, Kind.TIME)


class BadFilter(ValueError):
    """The text is no filter; the message is one line that says what and where."""


@dataclass(frozen=True)
class Condition:
    """One comparison. `value` is canonical for the column's kind; None with 'is blank' and 'is not blank'."""

    column: str
    operator: str
    value: Value = None

    def holds(self, row: Mapping[str, Value]) -> bool:
        mine = row.get(self.column)
        match self.operator:
            case "is blank":
                return mine is None
            case "is not blank":
                return mine is not None
            case "!=":
                return mine is None or _folded(mine) != _folded(self.value)
        if mine is None:
            return False
        if self.operator == "=":
            return _folded(mine) == _folded(self.value)
        if self.operator == "contains":
            return str(_folded(self.value)) in str(_folded(mine))
        if isinstance(mine, str) != isinstance(self.value, str):
            return False  # a SQL writer has put text into a column of numbers
        less, same = mine < self.value, mine == self.value  # type: ignore[operator]
        return {"<": less, "<=": less or same, ">": not less and not same, ">=": not less}[self.operator]

    def __str__(self) -> str:
        if self.operator.startswith("is "):
            return f"{self.column} {self.operator}"
        text = str(self.value).lower() if isinstance(self.value, bool) else str(self.value)
        return f'{self.column} {self.operator} "{text.replace(chr(34), chr(34) * 2)}"'


@dataclass(frozen=True)
class PersonFilter:
    """All conditions must hold. `str` gives a text that reads back as the same filter."""

    conditions: tuple[Condition, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c.column for c in self.conditions))

    def holds(self, row: Mapping[str, Value]) -> bool:
        """Whether a person with these values by column is meant."""
        return all(condition.holds(row) for condition in self.conditions)

    def __str__(self) -> str:
        return " AND ".join(str(condition) for condition in self.conditions)


def read_filter(text: str, columns: Mapping[str, Kind]) -> PersonFilter:
    """The filter that `text` says, over these columns. Raises BadFilter."""
    tokens = _tokens(text)
    if not tokens:
        raise BadFilter('The filter is empty. Write, for example: email is not blank AND country = "US"')
    conditions: list[Condition] = []
    while tokens:
        if conditions:
            kind, joint = tokens.pop(0)
            if kind != "word" or joint.lower() != "and":
                raise BadFilter(f"Expected AND instead of {joint!r}.")
        conditions.append(_condition(tokens, columns))
    return PersonFilter(tuple(conditions))


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise BadFilter(f"Cannot read the filter from {text[place:].strip()[:30]!r} on.")
        kind = str(match.lastgroup)
        raw = match.group(kind)
        if kind == "double":
            raw = raw.replace('""', '"')
        if kind == "single":
            raw = raw.replace("''", "'")
        found.append(("value" if kind in ("double", "single") else kind, raw))
        place = match.end()
    return found


def _condition(tokens: list[tuple[str, str]], columns: Mapping[str, Kind]) -> Condition:
    kind, column = _next(tokens, "a column")
    if kind != "word" or column not in columns:
        raise BadFilter(f"There is no column {column!r}. Columns: {', '.join(list(columns)[:12])} ...")
    _, sign = _next(tokens, f"an operator after {column}")
    operator = "!=" if sign == "<>" else sign.lower()
    if operator == "is":
        words = [_next(tokens, f"BLANK after {column} IS")[1].lower()]
        if words == ["not"]:
            words.append(_next(tokens, f"BLANK after {column} IS NOT")[1].lower())
        operator = " ".join(["is", *words])
    if operator not in OPERATORS:
        raise BadFilter(f"{sign!r} is no operator; use one of: {', '.join(OPERATORS)}.")
    if operator.startswith("is "):
        return Condition(column, operator)
    of = columns[column]
    if operator in ("<", "<=", ">", ">=") and of not in _ORDERED:
        raise BadFilter(f"{column} is {of.value}; {operator} compares numbers and dates.")
    _, raw = _next(tokens, f"a value after {column} {operator}")
    try:
        value = canonical(Kind.TEXT if operator == "contains" else of, raw)
    except InvalidValue:
        raise BadFilter(f"{column} is {of.value}; {raw!r} is not.") from None
    if value is None:
        raise BadFilter(f"To look for blanks write: {column} IS BLANK, or {column} IS NOT BLANK.")
    return Condition(column, operator, value)


def _next(tokens: list[tuple[str, str]], wanted: str) -> tuple[str, str]:
    if not tokens:
        raise BadFilter(f"The filter ends where {wanted} should follow.")
    return tokens.pop(0)


def _folded(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value
