"""Rate limit of logins: failures are counted per name and per address, in the database, so that all web processes share them."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.store.system_tables import login_failure

WINDOW = timedelta(minutes=15)
PER_NAME = 10
PER_ADDRESS = 30


class TooMany(Exception):
    """Too many failed logins; `wait` until the next try is looked at."""

    def __init__(self, wait: timedelta) -> None:
        minutes = max(1, round(wait.total_seconds() / 60))
        super().__init__(f"Too many failed logins. Try again in {minutes} min.")
        self.wait = wait


def check(connection: Connection, name: str, address: str, now: datetime) -> None:
    """Raises TooMany, also for the right password."""
    c = login_failure.c
    for subject, most in ((_by_name(name), PER_NAME), (_by_address(address), PER_ADDRESS)):
        times = (
            connection.execute(
                sa.select(c.at)
                .where(c.subject == subject, c.at > now - WINDOW)
                .order_by(c.at.desc())
                .limit(most)
            )
            .scalars()
            .all()
        )
        if len(times) >= most:
            raise TooMany(times[-1] + WINDOW - now)


def failed(connection: Connection, name: str, address: str, now: datetime) -> None:
    """Count a failure, and forget those that no longer count."""
    connection.execute(login_failure.delete().where(login_failure.c.at <= now - WINDOW))
    for subject in (_by_name(name), _by_address(address)):
        connection.execute(login_failure.insert().values(subject=subject, at=now))


def passed(connection: Connection, name: str) -> None:
    """A login succeeded: what was mistyped before is forgotten."""
    connection.execute(login_failure.delete().where(login_failure.c.subject == _by_name(name)))


def _by_name(name: str) -> str:
    return f"name {name.strip().lower()[:200]}"


def _by_address(address: str) -> str:
    return f"address {address}"
