"""An engine over HTTP: a practice org with people who work in it, our database in a file, our own clock in hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from diptych.domain.mapping import FieldMapping, Mapping
from diptych.salesforce.org import SalesforceOrg, connect
from diptych.store.sql_store import SqlStore, open_store
from diptych.sync.cycle import run_cycle, run_initial_load
from diptych.sync.engine import Engine, Options
from diptych.sync.ports import Lease
from diptych.sync.report import CycleReport
from diptych.testing import OpenBudget, VirtualClock
from tests.salesforce.practice import Practice, Salesperson, practice_org
from tests.sync.world import ACCOUNT_FIELDS, CONTACT_FIELDS, LEAD_FIELDS

DAILY = Options(verify_every=timedelta(hours=24), refresh_every=timedelta(hours=6))


class HttpWorld:
    """Both sides and the engine between them; `order` speaks to the practice org's control plane."""

    def __init__(
        self, practice: Practice, folder: Path, options: Options, fields: Iterable[FieldMapping]
    ) -> None:
        self.practice, self.sf = practice, Salesperson(practice)
        self.order = practice.control
        self.clock = VirtualClock()
        self.org_step = 2  # seconds
        self.store: SqlStore = open_store(f"sqlite:///{folder / 'app.db'}", self.clock.now)
        self.org: SalesforceOrg = connect(practice.credentials(), fresh=True)
        mapping = Mapping(1, tuple(fields))
        with self.store.transaction() as tx:
            tx.provision(mapping)
            tx.save_mapping(mapping, self.clock.now(), "test")
        self.engine = Engine(self.org, self.store, _Impatient(self.clock), OpenBudget(), options)

    def lease(self) -> Lease:
        lease = self.store.acquire_lease("engine", self.clock.now(), 120)
        assert lease is not None
        return lease

    def loaded(self) -> HttpWorld:
        assert run_initial_load(self.engine, self.lease()).status == "Succeeded"
        assert self.cycle().status == "Succeeded"
        return self

    def cycle(self, minutes: float = 1) -> CycleReport:
        """One cycle; that much later by our own clock, which decides only when something is due, and in a later second of the
        org's: what changed in the second of a read is left until it can be told apart (R-8)."""
        self.clock.advance(minutes * 60)
        if self.org_step:
            self.sf.advance(self.org_step)
        return run_cycle(self.engine, self.lease())

    def cycles_until(self, settled: Callable[[], bool], minutes: float = 1, most: int = 60) -> int:
        """Cycles until something is so; how many there were."""
        for number in range(most):
            if settled():
                return number
            self.cycle(minutes)
            time.sleep(0.02)
        raise AssertionError("it never came to that")

    def add_field(self, mapped: FieldMapping) -> None:
        with self.store.transaction() as tx:
            mapping = tx.mapping()
            after = mapping.with_fields((*mapping.fields, mapped))
            tx.provision(after)
            tx.save_mapping(after, self.clock.now(), "test")

    def value(self, sf_id: str, column: str) -> Any:
        with self.store.transaction() as tx:
            for name in ("Lead", "Contact"):
                found = tx.linked(tx.mapping().of(name), [sf_id])
                if sf_id in found and column in found[sf_id].ours:
                    return found[sf_id].ours[column]
        return None

    def edit(self, sf_id: str, column: str, value: str) -> None:
        """What any SQL user does."""
        with self.store.engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE person SET {column} = ? WHERE salesforce_id = ?", (value, sf_id)
            )

    def setting(self, name: str) -> str | None:
        with self.store.transaction() as tx:
            return tx.setting(name)


class _Impatient:
    """Our clock, but real time passes while something is waited for."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.now = clock.now

    def sleep(self, seconds: float) -> None:
        self._clock.advance(seconds)
        time.sleep(min(seconds, 0.05))


@contextmanager
def http_world(
    folder: Path,
    options: Options = DAILY,
    fields: Iterable[FieldMapping] = (*ACCOUNT_FIELDS, *CONTACT_FIELDS, *LEAD_FIELDS),
) -> Iterator[HttpWorld]:
    with practice_org(folder) as practice:
        world = HttpWorld(practice, folder, replace(options), fields)
        try:
            yield world
        finally:
            world.org.close()
            world.store.close()
