"""Records that are known to have become others, to be followed by `succession` (settings `follow.<object>`)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from diptych.sync.ports import Transaction


def setting_of(object_name: str) -> str:
    return f"follow.{object_name}"


def noted(tx: Transaction, object_name: str) -> list[str]:
    """The ids that wait, in order."""
    return list(json.loads(tx.setting(setting_of(object_name)) or "[]"))


def remember(tx: Transaction, object_name: str, ids: Sequence[str]) -> None:
    """These are to be followed."""
    if ids:
        _save(tx, object_name, list(dict.fromkeys([*noted(tx, object_name), *ids])))


def forget(tx: Transaction, object_name: str, ids: Sequence[str]) -> None:
    """These were followed."""
    gone = set(ids)
    _save(tx, object_name, [one for one in noted(tx, object_name) if one not in gone])


def _save(tx: Transaction, object_name: str, ids: Sequence[str]) -> None:
    tx.save_setting(setting_of(object_name), json.dumps(ids) if ids else None)
