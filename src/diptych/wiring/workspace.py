"""One `Workspace` a process and database: its org, its engine, and the services over them."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import diptych.sync.repair.gather as joining
import diptych.sync.repair.undo as undoing
import diptych.sync.repair.why as reasons
from diptych.access.carry import carry_over
from diptych.alerts.desk import AlertDesk
from diptych.config import Settings
from diptych.connection.absent import AbsentOrg, NoCalls
from diptych.connection.connector import SalesforceConnector
from diptych.connection.vault import StoreVault
from diptych.domain.mapping_edit import Edit
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.outcome import OrgError
from diptych.domain.values import instant_text
from diptych.jobs.place import jobs_place
from diptych.jobs.port import Jobs
from diptych.salesforce.org import Wire
from diptych.services import duplicates, reconciling
from diptych.services.acting import Acting
from diptych.services.status import Status, read_background, read_status
from diptych.setup.ports import Credentials
from diptych.setup.state import STARTED, SetupRefused
from diptych.setup.steps import Setup
from diptych.store import open_store
from diptych.store.auditing import note
from diptych.store.backup import DATABASE_ID
from diptych.store.queries import Queries
from diptych.store.secrets import open_secrets
from diptych.sync import drift
from diptych.sync.budget import LEDGER, CallBudget
from diptych.sync.cycle import run_cycle, run_initial_load, run_recovery
from diptych.sync.engine import Engine, Options, described_at
from diptych.sync.outbound import wishes
from diptych.sync.ports import Clock, Lease, Org
from diptych.sync.repair import passes, recovery, schedule, sweep
from diptych.sync.report import FAILED, SUCCEEDED, CycleReport
from diptych.telemetry import open_telemetry, traced
from diptych.wiring import place
from diptych.wiring.clocks import StoppingClock, SystemClock
from diptych.wiring.lazy_jobs import LazyJobs
from diptych.wiring.process import arm_crashpoint, this_process
from diptych.wiring.right import right_to_write

_log = logging.getLogger(__name__)
_TO_REFRESH = "refresh.asked"


class Workspace:
    """One database, its org, and the services over them. `start_over` may replace all but `settings` and `clock`, so use
    them through the workspace each time."""

    def __init__(self, settings: Settings, holder: str, executor: str) -> None:
        self.settings, self.clock = settings, SystemClock(settings.clock_offset_seconds)
        self._holder, self._executor = holder, executor
        self._guard = threading.RLock()
        self.telemetry = open_telemetry(holder)
        place.make_folder(settings.data_dir)
        self._open(place.current(settings.data_dir))

    # ------------------------------------------------------------ opening

    @property
    def demo(self) -> bool:
        """Whether the set-up may be started over."""
        return self.settings.demo

    @property
    def database_file(self) -> Path | None:
        """The SQLite file of the people; None on PostgreSQL."""
        return place.file_of(self._url)

    def _open(self, name: str) -> None:
        settings = self.settings
        self._name = name
        self._url = settings.database_url or place.sqlite_url(settings.data_dir, name)
        self.store = open_store(self._url, self.clock.now, self.telemetry)
        self.queries = Queries(self.store.reading)
        key = settings.secret_key.get_secret_value() if settings.secret_key else None
        self.vault = StoreVault(self.store, lambda: open_secrets(settings.data_dir, key))
        self.jobs: Jobs = LazyJobs(
            jobs_place(settings.data_dir, self._url, name.replace(place.FIRST, "jobs", 1)), self._executor
        )
        connector = SalesforceConnector(
            self._saved_credentials,
            settings.data_dir / "login.lock",
            Wire(
                ca_file=str(settings.ca_file) if settings.ca_file else None,
                now=self.clock.now,
                observer=self.telemetry,
            ),
        )
        self.setup = Setup(
            self.store,
            self.vault,
            connector,
            self.clock,
            page_rows=settings.page_rows,
            pause_seconds=settings.pause_seconds,
            wake=self.sync_now,
            look=self.store.looking,
        )
        self._budget: tuple[Org, CallBudget] | None = None
        self.alerts = AlertDesk(
            self.store,
            self.vault,
            self.clock,
            self.setup.state,
            self._org_name,
            str(settings.ca_file) if settings.ca_file else None,
        )

    def _org_name(self) -> str:
        held = self.vault.load()
        return held.identity.org_name if held else ""

    def _saved_credentials(self) -> Credentials | None:
        held = self.vault.load()
        return held.credentials if held else None

    def close(self) -> None:
        """Give everything back."""
        self.jobs.close()
        self.store.close()
        self.telemetry.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ the engine

    def engine(self, stop: threading.Event | None = None) -> Engine:
        """An engine on the connected org. With `stop` set it ends at its next look at the clock, which is safe anywhere.

        Raises SetupRefused when no org is connected, OrgError when it does not let us in.
        """
        org, settings = self.setup.org(), self.settings
        if self._budget is None or self._budget[0] is not org:
            self._budget = (org, CallBudget(org, self.store, self.clock, settings.api_share))
        options = Options(
            overlap=timedelta(minutes=settings.overlap_minutes),
            zombie_max=timedelta(minutes=settings.zombie_minutes),
            snapshot_rows=settings.page_rows,
            verify_every=_hours(settings.verify_hours),
            refresh_every=_hours(settings.refresh_hours),
            reconcile_every=_hours(settings.reconcile_hours),
            conditional_most=settings.conditional_writes,
            probe_after=timedelta(minutes=settings.probe_minutes) if settings.probe_minutes else None,
            poll_seconds=0.5,  # grows with each look that finds nothing
        )
        clock = StoppingClock(self.clock, stop)
        return Engine(org, self.store, clock, self._budget[1], options, observer=self.telemetry)

    @traced("sync")
    def run_cycle(self, wait_seconds: float = 0, stop: threading.Event | None = None) -> CycleReport:
        """One whole cycle; while the initial load is not complete, that first.

        Waits up to `wait_seconds` for another engine to finish. Raises StoreBusy when that does not suffice, and what
        `engine` raises, which is then in the ledger too.
        """
        try:
            engine = self.engine(stop)
        except (OrgError, SetupRefused) as problem:
            self._note_failure(problem)
            raise
        with self._lease(engine, wait_seconds) as lease:
            cycle_label = getattr(engine.org, "label_cycle", lambda _: None)
            cycle_label(f"{self._holder}.{lease.epoch}")
            try:
                if self._restored(lease):
                    report = run_recovery(engine, lease)
                    if report.status != SUCCEEDED:
                        return report
                    self.verify_soon(repair=True)
                if not self._loaded():
                    report = run_initial_load(engine, lease)
                    if report.status != SUCCEEDED:
                        return report
                return run_cycle(engine, lease)
            finally:
                self._budget[1].keep() if self._budget else None

    def _restored(self, lease: Lease) -> bool:
        """Whether the database was put back from a backup: it says so, or it is older than what this machine has seen of it."""
        with self.store.looking() as unit:
            name, marked = unit.setting(DATABASE_ID) or "", recovery.is_marked(unit)
        if not marked and place.seen_epoch(self.settings.data_dir, name) > lease.epoch:
            with self.store.transaction(lease) as unit:
                recovery.mark(unit, None, self.clock.now())
            _log.warning("the database is older than its last run here: it counts as restored")
            marked = True
        place.keep_epoch(self.settings.data_dir, name, lease.epoch)
        return marked

    @traced("verify")
    def verify(self, repair: bool = False, wait_seconds: float = 0) -> dict[str, Any]:
        """Compare both sides in full; with `repair` bring what differs up to date. The result is kept for the status."""
        engine = self.engine()
        if repair:
            with self._lease(engine, wait_seconds) as lease:
                found = sweep.verify(engine, lease, repair=True)
        else:
            found = sweep.verify(engine)
        with self.store.transaction() as unit:
            for one in found.objects.values():
                passes.keep_verified(unit, one, found.at, self.clock.now())
        return _comparison(found)

    @traced("refresh")
    def refresh(self, fields: Collection[str] | None, wait_seconds: float = 0) -> list[passes.Pass]:
        """Read again what can change without a new modstamp: these fields (`Object.Field`), or all such.

        Raises SetupRefused for a field that is not synced, and what `run_cycle` raises.
        """
        engine = self.engine()
        with self._lease(engine, wait_seconds) as lease:
            try:
                return schedule.run_to_end(engine, lease, passes.REFRESH, self._to_refresh(engine, fields))
            finally:
                self._budget[1].keep() if self._budget else None

    def refresh_soon(self, fields: Collection[str] | None = None) -> None:
        """Ask the worker to do so, with what it was asked for before and has not done; when it was done will be in the status.

        Raises SetupRefused as `refresh`.
        """
        self._to_refresh(self.engine(), fields)
        with self.store.transaction() as unit:
            before = json.loads(unit.setting(_TO_REFRESH) or "[]")
            every = fields is None or before is None
            unit.save_setting(_TO_REFRESH, json.dumps(None if every else sorted({*before, *(fields or ())})))
        self._ask_for("refresh")

    def refresh_asked(self, wait_seconds: float = 0) -> list[passes.Pass]:
        """What `refresh_soon` has asked for, once. Raises as `refresh`."""
        with self.store.transaction() as unit:
            asked = unit.setting(_TO_REFRESH)
            unit.save_setting(_TO_REFRESH, None)
        return self.refresh(json.loads(asked), wait_seconds) if asked is not None else []

    def _to_refresh(self, engine: Engine, fields: Collection[str] | None) -> dict[str, list[str]]:
        try:
            return schedule.to_refresh(engine, fields)
        except KeyError as problem:
            raise SetupRefused(
                f"{problem.args[0]} is not a field that is synced.",
                "See the mapped ones with: diptych mapping show",
            ) from None

    @traced("reconcile")
    def reconcile(
        self,
        object_name: str | None = None,
        *,
        look_only: bool = False,
        allowed: bool = False,
        wait_seconds: float = 0,
    ) -> list[reconciling.Outcome]:
        """Tell apart the ids that only we hold, of one object or of all; see `reconciling`. Raises what `run_cycle` raises."""
        engine = self.engine()
        schedule.describe_kept(engine)
        names = reconciling.objects(engine, object_name)
        try:
            if look_only:
                return [reconciling.look(engine, name) for name in names]
            with self._lease(engine, wait_seconds) as lease:
                return reconciling.run(engine, lease, names, allowed)
        finally:
            self._budget[1].keep() if self._budget else None

    def schema(self) -> tuple[list[drift.Notice], dict[str, str]]:
        """What changed in the org's fields, oldest first, and the fields that are held now, each with the reason."""
        with self.store.looking() as unit:
            held = {
                f"{known.name}.{name}": why
                for known in SYNCED_OBJECTS
                for name, why in drift.held_now(unit, known.name).items()
            }
            return drift.read_notices(unit), held

    def accept_field(self, name: str, reason: str = "", expected: int | None = None) -> None:
        """Sync a changed field (`Object.Field`) again, as it is now; its mapping takes over a type or size that has changed, and
        its column holds what it held. `expected`: the version of the mapping that was looked at. Raises SetupRefused when it
        does not wait for that."""
        object_name, _, field = name.partition(".")
        row = self.setup.editor.row(name)
        if row.drift:
            said = f"accepted as it is now - {reason}" if reason else "accepted as it is now"
            self.setup.editor.apply(Edit((name,), take_type=True), said, expected)
        with self.store.transaction() as unit:
            if not drift.accept(unit, object_name, field) and not row.drift:
                raise SetupRefused(f"{name} does not wait to be accepted.", "See: diptych schema")
            unit.save_setting(described_at(object_name), None)
            note(unit.connection, f"schema.accepted {name}", "held", "synced", self.clock.now)
        self.sync_now()

    def duplicates(self, sample: int) -> dict[str, Any]:
        """E-mail addresses that several records have: of people here; before the first load, counted in Salesforce.

        Raises SetupRefused when no org is connected, OrgError when it does not answer.
        """
        if "email" in self.queries.columns() and self.queries.status().people:
            return duplicates.of_people(self.queries.alike(("email",)), sample)
        return duplicates.of_org(self.setup.org(), sample)

    @traced("undo")
    def undo(
        self,
        run_id: int,
        person_id: int | None = None,
        column: str | None = None,
        *,
        carry_out: bool = False,
        wait_seconds: float = 60,
    ) -> undoing.Undone:
        """What undoing a run (of it one person, one column) would do; with `carry_out` do it, and let the sync send it.

        Raises NoSuchRun, and what `engine` and `run_cycle` raise.
        """
        engine, wanted = self.engine(), undoing.Wanted(run_id, person_id, column)
        if not carry_out:
            return undoing.look(engine, wanted)
        with self._lease(engine, wait_seconds) as lease:
            done = undoing.undo(engine, lease, wanted)
        self.sync_now()
        return done

    @property
    def acting(self) -> Acting:
        """Merging, converting and deleting people."""
        return Acting(self.store, self.clock, self._engine_or_none, self._lease, self.sync_now)

    def _engine_or_none(self) -> Engine:
        """As `engine`; while no org can be had, one that still does what needs none, and says why when it needs one."""
        try:
            return self.engine()
        except (OrgError, SetupRefused) as problem:
            return Engine(cast(Org, AbsentOrg(problem)), self.store, self.clock, NoCalls())

    def gathering(self, order: joining.Order, sample: int = 20) -> joining.Gathered:
        """Which people of ours a match rule takes for one, and what would become of them; changes nothing.

        Raises SetupRefused for a rule that cannot be asked.
        """
        with _askable():
            return joining.look(self.store, order, sample)

    @traced("gather")
    def gather(
        self,
        order: joining.Order,
        tell: Callable[[joining.Counts], None] = lambda counts: None,
        wait_seconds: float = 60,
        stop: threading.Event | None = None,
    ) -> joining.Gathered:
        """Join them. `tell` hears how far it got; with `stop` set it ends after a slice. Raises SetupRefused, and StoreBusy while
        another engine is at work."""
        clock = StoppingClock(self.clock, stop)
        with _askable(), self._right(Options().lease_ttl, wait_seconds, clock) as (lease, hold):
            done = joining.carry_out(self.store, self.clock, lease, order, tell, hold)
        self.sync_now()
        return done

    def gather_soon(self, order: joining.Order) -> None:
        """Ask the worker to join them; how far it has got is in the settings, what came of it in the ledger."""
        rule, column = order.matching.rule.value, order.matching.column
        self._ask_for("gather", {"rule": rule, "column": column, "largest": order.largest})

    def undo_soon(self, run_id: int) -> None:
        """Ask the worker to undo that run."""
        self._ask_for("undo", {"run": run_id})

    def link_reviewed(self, person_id: int, target: str, wait_seconds: float = 20) -> wishes.Linking:
        """The person under review is that of the record, or the person, `target`. Raises WishRefused, and StoreBusy as `gather`."""
        with self._right(Options().lease_ttl, wait_seconds) as (lease, _):
            done = wishes.decide_link(self.store, person_id, target, self.clock.now(), lease)
        self.sync_now()
        return done

    def why(self, asked: str, column: str | None = None, live: bool = True) -> list[reasons.Answer]:
        """Why a value is what it is, or someone is missing. Raises KeyError for an unknown column, and what `engine` raises."""
        return reasons.why(self.engine(), asked, column, live)

    def sync_now(self) -> None:
        """Ask the worker for a cycle at once. Nothing when the sync has not been started."""
        self._ask_for("cycle")

    def verify_soon(self, repair: bool = False) -> None:
        """Ask the worker for a full comparison; its result will be in the status."""
        self._ask_for("verify", {"repair": repair})

    def reconcile_soon(self, object_name: str | None = None, allowed: bool = False) -> None:
        """Ask the worker to tell apart the records that only we hold; what came of it will be in the status."""
        self._ask_for("reconcile", {"object": object_name, "allowed": allowed})

    def _ask_for(self, job: str, arguments: dict[str, object] | None = None) -> None:
        with self.store.looking() as unit:
            started = unit.setting(STARTED)
        if not started:
            return
        try:
            self.jobs.enqueue(job, arguments)
        except Exception as problem:  # whatever the library raises: the worker looks by itself soon enough
            _log.warning("the worker could not be asked for a %s: %s", job, problem)

    def _loaded(self) -> bool:
        with self.store.looking() as unit:
            mapping = unit.mapping()
            progress = [unit.snapshot(o.name) for o in SYNCED_OBJECTS if mapping.of(o.name).fields]
        return all(p is not None and p.state in ("complete", "failed") for p in progress)

    def _note_failure(self, problem: Exception) -> None:
        now = self.clock.now()
        with self.store.transaction() as unit:
            run_id = unit.open_run("cycle", now)
            unit.close_run(run_id, FAILED, now, str(problem))
            if isinstance(problem, OrgError):
                unit.causes.blame(run_id, problem.problem)

    @contextmanager
    def _lease(self, engine: Engine, wait_seconds: float) -> Iterator[Lease]:
        with self._right(engine.options.lease_ttl, wait_seconds, engine.clock) as (lease, _):
            yield lease

    def _right(
        self, lasting: timedelta, wait_seconds: float, clock: Clock | None = None
    ) -> AbstractContextManager[tuple[Lease, Callable[[], None]]]:
        return right_to_write(self.store, self._holder, clock or self.clock, lasting, wait_seconds)

    # ------------------------------------------------------------ looking

    def status(self) -> Status:
        """Where the whole stands; asks the org nothing."""
        with self.store.looking() as unit:
            mapping = unit.mapping()
            ledger, background = unit.setting(LEDGER), read_background(unit)
        return read_status(
            self.queries.status(),
            [known.name for known in SYNCED_OBJECTS if mapping.of(known.name).fields],
            self.setup.state(),
            self.vault.load(),
            self.setup.pause_seconds(),
            ledger,
            background,
            self.clock.now(),
        )

    # ------------------------------------------------------------ starting over

    def start_over(self) -> None:
        """A new, empty people database beside the old one, which is kept; set-up begins at its first step.

        Only in a demo. Raises SetupRefused otherwise.
        """
        if not self.demo or self.settings.database_url is not None:
            raise SetupRefused("Only a demo can be started over.", "Use another DIPTYCH_DATA_DIR instead.")
        with self._guard:
            name = place.unused(self.settings.data_dir)
            before = self.store
            self._open(name)  # what is still at work on the old one ends there
            carry_over(before, self.store)
            place.use(self.settings.data_dir, name)

    def moved(self) -> bool:
        """Whether another process has started over since this one opened its database."""
        return place.current(self.settings.data_dir) != self._name


@contextmanager
def _askable() -> Iterator[None]:
    """A match rule over a column that is not there is refused like any other setting."""
    try:
        yield
    except ValueError as problem:
        raise SetupRefused(str(problem), "See the mapped columns with: diptych mapping show") from None


def _hours(number: float) -> timedelta | None:
    return timedelta(hours=number) if number else None


def _comparison(found: sweep.Comparison) -> dict[str, Any]:
    """A comparison as plain JSON: `equal`, and per object `ours`, `theirs`, `differing`."""
    return {
        "equal": found.equal,
        "at": instant_text(found.at),
        "objects": [passes.comparison_of(one) for one in found.objects.values()],
    }


def open_workspace(settings: Settings, holder: str = "command", executor: str = "worker-1") -> Workspace:
    """The workspace of these settings; `holder` says what this process is, in the lease.

    Raises StoreUnusable when the folder or the database cannot be used.
    """
    arm_crashpoint(settings.crashpoint)
    return Workspace(settings, this_process(holder), executor)
