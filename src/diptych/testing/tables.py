"""What the store in memory keeps, and the rows of its ledgers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from diptych.domain.actions import Action
from diptych.domain.creating import Creation
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.pair import Pair, Standing
from diptych.domain.person_merge import StoredJoin
from diptych.domain.schema import ObjectDescription
from diptych.domain.suppression import Suppression
from diptych.domain.values import Value
from diptych.sync.ports import Conflict, FeedCursor, SnapshotProgress, Step, StoredDeadLetter
from diptych.sync.trail import PairEvent, SentValue

Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One line of the change log: who changed which value of a person, when."""

    id: int
    person_id: int
    column: str | None
    old: Value
    new: Value
    side: str
    actor: str
    run_id: int | None
    at: datetime


@dataclass(frozen=True)
class KeptConflict:
    """A conflict as stored."""

    id: int
    pair_id: int
    run_id: int | None
    conflict: Conflict


@dataclass(frozen=True)
class Run:
    """A run of the ledger."""

    id: int
    kind: str
    status: str
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True)
class Arrival:
    """A person that a run brought."""

    run_id: int
    person_id: int


@dataclass(frozen=True)
class Suppressed:
    """An entry of the suppression list with the hash of its address."""

    entry: Suppression
    address_hash: str | None


class Tables:
    """Everything that is stored."""

    def __init__(self) -> None:
        self.person: dict[int, Row] = {}
        self.mirrors: dict[tuple[str, str], Row] = {}
        self.columns: dict[tuple[str, str], None] = {}
        self.pairs: dict[int, Pair] = {}
        self.pair_of: dict[tuple[str, str], int] = {}
        self.pairs_of: dict[int, tuple[int, ...]] = {}
        self.base: dict[int, dict[str, Value]] = {}
        self.standing: dict[int, dict[str, Standing]] = {}
        self.change_log: dict[int, Change] = {}
        self.arrivals: dict[int, Arrival] = {}
        self.sent: dict[int, SentValue] = {}
        self.pair_events: dict[int, PairEvent] = {}
        self.gone: dict[int, dict[str, Value]] = {}
        self.conflicts: dict[int, KeptConflict] = {}
        self.dead_letters: dict[int, StoredDeadLetter] = {}
        self.letters_of: dict[int, tuple[int, ...]] = {}
        self.cursors: dict[str, FeedCursor] = {}
        self.snapshots: dict[str, SnapshotProgress] = {}
        self.runs: dict[int, Run] = {}
        self.steps: dict[int, tuple[int, Step]] = {}
        self.schemas: dict[str, ObjectDescription] = {}
        self.mappings: dict[int, tuple[FieldMappings, datetime, str]] = {}
        self.settings: dict[str, str] = {}
        self.joins: dict[int, StoredJoin] = {}
        self.redirects: dict[int, int] = {}
        self.actions: dict[int, Action] = {}
        self.suppressed: dict[int, Suppressed] = {}
        self.numbers: dict[str, int] = {}
        self.creations: dict[int, Creation] = {}
        self.lease: dict[str, Any] = {"holder": None, "epoch": 0, "until": None}
