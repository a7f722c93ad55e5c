"""One episode: a program is carried out, the safety invariants are checked at every step, and at the end both sides rest."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from diptych.domain.outcome import OrgError
from diptych.sync import crashpoint
from diptych.sync.cycle import run_cycle, run_recovery
from diptych.sync.engine import Engine, Options
from diptych.sync.ports import Lease, LeaseLost, StoreBusy
from diptych.sync.repair import recovery
from diptych.sync.repair.sweep import verify
from diptych.sync.report import SUCCEEDED, CycleReport
from diptych.testing import Crash, Fault, OpenBudget
from tests.simulation import checks, restoring
from tests.simulation.program import Cycle, Deed, PlannedFault, Program, Step
from tests.simulation.undoing import undo_some
from tests.simulation.watched_org import Violation
from tests.simulation.world import COLUMNS, FIELDS, World

OPTIONS = Options(
    feed_rows=3,
    snapshot_rows=2,
    batch=3,
    conditional_most=2,
    conditional_batch=2,
    poll_seconds=1.0,
    poll_max_seconds=2.0,
    snapshot_wait=timedelta(minutes=5),
)
BETWEEN_CYCLES = 300.0
VERIFY_EVERY = timedelta(hours=1)
_LONG_ENOUGH = 5 * 3600.0  # past every late commit, zombie, back-off and the worst jump of our clock


@dataclass
class Episode:
    """What came of one program. `violation` is None when every invariant held."""

    program: Program
    counters: Counter[str] = field(default_factory=Counter)
    violation: Violation | None = None
    at: str = ""
    trace: str = ""
    people: dict[int, tuple[str, ...]] = field(default_factory=dict)
    records: dict[str, tuple[str, ...]] = field(default_factory=dict)


class _Runner:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.world = World(program.call_seconds, program.job_polls, program.wide)
        self.engine: Engine | None = None
        self.counters = self.world.counters
        self._second = 0
        self.resting = False
        self.passed: dict[int, Counter[str]] = {}
        self.place = -1
        self.backup: restoring.Backup | None = None
        self.comparison_is_due = False

    # ------------------------------------------------------------ engines and cycles

    def _made(self) -> Engine:
        if self.engine is None:
            world = self.world
            self.engine = Engine(world.org, world.store, world.clock, OpenBudget(), self._options())
        return self.engine

    def _options(self) -> Options:
        options = replace(OPTIONS, conditional_most=0) if self.program.collections else OPTIONS
        return (
            replace(options, verify_every=VERIFY_EVERY) if self.program.wide and not self.resting else options
        )

    def cycle(self, plan: tuple[PlannedFault, ...] = ()) -> None:
        """One cycle of the one engine, as its worker would run it; a crash throws the engine away."""
        world, engine = self.world, self._made()
        fired_before = len(world.faults.fired)
        world.faults.arm(self._fault(planned) for planned in plan)
        world.org.begin_cycle()
        lease = world.store.acquire_lease("worker", world.clock.now(), OPTIONS.lease_ttl.total_seconds())
        self.counters["cycles"] += 1
        if lease is None:  # a second engine holds it: wait as a worker would
            world.clock.advance(OPTIONS.lease_ttl.total_seconds())
            lease = world.store.acquire_lease("worker", world.clock.now(), 120)
            if lease is None:
                return
        world.org.holds_lease = lambda: world.store.tables.lease["epoch"] == lease.epoch
        crashpoint.hook = world.faults.crashpoint
        try:
            report = self._run(engine, lease)
            self.counters[f"cycle {report.status}"] += 1
        except Crash:
            self.counters["crashes"] += 1
            self.engine = None
        except (OrgError, StoreBusy, LeaseLost) as problem:
            self.counters[f"cycle ended by {type(problem).__name__}"] += 1
            if isinstance(problem, LeaseLost):
                self.engine = None
        finally:
            crashpoint.hook = None
            self.passed[self.place] = Counter(world.faults.passed)
            world.faults.arm(())
        world.store.release_lease(lease)
        world.org.holds_lease = lambda: True
        world.org.note_intents()
        world.org.note_agreement()
        fired = world.faults.fired[fired_before:]
        for fault in fired:
            self.counters[f"fault {fault.kind}"] += 1
            self.counters[f"at {fault.label}"] += 1
        if self.comparison_is_due:
            self._compare_after_restore()
        self.counters["fences"] += sum(p.inflight is not None for p in world.store.tables.pairs.values())

    def _run(self, engine: Engine, lease: Lease) -> CycleReport:
        """What a worker runs: first of all the recovery, if the database says that it was restored."""
        with self.world.store.transaction() as tx:
            restored = recovery.is_marked(tx)
        if restored:
            report = run_recovery(engine, lease)
            if report.status != SUCCEEDED:
                return report
            self.counters["recoveries"] += 1
            self.comparison_is_due = True
        return run_cycle(engine, lease)

    def _fault(self, planned: PlannedFault) -> Fault:
        if planned.kind == "deed":
            return Fault(planned.label, planned.occurrence, "call", partial(self._deed_between, planned))
        if planned.kind == "second_engine":
            return Fault(planned.label, planned.occurrence, "call", self._second_engine)
        return Fault(planned.label, planned.occurrence, planned.kind, planned.argument)

    def _deed_between(self, planned: PlannedFault) -> None:
        self.counters["deeds between calls"] += self.world.do(planned.argument)

    def _second_engine(self) -> None:
        """While the first engine hangs here, its lease runs out and another one runs a whole cycle."""
        world = self.world
        if world.store.journal.open:
            return
        world.clock.advance(OPTIONS.lease_ttl.total_seconds() + 1)
        self._second += 1
        lease = world.store.acquire_lease(f"other {self._second}", world.clock.now(), 120)
        if lease is None:
            return
        first, world.org.holds_lease = world.org.holds_lease, lambda: True
        other = Engine(world.org, world.store, world.clock, OpenBudget(), self._options())
        self.counters["second engines"] += 1
        try:
            self._run(other, lease)
        except (OrgError, StoreBusy):
            pass
        world.store.release_lease(lease)
        world.org.holds_lease = first

    # ------------------------------------------------------------ steps and rest

    def step(self, step: Step) -> None:
        world = self.world
        if isinstance(step, Cycle):
            fired = len(world.faults.fired)
            self.cycle(step.plan)
            self.counters["cycles of the programs"] += 1
            self.counters["cycles with a fault"] += len(world.faults.fired) > fired
        elif step[0] == "restart":
            self.engine = None
        elif step[0] == "undo":
            self.undo(step)
        elif step[0] == "backup":
            self.backup = restoring.take(world)
            self.counters["deed backup"] += 1
        elif step[0] == "restore":
            if self.backup is not None:
                restoring.restore(world, self.backup)
                self.engine = None
                self.counters["deed restore"] += 1
        elif step[0] == "replay":
            if world.org.pages:
                world.replay(self._made(), step[1])
                self.counters["replays"] += 1
        else:
            world.do(step)
        checks.no_silent_loss(world)
        checks.no_invented_conflict(world)

    def undo(self, deed: Deed) -> None:
        """Between two cycles, under a lease of its own, as the command does it."""
        world, now = self.world, self.world.clock.now()
        lease = world.store.acquire_lease("undo", now, OPTIONS.lease_ttl.total_seconds())
        if lease is None:
            return
        try:
            self.counters["deed undo"] += undo_some(world, self._made(), lease, *deed[1:])
        except (OrgError, StoreBusy) as problem:
            self.counters[f"undo ended by {type(problem).__name__}"] += 1
        world.store.release_lease(lease)

    def rest(self) -> None:
        """Faults stop, users rest, time passes: I-19 within three cycles, then I-20 and all the others."""
        world = self.world
        world.clock.advance(_LONG_ENOUGH)
        world.org.settle()
        self.resting = True
        if self.program.wide:
            self.engine = None  # one that compares nothing by itself
        self.load()
        for _ in range(3):
            self.cycle()
            world.clock.advance(BETWEEN_CYCLES)
        if self.program.wide:
            self.compare()
        if different := [*checks.converged(world), *checks.all_created(world)]:
            raise Violation("I-19", "; ".join(different))
        self._idle()
        checks.nothing_stuck(world)
        checks.consent_kept(world)
        checks.no_silent_loss(world)
        checks.no_invented_conflict(world)
        checks.identity(world)
        checks.provenance(world)
        checks.no_echo(world)
        checks.monotone(world, self._made(), self.program.seed or 0)

    def compare(self) -> None:
        """What only the comparison can find is repaired by it; after that it says that both sides are equal."""
        world, engine = self.world, self._made()
        lease = world.store.acquire_lease("verify", world.clock.now(), 3600)
        assert lease is not None
        verify(engine, lease, repair=True)
        world.store.release_lease(lease)
        self.cycle()
        again = verify(engine)
        if not again.equal:
            raise Violation("verify", str(again))

    def _compare_after_restore(self) -> None:
        """The comparison with repair that a recovery orders, under a lease of its own."""
        world, now = self.world, self.world.clock.now()
        lease = world.store.acquire_lease("verify", now, OPTIONS.lease_ttl.total_seconds())
        if lease is None:
            return
        self.comparison_is_due = False
        try:
            verify(self._made(), lease, repair=True)
        except (OrgError, StoreBusy) as problem:
            self.counters[f"comparison ended by {type(problem).__name__}"] += 1
        world.store.release_lease(lease)

    def load(self) -> None:
        """Cycles until the bulk load of every object is complete."""
        world = self.world
        for _ in range(12):
            snapshots = world.store.tables.snapshots
            if len(snapshots) == 3 and all(s.state == "complete" for s in snapshots.values()):
                return
            for name in [n for n, s in snapshots.items() if s.state == "failed"]:
                del snapshots[name]  # an administrator starts it again
            self.cycle()
            world.clock.advance(BETWEEN_CYCLES)

    def _idle(self) -> None:
        """I-20: two further cycles write nothing and cost the same few calls."""
        world = self.world
        world.clock.advance(_LONG_ENOUGH)  # past the overlap and the next describe
        self.cycle()
        before, writes, costs = checks.content(world), len(world.org.received), []
        for _ in range(2):
            calls = world.org.calls
            self.cycle()
            costs.append(world.org.calls - calls)
            world.clock.advance(BETWEEN_CYCLES)
        if len(world.org.received) != writes:
            raise Violation("I-20", f"writes at rest: {world.org.received[writes:]}")
        after = checks.content(world)
        if after != before:
            raise Violation("I-20", f"changes at rest: {checks.changes(before, after)}")
        if costs != [2, 2]:
            raise Violation("I-20", f"idle cycles cost {costs} calls")

    def count(self) -> None:
        tables = self.world.store.tables
        for kept in tables.conflicts.values():
            self.counters[f"conflict {kept.conflict.reason}"] += 1
            self.counters["conflicts"] += 1
        for pair in tables.pairs.values():
            self.counters[f"pair {pair.state.value}"] += 1
        self.counters["dead letters"] += len(tables.dead_letters)
        for letter in tables.dead_letters.values():
            self.counters[f"letter {letter.letter.problem.code}"] += 1
        self.counters["edits"] += len(self.world.graph.edits)
        self.counters["calls"] += self.world.org.calls
        self.counters["commits"] += self.world.store.commits
        self.counters["writes received"] += len(self.world.org.received)

    def trace(self) -> str:
        lines = [
            *(self.world.faults.trace or ()),
            repr(checks.content(self.world)),
            repr(self.world.org.received),
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def run(program: Program) -> Episode:
    """Carry out a program. An exception that is no invariant's is a violation too: the engine must not raise it."""
    return run_world(program)[0]


