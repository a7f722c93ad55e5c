"""The tree of a formula as it was written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Literal:
    """A number, a text, TRUE, FALSE or NULL."""

    value: float | int | str | bool | None


@dataclass(frozen=True)
class Name:
    """A field or global: `Account.Owner.Name` and `$Profile.Name` are one name of several parts."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True)
class Call:
    """A function, or an operator under its own sign; `-` with one argument is the minus sign."""

    name: str
    args: tuple[Node, ...]


Node = Literal | Name | Call
