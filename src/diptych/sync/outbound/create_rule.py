"""The create rule and the match policy as settings of the database: written by a person, read by the stage."""

from __future__ import annotations

import json
from dataclasses import replace

from diptych.domain.creating import CREATED_OBJECT, CreateRule, MatchPolicy
from diptych.sync.ports import Transaction

SETTING = "create.rule"
POSITION = "create.position"
"""Where the search for people to create goes on, when one cycle could not look at everyone."""


def read_rule(tx: Transaction) -> CreateRule:
    """The rule as it is now; one that names nobody when none has been set (D-49: off by default)."""
    text = tx.setting(SETTING)
    if not text:
        return CreateRule()
    kept = json.loads(text)
    return CreateRule(
        kept.get("filter", ""),
        MatchPolicy(kept.get("policy", MatchPolicy.LINK)),
        dict(kept.get("defaults", {})),
        bool(kept.get("allow_duplicates", False)),
    )


def save_rule(tx: Transaction, rule: CreateRule) -> None:
    """Make this the rule; the next cycle looks at everyone anew."""
    text = json.dumps(
        {
            "filter": rule.filter,
            "policy": rule.policy.value,
            "defaults": dict(rule.defaults),
            "allow_duplicates": rule.allow_duplicates,
        }
    )
    tx.save_setting(SETTING, None if rule == CreateRule() else text)
    tx.save_setting(POSITION, None)


class NoSuchField(ValueError):
    """There is no such field to be filled at create."""


def save_default(tx: Transaction, field: str, value: str) -> None:
    """Fill a field of the new record with this where ours is blank; '' takes the default away. Raises NoSuchField."""
    described = tx.schema(CREATED_OBJECT)
    if described is not None and (field not in described.fields or not described.fields[field].createable):
        raise NoSuchField(f"{CREATED_OBJECT} has no field {field} that the sync user may fill at create.")
    rule = read_rule(tx)
    defaults = {**rule.defaults, field: value}
    save_rule(tx, replace(rule, defaults={k: v for k, v in defaults.items() if v}))
