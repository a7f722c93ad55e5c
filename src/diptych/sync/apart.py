"""A record that was merged into another and is one of its own again: its person comes back (D-76)."""

from __future__ import annotations

from dataclasses import replace

from diptych.domain.identity import Fate, ending_of
from diptych.domain.mapping import ObjectMapping, Policy
from diptych.domain.merge import Conflict
from diptych.domain.pair import Observation, Pair, PairState, Record
from diptych.domain.person_merge import plan_split
from diptych.sync.decision import Terms, is_stale
from diptych.sync.ports import PairChange, Transaction


def is_apart_again(pair: Pair, record: Record) -> bool:
    """A record that had been merged into another was taken out of the recycle bin: it is one of its own again."""
    return (
        pair.state is PairState.REDIRECTED
        and pair.redirect_to is not None
        and not (record.deleted and record.master_id)
        and not is_stale(pair, record)
    )


def merged_elsewhere(pair: Pair, record: Record) -> bool:
    """A record that had been merged into another was taken out of the recycle bin and merged into a third."""
    return (
        pair.state is PairState.REDIRECTED
        and record.master_id not in (None, pair.redirect_to)
        and pair.seen_modstamp is not None
        and record.modstamp > pair.seen_modstamp
    )


_FINAL = frozenset({PairState.REDIRECTED, PairState.CONVERTED, PairState.DETACHED})


def take_apart(
    tx: Transaction, object_mapping: ObjectMapping, pair: Pair, seen: Observation, terms: Terms
) -> bool:
    """The person that had joined another with this record comes back, with what Salesforce shows of it now (D-76). False when
    it never joined another."""
    held = tx.held_people([pair.person_id])[pair.person_id]
    joins = [j for j in tx.joins(pair.person_id) if j.undone_at is None and pair.id in j.loser_pairs]
    consent = tx.mapping().consent("person")
    if joins:  # the oldest: in it the record's own person went; later ones took it along
        plan = replace(plan_split(joins[-1], held, seen.values, consent), winner={})
        restored = plan.restored
        person_id = tx.split_person(plan, terms.run_id)
    elif any(p.id != pair.id and p.state not in _FINAL for p in held.pairs):
        # what it had become was linked to its person: that one keeps it
        refused = {c: v for c, v in consent.items() if held.values.get(c) == v}
        restored = {**seen.values, **refused}
        person_id = tx.part_pair(pair.id, object_mapping, replace(seen, values=restored))
    else:
        return False
    alive, record = ending_of(pair.object_name, Fate.LIVE), seen.record
    back = PairChange(
        pair.id,
        person_id,
        base=seen.values,
        state=alive.state,
        link_state=alive.link_state,
        salesforce_deleted=alive.salesforce_deleted,
        conflicts=tuple(
            Conflict(c, None, restored[c], v, "ours", Policy.MOST_RESTRICTIVE.value)
            for c, v in seen.values.items()
            if c in consent and v is not None and restored[c] != v
        ),
        seen_modstamp=record.modstamp,
        seen_at=record.read_at,
        forget_redirect=True,
        attempts=0,
        clear_dead_letters=True,
    )
    tx.save([back], terms.run_id)
    return True
