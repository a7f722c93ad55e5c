"""Passes: comparisons over a whole object that run by themselves, in slices inside cycles, each a run of its own in the ledger.

    verify     every mapped field of every record, then the ids that we hold against the org's counts; repairs what it finds
    refresh    the calculated fields and those along a relationship, which change without a new modstamp (D-23)
    reconcile  what was hidden is looked at again, then ids as in verify; what only we hold is told apart (`reconcile`)
    backfill   all records once more for fields that were mapped, or became visible, since the load (D-12)

A pass streams one bulk query: some calls an object, whatever its size (decision 0009). Between slices all of it is in one
setting, `pass.<kind>`: killed anywhere, it goes on at its page, and repeating a page changes nothing (C-27). At most one pass of
a kind is under way; a cycle does one slice of one of them, a backfill first. Calls are taken from the budget's lane `sweep`:
when it is used up the pass waits, and the cycle is none the worse for it.

Ids are compared by counting: after the first part everything theirs is here, so that in any range of ids equal counts mean equal
sets; only where they differ is a range cut into five and counted again, down to a handful of records that are asked for by id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import synced_object
from diptych.domain.outcome import ErrorClass, LimitExceeded, OrgRefused, Problem
from diptych.domain.values import instant_text, parse_instant
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.decision import Applied
from diptych.sync.doubt import believed
from diptych.sync.engine import READ_MARGIN, Engine, described_at, refreshed
from diptych.sync.guard import mass_disappearance
from diptych.sync.ports import Lease, SnapshotPage, Transaction
from diptych.sync.repair.compare import Comparer, Differing, ObjectComparison, in_chunks, read_page
from diptych.sync.repair.reconcile import (
    LANE,
    OPERATION,
    batches,
    carry_out,
    count_in,
    count_round,
    in_words,
    keep,
    keep_stopped,
    look,
)
from diptych.sync.report import FAILED, IN_PROCESS, INCOMPLETE, SUCCEEDED, Began, CycleReport, begin, note

VERIFY, REFRESH, BACKFILL, RECONCILE = "verify", "refresh", "backfill", "reconcile"
KINDS = (BACKFILL, VERIFY, RECONCILE, REFRESH)
_OPERATIONS = {VERIFY: "Verify", REFRESH: "Refresh", BACKFILL: "Backfill", RECONCILE: OPERATION}
_RESTARTS = 5
_AT_ONCE = 5_000
"""So many missing ids at most are kept before they are told apart, where a person has allowed any number."""


@dataclass(frozen=True)
class Pass:
    """One pass under way. `fields`: what is compared, by API name or path; `stage`: asked (of the org), reading, rechecking
    (what was hidden), counting, telling (apart), done, given up.

    `rows` of `rows_total` are done; `after`: the last id counted; `began`: server time before the query was asked for;
    `waits`: why it cannot go on just now. `absent`: ids that only we hold, still to be told apart;
    `counted`: no range is left to count; `rechecked`: how many are
    gone of those that were hidden before; `allowed`: a person said that very many may be gone.
    """

    kind: str
    object_name: str
    fields: tuple[str, ...]
    run_id: int
    began: datetime
    stage: str = "asked"
    job_id: str = ""
    locator: str | None = None
    rows: int = 0
    rows_total: int | None = None
    after: str = ""
    restarts: int = 0
    waits: str | None = None
    absent: tuple[str, ...] = ()
    counted: bool = False
    rechecked: int = 0
    allowed: bool = False
    found: ObjectComparison = field(default_factory=lambda: ObjectComparison(""))

    @property
    def ended(self) -> bool:
        return self.stage in ("done", "given up")


def state(kind: str) -> str:
    """The setting with the pass of a kind that is under way."""
    return f"pass.{kind}"


def verified(object_name: str) -> str:
    """The setting with the result of the last whole verification of an object, as JSON."""
    return f"verified.{object_name}"


def failed_at(kind: str, object_name: str) -> str:
    """The setting with our time when a pass last failed: it is not begun again for an hour."""
    return f"pass_failed.{kind}.{object_name}"


def under_way(tx: Transaction, kind: str) -> Pass | None:
    """The pass of that kind, if one is under way."""
    text = tx.setting(state(kind))
    return _from_json(text) if text else None


def start(
    engine: Engine,
    lease: Lease,
    kind: str,
    object_name: str,
    fields: Sequence[str],
    after_failure: Pass | None = None,
    allowed: bool = False,
) -> Pass:
    """Ask the org for what the pass needs, and open its run. What was under way of that kind is given up."""
    engine.budget.reserve(LANE, 2)
    began = engine.org.watermark([object_name]).server_time
    asked = fields
    if kind == BACKFILL:  # its rows are applied: whole observations, as everywhere
        asked = engine.fields_to_read(engine.usable[object_name].mapping)
    job_id = engine.org.start_snapshot(object_name, asked) if kind != RECONCILE else ""
    with engine.store.transaction(lease) as tx:
        run_id = after_failure.run_id if after_failure else tx.open_run(kind, engine.clock.now())
        made = Pass(
            kind,
            object_name,
            tuple(fields),
            run_id,
            began,
            "asked" if job_id else "rechecking",
            job_id,
            allowed=allowed,
            restarts=after_failure.restarts + 1 if after_failure else 0,
            found=ObjectComparison(object_name),
        )
        tx.save_setting(state(kind), _as_json(made))
    return made


def advance(engine: Engine, lease: Lease, one: Pass) -> Pass:
    """One bounded slice; the pass as it is then. Never waits for the org.

    Raises OrgError when the org cannot be reached; the pass goes on later.
    """
    engine.hold(lease)
    began = begin(engine)
    usable = engine.usable.get(one.object_name)
    if usable is None or not set(one.fields) <= set(usable.mapping.by_field):
        return _give_up(engine, lease, one, began, "the mapping has changed meanwhile", INCOMPLETE)
    try:
        if one.stage == "asked":
            one = _look(engine, lease, one)
        if one.stage == "reading":
            one = _read(engine, lease, one, usable.mapping, began)
        if one.stage == "rechecking":
            one = _recheck(engine, lease, one)
        if one.stage == "counting":
            one = _count(engine, lease, one, usable.mapping)
        stopped: Problem | None = None
        if one.stage == "telling":
            one, stopped = _tell(engine, lease, one, usable.mapping)
        if one.stage == "done":
            return _finish(engine, lease, one, began, stopped)
        return _waits(engine, lease, one, None)
    except LimitExceeded as problem:
        with engine.store.transaction() as tx:
            kept = under_way(tx, one.kind)
        return _waits(engine, lease, kept or one, str(problem))
    except OrgRefused as problem:
        return _refused(engine, lease, one, began, problem)


def _look(engine: Engine, lease: Lease, one: Pass) -> Pass:
    """Whether the org has finished the query."""
    engine.budget.reserve(LANE)
    job = engine.org.snapshot_job(one.job_id)
    if job.state in ("failed", "gone"):
        if one.restarts >= _RESTARTS:
            raise OrgRefused(_not_finished(one, job.error or job.state))
        return start(engine, lease, one.kind, one.object_name, one.fields, one)
    if job.state != "complete":
        return one
    return _save(engine, lease, replace(one, stage="reading", rows_total=job.total_rows))


def _read(engine: Engine, lease: Lease, one: Pass, mapping: ObjectMapping, began: Began) -> Pass:
    """Some pages of the result, compared, and in a backfill applied."""
    applied, pages = Applied(), 0
    engine.budget.reserve(LANE)
    parts = engine.org.snapshot_pages(one.job_id, one.locator, engine.options.snapshot_rows)
    try:
        for page in parts:
            one, some = _page(engine, lease, one, mapping, page)
            applied += some
            pages += 1
            if one.stage != "reading" or pages >= engine.options.sweep_pages:
                break
            engine.budget.reserve(LANE)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:  # stop fetching ahead when the slice ends before the result does
            close()
        if pages and one.stage == "reading":
            _note(engine, lease, one, applied, began, IN_PROCESS)
    if one.stage == "reading" and pages == 0:  # a result without any part: nothing to compare
        one = _save(engine, lease, replace(one, stage="counting" if one.kind == VERIFY else "done"))
    return one


def _page(
    engine: Engine, lease: Lease, one: Pass, mapping: ObjectMapping, page: SnapshotPage
) -> tuple[Pass, Applied]:
    found = one.found.copy()
    comparer = Comparer(
        engine, lease, synced_object(one.object_name), mapping, fields=one.fields, found=found, lane=LANE
    )
    applied = Applied()
    for records in in_chunks(read_page(page, one.began - READ_MARGIN)):
        engine.hold(lease)
        if one.kind == BACKFILL:
            terms = engine.terms(one.run_id)
            mapping = believed(engine, mapping, records)
            with engine.store.transaction(lease) as tx:
                applied += apply_records(tx, mapping, records, terms)
        comparer.compare(records)  # what was seen later than the query, but without the new fields, too
    following = "reading"
    if page.next_locator is None:
        following = "counting" if one.kind == VERIFY else "done"
    moved = replace(
        one, stage=following, locator=page.next_locator, rows=one.rows + page.rows, found=found, waits=None
    )
    crashpoint("C-27")
    return _save(engine, lease, moved), applied


def _count(engine: Engine, lease: Lease, one: Pass, mapping: ObjectMapping) -> Pass:
    """Five ranges of ids that we hold against the org's counts, and what is missing in those that differ."""
    found = one.found.copy()
    known = synced_object(one.object_name)
    comparer = Comparer(engine, lease, known, mapping, found=found, lane=LANE, collect=True)
    after = count_round(engine, comparer, one.object_name, one.after, lease)
    for ids in batches(comparer.again, engine.options.batch):
        looked = look(engine, one.object_name, ids)
        carry_out(engine, lease, one.run_id, one.object_name, looked)
        count_in(found, looked, engine.options.differing_limit)
    absent = tuple(dict.fromkeys((*one.absent, *comparer.absent)))
    moved = replace(
        one,
        after=after or "",
        counted=after is None,
        absent=absent,
        found=found,
        waits=None,
        stage="counting",
    )
    enough = len(absent) >= _AT_ONCE if one.allowed else _too_many(engine, lease, moved) is not None
    return _save(engine, lease, replace(moved, stage="telling" if moved.counted or enough else "counting"))


