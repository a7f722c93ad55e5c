"""What the engine needs from the world: an Org, a Store, a Clock, a Budget. Real adapters and shipped fakes pass the same suites.

Times are aware datetimes in UTC. 'Server time' is the org's clock, to the second; ours is never compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from diptych.domain.creating import Candidate, Creation, Match, NewRecord, Wish
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.mapping import ObjectMapping
from diptych.domain.matching import Group
from diptych.domain.merge import Conflict
from diptych.domain.outcome import Outcome, Problem
from diptych.domain.pair import Inflight, Linked, Observation, Pair, PairState, Record
from diptych.domain.person_merge import HeldPerson, PersonJoin, SplitPlan, StoredJoin
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import Value
from diptych.sync.action_log import ActionLog, Suppressions
from diptych.sync.lifecycle import Lifecycle
from diptych.sync.mapping_log import MappingLog
from diptych.sync.trail import Trail

if TYPE_CHECKING:
    from diptych.sync.causes import Causes

# ---------------------------------------------------------------- the org


@dataclass(frozen=True)
class OrgIdentity:
    """Who we are to the org and which org it is (S-33)."""

    org_id: str
    org_name: str
    org_type: str
    is_sandbox: bool
    user_id: str
    username: str
    user_name: str
    profile_id: str
    profile_name: str
    instance_url: str
    api_version: str


@dataclass(frozen=True)
class Watermark:
    """`server_time` is read before any query that follows. `covered`: per object, up to when the org says that all
    changes are visible (`latestDateCovered`); it falls behind while a long transaction is open."""

    server_time: datetime
    covered: Mapping[str, datetime]


@dataclass(frozen=True)
class FeedRead:
    """One page of changes to read: records, deleted ones included, in order of (modstamp, id), from `since` on
    (inclusive), or after the record (`since`, `after_id`) when `after_id` is given."""

    object_name: str
    fields: tuple[str, ...]
    since: datetime
    after_id: str | None = None
    limit: int = 2000


@dataclass(frozen=True)
class FeedPage:
    """The answer to one FeedRead. `complete` is False when there may be more after the last record."""

    object_name: str
    records: tuple[Record, ...]
    complete: bool


@dataclass(frozen=True)
class Retrieved:
    """Records read by id; None for those the org does not show. `read_at` is not later than the read."""

    read_at: datetime
    records: Mapping[str, Record | None]


@dataclass(frozen=True)
class Write:
    """New values for one record, by API name, canonical; None blanks the field.

    `unmodified_since`: write only if nobody has saved the record after this moment (its LastModifiedDate as we read it);
    None writes whatever happened since.
    """

    sf_id: str
    values: Mapping[str, Value]
    unmodified_since: datetime | None = None


@dataclass(frozen=True)
class SnapshotJob:
    """A bulk query at the org. `state`: waiting, running, complete, failed, gone."""

    job_id: str
    state: str
    total_rows: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class SnapshotPage:
    """One part of a bulk result: CSV text (UTF-8, header first, LF) whose header is `columns` (API names or paths).

    `locator` names this part (None: the first), `next_locator` the following one (None: this is the last). A part can be
    read again by its locator as long as the org keeps the job.
    """

    object_name: str
    columns: tuple[str, ...]
    content: bytes
    rows: int
    locator: str | None
    next_locator: str | None


@dataclass(frozen=True)
class Traces:
    """What the org tells about records that a read does not show. `deleted`: named in its log of deletes, purged ones too;
    `shared`: sharing lets the sync user read them, so they exist; `sees_all`: no record of the object is kept from the sync
    user by sharing (None: the org did not say)."""

    deleted: frozenset[str]
    shared: frozenset[str]
    sees_all: bool | None


@dataclass(frozen=True)
class ApiUsage:
    """Calls used and allowed in the org's rolling 24 hours, and calls this adapter has made since it was built."""

    used: int | None
    allowed: int | None
    ours: int


