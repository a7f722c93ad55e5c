"""The change feed: what changed in Salesforce since the cursor, deletes included (R-3, R-4, R-9).

Where a read starts: `overlap` before the cursor, or further back at what the org said was covered when the cursor was
taken (`latestDateCovered` stands still while a long transaction is open). Where the cursor goes: to the server time read
before the first page, in the transaction that applies the last one. In between, each page's position is stored with its
rows, so that a killed read goes on at its page. Pages follow (modstamp, id), so rows that move while we read come again
at the end and none is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import synced_object
from diptych.domain.outcome import OrgError, OrgRefused
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.decision import Applied
from diptych.sync.doubt import believed
from diptych.sync.engine import Engine, Options, read_from
from diptych.sync.inbound.related import Path, note_changed, paths_of, reread
from diptych.sync.inbound.tombstones import MassDelete, allowance, count_deletes
from diptych.sync.ports import FeedCursor, FeedPage, FeedRead, Lease, Watermark
from diptych.sync.report import FAILED, INCOMPLETE, SUCCEEDED, Began, CycleReport, begin, note
from diptych.sync.succession import follow

_READS_PER_CALL = 5


@dataclass(frozen=True)
class _Reading:
    """One object's read under way: where it stands, and what it has done so far."""

    mapping: ObjectMapping
    cursor: FeedCursor
    next: FeedRead
    applied: Applied = field(default_factory=Applied)
    pages: int = 0


def read_changes(
    engine: Engine,
    lease: Lease,
    report: CycleReport,
    watermark: Watermark,
    mappings: Sequence[ObjectMapping],
    last_try: bool = True,
) -> list[str]:
    """Read and apply what changed in each object that has a cursor; the first pages of all objects share one call.

    Returns the objects the org would not let us read as asked (a field vanished since the last describe), which is a failed
    step on the `last_try` only; trouble with one object does not stop the others. Raises OrgUnavailable and LoginFailed, which would stop them all.
    """
    engine.terms(report.run_id)  # who we are is asked before any transaction begins
    with engine.store.transaction(lease) as tx:
        cursors = [(m, tx.feed_cursor(m.object_name)) for m in mappings]
    readings = [
        _start(mapping, cursor, watermark, engine.options, engine.fields_to_read(mapping))
        for mapping, cursor in cursors
        if cursor is not None
    ]
    refused: list[str] = []
    crashpoint("C-01")
    for chunk in range(0, len(readings), _READS_PER_CALL):
        together = readings[chunk : chunk + _READS_PER_CALL]
        began = begin(engine)
        try:
            engine.budget.reserve("feed")
            pages: Sequence[FeedPage | None] = engine.org.changed([r.next for r in together])
        except OrgRefused as problem:
            if len(together) == 1:
                if last_try:
                    _note_refused(engine, lease, report, together[0], began, problem)
                refused.append(together[0].mapping.object_name)
                continue
            pages = [None] * len(together)  # one of them is at fault; each is asked for on its own
        # leads before contacts: a contact that comes of a conversion is then linked to the lead's person already
        order = sorted(range(len(together)), key=lambda n: together[n].mapping.object_name == "Contact")
        for place in order:
            reading, page = together[place], pages[place]
            own = begin(engine)
            shared = Began(began.at, own.calls - 1) if place == 0 and page is not None else own
            name = reading.mapping.object_name
            try:
                with engine.observer.piece(f"feed {name}", {"diptych.object": name}):
                    _read_to_end(engine, lease, report, reading, page, shared)
            except OrgRefused as problem:
                if last_try:
                    _note_refused(engine, lease, report, reading, own, problem)
                refused.append(name)
            if synced_object(name).two_way:
                follow(engine, lease, report, name)
    return refused


def followed(engine: Engine) -> list[Path]:
    """The relationships that mapped fields follow, of all objects."""
    return [
        path
        for name, usable in engine.usable.items()
        for path in paths_of(usable.mapping, engine.schemas.get(name))
    ]


def reread_related(engine: Engine, lease: Lease, report: CycleReport) -> None:
    """Read again what points at records that have changed in a field that is followed."""
    for path in followed(engine):
        reread(engine, lease, report, engine.usable[path.object_name].mapping, [path])


