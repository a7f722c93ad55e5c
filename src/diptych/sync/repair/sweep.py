"""The sweep: every record of the org compared with what we hold, by one bulk query an object (design.md, `verify`).

It is the proof that both sides are equal, and what finds the rare change that the feed could not see (a commit later than
the overlap, X-1). What is merely on its way - dirty, in flight, parked, or changed in Salesforce since the last cycle - is
counted as pending, not as differing; every suspect is read again on its own before it is called differing. Memory is bounded:
pages are compared as they come, and of all ids only a 64-bit hash is kept, to find what we hold and the org does not show.
"""

from __future__ import annotations

import csv
import io
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b

from diptych.domain.mapping import ObjectMapping, observe, usable
from diptych.domain.objects import SyncedObject
from diptych.domain.outcome import ErrorClass, OrgUnavailable, Problem
from diptych.domain.pair import Linked, PairState, Record
from diptych.domain.values import Value, full_id, parse_instant
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.engine import Engine
from diptych.sync.ports import FeedRead, Lease, SnapshotPage, Transaction

_CHUNK = 500
csv.field_size_limit(16 * 1024 * 1024)  # long text areas exceed the default
_IDS = 10_000
_RECHECKED_MOST = 10_000
_HELD_STATES = (PairState.PAIRED, PairState.PARKED, PairState.CONVERTED)


@dataclass(frozen=True)
class Differing:
    """One record that is not equal on both sides. `kind`: value, missing_here or missing_there; `columns` for values."""

    sf_id: str
    kind: str
    columns: tuple[str, ...] = ()


@dataclass
class ObjectComparison:
    """`ours`, `theirs`: live records held by each side. `differing` names at most `differing_limit`, `differing_count` counts
    all; `pending`: on their way, or parked; `left_out`: deleted here on purpose; `repaired`: put right by this sweep."""

    object_name: str
    ours: int = 0
    theirs: int = 0
    differing: list[Differing] = field(default_factory=list)
    differing_count: int = 0
    pending: int = 0
    left_out: int = 0
    repaired: int = 0

    @property
    def equal(self) -> bool:
        return self.differing_count == 0


@dataclass(frozen=True)
class Comparison:
    """The result for all objects, by API name; `at` is server time when it began."""

    at: datetime
    objects: Mapping[str, ObjectComparison]

    @property
    def equal(self) -> bool:
        return all(one.equal for one in self.objects.values())


def verify(engine: Engine, lease: Lease | None = None, *, repair: bool = False) -> Comparison:
    """Compare both sides in full. With `repair` (which needs the lease) what differs is read again and applied.

    Reads only, unless `repair`; may run beside cycles. Raises OrgError, and OrgUnavailable when a query does not finish
    within `snapshot_wait`.
    """
    if repair and lease is None:
        raise ValueError("repairing needs the lease")
    engine.sync_user()
    with engine.store.transaction() as tx:
        mapping = tx.mapping()
        schemas = {known.name: tx.schema(known.name) for known in engine.objects}
    sweeps: list[_Sweep] = []
    engine.budget.reserve("feed")
    began = engine.org.watermark([k.name for k in engine.objects if mapping.of(k.name).fields]).server_time
    for known in engine.objects:
        description = schemas[known.name]
        if description is not None and mapping.of(known.name).fields:
            usable_mapping = usable(mapping.of(known.name), description).mapping
            engine.schemas.setdefault(known.name, description)
            sweeps.append(_Sweep(engine, lease if repair else None, known, usable_mapping, began))
    for sweep in sweeps:
        sweep.start()  # the org runs the queries side by side
    return Comparison(began, {sweep.name: sweep.finish() for sweep in sweeps})


