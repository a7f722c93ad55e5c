"""READ THIS FIRST. One cycle of the sync, top to bottom.

    watermark     the org's clock, read before anything else: the only legal next cursor
    discover      what the org's fields are now, so that no stage asks for a field that is gone
    provision     the columns that the mapping names exist
    actions       merges, conversions and deletes ordered here that have not come to an end
    snapshot      one slice of the initial load, until it is complete
    feed          what changed in Salesforce since the cursor; deletes, merges and conversions among it
    release       errors whose cause seems to be gone are owed again; of each other cause one record, now and then
    push          what changed here: read back what is in flight, read before, intent, send, acknowledge
    create        people who are to be in Salesforce and are not yet: look up, link or intent and send, acknowledge
    passes        one slice of what is compared or filled in the background: backfill, verify, reconcile, refresh

Why in this order: reading comes before writing, so that a write is decided against what was just seen; deletes come before
writes, so that what is gone is never written back; the snapshot comes before the feed, so that an object whose load ends in
this cycle is followed in this cycle. Each stage commits its own small units, each with its cursor, locator or intent in it.
So the process may be killed at any line, and a cycle may be run again at any time: that repeats work, it never skips or
doubles any. The mapping is read once: a change made meanwhile counts from the next cycle on.
"""

from __future__ import annotations

from diptych.domain.mapping import Mapping, ObjectMapping
from diptych.sync.actions.carry_out import resume
from diptych.sync.crashpoint import crashpoint
from diptych.sync.discover.provision import provision
from diptych.sync.discover.schema import discover
from diptych.sync.engine import Engine
from diptych.sync.inbound.feed import read_changes, reread_related
from diptych.sync.inbound.snapshot import advance_all, run_to_end
from diptych.sync.outbound.create import create_people
from diptych.sync.outbound.outbox import would_take
from diptych.sync.outbound.push import in_flight, push
from diptych.sync.ports import Lease, Watermark
from diptych.sync.repair.recovery import recover, unmark
from diptych.sync.repair.release import release
from diptych.sync.repair.schedule import run_passes
from diptych.sync.report import INCOMPLETE, CycleReport, run_of


def run_cycle(engine: Engine, lease: Lease) -> CycleReport:
    """One whole cycle under `lease`. What goes wrong is in the report and in the ledger; the next cycle takes it up.

    Raises LeaseLost when another engine has taken over: this one has stopped before its next send.
    """
    phase = engine.observer.piece
    with run_of(engine, lease, "cycle") as report:
        watermark, mapping = _prepare(engine, lease, report)
        crashpoint("C-21")
        with phase("actions"):
            engine.doubtful |= in_flight(engine, lease, mapping)
            resume(engine, lease)
        with phase("snapshot"):
            advance_all(engine, lease, report, _usable(engine))
        with phase("feed"):
            _feed(engine, lease, report, watermark, mapping)
        with phase("release"):
            release(engine, lease, would_take)
        for known in engine.objects:
            if known.two_way and known.name in engine.usable:
                engine.hold(lease)
                with phase(f"push {known.name}", {"diptych.object": known.name}):
                    push(
                        engine,
                        lease,
                        report,
                        mapping.of(known.name),
                        engine.usable[known.name],
                        watermark.server_time,
                    )
        with phase("create"):
            create_people(engine, lease, report, mapping, watermark.server_time)
        with phase("passes"):
            run_passes(engine, lease)
    return report


def run_initial_load(engine: Engine, lease: Lease) -> CycleReport:
    """The initial load as a run of its own, to its end, a pause or a failure that needs a person; killed, it goes on where it
    was when started again. A cycle does the same in slices, so either may finish what the other began."""
    with run_of(engine, lease, "initial load") as report:
        _prepare(engine, lease, report)
        with engine.observer.piece("snapshot"):
            outcome = run_to_end(engine, lease, report, _usable(engine))
        if outcome == "paused":
            report.trouble(INCOMPLETE, "paused; it goes on where it was")
    return report


def run_recovery(engine: Engine, lease: Lease) -> CycleReport:
    """In the place of a cycle while the database says that it was restored: what waited then is settled, and nothing is sent."""
    with run_of(engine, lease, "recovery") as report:
        _watermark, mapping = _prepare(engine, lease, report)
        for known in engine.objects:
            if known.two_way and known.name in engine.usable:
                with engine.observer.piece(f"recover {known.name}", {"diptych.object": known.name}):
                    recover(engine, lease, report, mapping.of(known.name), engine.usable[known.name])
        with engine.store.transaction(lease) as tx:
            unmark(tx)
    return report


def _prepare(engine: Engine, lease: Lease, report: CycleReport) -> tuple[Watermark, Mapping]:
    """Watermark, discovery, provisioning; all under the mapping as it is now."""
    engine.hold(lease)
    with engine.store.transaction(lease) as tx:
        mapping = tx.mapping()
    names = [known.name for known in engine.objects if mapping.of(known.name).fields]
    engine.budget.reserve("feed")
    with engine.observer.piece("watermark"):
        watermark = engine.org.watermark(names)
    with engine.observer.piece("discover"):
        discover(engine, lease, report, mapping)
    engine.look_again = lambda name: discover(engine, lease, report, mapping, force=[name])
    with engine.observer.piece("provision"):
        provision(engine, lease, mapping)
    return watermark, mapping


def _usable(engine: Engine) -> list[ObjectMapping]:
    return [engine.usable[known.name].mapping for known in engine.objects if known.name in engine.usable]


def _feed(engine: Engine, lease: Lease, report: CycleReport, watermark: Watermark, mapping: Mapping) -> None:
    """Read the feed; what the org refuses because of a field is described anew and asked for once more (N-14)."""
    engine.hold(lease)
    refused = read_changes(engine, lease, report, watermark, _usable(engine), last_try=False)
    if refused:
        discover(engine, lease, report, mapping, force=refused)
        retry = [engine.usable[name].mapping for name in refused if name in engine.usable]
        read_changes(engine, lease, report, watermark, retry)
    reread_related(engine, lease, report)
