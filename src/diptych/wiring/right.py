"""The right to be the one that writes as an engine: the lease of the database, waited for, kept and given back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from diptych.store.auditing import acting_as
from diptych.store.sql_store import SqlStore
from diptych.sync.ports import Clock, Lease, StoreBusy
from diptych.wiring.process import has_died

_LOOK_SECONDS = 0.3


@contextmanager
def right_to_write(
    store: SqlStore, holder: str, clock: Clock, lasting: timedelta, wait_seconds: float
) -> Iterator[tuple[Lease, Callable[[], None]]]:
    """The lease for `holder`, and a function that keeps it while at work. Raises StoreBusy when waiting was in vain."""
    ttl = lasting.total_seconds()
    end = time.monotonic() + wait_seconds
    while (lease := _acquire(store, holder, clock.now(), ttl)) is None:
        if time.monotonic() >= end:
            raise StoreBusy("Another engine is at work on this database; it was waited for in vain.")
        time.sleep(_LOOK_SECONDS)
    try:
        with acting_as(None):  # what the engine remembers is nobody's setting
            yield lease, partial(_keep, store, lease, clock, ttl, [clock.now()])
    finally:
        store.release_lease(lease)


def _acquire(store: SqlStore, holder: str, now: datetime, ttl: float) -> Lease | None:
    """The lease, also when it belongs to a process of this machine that has died: what was killed goes on at once."""
    lease = store.acquire_lease(holder, now, ttl)
    if lease is None and (before := store.lease_holder()) and has_died(before):
        lease = store.acquire_lease(before, now, ttl)
    return lease


def _keep(store: SqlStore, lease: Lease, clock: Clock, ttl: float, kept: list[datetime]) -> None:
    """Renew the right when a third of its time has gone. Raises LeaseLost."""
    now = clock.now()
    if abs((now - kept[0]).total_seconds()) >= ttl / 3:
        store.renew_lease(lease, now, ttl)
        kept[0] = now
