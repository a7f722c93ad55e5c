"""Managed event subscriptions: the org keeps how far a subscriber has come (Metadata type of that name).

Definitions and committed positions are settings, so that both survive a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.errors import ApiError
from practice_org.events import reading, topics

if TYPE_CHECKING:
    from practice_org.org import Org

SETTING = "managed_subscriptions"
POSITIONS = "managed_positions"
PREFIX = "18x"
PRESETS = ("LATEST", "EARLIEST")
STATES = ("RUN", "STOP")


@dataclass(frozen=True)
class ManagedSubscription:
    """A definition. `default_replay` counts before the first commit, `error_recovery` when that is lost."""

    id: str
    name: str
    topic: str
    default_replay: str = "LATEST"
    error_recovery: str = "LATEST"
    state: str = "RUN"

    def metadata(self) -> dict[str, Any]:
        """The field Metadata of the Tooling API's record."""
        return {
            "defaultReplay": self.default_replay,
            "errorRecoveryReplay": self.error_recovery,
            "label": self.name,
            "state": self.state,
            "topicName": self.topic,
            "version": 64.0,
            "urls": None,
        }


def define(
    org: Org,
    name: str,
    topic: str,
    default_replay: str = "LATEST",
    error_recovery: str = "LATEST",
    state: str = "RUN",
) -> ManagedSubscription:
    """Define a managed subscription, or change it; its position is kept.

    Raises ApiError INVALID_FIELD for an unknown topic, preset or state.
    """
    found = topics.find(org, topic)
    if found is None or not {default_replay, error_recovery} <= set(PRESETS) or state not in STATES:
        raise ApiError(400, "INVALID_FIELD", f"No such topic, preset or state: {topic}")
    before = find(org, name)
    with org.transaction() as tx:
        key = before.id if before else ids.mint(tx.connection, PREFIX)[0]
        made = ManagedSubscription(key, name, found.name, default_replay, error_recovery, state)
        known = {k: v for k, v in org.setting(SETTING, {}).items() if k != key}
        stored = {
            "name": name,
            "topic": found.name,
            "default_replay": default_replay,
            "error_recovery": error_recovery,
            "state": state,
        }
        org.set_setting(SETTING, {**known, key: stored})
    return made


def every(org: Org) -> list[ManagedSubscription]:
    """All definitions."""
    return [ManagedSubscription(key, **stored) for key, stored in org.setting(SETTING, {}).items()]


def find(org: Org, key: str) -> ManagedSubscription | None:
    """The managed subscription of an id (15 or 18 characters) or developer name."""
    full = ids.to18(key)
    return next((one for one in every(org) if one.id == full or one.name == key), None)


def start(org: Org, one: ManagedSubscription) -> int:
    """The position at which a stream begins."""
    committed = org.setting(POSITIONS, {}).get(one.id)
    if committed is not None and reading.is_kept(org, committed):
        return int(committed)
    preset = one.default_replay if committed is None else one.error_recovery
    return reading.oldest(org) if preset == "EARLIEST" else reading.tip(org)


def commit(org: Org, one: ManagedSubscription, replay_id: bytes) -> bool:
    """Keep a position; False when it is none that is still kept."""
    number = reading.replay_number(replay_id)
    if number is None or not reading.is_kept(org, number):
        return False
    with org.transaction():
        org.set_setting(POSITIONS, {**org.setting(POSITIONS, {}), one.id: number})
    return True
