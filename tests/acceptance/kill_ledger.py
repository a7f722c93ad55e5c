"""Every edit of a soak, each with a text of its own, and what has become of it.

An edit is kept when its text is a person's value (both sides being equal is checked apart), was replaced by an edit that
had seen it, or is in the conflict log or a dead letter. Where a person was merged, deleted or put back meanwhile, which
are orders that may do away with values, it must still be readable somewhere: in history, with the join, at Salesforce.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.acceptance.installation import Installation

TEXT = re.compile(r"\bedit\d+\b")
_VIEWS = ("v_people", "v_conflicts", "v_dead_letters")
READ = (*_VIEWS, "conflict", "dead_letter", "change_log", "person_join", "sent", "base")


@dataclass
class Edit:
    """`ordered`: an order has since touched the whole person."""

    text: str
    person: int
    what: str
    ordered: bool = False


class Ledger:
    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._open: dict[str, Edit] = {}
        self._created: dict[int, str] = {}
        self.edits = 0

    def text(self) -> str:
        """A text that no other edit has."""
        self.edits += 1
        return f"edit{self.edits}"

    def edited(self, text: str, person: int, what: str, seen: object) -> None:
        """`seen`: the value of its own side that this edit replaced."""
        for replaced in TEXT.findall(str(seen)):
            self._open.pop(replaced, None)
        self._open[text] = Edit(text, person, what)

    def ordered(self, people: Iterable[int]) -> None:
        """These people were merged, deleted, converted or put back by an order."""
        touched = set(people)
        for edit in self._open.values():
            edit.ordered = edit.ordered or self._now(edit.person) in touched or edit.person in touched

    def lost(self, at_salesforce: Iterable[str]) -> list[str]:
        """Edits that are nowhere to be found; what was found stays watched. `at_salesforce`: texts of all records there."""
        strict = self._texts(_VIEWS)
        anywhere = self._texts(READ) | set(at_salesforce)
        return [
            f"{edit.text} ({edit.what})"
            for edit in self._open.values()
            if edit.text not in (anywhere if edit.ordered else strict)
        ]

    def _now(self, person: int) -> int:
        found = self._installation.sql("SELECT now_id FROM person_redirect WHERE former_id = ?", person)
        return int(found[0][0]) if found else person

    def _texts(self, tables: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for table in tables:
            for row in self._installation.sql(f"SELECT * FROM {table}"):
                found.update(TEXT.findall(" ".join(str(value) for value in row)))
        return found