def _too_many(engine: Engine, lease: Lease, one: Pass) -> Problem | None:
    before, missing = sum(one.found.gone.values()) - one.rechecked, len(one.absent)
    with engine.store.transaction(lease) as tx:
        return mass_disappearance(tx, one.object_name, missing, before + missing, engine.options)


def _recheck(engine: Engine, lease: Lease, one: Pass) -> Pass:
    """What was hidden when it was last looked for, and what others have become and was not shown: shown now, deleted, or hidden."""
    with engine.store.transaction() as tx:
        ids = tx.awaited_ids(one.object_name, one.after, engine.options.batch)
    if not ids:
        return _save(engine, lease, replace(one, stage="counting", after="", waits=None))
    return _told(engine, lease, replace(one, after=ids[-1]), ids)


def _tell(engine: Engine, lease: Lease, one: Pass, mapping: ObjectMapping) -> tuple[Pass, Problem | None]:
    """What has become of a batch of the ids that only we hold; why it stops, when they are too many at once."""
    if not one.absent:
        stage = "done" if one.counted else "counting"
        return _save(engine, lease, replace(one, stage=stage, waits=None)), None
    if not one.allowed:
        problem = _too_many(engine, lease, one)
        if problem is not None:
            found = one.found.copy()
            Comparer(engine, lease, synced_object(one.object_name), mapping, found=found).differ(one.absent)
            return _save(engine, lease, replace(one, stage="done", absent=(), found=found)), problem
    some = one.absent[: engine.options.batch]
    rest = one.absent[len(some) :]
    # all that is missing was counted before the first was told apart: it is not asked again
    return _told(engine, lease, replace(one, absent=rest, allowed=one.allowed or one.counted), some), None