class _Sweep:
    """The comparison of one object; holds what is found on the way."""

    def __init__(
        self,
        engine: Engine,
        lease: Lease | None,
        known: SyncedObject,
        mapping: ObjectMapping,
        began: datetime,
    ) -> None:
        self._began = began
        self._job_id = ""
        self._engine, self._lease, self._known, self._mapping = engine, lease, known, mapping
        self._fields = engine.fields_to_read(mapping)
        self._found = ObjectComparison(known.name)
        self._theirs = array("Q")
        self._rechecked = 0
        self._deleted: set[str] | None = None
        with engine.store.transaction() as tx:
            cursor = tx.feed_cursor(known.name)
        # rows of inbound-only tables do not say which version they show: what is older than the cursor was to be seen
        overlap = engine.options.overlap if known.two_way else timedelta()
        self._read_up_to = cursor.cursor - overlap if cursor else None

    @property
    def name(self) -> str:
        return self._known.name

    def start(self) -> None:
        """Ask the org for all live records."""
        self._engine.budget.reserve("backfill")
        self._job_id = self._engine.org.start_snapshot(self._known.name, self._fields)

    def finish(self) -> ObjectComparison:
        """Compare what comes."""
        org, options = self._engine.org, self._engine.options
        self._wait(self._job_id)
        self._engine.budget.reserve("feed")
        for page in org.snapshot_pages(self._job_id, None, options.snapshot_rows):
            for records in _chunks(read_page(page, self._began)):
                self._compare(records)
            self._engine.budget.reserve("feed")
        org.end_snapshot(self._job_id)
        self._missing_there()
        return self._found

    def _wait(self, job_id: str) -> None:
        poll, waited = self._engine.options.poll_seconds, timedelta()
        while (job := self._engine.org.snapshot_job(job_id)).state != "complete":
            if job.state in ("failed", "gone") or waited >= self._engine.options.snapshot_wait:
                raise OrgUnavailable(
                    Problem(
                        "QUERY_NOT_FINISHED",
                        f"The bulk query of {self._known.label_plural} did not finish: {job.error or job.state}.",
                        ErrorClass.OTHER,
                        remedy="Verify again later.",
                    )
                )
            if self._lease is not None:
                self._engine.hold(self._lease)
            self._engine.clock.sleep(poll)
            waited += timedelta(seconds=poll)
            poll = min(poll * 1.5, self._engine.options.poll_max_seconds)
            self._engine.budget.reserve("feed")

    # ------------------------------------------------------------ their records

    def _compare(self, records: Sequence[Record]) -> None:
        """Count, and pick out what does not look equal at first sight."""
        self._found.theirs += len(records)
        self._theirs.extend(_hash(record.sf_id) for record in records)
        with self._engine.store.transaction() as tx:
            views = self._views(tx, records)
        suspects = [record for record in records if not self._settled(views[record.sf_id])]
        for start in range(0, len(suspects), self._engine.options.batch):
            self._recheck(suspects[start : start + self._engine.options.batch])

    def _settled(self, view: _View) -> bool:
        """Equal, and counted as ours."""
        if view.detached:
            self._found.left_out += 1
            return True
        if view.known and not view.columns and not view.waiting:
            self._found.ours += 1
            return True
        return False

    def _recheck(self, suspects: Sequence[Record]) -> None:
        """Read suspects again, now; what still differs, and is not on its way, differs."""
        self._rechecked += len(suspects)
        if self._rechecked > _RECHECKED_MOST:
            for record in suspects:
                self._differs(Differing(record.sf_id, "value"))
                self._found.ours += 1
            return
        self._engine.budget.reserve("feed")
        ids = [record.sf_id for record in suspects]
        shown = self._engine.org.retrieve(self._known.name, ids, self._fields).records
        fresh = [record for record in shown.values() if record is not None]
        gone = len(ids) - len(fresh)
        self._found.pending += gone  # deleted since the query began: the feed will say so
        self._found.theirs -= gone
        with self._engine.store.transaction() as tx:
            views = self._views(tx, fresh)
        wrong = []
        for record in fresh:
            view = views[record.sf_id]
            self._found.ours += 1 if view.known else 0
            if view.detached or (view.known and not view.columns and not view.waiting):
                continue
            if (view.waiting and not view.columns) or self._is_on_its_way(record, view):
                self._found.pending += 1
            else:
                wrong.append((record, view))
        if self._lease is not None and wrong:
            self._repair([record for record, _ in wrong])
            return
        for record, view in wrong:
            kind = "value" if view.known else "missing_here"
            self._differs(Differing(record.sf_id, kind, view.columns))

    def _is_on_its_way(self, record: Record, view: _View) -> bool:
        """A version that we have not seen, and that the feed's next read brings. What we have seen has no such excuse."""
        if view.seen is not None and record.modstamp <= view.seen:
            return False
        return self._read_up_to is None or record.modstamp >= self._read_up_to

    def _repair(self, records: Sequence[Record]) -> None:
        assert self._lease is not None
        self._engine.hold(self._lease)
        terms = self._engine.terms(None)
        with self._engine.store.transaction(self._lease) as tx:
            before = self._views(tx, records)
            apply_records(tx, self._mapping, records, terms)
            after = self._views(tx, records)
        crashpoint("C-27")
        for record in records:
            view = after[record.sf_id]
            self._found.ours += 1 if view.known and not before[record.sf_id].known else 0
            if view.known and not view.columns:
                self._found.repaired += 1
            else:
                self._differs(
                    Differing(record.sf_id, "value" if view.known else "missing_here", view.columns)
                )

    def _differs(self, one: Differing) -> None:
        self._found.differing_count += 1
        if len(self._found.differing) < self._engine.options.differing_limit:
            self._found.differing.append(one)

    # ------------------------------------------------------------ our records

    def _missing_there(self) -> None:
        """What we hold as live and the query did not show."""
        theirs, after = array("Q", sorted(self._theirs)), ""
        while True:
            with self._engine.store.transaction() as tx:
                ids = tx.live_ids(self._known.name, after, _IDS)
            if not ids:
                return
            after = ids[-1]
            missing = [sf_id for sf_id in ids if not _contains(theirs, _hash(sf_id))]
            for start in range(0, len(missing), self._engine.options.batch):
                self._recheck_missing(missing[start : start + self._engine.options.batch])

    def _recheck_missing(self, ids: Sequence[str]) -> None:
        self._found.ours += len(ids)
        self._rechecked += len(ids)
        shown: Mapping[str, Record | None] = {}
        if self._rechecked <= _RECHECKED_MOST:
            self._engine.budget.reserve("feed")
            shown = self._engine.org.retrieve(self._known.name, ids, self._fields).records
        deleted = self._deleted_lately() if any(shown.get(sf_id) is None for sf_id in ids) else set()
        for sf_id in ids:
            if shown.get(sf_id) is not None:
                self._found.theirs += 1  # created since the query began
            elif sf_id in deleted:
                self._found.ours -= 1
                self._found.pending += 1  # the feed's next read brings the delete
            else:
                self._differs(Differing(sf_id, "missing_there"))

    def _deleted_lately(self) -> set[str]:
        """Ids of records whose delete the feed has still to read; asked for once."""
        if self._deleted is None:
            self._deleted = set()
            since, after = self._read_up_to, None
            for _ in range(self._engine.options.feed_pages if since is not None else 0):
                assert since is not None
                self._engine.budget.reserve("feed")
                read = FeedRead(self._known.name, self._fields, since, after, self._engine.options.feed_rows)
                page = self._engine.org.changed([read])[0]
                self._deleted.update(record.sf_id for record in page.records if record.deleted)
                if page.complete or not page.records:
                    break
                since, after = page.records[-1].modstamp, page.records[-1].sf_id
        return self._deleted

    # ------------------------------------------------------------ comparing

    def _views(self, tx: Transaction, records: Sequence[Record]) -> dict[str, _View]:
        ids = [record.sf_id for record in records]
        if self._known.two_way:
            linked = tx.linked(self._mapping, ids)
            return {r.sf_id: _view_of_pair(linked.get(r.sf_id), self._their_values(r)) for r in records}
        rows = tx.mirrored(self._mapping, ids)
        return {r.sf_id: _view_of_row(rows.get(r.sf_id), self._their_values(r)) for r in records}

    def _their_values(self, record: Record) -> Mapping[str, Value]:
        return observe(self._mapping, record).values


