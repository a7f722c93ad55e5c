"""What runs have done, as the store remembers it: before-images, arrivals, ends. Undo and why read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from diptych.domain.mapping import ObjectMapping
from diptych.domain.pair import Linked
from diptych.domain.undo import Line, Touch
from diptych.domain.values import Value
from diptych.domain.why import Facts


@dataclass(frozen=True)
class PairEvent:
    """A pair that changed its state in a run."""

    pair_id: int
    person_id: int
    object_name: str
    sf_id: str | None
    from_state: str
    to_state: str
    redirect_to: str | None
    run_id: int | None
    at: datetime


@dataclass(frozen=True)
class SentValue:
    """One value as it was sent. `outcome`: open, landed, lifted (not known to have arrived, or refused)."""

    pair_id: int
    person_id: int
    column: str
    before: Value
    value: Value
    attempt_id: str
    run_id: int | None
    at: datetime
    outcome: str


class Trail(Protocol):
    """Reads of history by run and person, and the two acts of an undo that are no edits."""

    def run_kind(self, run_id: int) -> str | None:
        """The kind of that run; None when there is no such run."""

    def touched_people(self, run_id: int, after: int, limit: int) -> list[int]:
        """People that the run changed, sent, brought, removed or whose pair it ended, by id, after `after`."""

    def touches(self, run_id: int, people: Sequence[int]) -> list[Touch]:
        """What the run did to values of these people, oldest first; of what it sent, only what landed."""

    def newest(self, people: Sequence[int]) -> dict[int, dict[str | None, Line]]:
        """The newest line of history of each column, by person; None: of coming and going."""

    def arrived(self, run_id: int, people: Sequence[int]) -> set[int]:
        """Those of them that the run brought from Salesforce."""

    def removed(self, run_id: int, people: Sequence[int]) -> set[int]:
        """Those of them that the run (an undo) removed."""

    def sent(self, people: Sequence[int]) -> list[SentValue]:
        """All that was ever sent of these people, oldest first."""

    def events(self, people: Sequence[int]) -> list[PairEvent]:
        """All changes of state of their pairs, oldest first."""

    def pairs_of(self, object_mapping: ObjectMapping, people: Sequence[int]) -> list[Linked]:
        """The pairs of these people with one object, in whatever state, by pair id."""

    def present(self, people: Sequence[int]) -> set[int]:
        """Those of them that are here."""

    # -- for why
    def known(self, person_id: int) -> bool:
        """Whether there is, or ever was, such a person."""

    def people_by_email(self, address: str) -> list[int]:
        """People who have this address, whatever its case, by id."""

    def had_email(self, address: str) -> list[tuple[int, datetime]]:
        """People who had it and do not any more, or went with it; and until when."""

    def people_by_record(self, sf_id: str) -> list[int]:
        """People, gone or not, who have or had a pair with this record."""

    def facts(self, person_id: int) -> Facts:
        """All that is remembered of the person: the latest 500 of each kind."""

    def mapping_saved(self, version: int) -> tuple[datetime, str] | None:
        """When that mapping version was saved, and why."""

    def remove(self, people: Sequence[int], actor: str, run_id: int) -> None:
        """Delete these people here; their pairs are detached, so that the feed does not bring them again; their values stay
        in history."""

    def bring_back(self, people: Sequence[int], actor: str, run_id: int) -> Mapping[int, tuple[str, ...]]:
        """Insert people that were deleted here, with the values of then and their pairs; by person, the Salesforce ids of
        those pairs."""