def run_world(program: Program) -> tuple[Episode, dict[int, Counter[str]]]:
    """As `run`; also how often each label was passed in the cycle at each place among the steps."""
    runner = _Runner(program)
    episode = Episode(program, runner.counters)
    at, passed = "start", {}
    try:
        runner.step(Cycle())
        if program.loaded:
            runner.load()
        for number, step in enumerate(program.steps):
            at, runner.place = f"step {number}: {step}", number
            runner.step(step)
        at, passed, runner.place = "rest", {n: p for n, p in runner.passed.items() if n >= 0}, -1
        runner.rest()
    except Violation as violation:
        episode.violation = violation
    except (Exception, Crash) as problem:
        episode.violation = Violation("engine", f"{type(problem).__name__}: {problem}")
        episode.violation.__cause__ = problem
    episode.at = at
    runner.count()
    episode.trace = runner.trace()
    tables = runner.world.store.tables
    for person in tables.person.values():
        episode.people[person["id"]] = tuple(str.__str__(person.get(c) or "") for c in COLUMNS)
    for name, fields in FIELDS.items():
        for row in runner.world.records.rows[name].values():
            texts = tuple(str.__str__(row.values.get(f) or "") for f in fields.values() if not row.deleted)
            episode.records[row.sf_id] = (*texts, str(row.deleted))
    return episode, passed


def final_values(episode: Episode) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """What both sides hold at the end, whatever their ids."""
    return sorted(episode.people.values()), sorted(episode.records.values())


def shrink(program: Program, invariant: str) -> Program:
    """The program with every step and every fault left out that the violation does not need."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(program):
            found = run(candidate).violation
            if found is not None and found.invariant == invariant:
                program, smaller = candidate, True
                break
    return program


def _smaller(program: Program) -> list[Program]:
    steps = program.steps
    found = [replace(program, steps=steps[:n] + steps[n + 1 :]) for n in range(len(steps))]
    for n, step in enumerate(steps):
        if isinstance(step, Cycle):
            for m in range(len(step.plan)):
                fewer = Cycle(step.plan[:m] + step.plan[m + 1 :])
                found.append(replace(program, steps=(*steps[:n], fewer, *steps[n + 1 :])))
    if not program.loaded:
        found.append(replace(program, loaded=True))
    if program.call_seconds:
        found.append(replace(program, call_seconds=0.0))
    if program.job_polls:
        found.append(replace(program, job_polls=0))
    return found
