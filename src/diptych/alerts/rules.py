"""The rules as they are set, and the few settings of alerts beside them; kept as settings of the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from diptych.domain.alerts import DEFAULTS, UNITS, Kind, Rule, Severity
from diptych.sync.ports import Transaction
from diptych.translation.catalogue import ENGLISH, LANGUAGES

_RULES, _REST = "alert.rules", "alert.settings"
_MOST = 1_000_000


class BadRule(ValueError):
    """A rule cannot be set so; the text says why."""


@dataclass(frozen=True)
class AlertSettings:
    """`digest_hour`: of the day, UTC, when the digest goes to the channels that take it; `repeat_hours`: after how long an
    alert that nobody has acknowledged is told again (0: never); `base_url`: where the pages are, for links in messages;
    `language`: of the messages."""

    digest_hour: int = 7
    repeat_hours: int = 24
    base_url: str = ""
    language: str = ENGLISH


def read_rules(unit: Transaction) -> list[Rule]:
    """Every rule: as it was set, else as it is by default."""
    held = json.loads(unit.setting(_RULES) or "{}")
    return [_merged(rule, held.get(rule.kind.value)) for rule in DEFAULTS]


def _merged(rule: Rule, held: dict[str, object] | None) -> Rule:
    if held is None:
        return rule
    return Rule(
        rule.kind,
        Severity(str(held["severity"])),
        float(str(held["threshold"])),
        bool(held["enabled"]),
    )


def save_rules(unit: Transaction, rules: Sequence[Rule]) -> None:
    """Set these rules; others stay. Raises BadRule."""
    now = {rule.kind: rule for rule in (*read_rules(unit), *map(_checked, rules))}
    changed = {
        rule.kind.value: {
            "severity": rule.severity.value,
            "threshold": rule.threshold,
            "enabled": rule.enabled,
        }
        for rule in now.values()
        if rule not in DEFAULTS
    }
    unit.save_setting(_RULES, json.dumps(changed, sort_keys=True) if changed else None)


def _checked(rule: Rule) -> Rule:
    if rule.kind not in UNITS:
        return Rule(rule.kind, rule.severity, 0, rule.enabled)
    least = 0 if rule.kind in (Kind.SYNC_STOPPED, Kind.BACKLOG_AGE, Kind.PAUSED) else 1
    if not least <= rule.threshold <= (100 if rule.kind is Kind.API_SHARE else _MOST):
        most = "100" if rule.kind is Kind.API_SHARE else f"{_MOST:,}"
        raise BadRule(f"{rule.kind.value}: the threshold is between {least} and {most} {UNITS[rule.kind]}.")
    return rule


def read_settings(unit: Transaction) -> AlertSettings:
    """The settings beside the rules."""
    return AlertSettings(**json.loads(unit.setting(_REST) or "{}"))


def save_settings(unit: Transaction, settings: AlertSettings) -> None:
    """Raises BadRule."""
    if not 0 <= settings.digest_hour <= 23:
        raise BadRule("The hour of the digest is between 0 and 23.")
    if not 0 <= settings.repeat_hours <= 24 * 30:
        raise BadRule("An alert is told again after 1 to 720 hours; 0: never.")
    if settings.base_url and not settings.base_url.startswith(("http://", "https://")):
        raise BadRule("The address of the pages begins with https:// or http://.")
    if settings.language not in LANGUAGES:
        raise BadRule(f"The language of messages is one of {', '.join(LANGUAGES)}.")
    held = {
        "digest_hour": settings.digest_hour,
        "repeat_hours": settings.repeat_hours,
        "base_url": settings.base_url,
        "language": settings.language,
    }
    unit.save_setting(_REST, json.dumps(held))