@dataclass(frozen=True)
class _View:
    """How one record looks from here: whether we hold it, columns that differ for no known reason, whether something of it is
    on its way, and the modstamp of the version we have seen (None: not known)."""

    known: bool
    columns: tuple[str, ...] = ()
    waiting: bool = False
    detached: bool = False
    seen: datetime | None = None


def _view_of_pair(linked: Linked | None, theirs: Mapping[str, Value]) -> _View:
    if linked is None or linked.pair.state not in (*_HELD_STATES, PairState.DETACHED):
        return _View(False)
    if linked.pair.state is PairState.DETACHED:
        return _View(False, detached=True)
    inflight = linked.pair.inflight.values if linked.pair.inflight else {}
    moving = set(linked.dirty) | set(linked.parked) | set(inflight)
    columns = tuple(c for c, v in theirs.items() if c in linked.ours and linked.ours[c] != v)
    unexplained = tuple(c for c in columns if c not in moving)
    return _View(True, unexplained, any(c in moving for c in columns), seen=linked.pair.seen_modstamp)


def _view_of_row(row: Mapping[str, Value] | None, theirs: Mapping[str, Value]) -> _View:
    if row is None:
        return _View(False)
    return _View(True, tuple(c for c, v in theirs.items() if row.get(c) != v))


def read_page(page: SnapshotPage, read_at: datetime) -> Iterator[Record]:
    """The rows of a bulk result as records; an empty cell is null, and every other text is taken literally."""

    def moment(row: Mapping[str, str], name: str) -> datetime | None:
        return parse_instant(row[name]) if row.get(name) else None

    for row in csv.DictReader(io.StringIO(page.content.decode("utf-8"), newline="")):
        modstamp = moment(row, "SystemModstamp")
        yield Record(
            page.object_name,
            full_id(row["Id"]),
            modstamp or read_at,
            read_at,
            moment(row, "LastModifiedDate"),
            row.get("LastModifiedById") or None,
            deleted=row.get("IsDeleted") == "true",
            master_id=row.get("MasterRecordId") or None,
            converted=row.get("IsConverted") == "true",
            converted_contact_id=row.get("ConvertedContactId") or None,
            fields={name: text or None for name, text in row.items()},
        )


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _hash(sf_id: str) -> int:
    return int.from_bytes(blake2b(sf_id.encode(), digest_size=8).digest(), "big")


def _contains(ordered: array[int], wanted: int) -> bool:
    place = bisect_left(ordered, wanted)
    return place < len(ordered) and ordered[place] == wanted