def _start(
    mapping: ObjectMapping,
    cursor: FeedCursor,
    watermark: Watermark,
    options: Options,
    fields: tuple[str, ...],
) -> _Reading:
    name = mapping.object_name
    if cursor.target is not None and cursor.position is not None:
        going_on = FeedRead(name, fields, cursor.position, cursor.position_id, options.feed_rows)
        return _Reading(mapping, cursor, going_on)
    fresh = replace(cursor, target=watermark.server_time, covered=watermark.covered.get(name))
    since = read_from(cursor, options)
    return _Reading(mapping, fresh, FeedRead(name, fields, since, None, options.feed_rows))


def _read_to_end(
    engine: Engine,
    lease: Lease,
    report: CycleReport,
    reading: _Reading,
    page: FeedPage | None,
    began: Began,
) -> None:
    name = reading.mapping.object_name
    status, detail = SUCCEEDED, None
    why: MassDelete | None = None
    deletes = 0
    done = False
    try:
        while not done:
            if reading.pages >= engine.options.feed_pages:
                status, detail = INCOMPLETE, "more changes than one cycle takes; the next one goes on"
                break
            if page is None:
                engine.hold(lease)
                engine.budget.reserve("feed")
                page = engine.org.changed([reading.next])[0]
            reading, deletes, done = _apply_page(engine, lease, report.run_id, reading, page, deletes)
            page = None
    except MassDelete as problem:
        status, detail, why = FAILED, str(problem), problem
    except OrgError:
        _note_reading(engine, lease, report, name, reading.applied, began)
        raise
    _note_reading(engine, lease, report, name, reading.applied, began)
    if status != SUCCEEDED:
        operation = "Pull deletes" if status == FAILED else "Pull updates"
        note(engine, lease, report, name, operation, Applied(), begin(engine), status, detail, why=why)


def _apply_page(
    engine: Engine, lease: Lease, run_id: int, reading: _Reading, page: FeedPage, deletes: int
) -> tuple[_Reading, int, bool]:
    """Rows and position in one transaction; the last page also moves the cursor to its watermark."""
    terms, paths = engine.terms(run_id), followed(engine)
    mapping = believed(engine, reading.mapping, page.records)
    name = reading.mapping.object_name
    last = page.records[-1] if page.records else None
    stuck = last is not None and (last.modstamp, last.sf_id) == (reading.next.since, reading.next.after_id)
    done = page.complete or last is None or stuck
    crashpoint("C-02")
    with engine.store.transaction(lease) as tx:
        deletes = count_deletes(tx, reading.mapping, page.records, deletes, engine.options)
        note_changed(tx, paths, reading.mapping, page.records)
        applied = apply_records(tx, mapping, page.records, terms)
        crashpoint("C-03")
        if done or last is None:
            target = reading.cursor.target or reading.cursor.cursor
            cursor = FeedCursor(name, target, covered=reading.cursor.covered)
            if tx.setting(allowance(name)):
                tx.save_setting(allowance(name), None)
        else:
            cursor = replace(reading.cursor, position=last.modstamp, position_id=last.sf_id)
        crashpoint("C-04")
        tx.save_feed_cursor(cursor)
    crashpoint("C-05")
    following = reading.next
    if not done and last is not None:
        following = replace(reading.next, since=last.modstamp, after_id=last.sf_id)
    after = _Reading(mapping, cursor, following, reading.applied + applied, reading.pages + 1)
    return after, deletes, done


def _note_reading(
    engine: Engine, lease: Lease, report: CycleReport, name: str, applied: Applied, began: Began
) -> None:
    """One step an operation, in Marketo's names (S-65)."""
    updates = replace(applied, deleted=0, converted=0)
    note(engine, lease, report, name, "Pull updates", updates, began)
    if applied.deleted:
        note(engine, lease, report, name, "Pull deletes", Applied(deleted=applied.deleted), began, calls=0)
    if applied.converted:
        moved = Applied(updated=applied.converted)
        note(engine, lease, report, name, "Pull conversions", moved, began, calls=0)


def _note_refused(
    engine: Engine, lease: Lease, report: CycleReport, reading: _Reading, began: Began, problem: OrgRefused
) -> None:
    name = reading.mapping.object_name
    note(engine, lease, report, name, "Pull updates", Applied(), began, FAILED, str(problem), why=problem)
