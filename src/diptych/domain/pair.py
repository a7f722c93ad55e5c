"""The sync state of one person and one Salesforce record, and what was seen of that record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from diptych.domain.values import Value


class PairState(StrEnum):
    """correctness.md 5.2. A fenced pair is a paired one with something in flight, so it needs no state of its own."""

    NEW = "new"
    PAIRED = "paired"
    PARKED = "parked"
    TOMBSTONED = "tombstoned"
    REDIRECTED = "redirected"
    CONVERTED = "converted"
    HIDDEN = (
        "hidden"  # not shown to the sync user, and not known to be deleted; what is owed waits (D-77, N-22)
    )
    DETACHED = "detached"  # the person was deleted here; the Salesforce record is left alone and not brought back (D-73)


@dataclass(frozen=True)
class Inflight:
    """Values sent whose outcome is not yet known (R-5). `values` by column; `sent_at` is server time."""

    values: Mapping[str, Value]
    attempt_id: str
    sent_at: datetime
    channel: str = "collections"


@dataclass(frozen=True)
class Pair:
    """One person, one Salesforce record. Times are server time, UTC, to the second."""

    id: int
    person_id: int
    object_name: str
    sf_id: str | None
    ext_key: str | None
    state: PairState
    seen_modstamp: datetime | None
    seen_at: datetime | None
    mapping_version: int = 0
    inflight: Inflight | None = None
    redirect_to: str | None = None
    attempts: int = 0
    next_try_at: datetime | None = None

    @property
    def fenced(self) -> bool:
        return self.inflight is not None


_RANKS = {
    PairState.PAIRED: 0,
    PairState.PARKED: 0,
    PairState.HIDDEN: 1,
    PairState.NEW: 1,
    PairState.TOMBSTONED: 2,
    PairState.CONVERTED: 3,
    PairState.REDIRECTED: 3,
    PairState.DETACHED: 4,
}


THERE = (PairState.PAIRED, PairState.PARKED, PairState.HIDDEN)
"""States of a pair whose record is in Salesforce, as far as we know: nothing is to be made in its place."""


def primary(pairs: Sequence[Pair]) -> Pair | None:
    """The pair that a person's row speaks of (`salesforce_id`, `link_state` ...): a live one before an ended one, a contact
    before a lead, the oldest first."""
    return min(pairs, key=lambda p: (_RANKS[p.state], p.object_name == "Lead", p.id), default=None)


def becomes_primary(pairs: Sequence[Pair], pair_id: int) -> bool:
    """Whether a person's row speaks of that pair once it is a live one: a new pair that is given its Salesforce id."""
    after = [replace(p, state=PairState.PAIRED) if p.id == pair_id else p for p in pairs]
    chosen = primary(after)
    return chosen is not None and chosen.id == pair_id


class Standing(StrEnum):
    """Of a person with several records, how a record stands to a value of ours that is not its own (`domain.standing`).

    APART: another live record's value counts. EDITED: as APART, and ours was edited here since; it is for the record that
    the value had come from to put it back. LEFT: the record that ours came from is gone, and this one's value counts now.
    """

    APART = "apart"
    EDITED = "edited"
    LEFT = "left"


@dataclass(frozen=True)
class Linked:
    """A pair with both remembered sides: `ours` and `base`, by mapped column of the pair's object.

    `parked`: columns with an open (or ignored) dead letter, each with the value of ours it was parked with; a dead letter of
    the whole record counts for every column in its `ours`. A column is held back only while ours is still that value: a
    new edit is a new try. `edited_at`: when ours was last changed, as the change log has it (an edit by our
    database's clock, a value that came with another record by Salesforce's), for dirty columns whose policy asks for it
    (most_recent); a column is missing when the change log does not know. `standing`: of columns in which ours came from
    another record of the same person; it counts where the field only comes in.
    """

    pair: Pair
    ours: Mapping[str, Value]
    base: Mapping[str, Value]
    parked: Mapping[str, Value] = field(default_factory=dict)
    edited_at: Mapping[str, datetime] = field(default_factory=dict)
    standing: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def dirty(self) -> dict[str, Value]:
        """Our values that differ from base."""
        return {column: value for column, value in self.ours.items() if value != self.base.get(column)}


@dataclass(frozen=True)
class Record:
    """One Salesforce record as one read showed it; `fields` holds wire values by API name (or path), system fields apart.

    `read_at`: server time not later than the read. A field missing from `fields` was not in the answer: unknown, not blank.
    """

    object_name: str
    sf_id: str
    modstamp: datetime
    read_at: datetime
    modified_at: datetime | None = None
    modified_by: str | None = None
    deleted: bool = False
    master_id: str | None = None
    converted: bool = False
    converted_contact_id: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """A `Record` in our terms: canonical values by column; `unreadable` are columns whose wire value was not of their kind."""

    record: Record
    values: Mapping[str, Value]
    unreadable: Mapping[str, str] = field(default_factory=dict)
