"""Records that turn up and are ours: their creation was sent, and its answer never came (R-5, F-2, F-3).

Beside `apply`, which asks this before it takes an unknown record for a new person. A record that is recognised proves that
its creation landed whole: base takes all that was sent, the fence is lifted, and what has been edited or deleted there since
is then decided like any other observation.
"""

from __future__ import annotations

from collections.abc import Sequence

from diptych.domain.creating import CREATED_OBJECT, recognise
from diptych.domain.mapping import ObjectMapping
from diptych.domain.pair import Linked, Observation, PairState
from diptych.sync.ports import PairChange, Transaction


def recognised(
    tx: Transaction,
    object_mapping: ObjectMapping,
    strangers: Sequence[Observation],
    sync_user: str | None,
    run_id: int | None,
) -> dict[str, Linked]:
    """The pairs of those of these records that are ours, by Salesforce id, as they are now."""
    if not strangers or object_mapping.object_name != CREATED_OBJECT:
        return {}
    pending = tx.pending(object_mapping)
    if not pending:
        return {}
    found = recognise(pending, strangers, sync_user)
    changes = []
    for one in pending:
        seen = found.get(one.pair.id)
        if seen is None:
            continue
        tx.identify(one.pair.id, seen.record.sf_id)
        detached = one.pair.state is PairState.DETACHED
        changes.append(
            PairChange(
                one.pair.id,
                one.pair.person_id,
                base={} if detached or one.pair.inflight is None else one.pair.inflight.values,
                state=None if detached else PairState.PAIRED,
                lift=True,
                landed=True,
                clear_dead_letters=True,
            )
        )
    if not changes:
        return {}
    tx.save(changes, run_id)
    tx.drop_creations([change.person_id for change in changes])
    return tx.linked(object_mapping, [o.record.sf_id for o in found.values()])