def _told(engine: Engine, lease: Lease, one: Pass, ids: Sequence[str]) -> Pass:
    looked = look(engine, one.object_name, ids)
    found = one.found.copy()
    count_in(found, looked, engine.options.differing_limit)
    carry_out(engine, lease, one.run_id, one.object_name, looked)
    crashpoint("C-27")
    rechecked = sum(found.gone.values()) if one.stage == "rechecking" else one.rechecked
    return _save(
        engine, lease, replace(one, found=found, rows=one.rows + len(ids), rechecked=rechecked, waits=None)
    )


# ---------------------------------------------------------------- endings


def _finish(engine: Engine, lease: Lease, one: Pass, began: Began, stopped: Problem | None) -> Pass:
    now = engine.clock.now()
    why = f"{stopped.message} {stopped.remedy}" if stopped is not None else ""
    status = FAILED if stopped is not None else SUCCEEDED
    with engine.store.transaction(lease) as tx:
        if one.kind == RECONCILE:
            keep(engine, tx, one.found, instant_text(one.began), stopped)
        if one.kind == VERIFY:
            keep_stopped(tx, one.object_name, instant_text(one.began), stopped)
            keep_verified(tx, one.found, one.began, now)
        if one.kind == BACKFILL:
            progress = tx.snapshot(one.object_name)
            if progress is not None:
                fields = tuple(dict.fromkeys((*progress.fields, *one.fields)))
                tx.save_snapshot(replace(progress, fields=fields))
        elif one.kind != RECONCILE:
            _keep_refreshed(tx, one.object_name, one.fields, now)
        tx.save_setting(state(one.kind), None)
        tx.save_setting(failed_at(one.kind, one.object_name), None)
        tx.close_run(one.run_id, status, now, why or None)
    _note(engine, lease, one, Applied(updated=one.found.repaired), began, status, why)
    if one.job_id:
        engine.org.end_snapshot(one.job_id)
    return replace(one, waits=why or None)


