"""What the pages show, in the pages' own terms: rows, people, history, runs. Filled from the store by `reading`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from diptych.domain.mapping import Direction, FieldMapping
from diptych.domain.values import Kind, Value


@dataclass(frozen=True)
class PeopleFilter:
    """Which people, in which order. `sort` is a column of the list, with '-' in front for descending. `below`, `above`: the id
    at the edge of the page that was shown before, where the newest come first."""

    search: str = ""
    salesforce_type: str = ""
    link_state: str = ""
    sort: str = "-id"
    page: int = 1
    page_size: int = 50
    below: int | None = None
    above: int | None = None


@dataclass(frozen=True)
class PageOf:
    """One page of a long list. `first` and `last` count from 1; `more`: there are more than `total`. `back`, `on`: what the
    addresses of the pages before and after say besides their number."""

    rows: Sequence[Any]
    total: int
    number: int
    size: int
    more: bool = False
    back: Mapping[str, object] = field(default_factory=dict)
    on: Mapping[str, object] = field(default_factory=dict)

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.number - 1) * self.size + len(self.rows)


@dataclass(frozen=True)
class OriginView:
    """Where a value came from: who or what set it, when, in which run. `side`: ours, salesforce or joined."""

    text: str
    side: str
    at: datetime | None
    run_id: int | None = None


@dataclass(frozen=True)
class WayView:
    """Where a value goes, or comes from: a field of a record. `direction`: both, inbound or outbound. `held`: why it is not
    synced just now; empty when nothing holds it."""

    field: str
    direction: str
    held: str = ""


@dataclass(frozen=True)
class FieldView:
    """One column of a person. `mappings` are the Salesforce fields behind it; `waiting` says that Salesforce does not have
    our value yet ('pending': to be sent, 'in flight': sent, outcome not known, 'parked': see Errors). `names`: who or what
    a Salesforce id stands for."""

    column: str
    label: str
    kind: Kind
    value: Value
    mappings: tuple[FieldMapping, ...] = ()
    waiting: str = ""
    theirs: Value = None
    names: str = ""
    origin: OriginView | None = None
    goes: tuple[WayView, ...] = ()

    @property
    def needed(self) -> bool:
        """Whether Salesforce takes no blank for it."""
        return self.kind is not Kind.BOOLEAN and any(
            not m.nillable and m.direction is not Direction.INBOUND for m in self.mappings
        )

    @property
    def writable(self) -> bool:
        """Whether a change made here can go to Salesforce, or the column is ours alone."""
        return not self.mappings or any(m.direction is not Direction.INBOUND for m in self.mappings)

    @property
    def length(self) -> int:
        """The shortest limit of the fields behind it; 0 is none."""
        return min((m.length for m in self.mappings if m.length and m.kind is Kind.TEXT), default=0)

    @property
    def choices(self) -> tuple[str, ...]:
        """The only values Salesforce takes; empty when any value will do."""
        lists = [m.restricted for m in self.mappings if m.restricted and m.direction is not Direction.INBOUND]
        if not lists:
            return ()
        return tuple(value for value in lists[0] if all(value in other for other in lists[1:]))

    @property
    def sf_type(self) -> str:
        return self.mappings[0].sf_type if self.mappings else ""


@dataclass(frozen=True)
class FieldGroup:
    title: str
    fields: tuple[FieldView, ...]


@dataclass(frozen=True)
class PairView:
    """A pair of the person, as a line. `address` opens the record in the org."""

    object_name: str
    sf_id: str | None
    state: str
    address: str | None
    fenced: bool = False
    seen_modstamp: datetime | None = None
    redirect_to: str | None = None


@dataclass(frozen=True)
class HistoryView:
    """One change of one value: who and when. `side`: ours or salesforce."""

    at: datetime | None
    column: str
    label: str
    old: Value
    new: Value
    side: str
    actor: str
    run_id: int | None = None


@dataclass(frozen=True)
class PersonView:
    """A person with everything the person page shows."""

    id: int
    name: str
    link_state: str
    salesforce_type: str | None
    salesforce_deleted: bool
    created_at: datetime | None
    updated_at: datetime | None
    groups: tuple[FieldGroup, ...]
    pairs: tuple[PairView, ...] = ()
    history: tuple[HistoryView, ...] = ()
    company: tuple[int, str] | None = None

    def field(self, column: str) -> FieldView | None:
        return next((f for g in self.groups for f in g.fields if f.column == column), None)


@dataclass(frozen=True)
class Summary:
    """The state at the top right. `state` as in `status --json`; `words` are Marketo's (S-61)."""

    state: str
    words: str
    at: datetime | None = None
    dead_letters: int = 0
    alerts: int = 0
    for_review: int = 0


@dataclass(frozen=True)
class LoadBar:
    """The initial load of one object, as a bar. `total` None: the org has not said yet."""

    object_name: str
    label: str
    state: str
    rows: int
    total: int | None
    rate: float | None = None
    seconds_left: float | None = None
    error: str = ""


@dataclass(frozen=True)
class PersonRow:
    """A person in the list. `waiting`: Salesforce does not have all of our values yet."""

    id: int
    name: str
    email: Value
    company_name: Value
    title: Value
    salesforce_type: str | None
    salesforce_deleted: bool
    link_state: str
    updated_at: datetime | None
    waiting: bool
