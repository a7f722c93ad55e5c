"""A Salesforce record is linked to a person who is there already: the successor of a record of that person (C-19)."""

from __future__ import annotations

import json

from diptych.domain.identity import Fate, ending_of
from diptych.domain.mapping import ObjectMapping
from diptych.domain.pair import Observation, Pair, PairState
from diptych.domain.person_merge import JoinPolicy, plan_open
from diptych.sync.crashpoint import crashpoint
from diptych.sync.ports import PairChange, Transaction

JOIN_POLICIES = "join_policies"
"""The setting with the join policies that were chosen, as JSON by column."""


def join_policies(tx: Transaction) -> dict[str, JoinPolicy]:
    """The join policies that were chosen, by column."""
    return {c: JoinPolicy(p) for c, p in json.loads(tx.setting(JOIN_POLICIES) or "{}").items()}


def open_on(
    tx: Transaction,
    person_id: int,
    object_mapping: ObjectMapping,
    seen: Observation,
    detail: str,
    run_id: int | None,
    ending: PairChange | None = None,
) -> Pair:
    """Link the record to the person: base is what the record shows, edits made here are owed to it, and the person's last
    values stay in its history (D-59). `ending` ends the record it succeeds, in the same save."""
    held = tx.held_people([person_id])[person_id]
    plan = plan_open(held, seen.values, object_mapping, join_policies(tx))
    tx.keep_last_values(held, detail, run_id)
    opened = tx.open_pair(person_id, object_mapping, seen)
    if ending is not None:
        crashpoint("C-19")
    alive, record = ending_of(object_mapping.object_name, Fate.LIVE), seen.record
    change = PairChange(
        opened.id,
        person_id,
        ours=plan.values,
        base={column: seen.values[column] for column in plan.values},
        state=PairState.PAIRED,
        link_state=alive.link_state,
        salesforce_deleted=alive.salesforce_deleted,
        conflicts=plan.conflicts,
        history_by=record.modified_by,
        history_at=record.modified_at or record.modstamp,
    )
    tx.save([change] if ending is None else [ending, change], run_id)
    return opened
