"""The lease: the right to be the one engine of this database, with an epoch that only grows (R-14)."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.store.system_tables import lease
from diptych.sync.ports import Lease, LeaseLost


def acquire(connection: Connection, holder: str, now: datetime, ttl_seconds: float) -> Lease | None:
    """See `Store.acquire_lease`."""
    row = connection.execute(sa.select(lease).with_for_update()).one()
    if row.holder not in (None, holder) and row.expires_at is not None and row.expires_at > now:
        return None
    epoch = row.epoch + 1
    expires = now + timedelta(seconds=ttl_seconds)
    connection.execute(lease.update().values(holder=holder, epoch=epoch, expires_at=expires))
    return Lease(holder, epoch)


def holder(connection: Connection) -> str | None:
    """Who has it, or had it when it ran out; None when it was given back."""
    found: str | None = connection.execute(sa.select(lease.c.holder)).scalar_one()
    return found


def renew(connection: Connection, held: Lease, now: datetime, ttl_seconds: float) -> None:
    """Raises LeaseLost."""
    check(connection, held)
    connection.execute(lease.update().values(expires_at=now + timedelta(seconds=ttl_seconds)))


def release(connection: Connection, held: Lease) -> None:
    """Give it back, if it is still ours."""
    mine = lease.update().where(lease.c.holder == held.holder, lease.c.epoch == held.epoch)
    connection.execute(mine.values(holder=None, expires_at=None))


def check(connection: Connection, held: Lease) -> None:
    """Raises LeaseLost when another has it. The row stays locked until the transaction ends: nobody takes over before."""
    row = connection.execute(sa.select(lease.c.holder, lease.c.epoch).with_for_update(read=True)).one()
    if (row.holder, row.epoch) != (held.holder, held.epoch):
        raise LeaseLost(
            f"{held.holder} held the lease in epoch {held.epoch}, it is now epoch {row.epoch} ({row.holder or 'free'})"
        )
