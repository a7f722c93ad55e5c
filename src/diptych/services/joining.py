"""Join policies as a person sets them: which value of a column stays when two people become one (D-65)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from diptych.domain.person_merge import JoinPolicy, policies_for, suits
from diptych.store import SqlStore
from diptych.sync.opening import JOIN_POLICIES
from diptych.sync.opening import join_policies as chosen_policies

DEFAULT = "default"


class JoinPolicyRefused(ValueError):
    """It cannot be set; the text is one line with the way out."""


@dataclass(frozen=True)
class ColumnJoin:
    """How a column is decided; `chosen` by somebody, or by default. Consent is always the most restrictive."""

    column: str
    policy: JoinPolicy
    chosen: bool


def join_policies(store: SqlStore) -> list[ColumnJoin]:
    """The policy of every mapped column of people."""
    with store.looking() as tx:
        kinds = {column: mapped.kind for column, mapped in tx.mapping().columns("person").items()}
        consent, chosen = tx.mapping().consent("person"), chosen_policies(tx)
    found = policies_for(kinds, chosen)
    return [
        ColumnJoin(
            column,
            JoinPolicy.MOST_RESTRICTIVE if column in consent else policy,
            column in chosen and found[column] is chosen[column] and column not in consent,
        )
        for column, policy in found.items()
    ]


def set_join_policy(store: SqlStore, column: str, policy: str) -> None:
    """Choose the policy of a column; `default` takes the choice back. Raises JoinPolicyRefused."""
    if policy not in (*JoinPolicy, DEFAULT):
        raise JoinPolicyRefused(f"The policy is one of {', '.join(JoinPolicy)} or {DEFAULT}, not {policy}.")
    with store.transaction() as tx:
        mapped = tx.mapping().columns("person").get(column)
        if mapped is None:
            raise JoinPolicyRefused(f"There is no column {column} of people: see diptych mapping show.")
        if column in tx.mapping().consent("person") and policy != DEFAULT:
            raise JoinPolicyRefused(
                f"{column} is consent: what allows less stands in every merge (diptych mapping policy {column} "
                "--restrictive or --no-restrictive says what that is)."
            )
        chosen = dict(chosen_policies(tx))
        if policy == DEFAULT:
            chosen.pop(column, None)
        elif not suits(JoinPolicy(policy), mapped.kind):
            raise JoinPolicyRefused(f"{policy} means nothing for {column}, which holds {mapped.kind.value}.")
        else:
            chosen[column] = JoinPolicy(policy)
        text = json.dumps({name: one.value for name, one in sorted(chosen.items())}) if chosen else None
        tx.save_setting(JOIN_POLICIES, text)
