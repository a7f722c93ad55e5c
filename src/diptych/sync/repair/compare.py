"""Comparing records of the org with what we hold, a handful at a time: what a full comparison, a refresh and a backfill share.

What is merely on its way - dirty, in flight, parked, or changed in Salesforce since the last cycle - is counted as pending, not
as differing; every suspect is read again on its own, in all its mapped fields, before it is called differing or is repaired.
So a comparison may look at a few fields only: what it takes over is always a whole observation.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from diptych.domain.identity import Fate, fate_of
from diptych.domain.mapping import ObjectMapping, observe
from diptych.domain.objects import SyncedObject
from diptych.domain.pair import Linked, PairState, Record
from diptych.domain.policies import at_rest, owing, stands_apart
from diptych.domain.values import Value, full_id, parse_instant
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.doubt import believed
from diptych.sync.engine import Engine, read_from
from diptych.sync.ports import FeedRead, Lease, SnapshotPage, Transaction

CHUNK = 500
"""Records of a page that are compared in one transaction."""
csv.field_size_limit(16 * 1024 * 1024)  # long text areas exceed the default
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
    all; `pending`: on their way, or parked; `left_out`: deleted here on purpose; `repaired`: put right by this sweep.

    `gone`: how many of the ids that only we held were deleted, merged, converted, purged or are hidden; `told` says it of
    each, up to `differing_limit`.
    """

    object_name: str
    ours: int = 0
    theirs: int = 0
    differing: list[Differing] = field(default_factory=list)
    differing_count: int = 0
    pending: int = 0
    left_out: int = 0
    repaired: int = 0
    gone: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    def copy(self) -> ObjectComparison:
        """One of its own, to be changed."""
        return replace(self, differing=list(self.differing), gone=dict(self.gone), told=dict(self.told))

    @property
    def equal(self) -> bool:
        return self.differing_count == 0