class Org(Lifecycle, Protocol):
    """One connected Salesforce org. Every method may raise OrgError and its kinds; reads never raise OrgOutcomeUnknown."""

    def identity(self) -> OrgIdentity: ...

    def describe(self, object_name: str) -> ObjectDescription:
        """The object as the sync user sees it now. Raises OrgRefused when it is not visible."""

    def watermark(self, object_names: Sequence[str]) -> Watermark:
        """Server time and coverage; one call."""

    def changed(self, reads: Sequence[FeedRead]) -> list[FeedPage]:
        """One page per read, in that order, deleted records included; one call for up to five reads."""

    def retrieve(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], deleted_too: bool = False
    ) -> Retrieved:
        """Up to 200 records as they are now; deleted ones come as None, or as they lie in the recycle bin with `deleted_too`."""

    def trace(self, object_name: str, ids: Sequence[str]) -> Traces:
        """What the org tells about up to 200 records that a read did not show; up to three calls."""

    def update(self, object_name: str, writes: Sequence[Write], attempt_id: str) -> list[Outcome]:
        """Update up to 200 records, each on its own, without setting off assignment rules; outcomes in that order.

        Writes of which any has a condition go record by record, up to 25 a call (the record channel: `Moved` where someone
        saved the record since); writes without any go as a collection, which knows no condition, in one call.

        Raises OrgUnavailable when nothing happened and OrgOutcomeUnknown when any of it may have.
        """

    def find(self, emails: Sequence[str], keys: Sequence[str], key_objects: Sequence[str]) -> list[Match]:
        """Contacts and leads with one of these e-mail addresses (case does not count) or external keys, deleted and
        converted ones included; one call. `key_objects`: on which of the two the key field exists. Up to 40 of each."""

    def create(
        self,
        object_name: str,
        new: Sequence[NewRecord],
        attempt_id: str,
        by_key: bool,
        allow_duplicates: bool = False,
    ) -> list[Outcome]:
        """Create up to 200 records, each on its own, without setting off assignment rules; outcomes in that order. `by_key`:
        as an upsert by the key field, so that the same again creates nothing new. A refusal by a duplicate rule names the
        records it found (`Problem.matches`); `allow_duplicates` saves in spite of a rule that only alerts.

        Raises OrgUnavailable when nothing happened and OrgOutcomeUnknown when any of it may have.
        """

    def count(self, object_name: str) -> int:
        """About how many live records the sync user sees; for estimates and bars."""

    def count_ranges(self, object_name: str, ranges: Sequence[tuple[str, str]]) -> list[int]:
        """How many live records have an id after the first and up to the second of each range, by code point of the ids;
        one call for up to five ranges."""

    def fill_counts(self, object_name: str, fields: Sequence[str]) -> Mapping[str, int]:
        """In how many records each field is filled, where the org can count it (aggregates; some types cannot)."""

    def repeated(self, object_name: str, field: str, limit: int) -> Mapping[str, int]:
        """Values that several live records have in the field, with how many, the most frequent first."""

    def start_snapshot(self, object_name: str, fields: Sequence[str]) -> str:
        """Start a bulk query of all live records (system fields of the object included); its job id."""

    def snapshot_job(self, job_id: str) -> SnapshotJob: ...

    def snapshot_pages(self, job_id: str, locator: str | None, max_rows: int) -> Iterator[SnapshotPage]:
        """The parts of a complete job in order, from `locator` on, fetched ahead while earlier ones are stored."""

    def end_snapshot(self, job_id: str) -> None:
        """Tell the org that the job's result is no longer needed. Never raises for a job that is gone."""

    def usage(self) -> ApiUsage: ...


# ---------------------------------------------------------------- the store


@dataclass(frozen=True)
class Lease:
    """The right to be the one engine of this database (R-14). Each new holder gets a higher epoch."""

    holder: str
    epoch: int


@dataclass(frozen=True)
class FeedCursor:
    """Up to which server time the feed of an object is complete. While a read is under way, `target` is the watermark it
    will end at and (`position`, `position_id`) the last record applied."""

    object_name: str
    cursor: datetime
    target: datetime | None = None
    position: datetime | None = None
    position_id: str | None = None
    covered: datetime | None = None


