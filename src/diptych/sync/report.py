"""The account of one run: what each stage did for each object, kept in the ledger and handed back to the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from diptych.domain.outcome import LimitExceeded, OrgError, Problem
from diptych.sync.decision import Applied
from diptych.sync.engine import Engine
from diptych.sync.observing import Piece
from diptych.sync.ports import Lease, Step, StoreBusy

SUCCEEDED = "Succeeded"
FAILED = "Failed"
INCOMPLETE = "Incomplete"
IN_PROCESS = "In Process"
_FIGURES = ("new", "updated", "deleted", "failed", "skipped", "api_calls")


@dataclass
class CycleReport:
    """One run. `status`: Succeeded, Failed (something needs a person, or the org could not be reached) or Incomplete (a
    limit was reached; the next cycle goes on). `error` is one line, of the first thing that went wrong."""

    run_id: int
    kind: str
    started_at: datetime
    status: str = SUCCEEDED
    ended_at: datetime | None = None
    error: str | None = None
    api_calls: int = 0
    steps: list[Step] = field(default_factory=list)
    problem: Problem | None = None

    def counters(self) -> dict[str, dict[str, int]]:
        """Per object, the sums over its steps, in the ledger's words (S-63). `new` came from Salesforce, `created` went there."""
        found: dict[str, dict[str, int]] = {}
        for step in self.steps:
            sums = found.setdefault(
                step.object_name,
                {"new": 0, "updated": 0, "deleted": 0, "failed": 0, "skipped": 0, "pushed": 0, "created": 0},
            )
            pushed = step.operation == "Push updates"
            sums["created" if step.operation == "Create records" else "new"] += step.new
            sums["pushed" if pushed else "updated"] += step.updated
            sums["deleted"] += step.deleted
            sums["failed"] += step.failed
            sums["skipped"] += step.skipped
        return found

    @property
    def changed(self) -> int:
        """How many rows or records this run changed on either side."""
        return sum(step.new + step.updated + step.deleted for step in self.steps)

    def trouble(self, status: str, error: str, why: Exception | None = None) -> None:
        """The run did not go through; Failed outweighs Incomplete, and the first failure is the one named. `why`: what was
        raised, for its class and code."""
        if self.status != FAILED:
            if self.error is None or status == FAILED:
                self.error, self.problem = error, getattr(why, "problem", None)
            self.status = status


@contextmanager
def run_of(engine: Engine, lease: Lease, kind: str) -> Iterator[CycleReport]:
    """A run of that kind: opened in the ledger, then what goes wrong in it noted, and ended there. LeaseLost goes on to the
    caller, and the run stays open: the ledger is another engine's by then."""
    with engine.observer.piece(kind) as piece:
        report = open_report(engine, lease, kind)
        try:
            yield report
        except LimitExceeded as problem:
            report.trouble(INCOMPLETE, str(problem), problem)
        except (OrgError, StoreBusy) as problem:
            report.trouble(FAILED, str(problem), problem)
        _tell(piece, close_report(engine, lease, report))


def _tell(piece: Piece, report: CycleReport) -> None:
    piece.tell(
        {
            "diptych.run.id": report.run_id,
            "diptych.run.status": report.status,
            "diptych.run.changed": report.changed,
            "diptych.run.api_calls": report.api_calls,
        }
    )
    if report.status == FAILED:
        why = report.problem
        piece.fail(why.error_class if why else FAILED, why.code if why else "")


def open_report(engine: Engine, lease: Lease, kind: str) -> CycleReport:
    """Begin a run in the ledger; one of that kind that never ended is marked 'Cleaned up'."""
    now = engine.clock.now()
    with engine.store.transaction(lease) as tx:
        run_id = tx.open_run(kind, now)
    return CycleReport(run_id, kind, now, api_calls=-engine.org.usage().ours)


def close_report(engine: Engine, lease: Lease, report: CycleReport) -> CycleReport:
    """End the run in the ledger."""
    report.ended_at = engine.clock.now()
    report.api_calls += engine.org.usage().ours
    try:
        with engine.store.transaction(lease) as tx:
            tx.close_run(report.run_id, report.status, report.ended_at, report.error)
            if report.problem is not None:
                tx.causes.blame(report.run_id, report.problem)
    except StoreBusy as problem:  # the next run of its kind marks it 'Cleaned up'
        report.trouble(FAILED, str(problem))
    return report


@dataclass(frozen=True)
class Began:
    """When a stage began for an object, and how many calls had been made by then."""

    at: datetime
    calls: int


def begin(engine: Engine) -> Began:
    return Began(engine.clock.now(), engine.org.usage().ours)


def note(
    engine: Engine,
    lease: Lease,
    report: CycleReport,
    object_name: str,
    operation: str,
    applied: Applied,
    began: Began,
    status: str = SUCCEEDED,
    detail: str | None = None,
    calls: int | None = None,
    why: Exception | None = None,
) -> None:
    """Add a step to the ledger; one in which nothing at all happened is left out, so that idle cycles leave no rows."""
    nothing = applied == Applied(skipped=applied.skipped)
    if nothing and status == SUCCEEDED and detail is None:
        return
    step = Step(
        object_name,
        operation,
        status,
        began.at,
        engine.clock.now(),
        new=applied.new,
        updated=applied.updated,
        deleted=applied.deleted,
        failed=applied.failed,
        skipped=applied.skipped,
        api_calls=engine.org.usage().ours - began.calls if calls is None else calls,
        detail=detail,
    )
    report.steps.append(step)
    told = {name: getattr(step, name) for name in _FIGURES}
    engine.observer.event(
        operation, {"object": object_name, "status": status, **{n: v for n, v in told.items() if v}}
    )
    with engine.store.transaction(lease) as tx:
        tx.add_step(report.run_id, step)
    if status in (FAILED, INCOMPLETE):
        report.trouble(status, f"{object_name}, {operation}: {detail or status}", why)
