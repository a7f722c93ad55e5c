"""What stands between the braces of FIND: words, phrases, wildcards and their operators.

Words without an operator between them must all be there. `*` stands for any characters, `?` for one. A
word is a run of letters and digits; a term with other characters in it (`ada@x.example`) is a phrase.
The words must stand in one field, in this order, for a phrase; anywhere in the record otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from practice_org.errors import ApiError

RESERVED = frozenset("?&|!{}[]()^~*:\\\"'+-")
"""Characters that a backslash makes plain (the reference's list)."""
_WORD = re.compile(r"\w+")
_PIECE = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|[()]|(?:[^\s"()\\]|\\.)+', re.DOTALL)
_DEEPEST = 50
_ANY, _ONE = "\0", "\1"
Lines = list[list[str]]
"""The words of a record, folded, field by field."""


@dataclass(frozen=True)
class Term:
    """A word or phrase: patterns for words that follow one another in one field."""

    words: tuple[str, ...]

    def found(self, lines: Lines) -> bool:
        size = len(self.words)
        return any(
            all(map(_matches, self.words, line[at : at + size]))
            for line in lines
            for at in range(len(line) - size + 1)
        )

    @property
    def plain(self) -> str:
        """The longest piece without wildcards."""
        pieces = (piece for word in self.words for piece in re.split(f"[{_ANY}{_ONE}]", word))
        return max(pieces, key=len)


@dataclass(frozen=True)
class Every:
    """All of the parts are found."""

    parts: tuple[Expression, ...]

    def found(self, lines: Lines) -> bool:
        return all(part.found(lines) for part in self.parts)


@dataclass(frozen=True)
class Either:
    """One of the parts is found."""

    parts: tuple[Expression, ...]

    def found(self, lines: Lines) -> bool:
        return any(part.found(lines) for part in self.parts)


@dataclass(frozen=True)
class Without:
    """The part is not found."""

    part: Expression

    def found(self, lines: Lines) -> bool:
        return not self.part.found(lines)


Expression = Term | Every | Either | Without


def malformed(message: str) -> ApiError:
    return ApiError(400, "MALFORMED_SEARCH", message)


@lru_cache(maxsize=256)
def expression(text: str) -> Expression:
    """The expression of the text between the braces.

    Raises ApiError MALFORMED_SEARCH when there is no term in it, or one of a single character.
    """
    pieces = [p for p in _PIECE.findall(text) if not p.isspace()]
    reader = _Reader(pieces)
    found = reader.either() if pieces else None
    if found is None or reader.left:
        raise malformed("No search term found. The search term must be enclosed in braces.")
    return found


class _Reader:
    def __init__(self, pieces: list[str]) -> None:
        self.left = pieces[::-1]
        self._depth = 0

    def _next(self) -> str:
        return self.left[-1] if self.left else ""

    def _operator(self, name: str) -> bool:
        if self._next().upper() == name:
            self.left.pop()
            return True
        return False

    def either(self) -> Expression | None:
        parts = [self._every()]
        while self._operator("OR"):
            parts.append(self._every())
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return known[0] if len(known) == 1 else Either(tuple(known))

    def _every(self) -> Expression | None:
        first = self._one()
        if first is None:
            return None
        parts: list[Expression] = [first]
        while self._next() and self._next() != ")" and self._next().upper() != "OR":
            self._operator("AND")
            negated = self._operator("NOT")
            part = self._one()
            if part is None:
                return None
            parts.append(Without(part) if negated else part)
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _one(self) -> Expression | None:
        if not self.left:
            return None
        piece = self.left.pop()
        if piece == ")" or piece.upper() in ("AND", "OR", "NOT"):
            return None
        if piece == "(":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise malformed("The search expression is too deeply nested.")
            inner = self.either()
            if inner is None or self._next() != ")":
                return None
            self.left.pop()
            self._depth -= 1
            return inner
        return term(piece)


def term(piece: str) -> Term:
    """A word or quoted phrase.

    Raises ApiError MALFORMED_SEARCH when it has fewer than two letters or digits.
    """
    if piece.startswith('"'):
        piece = piece[1:-1] if len(piece) > 1 and piece.endswith('"') else piece[1:]
    words = [""]
    escaped = False
    for char in piece:
        if char == "\\" and not escaped:
            escaped = True
            continue
        if char in "*?" and not escaped:
            words[-1] += _ANY if char == "*" else _ONE
        elif _WORD.fullmatch(char):
            words[-1] += char.casefold()
        elif words[-1]:
            words.append("")
        escaped = False
    whole = tuple(word for word in words if word.strip(_ANY + _ONE))
    if sum(1 for word in whole for char in word if char not in (_ANY, _ONE)) < 2:
        raise malformed(f"search term must be longer than one character: {piece}")
    return Term(whole)


def _matches(pattern: str, word: str) -> bool:
    if _ANY not in pattern and _ONE not in pattern:
        return pattern == word
    at = here = 0
    star = mark = -1
    while here < len(word):
        if at < len(pattern) and pattern[at] == _ANY:
            star, mark = at, here
            at += 1
        elif at < len(pattern) and pattern[at] in (_ONE, word[here]):
            at += 1
            here += 1
        elif star >= 0:
            mark += 1
            at, here = star + 1, mark
        else:
            return False
    return not pattern[at:].strip(_ANY)


def needed(wanted: Expression) -> list[str]:
    """Pieces of text that each finding holds; a cheap test before the exact one."""
    if isinstance(wanted, Term):
        return [wanted.plain]
    if isinstance(wanted, Every):
        return [plain for part in wanted.parts if isinstance(part, Term) for plain in needed(part)]
    return []


def found(text: str, haystack: str | None) -> int:
    """Whether the search `text` finds something in the fields of a record, one a line."""
    if haystack is None:
        return 0
    return int(expression(text).found([_WORD.findall(line) for line in haystack.casefold().split("\n")]))
