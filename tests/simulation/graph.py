"""The oracle: who wrote what after having seen what (correctness.md 8.3).

A value is a pair of a text from a tiny alphabet and a token: equal by text, so that coincidences happen; tracked by token,
so that a lost edit shows even when the same text stands elsewhere. Every user edit makes a token that remembers the one it
replaced, as seen on its own side. The engine moves tokens and makes none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


class Marked(str):
    """A text that carries the token of the edit that wrote it. All the rest sees a text."""

    token: int

    def __new__(cls, text: str, token: int) -> Marked:
        made = super().__new__(cls, text)
        made.token = token
        return made

    def __str__(self) -> str:
        return self

    def strip(self, chars: str | None = None) -> str:
        return self

    def replace(self, *args: Any, **kwargs: Any) -> str:
        return self

    def __deepcopy__(self, memo: Any) -> Marked:
        return self


def to_cell(value: str) -> str:
    """A text as a cell of a snapshot part."""
    return f"{str.__str__(value)}~{value.token}" if isinstance(value, Marked) else value


def from_cell(text: str) -> str:
    """The inverse of `to_cell`."""
    plain, mark, token = text.rpartition("~")
    return Marked(plain, int(token)) if mark else text


def token_of(value: Any) -> int | None:
    return value.token if isinstance(value, Marked) else None


@dataclass(frozen=True)
class Edit:
    """One user edit. `replaced`: tokens seen on its own side; `same`: tokens that stood on the other side with the very
    text that was replaced, so that their authors' wish was seen as well."""

    token: int
    side: str
    home: tuple[str, str]
    text: str
    replaced: frozenset[int]
    same: frozenset[int] = frozenset()


@dataclass
class Graph:
    """All edits, and those accounted for otherwise (taken back by their author, deleted by a user, a known residual)."""

    edits: dict[int, Edit] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    agreed: dict[int, set[int]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    """Known only to a database that was replaced by a backup; unlike with `settled`, not what they replaced."""

    def new(
        self, side: str, home: tuple[str, str], text: str, replaced: Any = None, same: Any = None
    ) -> Marked:
        """The value a user writes into a field (`home`: record and column) in place of `replaced`."""
        token = len(self.edits) + 1
        before, beside = token_of(replaced), token_of(same)
        self.edits[token] = Edit(
            token,
            side,
            home,
            text,
            frozenset() if before is None else frozenset({before}),
            frozenset() if beside is None else frozenset({beside}),
        )
        return Marked(text, token)

    def settle(self, *values: Any) -> None:
        """These values need not be found any more, nor what they replaced."""
        self.settled.update(t for t in map(token_of, values) if t is not None)

    def agree(self, ours: Any, theirs: Any) -> None:
        """Both sides show the same text at the same time: whoever replaces the one wish has seen the other."""
        first, second = token_of(ours), token_of(theirs)
        if first is not None and second is not None and first != second:
            self.agreed.setdefault(first, set()).add(second)
            self.agreed.setdefault(second, set()).add(first)

    def ancestors(self, tokens: Iterable[int], generous: bool) -> set[int]:
        """The tokens and all they replaced; `generous`: also what stood beside it with the same text."""
        found: set[int] = set()
        open_ones = list(tokens)
        while open_ones:
            token = open_ones.pop()
            if token not in found:
                found.add(token)
                edit = self.edits[token]
                open_ones.extend(edit.replaced)
                if generous:
                    open_ones.extend(edit.same)
                    open_ones.extend(self.agreed.get(token, ()))
        return found

    def lost(self, kept: Iterable[int]) -> set[int]:
        """I-3: edits that are neither kept somewhere nor replaced by one that is."""
        return set(self.edits) - self.gone - self.ancestors([*kept, *self.settled], generous=True)

    def related(self, first: int, second: int) -> bool:
        """Whether one of the two edits was made by someone who had seen the other."""
        return first in self.ancestors([second], False) or second in self.ancestors([first], False)
