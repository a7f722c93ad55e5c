"""The snapshot: the initial bulk load of an object, or a repeat of it; resumable at any point (R-3, C-06..C-10).

    requested -> running     server time read, bulk query started, job id stored
    running   -> loading     the org has finished the query
    loading   -> loading     one page: rows, progress and locator in one transaction
    loading   -> complete    with the last page; then the feed's cursor is set to the server time read at the start

A job that failed or is gone is started anew: rows loaded before are known rows then and come through `apply`, so nothing
doubles. The hand-over has no gap: the feed begins (an overlap before) where the query began, and whichever brings a record
later changes nothing unless it has seen more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import synced_object
from diptych.domain.outcome import ErrorClass, OrgRefused
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.decision import Applied
from diptych.sync.engine import READ_MARGIN, Engine, described_at, is_paused
from diptych.sync.matching import held_back
from diptych.sync.ports import FeedCursor, Lease, SnapshotPage, SnapshotProgress, Transaction
from diptych.sync.report import FAILED, IN_PROCESS, SUCCEEDED, Began, CycleReport, begin, note

RECYCLE_BIN = timedelta(days=15)
"""How long Salesforce shows deleted records."""

WAITING, MOVING, PAUSED, DONE, BROKEN = "waiting", "moving", "paused", "done", "broken"


@dataclass(frozen=True)
class Slice:
    """How far one call of `advance` came. `state`: waiting (for the org), moving (more to load), paused, done, broken."""

    state: str
    applied: Applied
    error: str | None = None


def restarts(object_name: str) -> str:
    """The setting that counts how often the bulk query of an object was started anew."""
    return f"snapshot_restarts.{object_name}"


def advance(
    engine: Engine, lease: Lease, report: CycleReport, object_mapping: ObjectMapping, *, may_load: bool = True
) -> Slice:
    """One bounded step towards a complete snapshot of one object. Never waits for the org.

    `may_load=False` starts and polls the query but stores no rows yet: the objects these point at come first (D-38).
    """
    name = object_mapping.object_name
    engine.hold(lease)
    with engine.store.transaction(lease) as tx:
        progress = tx.snapshot(name)
        handed_over = tx.feed_cursor(name) is not None
        paused = is_paused(tx)
    if progress is not None and progress.state == "complete":
        if not handed_over:
            _hand_over(engine, lease, progress)
        return Slice(DONE, Applied())  # fields that were mapped since are filled by a backfill
    if progress is not None and progress.state == "failed":
        return Slice(BROKEN, Applied(), progress.error)
    if paused:
        return Slice(PAUSED, Applied())
    if progress is None or progress.state == "requested" or progress.job_id is None:
        _start(engine, lease, object_mapping)
        return Slice(WAITING, Applied())
    if progress.state == "running":
        progress = _poll(engine, lease, report, progress)
        if progress.state == "failed":
            return Slice(BROKEN, Applied(), progress.error)
        if progress.state != "loading":
            return Slice(WAITING, Applied())
    if not may_load:
        return Slice(WAITING, Applied())
    return _load(engine, lease, report, object_mapping, progress)


def run_to_end(engine: Engine, lease: Lease, report: CycleReport, mappings: Sequence[ObjectMapping]) -> str:
    """The initial load as a job of its own: all objects, in order, until complete ('done'), paused or broken. The queries
    run at the org side by side; rows are stored object by object. Waits for each query at most `snapshot_wait`."""
    poll = engine.options.poll_seconds
    waited = timedelta()
    while True:
        states = advance_all(engine, lease, report, mappings)
        if PAUSED in states:
            return PAUSED
        if all(state in (DONE, BROKEN) for state in states):
            return BROKEN if BROKEN in states else DONE
        if MOVING in states:
            poll, waited = engine.options.poll_seconds, timedelta()
            continue
        if waited >= engine.options.snapshot_wait:
            report.trouble(FAILED, f"Salesforce has not finished a bulk query within {waited}.")
            return BROKEN
        engine.clock.sleep(poll)
        waited += timedelta(seconds=poll)
        poll = min(poll * 1.5, engine.options.poll_max_seconds)


def advance_all(
    engine: Engine, lease: Lease, report: CycleReport, mappings: Sequence[ObjectMapping]
) -> list[str]:
    """One slice of every object; an object stores rows only when those before it are complete, or cannot be loaded."""
    states: list[str] = []
    for object_mapping in mappings:
        ready = all(state in (DONE, BROKEN) for state in states)
        began, name = begin(engine), object_mapping.object_name
        try:
            with engine.observer.piece(f"snapshot {name}", {"diptych.object": name}):
                state = advance(engine, lease, report, object_mapping, may_load=ready).state
        except OrgRefused as problem:
            state = BROKEN
            if problem.problem.error_class is ErrorClass.SCHEMA:
                with engine.store.transaction(lease) as tx:
                    tx.save_setting(described_at(name), None)
            note(engine, lease, report, name, "Initial sync", Applied(), began, FAILED, str(problem))
        states.append(state)
    return states


def _start(engine: Engine, lease: Lease, object_mapping: ObjectMapping) -> None:
    name = object_mapping.object_name
    fields = tuple(dict.fromkeys(m.field for m in object_mapping.fields))
    engine.budget.reserve("backfill", 2)
    started_at = engine.org.watermark([name]).server_time
    job_id = engine.org.start_snapshot(name, fields)
    crashpoint("C-06")
    progress = SnapshotProgress(
        name,
        "running",
        started_at,
        object_mapping.version,
        fields,
        job_id,
        began_at=engine.clock.now(),
    )
    with engine.store.transaction(lease) as tx:
        _keep_deletes(tx, progress)
        tx.save_snapshot(progress)
    crashpoint("C-07")


def _keep_deletes(tx: Transaction, progress: SnapshotProgress) -> None:
    """A bulk query shows no deleted records. When rows of an earlier query, or of a lost cursor, are here already, the feed
    starts where that query began, or as far back as deleted records can be seen."""
    name = progress.object_name
    earlier = tx.snapshot(name)
    if tx.feed_cursor(name) is None and tx.live_ids(name, "", 1):
        since = earlier.started_at if earlier is not None else progress.started_at - RECYCLE_BIN
        tx.save_feed_cursor(FeedCursor(name, since))


def _poll(engine: Engine, lease: Lease, report: CycleReport, progress: SnapshotProgress) -> SnapshotProgress:
    engine.budget.reserve("feed")  # an answer that is ready is fetched whatever other lanes have used
    job = engine.org.snapshot_job(progress.job_id or "")
    if job.state in ("failed", "gone"):
        return _start_over(engine, lease, report, progress, job.error or f"the bulk query is {job.state}")
    if job.state != "complete":
        return progress
    loading = replace(progress, state="loading", rows_total=job.total_rows, locator=None)
    with engine.store.transaction(lease) as tx:
        tx.save_snapshot(loading)
    return loading


def _start_over(
    engine: Engine, lease: Lease, report: CycleReport, progress: SnapshotProgress, error: str
) -> SnapshotProgress:
    """Ask for the query anew, a bounded number of times in a row."""
    name = progress.object_name
    with engine.store.transaction(lease) as tx:
        count = int(tx.setting(restarts(name)) or 0) + 1
        exhausted = count > engine.options.snapshot_restarts
        again = replace(
            progress,
            state="failed" if exhausted else "requested",
            job_id=None,
            locator=None,
            rows_applied=0,
            error=error,
        )
        tx.save_setting(restarts(name), None if exhausted else str(count))
        tx.save_snapshot(again)
    if exhausted:
        note(engine, lease, report, name, "Initial sync", Applied(), begin(engine), FAILED, error)
    return again


def _load(
    engine: Engine,
    lease: Lease,
    report: CycleReport,
    object_mapping: ObjectMapping,
    progress: SnapshotProgress,
) -> Slice:
    options, began = engine.options, begin(engine)
    terms = engine.terms(report.run_id)
    read_at = progress.started_at - READ_MARGIN
    two_way = synced_object(progress.object_name).two_way
    total, pages, paused = Applied(), 0, False
    engine.budget.reserve("feed")
    parts = engine.org.snapshot_pages(progress.job_id or "", progress.locator, options.snapshot_rows)
    try:
        for page in parts:
            crashpoint("C-08")
            engine.hold(lease)
            with engine.store.transaction(lease) as tx:
                apart = held_back(tx, object_mapping, page) if two_way else frozenset[str]()
                loaded = tx.load_page(object_mapping, page, read_at, report.run_id, apart)
                applied = apply_records(tx, object_mapping, loaded.known, terms)
                crashpoint("C-09")
                progress = _after(progress, page, engine.clock.now())
                tx.save_snapshot(progress)
                if progress.state == "complete":
                    tx.save_setting(restarts(progress.object_name), None)
                paused = is_paused(tx)
            total += Applied(new=loaded.inserted) + applied
            pages += 1
            if paused or pages >= options.snapshot_pages or progress.state == "complete":
                break
            engine.budget.reserve("feed")
    except OrgRefused as problem:
        if problem.problem.error_class is not ErrorClass.GONE:
            raise
        _note_slice(engine, lease, report, progress, total, began)
        again = _start_over(engine, lease, report, progress, str(problem))
        return Slice(BROKEN if again.state == "failed" else WAITING, total, str(problem))
    finally:
        _close(parts)
    if progress.state == "loading" and pages == 0:
        progress = _finish_empty(engine, lease, progress)
    _note_slice(engine, lease, report, progress, total, began)
    if progress.state != "complete":
        return Slice(PAUSED if paused else MOVING, total)
    _hand_over(engine, lease, progress)
    engine.org.end_snapshot(progress.job_id or "")
    return Slice(DONE, total)


def _after(progress: SnapshotProgress, page: SnapshotPage, now: datetime) -> SnapshotProgress:
    last = page.next_locator is None
    return replace(
        progress,
        state="complete" if last else "loading",
        locator=page.next_locator,
        rows_applied=progress.rows_applied + page.rows,
        finished_at=now if last else None,
        error=None,
    )


def _finish_empty(engine: Engine, lease: Lease, progress: SnapshotProgress) -> SnapshotProgress:
    """A result without any part: there is nothing to load."""
    finished = replace(progress, state="complete", locator=None, finished_at=engine.clock.now(), error=None)
    with engine.store.transaction(lease) as tx:
        tx.save_snapshot(finished)
    return finished


def _hand_over(engine: Engine, lease: Lease, progress: SnapshotProgress) -> None:
    """The feed starts where the query started. A cursor that is there already belongs to a feed that never stopped."""
    crashpoint("C-10")
    with engine.store.transaction(lease) as tx:
        if tx.feed_cursor(progress.object_name) is None:
            tx.save_feed_cursor(FeedCursor(progress.object_name, progress.started_at))


def _note_slice(
    engine: Engine,
    lease: Lease,
    report: CycleReport,
    progress: SnapshotProgress,
    applied: Applied,
    began: Began,
) -> None:
    status = SUCCEEDED if progress.state == "complete" else IN_PROCESS
    of = f" of {progress.rows_total}" if progress.rows_total is not None else ""
    detail = f"{progress.rows_applied}{of} rows"
    note(engine, lease, report, progress.object_name, "Initial sync", applied, began, status, detail)


def _close(parts: object) -> None:
    """Stop fetching ahead when the slice ends before the result does."""
    close = getattr(parts, "close", None)
    if close is not None:
        close()
