"""One observed record into our store. Feed, snapshot, read-back and sweep all bring their observations here.

Guarantee: whatever order, however often and however late observations come, the newest one counts (R-3): a record whose
modstamp is older than what we have seen, or that was read before we last saw it, changes nothing. All that one observation
changes - ours, base, conflicts, fate, dead letters, fence - is saved in the caller's transaction (R-2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diptych.domain.identity import Fate, ending_of, fate_of
from diptych.domain.mapping import ObjectMapping, observe
from diptych.domain.objects import synced_object
from diptych.domain.pair import Linked, Observation, PairState, Record
from diptych.sync.apart import is_apart_again, merged_elsewhere, take_apart
from diptych.sync.crashpoint import crashpoint
from diptych.sync.decision import Applied, Decision, Terms, decide, is_stale
from diptych.sync.matching import note_ambiguous, settle
from diptych.sync.noted import remember
from diptych.sync.opening import open_on
from diptych.sync.ports import PairChange, Transaction
from diptych.sync.recognise import recognised


def apply_records(
    tx: Transaction,
    object_mapping: ObjectMapping,
    records: Sequence[Record],
    terms: Terms,
    *,
    follow: bool = True,
) -> Applied:
    """Apply one page of records of one object. Records not known yet become people, deleted ones not known stay unknown.

    Records that were merged away or converted are noted, to be followed to what they have become (`succession`); `follow`
    False: that has been done, so whatever is left of them ends here.
    """
    total, waiting = Applied(), records
    while True:
        applied, waiting = _apply(tx, object_mapping, waiting, terms, follow)
        total += applied
        if not waiting:
            return total
        follow = True


def _apply(
    tx: Transaction, object_mapping: ObjectMapping, records: Sequence[Record], terms: Terms, follow: bool
) -> tuple[Applied, list[Record]]:
    """What was done, and the records that have to wait for others of them, which match the same person."""
    observations = [observe(object_mapping, record) for record in _newest(records)]
    repeated = Applied(skipped=len(records) - len(observations))
    if not synced_object(object_mapping.object_name).two_way:
        count = tx.mirror(object_mapping, observations)
        return repeated + Applied(count.new, count.updated, count.deleted, skipped=count.skipped), []

    known = tx.linked(object_mapping, [o.record.sf_id for o in observations])
    unknown = [o for o in observations if o.record.sf_id not in known]
    known |= recognised(tx, object_mapping, unknown, terms.sync_user, terms.run_id)
    if follow:
        observations, known = _leave_to_succession(tx, object_mapping, observations, known)
    strangers = [o for o in observations if o.record.sf_id not in known and not o.record.deleted]
    kept_away = set(tx.suppressions.withhold(object_mapping, strangers, terms.run_id))
    if kept_away:  # people deleted here for good do not come back, by whatever record (D-73)
        strangers = [o for o in strangers if o.record.sf_id not in kept_away]
        known |= tx.linked(object_mapping, sorted(kept_away))
    settled = settle(tx, object_mapping, strangers, terms.run_id)
    known |= settled.linked
    total = repeated + _add(tx, object_mapping, settled.new, terms)
    if settled.ambiguous:
        note_ambiguous(tx, object_mapping, settled.ambiguous, observations[0].record.read_at)
    changes: list[PairChange] = []
    decided: set[int] = set()
    for observation in observations:
        linked = known.get(observation.record.sf_id)
        if linked is not None and linked.pair.person_id in decided:  # by another record of the same person
            tx.save(changes, terms.run_id)
            changes = []
            linked = tx.linked(object_mapping, [observation.record.sf_id])[observation.record.sf_id]
        if (
            linked is not None
            and is_apart_again(linked.pair, observation.record)
            and take_apart(tx, object_mapping, linked.pair, observation, terms)
        ):
            total += Applied(updated=1)
            if not observation.record.deleted:
                continue
            linked = tx.linked(object_mapping, [observation.record.sf_id])[observation.record.sf_id]
        if linked is None:
            total += Applied(skipped=1 if observation.record.deleted else 0)
            continue
        decision = decide(linked, observation, object_mapping, terms)
        total += decision.applied
        if decision.change is not None and decision.significant:
            _pass_crashpoints(decision)
            changes.append(decision.change)
            decided.add(linked.pair.person_id)
    if changes:
        tx.save(changes, terms.run_id)
    return total, [o.record for o in settled.later]


def _leave_to_succession(
    tx: Transaction,
    object_mapping: ObjectMapping,
    observations: Sequence[Observation],
    known: Mapping[str, Linked],
) -> tuple[list[Observation], dict[str, Linked]]:
    """All but the records that have become others; those are noted, unless it is known already what became of them."""
    kept, waiting = [], []
    theirs = _join_their_contacts(
        tx, object_mapping, [o for o in observations if o.record.sf_id not in known]
    )
    for seen in observations:
        record = seen.record
        linked, fate = known.get(record.sf_id), fate_of(record)
        successor = record.master_id if fate is Fate.MERGED else record.converted_contact_id
        if fate not in (Fate.MERGED, Fate.CONVERTED) or successor is None:
            kept.append(seen)
        elif linked is None:
            if fate is Fate.CONVERTED and record.sf_id not in theirs:
                waiting.append(record.sf_id)
        elif linked.pair.state is ending_of(object_mapping.object_name, fate).state:
            if merged_elsewhere(linked.pair, record):
                waiting.append(record.sf_id)
            else:
                kept.append(seen)
        elif linked.pair.state is not PairState.DETACHED and not is_stale(linked.pair, record):
            waiting.append(record.sf_id)
    remember(tx, object_mapping.object_name, waiting)
    return kept, dict(known)


def _join_their_contacts(
    tx: Transaction, object_mapping: ObjectMapping, strangers: Sequence[Observation]
) -> set[str]:
    """Leads converted before they were ever seen here belong to their contacts' people, where those are here already; which."""
    contacts = {
        seen.record.sf_id: seen.record.converted_contact_id
        for seen in strangers
        if fate_of(seen.record) is Fate.CONVERTED and seen.record.converted_contact_id
    }
    if not contacts:
        return set()
    there = tx.linked(ObjectMapping("Contact", 0, ()), list(contacts.values()))
    here = {
        sf_id: there[contact].pair.person_id
        for sf_id, contact in contacts.items()
        if contact in there and there[contact].pair.state in (PairState.PAIRED, PairState.PARKED)
    }
    ended = [
        (here[seen.record.sf_id], seen, contacts[seen.record.sf_id])
        for seen in strangers
        if seen.record.sf_id in here
    ]
    tx.open_ended(object_mapping, ended, PairState.CONVERTED)
    return set(here)


