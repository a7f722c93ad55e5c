"""Parts of the port `Transaction`: actions that were ordered, and people who are not to come back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from diptych.domain.actions import Action
from diptych.domain.mapping import ObjectMapping
from diptych.domain.pair import Observation
from diptych.domain.suppression import SuppressedFor, Suppression
from diptych.domain.values import Value


class ActionLog(Protocol):
    """What was ordered, and how far it is (R-5: the intent is here before anything is sent)."""

    def add(self, action: Action) -> int:
        """Its number."""

    def save(self, action: Action) -> None:
        """Replaces what was kept of it. Raises KeyError for one that is not there."""

    def get(self, action_id: int) -> Action | None: ...
    def of_run(self, run_id: int) -> Action | None: ...

    def open(self) -> list[Action]:
        """Those that have not ended, in the order in which they were ordered."""

    def latest(self, limit: int) -> list[Action]:
        """The newest first."""

    def now_id(self, person_id: int) -> int:
        """Who that person is by now: the id itself, or that of the person it has joined."""


class Suppressions(Protocol):
    """The people who are not to come back."""

    def add(
        self, person_id: int, records: Sequence[tuple[str, str]], address: Value, reason: SuppressedFor
    ) -> int:
        """A person with these records (object, id) and this address; how many entries are new."""

    def listed(self, limit: int) -> list[Suppression]:
        """The newest first."""

    def blocked(self, addresses: Collection[str]) -> frozenset[str]:
        """Which of these addresses are those of somebody suppressed."""

    def withhold(
        self, object_mapping: ObjectMapping, seen: Sequence[Observation], run_id: int | None
    ) -> list[str]:
        """Of records that nobody here has, those of somebody suppressed (by id or address): each gets a detached pair without a
        person, so that it stays known and never comes back. Their ids."""

    def release(self, former_id: int) -> list[Suppression]:
        """Take a person's entries away, and what kept its records from coming back; those entries."""

    def erase(self, person_id: int) -> int:
        """Remove every value of a person who is not here any more from history, conflicts, errors and joins; how many rows."""
