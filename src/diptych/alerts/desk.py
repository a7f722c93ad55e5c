"""The desk of alerts: looks, decides, keeps, tells. One of a workspace; any process may have one, they do not tell twice.

A look decides and keeps the messages in one transaction; delivering is a step of its own that repeats until each message has
arrived or a day is over. A process that ends in between loses nothing; at worst a message arrives twice, with one number.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from diptych.alerts import letters, rules
from diptych.alerts.channels import SLACK, Wanted, checked
from diptych.alerts.facts import read_facts
from diptych.alerts.sending import NotSent, send
from diptych.connection.vault import StoreVault
from diptych.domain.alerts import NOTICES, Alert, Facts, Patience, Rule, decide, findings, reaches
from diptych.domain.values import instant_text, parse_instant
from diptych.setup.state import SetupState
from diptych.store import alerts as kept
from diptych.store.auditing import note
from diptych.store.queries.backlog import keep_sample
from diptych.store.queries.steps import steps
from diptych.store.secrets import SecretUnreadable
from diptych.store.sql_store import SqlStore
from diptych.sync.ports import Clock

_log = logging.getLogger(__name__)
_LOOKED, _DIGESTED = "alerts_looked_at", "alerts_digested_on"
_EVERY = timedelta(seconds=15)
_TOUCHED_EVERY = timedelta(seconds=45)


class NoSuchChannel(LookupError):
    """There is no channel of that name."""


class AlertDesk:
    """See the module. `state`: of the set-up; `org`: the name of the org, for messages."""

    def __init__(
        self,
        store: SqlStore,
        vault: StoreVault,
        clock: Clock,
        state: Callable[[], SetupState],
        org: Callable[[], str],
        ca_file: str | None = None,
    ) -> None:
        self._store, self._vault, self._clock = store, vault, clock
        self._state, self._org, self._ca_file = state, org, ca_file

    # ------------------------------------------------------------ looking

    def tick(self) -> None:
        """One look, unless another process has just had one, and everything that is due to be delivered."""
        self.look()
        self.deliver()

    def look(self, force: bool = False) -> None:
        """Decide about the alerts and keep the messages, in one transaction."""
        now = self._clock.now()
        if not force and not self._is_due(now):
            return
        state, org = self._state(), self._org()
        facts = read_facts(self._store, state, now)
        with self._store.transaction() as unit:
            kept.lock(unit.connection)
            if not force and not _due(unit.setting(_LOOKED), now):
                return
            unit.save_setting(_LOOKED, instant_text(now))
            self._decide(unit, facts, org)
            keep_sample(unit.connection, facts.waiting, now)
            self._digest(unit, facts, org)

    def _is_due(self, now: datetime) -> bool:
        with self._store.looking() as unit:
            return _due(unit.setting(_LOOKED), now)

    def _decide(self, unit: Any, facts: Facts, org: str) -> None:
        connection, now = unit.connection, facts.now
        settings = rules.read_settings(unit)
        repeat = timedelta(hours=settings.repeat_hours) if settings.repeat_hours else None
        decision = decide(
            findings(facts, rules.read_rules(unit)),
            kept.firing(connection),
            kept.notices_known(connection),
            now,
            Patience(repeat=repeat),
        )
        told: list[tuple[str, Alert]] = []
        for finding in decision.raised:
            told.append((letters.FIRED, kept.raise_alert(connection, finding, now)))
        for alert, finding in decision.worse:
            kept.keep(connection, alert.id, finding, now, told=True)
            told.append((letters.WORSE, _as_now(alert, finding)))
        for alert, finding in decision.kept:
            if finding.title != alert.title or now - alert.last_at >= _TOUCHED_EVERY:
                kept.keep(connection, alert.id, finding, now)
        for alert in decision.again:
            kept.told(connection, alert.id, now)
            told.append((letters.AGAIN, alert))
        for alert in decision.ended:
            kept.end(connection, alert.id, now)
            if alert.kind not in NOTICES:
                told.append((letters.RECOVERED, alert))
        self._tell(unit, told, org, settings.base_url, now)

    def _tell(
        self, unit: Any, told: Sequence[tuple[str, Alert]], org: str, base_url: str, now: datetime
    ) -> None:
        """One message a channel about all that it is to know."""
        for channel in kept.channels(unit.connection):
            mine = [(event, alert) for event, alert in told if reaches(alert.severity, channel.least)]
            if channel.enabled and mine:
                body = letters.about(mine, org, base_url, now)
                number = mine[0][1].id if len(mine) == 1 else None
                kept.enqueue(unit.connection, channel.id, "alert", body, now, number)

    def _digest(self, unit: Any, facts: Facts, org: str) -> None:
        """Once a day, from its hour on."""
        settings, now = rules.read_settings(unit), facts.now
        today = f"{now:%Y-%m-%d}"
        last = unit.setting(_DIGESTED)
        if last == today or now.hour < settings.digest_hour:
            return
        unit.save_setting(_DIGESTED, today)
        if last is None and now.hour > settings.digest_hour:
            return  # begun in the course of the day: the first one comes tomorrow
        self.enqueue_digest(unit, facts, org)

    def enqueue_digest(self, unit: Any, facts: Facts, org: str) -> int:
        """The digest to every channel that takes it; to how many."""
        channels = [c for c in kept.channels(unit.connection) if c.enabled and c.digest]
        if channels:
            base_url = rules.read_settings(unit).base_url
            lines = _day(unit.connection, facts)
            body = letters.digest(lines, kept.firing(unit.connection), org, base_url, facts.now)
            for channel in channels:
                kept.enqueue(unit.connection, channel.id, "digest", body, facts.now)
        return len(channels)

    def digest_now(self) -> int:
        """The digest at once; to how many channels."""
        facts = read_facts(self._store, self._state(), self._clock.now())
        with self._store.transaction() as unit:
            return self.enqueue_digest(unit, facts, self._org())

    # ------------------------------------------------------------ telling

    def deliver(self) -> int:
        """Deliver what is due; how many messages have arrived."""
        now = self._clock.now()
        with self._store.looking() as unit:
            waiting = kept.deliveries(unit.connection, 1, "pending")
        if not waiting:
            return 0
        with self._store.transaction() as unit:
            due = kept.claim_due(unit.connection, now)
            channels = {channel.id: channel for channel in kept.channels(unit.connection)}
        return sum(self._deliver(message, channels.get(message.channel_id)) for message in due)

    def _deliver(self, message: kept.Delivery, channel: kept.Channel | None) -> bool:
        error = "the channel was removed" if channel is None else self._send(channel, message)
        now = self._clock.now()
        with self._store.transaction() as unit:
            if error is None:
                kept.delivered(unit.connection, message.id, now)
                return True
            kept.not_delivered(unit.connection, message, error, now)
        _log.warning("alert message %s could not be delivered: %s", message.id, error)
        return False

    def _send(self, channel: kept.Channel, message: kept.Delivery) -> str | None:
        """Why it could not be delivered; None when it was."""
        try:
            secret = self._vault.unseal(channel.sealed, _purpose(channel.name)) if channel.sealed else ""
            with self._store.looking() as unit:
                language = rules.read_settings(unit).language
            send(channel, secret, letters.in_language(message.body, language), message.id, self._ca_file)
        except (NotSent, SecretUnreadable) as problem:
            return str(problem)
        return None

    # ------------------------------------------------------------ people

    def firing(self) -> list[Alert]:
        """Alerts that have not ended."""
        with self._store.reading() as connection:
            return kept.firing(connection)

    def history(self, limit: int = 100, page: int = 1) -> tuple[list[Alert], int]:
        """Alerts that are over, newest first, and how many there are."""
        with self._store.reading() as connection:
            return kept.history(connection, limit, page)

    def acknowledge(self, numbers: Sequence[int] | None, who: str) -> int:
        """Somebody has seen these (None: all); how many nobody had before. They are not told again until they end."""
        with self._store.transaction() as unit:
            return kept.acknowledge(unit.connection, numbers, who, self._clock.now())

    def channels(self) -> list[kept.Channel]:
        """All channels, by name."""
        with self._store.reading() as connection:
            return kept.channels(connection)

    def deliveries(self, limit: int = 50) -> list[kept.Delivery]:
        """The latest messages."""
        with self._store.reading() as connection:
            return kept.deliveries(connection, limit)

    def save_channel(self, wanted: Wanted) -> str | None:
        """Add or change a channel; a signing secret that was made for it, to be shown this once. Raises BadChannel,
        SecretUnreadable."""
        now = self._clock.now()
        before = {one.name: one for one in self.channels()}.get(" ".join(wanted.name.split()))
        same = before is not None and before.kind == wanted.kind and before.sealed is not None
        given = checked(wanted, same)
        config = (
            before.config if same and before and given.kind == SLACK and not given.secret else given.config
        )
        sealed = before.sealed if same and before and not given.secret else None
        if given.secret:
            sealed = self._vault.seal(given.secret, _purpose(given.name))
        channel = kept.Channel(
            0, given.name, given.kind, config, sealed, given.least, given.digest, given.enabled
        )
        with self._store.transaction() as unit:
            kept.save_channel(unit.connection, channel, now)
            note(unit.connection, f"alert channel {given.name}", None, _shown(channel), self._clock.now)
        return given.secret if given.secret and not wanted.secret else None

    def drop_channel(self, name: str) -> None:
        """Remove a channel. Raises NoSuchChannel."""
        with self._store.transaction() as unit:
            if not kept.drop_channel(unit.connection, name):
                raise NoSuchChannel(f"There is no channel {name}.")
            note(unit.connection, f"alert channel {name}", "there", None, self._clock.now)

    def test(self, name: str) -> None:
        """Send a test over a channel at once. Raises NoSuchChannel, NotSent."""
        channel = {one.name: one for one in self.channels()}.get(name)
        if channel is None:
            raise NoSuchChannel(f"There is no channel {name}.")
        now = self._clock.now()
        with self._store.transaction() as unit:
            body = letters.trial(self._org(), channel.name, now)
            number = kept.enqueue(unit.connection, channel.id, "test", body, now + timedelta(minutes=5))
            message = next(m for m in kept.deliveries(unit.connection, 10) if m.id == number)
        error = self._send(channel, message)
        with self._store.transaction() as unit:
            if error is None:
                kept.delivered(unit.connection, number, self._clock.now())
                return
            kept.give_up(unit.connection, number, error)
        raise NotSent(error)

    def all_rules(self) -> tuple[list[Rule], rules.AlertSettings]:
        """The rules and the settings beside them."""
        with self._store.looking() as unit:
            return rules.read_rules(unit), rules.read_settings(unit)

    def save_rules(self, changed: Sequence[Rule], settings: rules.AlertSettings | None = None) -> None:
        """Set rules and, if given, the settings. Raises rules.BadRule."""
        with self._store.transaction() as unit:
            rules.save_rules(unit, changed)
            if settings is not None:
                rules.save_settings(unit, settings)


def _due(looked: str | None, now: datetime) -> bool:
    return looked is None or abs(now - parse_instant(looked)) >= _EVERY


def _purpose(name: str) -> str:
    return f"alert channel {name}"


def _shown(channel: kept.Channel) -> str:
    return json.dumps(
        {"kind": channel.kind, **channel.config, "least": channel.least, "digest": channel.digest}
    )


def _as_now(alert: Alert, finding: Any) -> Alert:
    return replace(alert, severity=finding.severity, title=finding.title, text=finding.text)


def _day(connection: Any, facts: Facts) -> list[str]:
    """What the sync did in the last 24 hours, in lines."""
    _rows, sums = steps(connection, 1, 1, since=facts.now - timedelta(hours=24))
    waiting = sum(one.count for one in facts.waiting)
    errors = sum(one.count for one in facts.causes)
    success = instant_text(facts.last_success_at) if facts.last_success_at else "never"
    return [
        f"Last success: {success}.",
        f"In 24 hours: {sums.new:,} new, {sums.updated:,} updated, {sums.deleted:,} deleted, {sums.failed:,} failed.",
        f"{waiting:,} records wait to be sent; {errors:,} errors in {len(facts.causes):,} causes are open.",
        f"{facts.api_used:,} API calls" + (f" of {facts.api_limit:,} allowed." if facts.api_limit else "."),
    ]
