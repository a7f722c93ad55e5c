"""Tables in memory that can be rolled back: every write notes how to undo it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_NOTHING: Any = object()


class Journal:
    """The undo list of one open transaction. Values put into tables are never changed in place."""

    def __init__(self) -> None:
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._open = False

    @property
    def open(self) -> bool:
        return self._open

    def begin(self) -> None:
        if self._open:
            raise RuntimeError("a transaction is open already")
        self._open = True

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        if self._open:
            self._undo.append((table, key, table.get(key, _NOTHING)))
        table[key] = value

    def drop(self, table: dict[Any, Any], key: Any) -> None:
        if key in table:
            if self._open:
                self._undo.append((table, key, table[key]))
            del table[key]

    def append(self, table: dict[int, Any], make: Callable[[int], Any]) -> int:
        """Put what `make` builds for the next free number; the number."""
        number = next(reversed(table), 0) + 1
        self.put(table, number, make(number))
        return number

    def commit(self) -> None:
        self._undo.clear()
        self._open = False

    def roll_back(self) -> None:
        for table, key, old in reversed(self._undo):
            if old is _NOTHING:
                table.pop(key, None)
            else:
                table[key] = old
        self._undo.clear()
        self._open = False
