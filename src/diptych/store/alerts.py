"""Alerts, their channels, and the messages that are to be delivered (an outbox of its own)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.domain.alerts import GIVE_UP_AFTER, NOTICES, Alert, Finding, Kind, Severity, next_try
from diptych.store.engines import is_postgres
from diptych.store.system_tables import alert, alert_channel, alert_delivery

_LOCK = 0x616C6572
_CLAIM = timedelta(minutes=2)


@dataclass(frozen=True)
class Channel:
    """One way to be told. `kind`: mail, webhook or slack; `config`: what may be shown; `sealed`: its secret, sealed; `least`:
    the least severity that is told; `digest`: whether the daily digest goes there too."""

    id: int
    name: str
    kind: str
    config: Mapping[str, Any]
    sealed: str | None = field(repr=False)
    least: Severity
    digest: bool
    enabled: bool


@dataclass(frozen=True)
class Delivery:
    """One message for one channel. `event`: alert, digest or test; `state`: pending, sent, given up."""

    id: int
    alert_id: int | None
    channel_id: int
    event: str
    body: Mapping[str, Any]
    state: str
    attempts: int
    next_at: datetime
    error: str | None
    at: datetime
    sent_at: datetime | None


def lock(connection: Connection) -> None:
    """Let nobody else decide about alerts until this transaction ends. On SQLite it is the only writer anyway."""
    if is_postgres(connection):
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


# ---------------------------------------------------------------- alerts


def firing(connection: Connection) -> list[Alert]:
    """Alerts that have not ended, the worst and newest first."""
    rows = connection.execute(sa.select(alert).where(alert.c.state == "firing").order_by(alert.c.id.desc()))
    return sorted((_alert(row) for row in rows), key=lambda one: -one.severity.rank)


def history(connection: Connection, limit: int, page: int = 1) -> tuple[list[Alert], int]:
    """Alerts that have ended, the newest first, and how many there are."""
    ended = alert.c.state == "ended"
    total = connection.execute(sa.select(sa.func.count()).select_from(alert).where(ended)).scalar_one()
    rows = connection.execute(
        sa.select(alert)
        .where(ended)
        .order_by(alert.c.id.desc())
        .limit(limit)
        .offset((max(page, 1) - 1) * limit)
    )
    return [_alert(row) for row in rows], int(total)


def notices_known(connection: Connection) -> set[tuple[Kind, str]]:
    """Notices that were raised before."""
    kinds = [kind.value for kind in NOTICES]
    rows = connection.execute(sa.select(alert.c.rule, alert.c.subject).where(alert.c.rule.in_(kinds)))
    return {(Kind(row[0]), row[1]) for row in rows}


def raise_alert(connection: Connection, found: Finding, now: datetime) -> Alert:
    """A new alert."""
    made = connection.execute(
        alert.insert().values(
            rule=found.kind.value,
            subject=found.subject,
            severity=found.severity.value,
            title=found.title,
            text=found.text,
            remedy=found.remedy,
            link=found.link,
            state="firing",
            first_at=now,
            last_at=now,
            told_at=now,
        )
    )
    key = made.inserted_primary_key
    assert key is not None
    return _one(connection, int(key[0]))


def keep(connection: Connection, number: int, found: Finding, now: datetime, told: bool = False) -> None:
    """It is still found; its words as they are now."""
    values: dict[str, Any] = {
        "severity": found.severity.value,
        "title": found.title,
        "text": found.text,
        "remedy": found.remedy,
        "last_at": now,
    }
    if told:
        values |= {"told_at": now}
    connection.execute(alert.update().where(alert.c.id == number).values(**values))


def told(connection: Connection, number: int, now: datetime) -> None:
    """Somebody was told of it again."""
    connection.execute(alert.update().where(alert.c.id == number).values(told_at=now))


def end(connection: Connection, number: int, now: datetime) -> None:
    """It is over."""
    connection.execute(
        alert.update()
        .where(alert.c.id == number, alert.c.state == "firing")
        .values(state="ended", ended_at=now)
    )


def acknowledge(connection: Connection, numbers: Sequence[int] | None, who: str, now: datetime) -> int:
    """Somebody has seen these (None: all that fire); how many were not acknowledged before."""
    wanted = alert.update().where(alert.c.state == "firing", alert.c.acked_at.is_(None))
    if numbers is not None:
        wanted = wanted.where(alert.c.id.in_(tuple(numbers)))
    return connection.execute(wanted.values(acked_at=now, acked_by=who)).rowcount


def _one(connection: Connection, number: int) -> Alert:
    return _alert(connection.execute(sa.select(alert).where(alert.c.id == number)).one())


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        row.id,
        Kind(row.rule),
        row.subject,
        Severity(row.severity),
        row.title,
        row.text,
        row.remedy,
        row.link,
        row.state,
        row.first_at,
        row.last_at,
        row.told_at,
        row.acked_at,
        row.acked_by,
        row.ended_at,
    )


# ---------------------------------------------------------------- channels


def channels(connection: Connection) -> list[Channel]:
    """All channels, by name."""
    return [
        _channel(row) for row in connection.execute(sa.select(alert_channel).order_by(alert_channel.c.name))
    ]


def save_channel(connection: Connection, channel: Channel, now: datetime) -> None:
    """A new channel, or the one of that name as it is now."""
    values = {
        "kind": channel.kind,
        "config": json.dumps(dict(channel.config)),
        "sealed": channel.sealed,
        "least": channel.least.value,
        "digest": channel.digest,
        "enabled": channel.enabled,
        "at": now,
    }
    changed = alert_channel.update().where(alert_channel.c.name == channel.name).values(**values)
    if connection.execute(changed).rowcount == 0:
        connection.execute(alert_channel.insert().values(name=channel.name, **values))


def drop_channel(connection: Connection, name: str) -> bool:
    """Remove a channel, and what was still to be delivered by it; whether there was one."""
    number = connection.execute(sa.select(alert_channel.c.id).where(alert_channel.c.name == name)).scalar()
    if number is None:
        return False
    d = alert_delivery
    connection.execute(
        d.update()
        .where(d.c.channel_id == number, d.c.state == "pending")
        .values(state="given up", error="the channel was removed")
    )
    connection.execute(alert_channel.delete().where(alert_channel.c.id == number))
    return True


def _channel(row: Row[Any]) -> Channel:
    return Channel(
        row.id,
        row.name,
        row.kind,
        json.loads(row.config),
        row.sealed,
        Severity(row.least),
        bool(row.digest),
        bool(row.enabled),
    )


# ---------------------------------------------------------------- messages


def enqueue(
    connection: Connection,
    channel_id: int,
    event: str,
    body: Mapping[str, Any],
    now: datetime,
    alert_id: int | None = None,
) -> int:
    """A message to be delivered, in the transaction of its cause; its number."""
    made = connection.execute(
        alert_delivery.insert().values(
            alert_id=alert_id,
            channel_id=channel_id,
            event=event,
            body=json.dumps(dict(body), ensure_ascii=False),
            state="pending",
            attempts=0,
            next_at=now,
            at=now,
        )
    )
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def claim_due(connection: Connection, now: datetime, limit: int = 20) -> list[Delivery]:
    """Messages whose time has come, taken by this process for two minutes: one that ends meanwhile loses none."""
    c = alert_delivery.c
    free = sa.or_(c.claimed_until.is_(None), c.claimed_until <= now)
    due = sa.select(alert_delivery).where(c.state == "pending", c.next_at <= now, free)
    taken = []
    for row in connection.execute(due.order_by(c.id).limit(limit)).all():
        mine = alert_delivery.update().where(c.id == row.id, c.state == "pending", free)
        if connection.execute(mine.values(claimed_until=now + _CLAIM)).rowcount:
            taken.append(_delivery(row))
    return taken


def delivered(connection: Connection, number: int, now: datetime) -> None:
    """It has arrived."""
    _settle(connection, number, state="sent", sent_at=now, error=None, attempts=alert_delivery.c.attempts + 1)


def not_delivered(connection: Connection, message: Delivery, error: str, now: datetime) -> str:
    """It has not arrived: again later, or given up; which of the two."""
    attempts = message.attempts + 1
    over = now - message.at >= GIVE_UP_AFTER
    state = "given up" if over else "pending"
    _settle(
        connection,
        message.id,
        state=state,
        error=error[:1000],
        attempts=attempts,
        next_at=next_try(attempts, now),
        claimed_until=None,
    )
    return state


def give_up(connection: Connection, number: int, error: str) -> None:
    """It is not tried again."""
    _settle(connection, number, state="given up", error=error[:1000], attempts=alert_delivery.c.attempts + 1)


def _settle(connection: Connection, number: int, **values: Any) -> None:
    connection.execute(alert_delivery.update().where(alert_delivery.c.id == number).values(**values))


def deliveries(connection: Connection, limit: int, state: str = "") -> list[Delivery]:
    """The latest messages."""
    wanted = sa.select(alert_delivery).order_by(alert_delivery.c.id.desc()).limit(limit)
    if state:
        wanted = wanted.where(alert_delivery.c.state == state)
    return [_delivery(row) for row in connection.execute(wanted)]


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        row.id,
        row.alert_id,
        row.channel_id,
        row.event,
        json.loads(row.body),
        row.state,
        row.attempts,
        row.next_at,
        row.error,
        row.at,
        row.sent_at,
    )