def keep_verified(tx: Transaction, found: ObjectComparison, at: datetime, now: datetime) -> None:
    """Remember the result of a whole comparison of an object: `at` is server time, `now` is ours."""
    shown = {**comparison_of(found), "at": instant_text(at), "done_at": instant_text(now)}
    tx.save_setting(verified(found.object_name), json.dumps(shown))


def comparison_of(found: ObjectComparison) -> dict[str, Any]:
    """The comparison of one object as plain JSON."""
    return {
        "object": found.object_name,
        "equal": found.equal,
        "ours": found.ours,
        "theirs": found.theirs,
        "differing": [{"id": d.sf_id, "kind": d.kind, "columns": list(d.columns)} for d in found.differing],
        "differing_count": found.differing_count,
        "pending": found.pending,
        "left_out": found.left_out,
        "repaired": found.repaired,
        "gone": dict(found.gone),
    }


def _keep_refreshed(tx: Transaction, name: str, fields: Iterable[str], at: datetime) -> None:
    kept = json.loads(tx.setting(refreshed(name)) or "{}")
    tx.save_setting(refreshed(name), json.dumps({**kept, **dict.fromkeys(fields, instant_text(at))}))


def _refused(engine: Engine, lease: Lease, one: Pass, began: Began, problem: OrgRefused) -> Pass:
    if problem.problem.error_class is ErrorClass.GONE and one.restarts < _RESTARTS:
        return start(engine, lease, one.kind, one.object_name, one.fields, one)
    if problem.problem.error_class is ErrorClass.SCHEMA:
        with engine.store.transaction(lease) as tx:
            tx.save_setting(described_at(one.object_name), None)
    return _give_up(engine, lease, one, began, str(problem), FAILED)


def _give_up(engine: Engine, lease: Lease, one: Pass, began: Began, why: str, status: str) -> Pass:
    now = engine.clock.now()
    with engine.store.transaction(lease) as tx:
        tx.save_setting(state(one.kind), None)
        if status == FAILED:
            tx.save_setting(failed_at(one.kind, one.object_name), instant_text(now))
        tx.close_run(one.run_id, status, now, why)
    _note(engine, lease, one, Applied(), began, status, why)
    return replace(one, stage="given up", waits=why)


def _waits(engine: Engine, lease: Lease, one: Pass, why: str | None) -> Pass:
    return one if one.waits == why else _save(engine, lease, replace(one, waits=why))


def _save(engine: Engine, lease: Lease, one: Pass) -> Pass:
    with engine.store.transaction(lease) as tx:
        tx.save_setting(state(one.kind), _as_json(one))
    return one


def _note(
    engine: Engine, lease: Lease, one: Pass, applied: Applied, began: Began, status: str, why: str = ""
) -> None:
    """A step in the pass's own run."""
    of = f" of {one.rows_total}" if one.rows_total is not None else ""
    compared = f"{one.rows}{of} records; {one.found.repaired} repaired, {one.found.differing_count} differ"
    detail = why or (in_words(one.found) if one.kind == RECONCILE else compared)
    own = CycleReport(one.run_id, one.kind, one.began)
    note(engine, lease, own, one.object_name, _OPERATIONS[one.kind], applied, began, status, detail)


def _not_finished(one: Pass, why: str) -> Problem:
    return Problem(
        "QUERY_NOT_FINISHED",
        f"The bulk query of {synced_object(one.object_name).label_plural} did not finish: {why}.",
        ErrorClass.OTHER,
        remedy="It is asked for again in an hour.",
    )


# ---------------------------------------------------------------- at rest


def _as_json(one: Pass) -> str:
    return json.dumps({**asdict(one), "began": instant_text(one.began)})


def _from_json(text: str) -> Pass:
    held: Mapping[str, Any] = json.loads(text)
    found = held["found"]
    differing = [Differing(d["sf_id"], d["kind"], tuple(d["columns"])) for d in found["differing"]]
    return Pass(
        **{
            **held,
            "fields": tuple(held["fields"]),
            "absent": tuple(held.get("absent", ())),
            "began": parse_instant(held["began"]),
            "found": ObjectComparison(**{**found, "differing": differing}),
        }
    )


RETRY_AFTER = timedelta(hours=1)
"""After how long a pass that failed is begun again."""