@dataclass(frozen=True)
class SnapshotProgress:
    """How far the initial load (or a repeat) of one object is. `state`: requested, running, loading, complete, failed.

    `started_at` is server time read before the job was created: the feed starts there (less the overlap).
    """

    object_name: str
    state: str
    started_at: datetime
    mapping_version: int
    fields: tuple[str, ...]
    job_id: str | None = None
    locator: str | None = None
    rows_applied: int = 0
    rows_total: int | None = None
    began_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None


SENDING = ("Push updates", "Conflict")
"""Operations of dead letters that hold back a value of ours."""
NOT_VISIBLE = "NOT_VISIBLE"
"""The code of a dead letter of a record that Salesforce does not show."""


@dataclass(frozen=True)
class DeadLetter:
    """Something that cannot be synced: `column` None means the whole record. `ours`/`theirs` by column.

    Saving one replaces an open one of the same pair and column.
    """

    operation: str
    problem: Problem
    column: str | None = None
    ours: Mapping[str, Value] = field(default_factory=dict)
    theirs: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredDeadLetter:
    """A dead letter with its place in the store. `status`: open, ignored, quarantined, or how it was closed (retried, resolved)."""

    id: int
    pair_id: int
    person_id: int
    object_name: str
    status: str
    letter: DeadLetter
    at: datetime | None = None
    """When it happened last."""