def _newest(records: Sequence[Record]) -> list[Record]:
    """One record per id: a read may deliver one twice, or in two versions (N-5, N-6)."""
    newest: dict[str, Record] = {}
    for record in records:
        other = newest.get(record.sf_id)
        if other is None or record.modstamp >= other.modstamp:
            newest[record.sf_id] = record
    return list(newest.values())


def _add(
    tx: Transaction, object_mapping: ObjectMapping, strangers: Sequence[Observation], terms: Terms
) -> Applied:
    if not strangers:
        return Applied()
    expected = tx.redirected_to([o.record.sf_id for o in strangers])
    for seen in strangers:
        person_id = expected.get(seen.record.sf_id)
        if person_id is not None:  # what a record of this person became, and was not shown until now (D-60)
            open_on(
                tx,
                person_id,
                object_mapping,
                seen,
                f"{seen.record.object_name} {seen.record.sf_id}",
                terms.run_id,
            )
    strangers = [o for o in strangers if o.record.sf_id not in expected]
    if not strangers:
        return Applied(new=len(expected))
    tx.add_people(object_mapping, strangers, terms.run_id)
    converted = [o.record.sf_id for o in strangers if fate_of(o.record) is Fate.CONVERTED]
    if converted:
        ending = ending_of(object_mapping.object_name, Fate.CONVERTED)
        tx.save(
            [
                PairChange(
                    linked.pair.id, linked.pair.person_id, state=ending.state, link_state=ending.link_state
                )
                for linked in tx.linked(object_mapping, converted).values()
            ],
            terms.run_id,
        )
    return Applied(new=len(strangers) + len(expected))


def _pass_crashpoints(decision: Decision) -> None:
    change = decision.change
    if change is None:
        return
    if change.state is not None and decision.fate is not Fate.LIVE:
        crashpoint({Fate.DELETED: "C-17", Fate.MERGED: "C-18", Fate.CONVERTED: "C-19"}[decision.fate])
    if change.conflicts:
        crashpoint("C-22")
    if change.dead_letters:
        crashpoint("C-23")
