"""Records noted for later, by object (settings): those that have become others, to be followed by `succession`, and those that
a read did not show, to be told apart by `repair/reconcile`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from diptych.sync.ports import Transaction

FOLLOW, ABSENT = "follow", "absent"


def setting_of(object_name: str, of: str = FOLLOW) -> str:
    return f"{of}.{object_name}"


def noted(tx: Transaction, object_name: str, of: str = FOLLOW) -> list[str]:
    """The ids that wait, in order."""
    return list(json.loads(tx.setting(setting_of(object_name, of)) or "[]"))


def remember(tx: Transaction, object_name: str, ids: Sequence[str], of: str = FOLLOW) -> None:
    """These wait, too."""
    if ids:
        _save(tx, object_name, list(dict.fromkeys([*noted(tx, object_name, of), *ids])), of)


def forget(tx: Transaction, object_name: str, ids: Sequence[str], of: str = FOLLOW) -> None:
    """These have been dealt with."""
    gone, before = set(ids), noted(tx, object_name, of)
    if gone & set(before):
        _save(tx, object_name, [one for one in before if one not in gone], of)


def _save(tx: Transaction, object_name: str, ids: Sequence[str], of: str) -> None:
    tx.save_setting(setting_of(object_name, of), json.dumps(ids) if ids else None)