@dataclass(frozen=True)
class PairChange:
    """All that changes for one pair, saved together (R-2).

    `ours`: new values of ours by column (a change that came from Salesforce). `base`: new bases by column; the base of a
    column not named stays. `history_by`/`history_at` say who made the inbound change, and when, at Salesforce.
    `lift`: clear what is in flight; `inflight`: set it. `clear_dead_letters`: all that was parked has gone through;
    `clear_columns`: only these columns' dead letters have. None leaves a value as it is (a `next_try_at` that has passed
    is as good as none); `forget_redirect` takes `redirect_to` away. Of a person with several pairs, `link_state` and
    `salesforce_deleted` are those of its primary pair (see `domain.pair.primary`).

    For history: `over` are Salesforce's values that the `inflight` ones are sent over; `landed` says that what is lifted is
    known to have arrived; `edited_by` makes `ours` an edit made here under that name (`undo of run 12`): base stays, so that
    Salesforce is owed it.
    """

    pair_id: int
    person_id: int
    ours: Mapping[str, Value] = field(default_factory=dict)
    base: Mapping[str, Value] = field(default_factory=dict)
    state: PairState | None = None
    seen_modstamp: datetime | None = None
    seen_at: datetime | None = None
    inflight: Inflight | None = None
    lift: bool = False
    redirect_to: str | None = None
    forget_redirect: bool = False
    attempts: int | None = None
    next_try_at: datetime | None = None
    salesforce_deleted: bool | None = None
    link_state: str | None = None
    history_by: str | None = None
    history_at: datetime | None = None
    conflicts: tuple[Conflict, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    clear_dead_letters: bool = False
    clear_columns: tuple[str, ...] = ()
    over: Mapping[str, Value] = field(default_factory=dict)
    landed: bool = False
    edited_by: str | None = None


@dataclass(frozen=True)
class Step:
    """One line of the ledger: a stage of a cycle for one object (S-63, S-65).

    `status`: Succeeded, Failed, Incomplete, In Process, Cleaned up.
    """

    object_name: str
    operation: str
    status: str
    started_at: datetime
    ended_at: datetime | None = None
    new: int = 0
    updated: int = 0
    deleted: int = 0
    failed: int = 0
    skipped: int = 0
    api_calls: int = 0
    detail: str | None = None


class Transaction(Protocol):
    """One atomic unit. Leaving it normally commits; any exception rolls back. Raises LeaseLost when the epoch has moved on."""

    @property
    def trail(self) -> Trail:
        """What runs have done, for undo and why."""

    @property
    def actions(self) -> ActionLog:
        """Merging, converting and deleting from our side: what was ordered."""

    @property
    def suppressions(self) -> Suppressions:
        """People who are not to come back."""

    @property
    def mappings(self) -> MappingLog:
        """The versions of the mapping."""

    def mapping(self) -> FieldMappings: ...

    # -- inbound
    def linked(self, object_mapping: ObjectMapping, sf_ids: Sequence[str]) -> dict[str, Linked]:
        """The pairs of these Salesforce ids, in whatever state, with both sides' values; unknown ids are missing."""

    def add_people(
        self, object_mapping: ObjectMapping, observations: Sequence[Observation], run_id: int | None
    ) -> None:
        """A new person and a paired pair for each (base = ours = the observed values)."""

    def load_page(
        self,
        object_mapping: ObjectMapping,
        page: SnapshotPage,
        read_at: datetime,
        run_id: int | None = None,
        held_back: frozenset[str] = frozenset(),
    ) -> PageLoad:
        """The fast way in: people and pairs (or rows of an inbound-only table) for all rows of the page whose Salesforce
        id is not known yet; the records that are known, those `held_back` by id, and converted leads come back, to be applied
        one by one."""

    def mirror(self, object_mapping: ObjectMapping, observations: Sequence[Observation]) -> MirrorCount:
        """Insert or update rows of an inbound-only table, keyed by Salesforce id; an older modstamp changes nothing."""

    def save(self, changes: Sequence[PairChange], run_id: int | None) -> None:
        """Carry out changes of pairs. A column whose base then equals ours is clean; other pairs of the same person keep
        their base when `ours` changes, and so owe a write."""

    def related(
        self, object_mapping: ObjectMapping, column: str, values: Sequence[str], after: str, limit: int
    ) -> list[str]:
        """Salesforce ids of paired and parked pairs whose person has one of these texts in `column`, in order, after `after`."""

    # -- people joined and taken apart
    def held_people(self, ids: Sequence[int]) -> dict[int, HeldPerson]:
        """People with all columns, pairs and noted bases; those that are gone are missing."""

    def open_pair(
        self,
        person_id: int,
        object_mapping: ObjectMapping,
        observation: Observation,
        state: PairState = PairState.PAIRED,
        redirect_to: str | None = None,
    ) -> Pair:
        """A pair of that record on a person who is there; base is what was observed. Raises ValueError for a record that
        has a pair."""

    def open_ended(
        self, object_mapping: ObjectMapping, ended: Sequence[tuple[int, Observation, str]], state: PairState
    ) -> None:
        """Pairs of records that have ended, on people who have what they became already, by whose pair their rows go on to
        speak: by person, the record and the id of what it became. The records must have no pair."""

    def redirected_to(self, sf_ids: Sequence[str]) -> dict[str, int]:
        """The people whose ended pairs point at these records, by record id; the oldest where there are several."""

    def join_people(self, join: PersonJoin, run_id: int | None) -> int:
        """One person becomes part of another: the plan's values, pairs with their bases, history and every row that refers
        to the person go over, its id leads to the remaining one from now on. The number of the stored join."""

    def keep_last_values(self, person: HeldPerson, detail: str, run_id: int | None) -> None:
        """A line of history with all values of the person, before a successor of its record changes them (D-59)."""

    def joins(self, person_id: int) -> list[StoredJoin]:
        """Joins that brought something to this person, also by way of others, or in which it went; newest first."""

    def joins_of_run(self, run_id: int) -> list[StoredJoin]:
        """The joins that the run carried out, newest first, those taken apart since too."""

    def part_pair(self, pair_id: int, object_mapping: ObjectMapping, observation: Observation) -> int:
        """A pair becomes that of a new person with the observed values; the person's id."""

    def split_person(self, split: SplitPlan, run_id: int | None) -> int:
        """Carry out a split; the id of the person that came back: its former one."""

    # -- outbound
    def owed(self, object_mapping: ObjectMapping, now: datetime, after_pair: int, limit: int) -> list[Linked]:
        """Paired and parked pairs with a dirty column, nothing in flight and no later `next_try_at`, by pair id after
        `after_pair`. A dirty column that stands apart (`policies.owing`) does not count, nor does
        one that is parked with the very value of ours (see `Linked.parked`)."""

    def moot(self, object_mapping: ObjectMapping, now: datetime, limit: int) -> list[str]:
        """Records, by Salesforce id, of such pairs with an open or ignored dead letter about sending one of these columns, or
        the whole record, of which nothing is dirty any more: ours was edited back to what both sides had agreed on. Called
        after `owed`; not those that Salesforce does not show."""

    def fenced(self, object_mapping: ObjectMapping, limit: int) -> list[Linked]:
        """Pairs with something in flight, longest first."""

    # -- creating people in Salesforce
    def candidates(
        self, columns: Sequence[str], everyone: bool, after_person: int, limit: int
    ) -> list[Candidate]:
        """People without a record in Salesforce, with these columns, by id after `after_person`: those with no pair at all,
        and those to be made again although theirs was deleted. Not those under review or dismissed. `everyone` False: only
        those of whom something has been said."""

    def people_values(self, columns: Sequence[str], people: Sequence[int]) -> dict[int, dict[str, Value]]:
        """Our values in these columns, by person, kept from other writers until the end; people who are gone are missing."""

    def external_keys(self, people: Sequence[int]) -> dict[int, str]:
        """The external key of each person, by person: always the same for the same person of the same database, also
        after a restore; never the same for two."""

    def people_alike(self, columns: Sequence[str], first: Sequence[str]) -> dict[int, dict[str, Value]]:
        """People, with these columns, whose first one is one of these texts, case and outer blanks aside; those whose record
        was deleted in Salesforce are left out."""

    def match_by(self, column: str | None) -> None:
        """Make looking for people by the text of this column quick, and by no other (None: by none)."""

    def alike(self, column: str, after: str, limit: int) -> list[Group]:
        """People who share a text of this column, case and outer blanks aside, by that text after `after`: groups of two and
        more. Left out: whose record was deleted in Salesforce, and who was dismissed from the review list."""

    def creation(self, person_id: int) -> Creation | None: ...
    def save_creation(self, creation: Creation) -> None:
        """Replaces what was said about the person."""

    def drop_creations(self, people: Sequence[int]) -> None: ...
    def creations(self, wishes: Sequence[Wish], limit: int) -> list[Creation]:
        """By person id; none wished: all."""

    def begin_pairs(self, object_mapping: ObjectMapping, people: Sequence[int]) -> dict[int, Pair]:
        """A new pair of that object for each person, by person, with the external key: no Salesforce id yet, base blank in
        every column."""

    def identify(self, pair_id: int, sf_id: str) -> None:
        """Give a new pair its Salesforce id. The person's row names the record, unless it names a live one that comes first:
        a contact before a lead, the older one of two. Raises ValueError for an id that has a pair."""

    def unsent(
        self, object_mapping: ObjectMapping, now: datetime, after_pair: int, limit: int
    ) -> list[Linked]:
        """New pairs with nothing in flight and no later `next_try_at`, by id after `after_pair`; not those of people under
        review or dismissed."""

    def pending(self, object_mapping: ObjectMapping) -> list[Linked]:
        """Pairs without a Salesforce id whose creation is in flight, by id; those of people deleted here too."""

    # -- dead letters
    def dead_letter(self, letter_id: int) -> StoredDeadLetter | None: ...
    def close_dead_letter(self, letter_id: int, status: str, now: datetime) -> None:
        """`status`: retried or resolved (gone from `Linked.parked`), ignored or quarantined (off the list, still held back)."""

    @property
    def causes(self) -> Causes:
        """What is held back, by cause."""

    # -- comparison
    def mirrored(self, object_mapping: ObjectMapping, sf_ids: Sequence[str]) -> dict[str, dict[str, Value]]:
        """Mapped values of rows of an inbound-only table, by Salesforce id; deleted and unknown ones are missing."""

    def live_ids(self, object_name: str, after: str, limit: int) -> list[str]:
        """Salesforce ids of live records we hold (paired pairs; undeleted rows of inbound-only tables), in order."""

    def held_ids(self, object_name: str, after: str, limit: int) -> list[str]:
        """Salesforce ids of all records that we expect to be there: those of `live_ids`, parked and converted ones, and
        those whose person was deleted here; by code point, after `after`."""

    def awaited_ids(self, object_name: str, after: str, limit: int) -> list[str]:
        """Salesforce ids that we wait to be shown, by code point, after `after`: those of hidden pairs, and those of records that
        others of people here have become and that have no pair yet; none of an inbound-only object."""

    def ended_ids(self, object_name: str, after: str, until: str, limit: int) -> list[str]:
        """Salesforce ids of pairs that ended by a delete or a merge, by code point, after `after` and up to `until` (blank: no
        end); none of an inbound-only object."""

    # -- cursors and ledger
    def feed_cursor(self, object_name: str) -> FeedCursor | None: ...
    def save_feed_cursor(self, cursor: FeedCursor) -> None: ...
    def snapshot(self, object_name: str) -> SnapshotProgress | None: ...
    def save_snapshot(self, progress: SnapshotProgress) -> None: ...
    def open_run(self, kind: str, now: datetime) -> int:
        """A new run; earlier ones of that kind that never ended are marked 'Cleaned up'."""

    def close_run(self, run_id: int, status: str, now: datetime, error: str | None = None) -> None: ...
    def add_step(self, run_id: int, step: Step) -> None: ...

    # -- schema and mapping
    def schema(self, object_name: str) -> ObjectDescription | None:
        """The object as last described."""

    def save_schema(self, description: ObjectDescription, now: datetime) -> None: ...
    def save_mapping(self, mapping: FieldMappings, now: datetime, reason: str) -> None:
        """Make this version the current one; earlier versions are kept."""

    def provision(self, mapping: FieldMappings) -> list[str]:
        """Make every mapped column exist, with its capture triggers; the names of those created. Never drops one."""

    # -- settings and state
    def setting(self, name: str) -> str | None: ...
    def save_setting(self, name: str, value: str | None) -> None: ...


@dataclass(frozen=True)
class PageLoad:
    """What `load_page` did: rows inserted, and the records that were known already, or are converted leads."""

    inserted: int
    known: tuple[Record, ...] = ()


@dataclass(frozen=True)
class MirrorCount:
    """What `mirror` did."""

    new: int = 0
    updated: int = 0
    deleted: int = 0
    skipped: int = 0


class LeaseLost(Exception):
    """Another engine holds the lease now; this one must stop before its next send (R-14)."""


class StoreBusy(Exception):
    """The database could not be written just now (locked, disk full, connection lost); nothing of the unit was kept."""


class Store(Protocol):
    """Our database. All writing goes through `transaction`."""

    def transaction(self, lease: Lease | None = None) -> AbstractContextManager[Transaction]:
        """With a lease, its epoch is checked when the unit begins and again before it commits."""

    def acquire_lease(self, holder: str, now: datetime, ttl_seconds: float) -> Lease | None:
        """The lease with a new epoch if it is free, expired, or `holder` had it; None while another holds it."""

    def renew_lease(self, lease: Lease, now: datetime, ttl_seconds: float) -> None:
        """Raises LeaseLost."""

    def release_lease(self, lease: Lease) -> None: ...


# ---------------------------------------------------------------- the rest


class Clock(Protocol):
    """Our own clock, for waiting and for the ledger; never for deciding who wrote first."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...


class Budget(Protocol):
    """API calls are money (design.md decision 9). Lanes: actions, edits, feed, bulk, backfill, sweep."""

    def reserve(self, lane: str, calls: int = 1) -> None:
        """Raises LimitExceeded when the lane may not use that many calls now."""
