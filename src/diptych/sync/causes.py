"""Errors by cause, as the store remembers them: what is held back and why, for trying it again when the cause goes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from diptych.domain.outcome import Problem
from diptych.sync.ports import StoredDeadLetter


@dataclass(frozen=True)
class HeldCause:
    """How many errors have one cause now; ignored ones are not among them. `column` None: whole records."""

    key: str
    object_name: str
    operation: str
    column: str | None
    code: str
    error_class: str
    open: int
    quarantined: int
    first_at: datetime
    last_at: datetime


class Causes(Protocol):
    """The held errors of one transaction."""

    def all(self) -> list[HeldCause]:
        """Every cause with an open or quarantined error, the most frequent first."""

    def letters(self, key: str, statuses: Collection[str], after: int, limit: int) -> list[StoredDeadLetter]:
        """Errors of that cause in one of these states, by number, after `after`."""

    def held(self, pair_id: int) -> list[StoredDeadLetter]:
        """What is held back of one pair."""

    def blame(self, run_id: int, problem: Problem) -> None:
        """Say what kind of trouble a run ended with."""

    def fate(self, pair_id: int, columns: Sequence[str]) -> str:
        """What became of values that are tried again: `owing` (still to be sent, or in flight), `settled` (both sides agree),
        `ended` (the pair takes no values any more)."""