class Comparer:
    """Compares records of one object; `found` holds what was found so far.

    `mapping`: all that is mapped and usable; `fields`: the API names (or paths) that are compared, None for all of them. With
    a `lease`, what differs is repaired. `lane`: the budget's lane for reading suspects again. `collect`: ids that only we hold
    are not called differing but put into `absent`, to be told apart (`reconcile`).
    """

    def __init__(
        self,
        engine: Engine,
        lease: Lease | None,
        known: SyncedObject,
        mapping: ObjectMapping,
        *,
        fields: Iterable[str] | None = None,
        found: ObjectComparison | None = None,
        lane: str = "feed",
        collect: bool = False,
    ) -> None:
        self._engine, self._lease, self._known, self._mapping, self._lane = (
            engine,
            lease,
            known,
            mapping,
            lane,
        )
        self._fields = engine.fields_to_read(mapping)
        wanted = set(self._fields if fields is None else fields)
        self._compared = replace(mapping, fields=tuple(m for m in mapping.fields if m.field in wanted))
        self.found = found or ObjectComparison(known.name)
        self._rechecked = 0
        self._deleted: set[str] | None = None
        self._collect, self.absent, self.again = collect, list[str](), list[str]()
        with engine.store.transaction() as tx:
            cursor = tx.feed_cursor(known.name)
        self._read_up_to: datetime | None = None
        if cursor is not None:
            floor = read_from(cursor, engine.options)
            # rows of inbound-only tables do not say which version they show: what is older than the cursor was to be seen
            overlap = engine.options.overlap if not known.two_way else timedelta()
            self._read_up_to = floor + overlap

    # ------------------------------------------------------------ their records

    def compare(self, records: Sequence[Record]) -> None:
        """Count, and pick out what does not look equal at first sight."""
        self.found.theirs += len(records)
        with self._engine.store.transaction() as tx:
            views = self._views(tx, records, self._compared)
        suspects = [record for record in records if not self._settled(views[record.sf_id])]
        for start in range(0, len(suspects), self._engine.options.batch):
            self._recheck(suspects[start : start + self._engine.options.batch])

    def _settled(self, view: _View) -> bool:
        """Equal, and counted as ours."""
        if view.detached:
            self.found.left_out += 1
            return True
        if view.known and not view.columns and not view.waiting:
            self.found.ours += 1
            return True
        return False

    def _recheck(self, suspects: Sequence[Record]) -> None:
        """Read suspects again, now; what still differs, and is not on its way, differs."""
        self._rechecked += len(suspects)
        if self._rechecked > _RECHECKED_MOST:
            for record in suspects:
                self._differs(Differing(record.sf_id, "value"))
                self.found.ours += 1
            return
        self._engine.budget.reserve(self._lane)
        ids = [record.sf_id for record in suspects]
        shown = self._engine.org.retrieve(self._known.name, ids, self._fields).records
        fresh = [record for record in shown.values() if record is not None]
        gone = len(ids) - len(fresh)
        self.found.pending += gone  # deleted since the query began: the feed will say so
        self.found.theirs -= gone
        with self._engine.store.transaction() as tx:
            views = self._views(tx, fresh, self._mapping)
        wrong = []
        for record in fresh:
            view = views[record.sf_id]
            self.found.ours += 1 if view.known else 0
            if view.detached or (view.known and not view.columns and not view.waiting):
                continue
            if (view.waiting and not view.columns) or self._is_on_its_way(record, view):
                self.found.pending += 1
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
        mapping = believed(self._engine, self._mapping, records)
        with self._engine.store.transaction(self._lease) as tx:
            before = self._views(tx, records, self._mapping)
            apply_records(tx, mapping, records, terms)
            after = self._views(tx, records, self._mapping)
        crashpoint("C-27")
        for record in records:
            view = after[record.sf_id]
            self.found.ours += 1 if view.known and not before[record.sf_id].known else 0
            if view.known and not view.columns:
                self.found.repaired += 1
            else:
                self._differs(
                    Differing(record.sf_id, "value" if view.known else "missing_here", view.columns)
                )

    def _differs(self, one: Differing) -> None:
        self.found.differing_count += 1
        if len(self.found.differing) < self._engine.options.differing_limit:
            self.found.differing.append(one)

    # ------------------------------------------------------------ our records

    def missing(self, ids: Sequence[str]) -> None:
        """Ids that we hold as live and that the org's query did not show."""
        self._rechecked += len(ids)
        if self._rechecked > _RECHECKED_MOST:
            self.differ(ids)
            return
        shown = self._shown(ids)
        self.found.ours += len(shown)
        self.found.theirs += len(shown)  # created since the query began
        self._absent([sf_id for sf_id in ids if sf_id not in shown])

    def differ(self, ids: Sequence[str]) -> None:
        """Ids that only we hold, and of which nothing more is to be told now."""
        self.found.ours += len(ids)
        for sf_id in ids:
            self._differs(Differing(sf_id, "missing_there"))

    def look_again(self, ids: Sequence[str]) -> None:
        """Ids of records that had ended: those that are shown again are put into `again`."""
        self.again.extend(sorted(self._shown(ids)))

    def look_for(self, ids: Sequence[str]) -> None:
        """Ids that we hold, of which some may not be there: name those that are not."""
        shown = self._shown(ids)
        absent = [sf_id for sf_id in ids if sf_id not in shown]
        if self._known.two_way and absent:
            with self._engine.store.transaction() as tx:
                linked = tx.linked(self._compared, absent)
            gone = [i for i in absent if i in linked and linked[i].pair.state is PairState.DETACHED]
            absent = [sf_id for sf_id in absent if sf_id not in set(gone)]
        self._absent(absent)

    def _shown(self, ids: Sequence[str]) -> set[str]:
        self._engine.budget.reserve(self._lane)
        found = self._engine.org.retrieve(self._known.name, ids, self._fields).records
        return {sf_id for sf_id, record in found.items() if record is not None}

    def _absent(self, ids: Sequence[str]) -> None:
        deleted = self._deleted_lately() if ids else set()
        for sf_id in ids:
            if sf_id in deleted:
                self.found.pending += 1  # the feed's next read brings the delete
            elif self._collect:
                self.absent.append(sf_id)
            else:
                self.found.ours += 1
                self._differs(Differing(sf_id, "missing_there"))

    def _deleted_lately(self) -> set[str]:
        """Ids of records whose delete the feed has still to read; asked for once."""
        if self._deleted is None:
            self._deleted = set()
            since, after = self._read_up_to, None
            for _ in range(self._engine.options.feed_pages if since is not None else 0):
                assert since is not None
                self._engine.budget.reserve(self._lane)
                read = FeedRead(self._known.name, self._fields, since, after, self._engine.options.feed_rows)
                page = self._engine.org.changed([read])[0]
                self._deleted.update(record.sf_id for record in page.records if record.deleted)
                if page.complete or not page.records:
                    break
                since, after = page.records[-1].modstamp, page.records[-1].sf_id
        return self._deleted

    # ------------------------------------------------------------ comparing

    def _views(self, tx: Transaction, records: Sequence[Record], mapping: ObjectMapping) -> dict[str, _View]:
        ids = [record.sf_id for record in records]
        theirs = {r.sf_id: observe(mapping, r).values for r in records}
        if self._known.two_way:
            linked = tx.linked(mapping, ids)
            deleted_here = _of_people_deleted_here(tx, [r for r in records if r.sf_id not in linked])
            return {
                sf_id: _View(False, detached=True)
                if sf_id in deleted_here
                else _view_of_pair(linked.get(sf_id), values, mapping)
                for sf_id, values in theirs.items()
            }
        rows = tx.mirrored(mapping, ids)
        return {sf_id: _view_of_row(rows.get(sf_id), values) for sf_id, values in theirs.items()}


