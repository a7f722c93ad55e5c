"""The create rule and the match policy as settings of the database: written by a person, read by the stage."""

from __future__ import annotations

import json

from diptych.domain.creating import CreateRule, MatchPolicy
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
