"""The port through which engine and adapters say what they are about: pieces of work, one within the other.

What is said names objects, fields, operations, counts, codes and classes; never a value of a person, a record's text, a query
or a secret: it may leave the machine (docs/security.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Fact = str | int | float | bool
Facts = Mapping[str, Fact]


class Piece(Protocol):
    """A piece of work under way."""

    def tell(self, facts: Facts) -> None:
        """What has become known about it."""

    def fail(self, kind: str, code: str = "") -> None:
        """It came to nothing, without an exception: the class of the error and its code."""


class Observer(Protocol):
    """Who listens; it never raises, and what it does with what it hears changes nothing here."""

    def piece(
        self, name: str, facts: Facts | None = None, *, outward: bool = False
    ) -> AbstractContextManager[Piece]:
        """A piece of work, within the one under way; ended by an exception it failed with that. `name` is one of a few.
        `outward`: a request to another system."""

    def event(self, name: str, facts: Facts) -> None:
        """Something that happened in the piece under way."""

    def trace_id(self) -> str | None:
        """Under which number the piece under way is kept, in hexadecimal digits; None when it is not kept."""


class _Unheard:
    def tell(self, facts: Facts) -> None:
        pass

    def fail(self, kind: str, code: str = "") -> None:
        pass


_UNHEARD: AbstractContextManager[Piece] = nullcontext(_Unheard())


class _Nobody:
    def piece(
        self, name: str, facts: Facts | None = None, *, outward: bool = False
    ) -> AbstractContextManager[Piece]:
        return _UNHEARD

    def event(self, name: str, facts: Facts) -> None:
        pass

    def trace_id(self) -> str | None:
        return None


NOBODY: Observer = _Nobody()
"""Nobody listens; costs nothing."""