@dataclass(frozen=True)
class _View:
    """How one record looks from here: whether we hold it, columns that differ for no known reason, whether something of it is
    on its way, and the modstamp of the version we have seen (None: not known)."""

    known: bool
    columns: tuple[str, ...] = ()
    waiting: bool = False
    detached: bool = False
    seen: datetime | None = None


def _of_people_deleted_here(tx: Transaction, strangers: Sequence[Record]) -> set[str]:
    """Leads that were converted before they were ever seen, into contacts whose people were deleted here: left out like those."""
    contacts = {
        record.sf_id: record.converted_contact_id
        for record in strangers
        if fate_of(record) is Fate.CONVERTED and record.converted_contact_id
    }
    if not contacts:
        return set()
    there = tx.linked(ObjectMapping("Contact", 0, ()), list(contacts.values()))
    ended = {sf_id for sf_id, linked in there.items() if linked.pair.state is PairState.DETACHED}
    return {sf_id for sf_id, contact in contacts.items() if contact in ended}


def _view_of_pair(linked: Linked | None, theirs: Mapping[str, Value], mapping: ObjectMapping) -> _View:
    if linked is None or linked.pair.state not in (*_HELD_STATES, PairState.DETACHED):
        return _View(False)
    if linked.pair.state is PairState.DETACHED:
        return _View(False, detached=True)
    if linked.pair.state is PairState.CONVERTED:
        return _View(True, seen=linked.pair.seen_modstamp)  # its person has the values of the contact
    inflight = linked.pair.inflight.values if linked.pair.inflight else {}
    moving = set(owing(mapping, linked)) | set(linked.parked) | set(inflight)
    columns = tuple(
        c
        for c, v in theirs.items()
        if c in linked.ours
        and linked.ours[c] != v
        and not stands_apart(mapping.by_column[c], linked.ours[c], v)
        and not _known_to_differ(linked, c, v, mapping)
    )
    unexplained = tuple(c for c in columns if c not in moving)
    return _View(True, unexplained, any(c in moving for c in columns), seen=linked.pair.seen_modstamp)


def _known_to_differ(linked: Linked, column: str, theirs: Value, mapping: ObjectMapping) -> bool:
    """Whether the person has another record's value in a field that only comes in, and this record's is what we know it to be."""
    base = linked.base.get(column)
    mapped = mapping.by_column[column]
    return theirs == base and at_rest(mapped, linked.ours[column], base, linked.standing.get(column))


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


def in_chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    """The records, some hundred at a time."""
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
