"""What every stage is given: the ports, the limits, and the few facts that hold for one engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diptych.domain.creating import KEY_FIELD, keyed
from diptych.domain.mapping import ObjectMapping, UsableMapping
from diptych.domain.objects import SYNCED_OBJECTS, SyncedObject
from diptych.domain.pair import Pair
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import Value
from diptych.sync.decision import Terms
from diptych.sync.observing import NOBODY, Observer
from diptych.sync.ports import Budget, Clock, FeedCursor, Lease, Org, Store, Transaction

READ_MARGIN = timedelta(seconds=10)
"""Rows of a bulk result count as read this long before the job began: server times are lower bounds, and a record that was
read and written about then must not be taken back by its older row."""


@dataclass(frozen=True)
class Options:
    """The engine's limits; every loop has one. Times are durations; counts are per object and cycle unless said otherwise."""

    overlap: timedelta = timedelta(minutes=15)
    """How far before its cursor the feed reads again, for late commits (A-2)."""
    covered_max: timedelta = timedelta(hours=24)
    """How far back a standing `latestDateCovered` may pull the feed; what is older is left to the sweep."""
    zombie_max: timedelta = timedelta(minutes=15)
    """After how long a request whose answer was lost can no longer be executed (A-3)."""
    feed_rows: int = 2000
    feed_pages: int = 100
    snapshot_rows: int = 10_000
    snapshot_pages: int = 50
    snapshot_restarts: int = 5
    snapshot_wait: timedelta = timedelta(hours=24)
    """How long the initial load waits for one bulk query before it reports that it is stuck."""
    poll_seconds: float = 0.5
    poll_max_seconds: float = 30.0
    batch: int = 200
    push_batches: int = 100
    conditional_most: int = 200
    """Up to how many owing records of an object are written on condition, 25 a call; more go as collections of 200 (R-7)."""
    conditional_batch: int = 25
    push_rounds: int = 3
    """How often in one cycle a record is read and written anew, because someone saved it in between or refused a field."""
    fenced_limit: int = 2000
    settle_seconds: float = 1.1
    settle_tries: int = 2
    max_attempts: int = 5
    backoff: timedelta = timedelta(minutes=1)
    backoff_max: timedelta = timedelta(hours=1)
    describe_interval: timedelta = timedelta(hours=1)
    lease_ttl: timedelta = timedelta(minutes=2)
    mass_delete_floor: int = 50
    mass_delete_share: float = 0.05
    create_batch: int = 40
    create_batches: int = 50
    create_scan: int = 20_000
    """How many people one cycle looks through for those whom the create rule names; the next one goes on."""
    sweep_pages: int = 5
    """How many pages of a bulk result one cycle compares."""
    verify_every: timedelta | None = None
    """How often each object is compared in full by itself; None: only on request."""
    refresh_every: timedelta | None = None
    """How often fields that change without a new modstamp are read again; None: only on request."""
    probe_after: timedelta | None = None
    """How soon one record of each cause of errors is tried again by itself, each further time twice as late; None: never."""
    probe_max: timedelta = timedelta(hours=24)
    probes: int = 5
    """How many causes one cycle tries."""
    reconcile_every: timedelta | None = None
    """How often ids that only we hold are looked for and told apart by themselves; None: only on request, and in a verification."""
    differing_limit: int = 1000
    """How many differing records a comparison names (it counts all of them)."""


@dataclass
class Engine:
    """The ports and limits of one engine, and the run it is in. Made anew after a crash: it remembers nothing that matters."""

    org: Org
    store: Store
    clock: Clock
    budget: Budget
    options: Options = field(default_factory=Options)
    objects: tuple[SyncedObject, ...] = SYNCED_OBJECTS
    usable: dict[str, UsableMapping] = field(default_factory=dict)
    schemas: dict[str, ObjectDescription] = field(default_factory=dict)
    doubtful: dict[int, Mapping[str, Value]] = field(default_factory=dict)
    """By pair, values that were in flight as a cycle began and have not been acknowledged since: conflicts about them are marked
    as doubtful (X-3). Memory only: a restart costs the mark."""
    look_again: Callable[[str], None] | None = None
    """Describes an object anew, under the mapping of the cycle under way."""
    observer: Observer = NOBODY
    _sync_user: str | None = None
    _renewed_at: datetime | None = None
    _attempts: int = 0

    def sync_user(self) -> str:
        """The Salesforce user we write as; asked once."""
        if self._sync_user is None:
            self.budget.reserve("feed")
            self._sync_user = self.org.identity().user_id
        return self._sync_user

    def terms(self, run_id: int | None) -> Terms:
        options = self.options
        return Terms(run_id, self.sync_user(), options.zombie_max, options.max_attempts, self.doubtful)

    def fields_to_read(self, object_mapping: ObjectMapping) -> tuple[str, ...]:
        """The mapped fields, and the external key where the org has it: by it a record of ours is known."""
        names = dict.fromkeys(m.field for m in object_mapping.fields)
        described = self.schemas.get(object_mapping.object_name)
        if described is not None and keyed(described):
            names[KEY_FIELD] = None
        return tuple(names)

    def hold(self, lease: Lease) -> None:
        """Renew the lease when a third of its time has gone. Raises LeaseLost: stop before the next send (R-14)."""
        now = self.clock.now()
        if self._renewed_at is None or abs(now - self._renewed_at) >= self.options.lease_ttl / 3:
            self.store.renew_lease(lease, now, self.options.lease_ttl.total_seconds())
            self._renewed_at = now

    def next_attempt(self, run_id: int) -> str:
        """A new attempt id: unique, because run ids are, and the same again in a run that is repeated from its seed."""
        self._attempts += 1
        return f"{run_id}-{self._attempts}"

    def wait(self, attempts: int) -> timedelta:
        """How long to leave a pair alone after that many attempts that came to nothing."""
        return min(self.options.backoff * 2 ** min(attempts - 1, 20), self.options.backoff_max)


def read_from(cursor: FeedCursor, options: Options) -> datetime:
    """Where the next read of a finished cursor starts."""
    start = cursor.cursor - options.overlap
    if cursor.covered is not None and cursor.covered < start:
        start = max(cursor.covered, cursor.cursor - options.covered_max)
    return start


def described_at(object_name: str) -> str:
    """The setting with the time of the last describe (our clock). Emptied when the org refuses a field that we thought was
    there, so that the next cycle describes the object anew."""
    return f"described_at.{object_name}"


def schema_changed_at(object_name: str) -> str:
    """The setting with the time (ours) at which a describe last differed from the one before."""
    return f"schema_changed_at.{object_name}"


def refreshed(object_name: str) -> str:
    """The setting that says, by field, when calculated values of an object were last read again (JSON; our time)."""
    return f"refreshed.{object_name}"


def forget_refreshed(tx: Transaction, object_name: str, fields: Sequence[str]) -> None:
    """These fields are to be read again as soon as may be: their formula has changed."""
    kept = json.loads(tx.setting(refreshed(object_name)) or "{}")
    tx.save_setting(refreshed(object_name), json.dumps({**kept, **dict.fromkeys(fields)}))


def is_paused(tx: Transaction) -> bool:
    """Whether a person has asked the sync to pause (setting `paused`)."""
    return (tx.setting("paused") or "").strip().lower() not in ("", "0", "false", "no", "off")


def gave_up_waiting(pair: Pair, read_at: datetime, zombie_max: timedelta) -> bool:
    """Whether what is in flight for the pair can no longer be executed, by server time (R-6)."""
    return pair.inflight is not None and read_at >= pair.inflight.sent_at + zombie_max
