"""People tied to records that Salesforce has already, instead of created (D-48, N-28)."""

from __future__ import annotations

from collections.abc import Sequence

from diptych.domain.creating import Choice, Match, MatchPolicy, Wish, choose
from diptych.domain.mapping import ObjectMapping
from diptych.domain.pair import PairState, Record
from diptych.sync.apply import apply_records
from diptych.sync.outbound.creation_job import Due, Job, Tally, folded, review
from diptych.sync.ports import PairChange, Transaction


def choice_for(job: Job, one: Due, matches: Sequence[Match]) -> Choice:
    """What to do with a person, given what the org holds under the e-mail addresses and keys of all who are due."""
    said = one.said
    if said is not None and said.wish is Wish.LINK and said.target:
        name = "Contact" if said.target.startswith("003") else "Lead"
        return Choice(link=(name, said.target))
    mine = [
        m
        for m in matches
        if (m.key is not None and m.key == one.key)
        or (one.email is not None and folded(m.email) == folded(one.email))
    ]
    policy = MatchPolicy.CREATE if one.decided else job.rule.policy
    return choose(mine, policy, one.key, recreate=said is not None and said.recreate)


def hold_all(job: Job, held: Sequence[tuple[Due, Choice]], tally: Tally) -> None:
    """Put these on the review list."""
    if not held:
        return
    with job.engine.store.transaction(job.lease) as tx:
        for one, choice in held:
            review(job, tx, one, choice.reason, choice.matches)
            tally.held += 1


def link_all(job: Job, wanted: Sequence[tuple[Due, tuple[str, str] | None]], tally: Tally) -> None:
    """Tie people to records that exist: read as they are now, then merged under the field policies from a blank base."""
    by_object: dict[str, list[tuple[Due, str]]] = {}
    for one, link in wanted:
        if link is not None:
            by_object.setdefault(link[0], []).append((one, link[1]))
    for name, some in by_object.items():
        usable = job.engine.usable.get(name)
        if usable is None:
            with job.engine.store.transaction(job.lease) as tx:
                for one, sf_id in some:
                    review(job, tx, one, f"It is a {name}, of which nothing is mapped.", (sf_id,))
            continue
        job.engine.budget.reserve("edits")
        fields = job.engine.fields_to_read(usable.mapping)
        read = job.engine.org.retrieve(name, list(dict.fromkeys(sf_id for _, sf_id in some)), fields)
        with job.engine.store.transaction(job.lease) as tx:
            for one, sf_id in some:
                _link(job, tx, one, usable.mapping, sf_id, read.records.get(sf_id), tally)


def _link(
    job: Job,
    tx: Transaction,
    one: Due,
    target: ObjectMapping,
    sf_id: str,
    record: Record | None,
    tally: Tally,
) -> None:
    holder = tx.linked(target, [sf_id]).get(sf_id)
    if holder is not None:
        reason = f"{target.object_name} {sf_id} is person {holder.pair.person_id} here already."
        review(job, tx, one, reason, (sf_id,))
        tally.held += 1
        return
    if record is None:
        review(
            job, tx, one, f"Salesforce does not show {target.object_name} {sf_id} to the sync user.", (sf_id,)
        )
        tally.held += 1
        return
    pair = one.pair
    if pair is None or pair.object_name != target.object_name:
        if pair is not None:  # it was to be a lead, and is a contact
            tx.save(
                [
                    PairChange(
                        pair.id, pair.person_id, state=PairState.REDIRECTED, redirect_to=sf_id, lift=True
                    )
                ],
                job.run_id,
            )
        pair = tx.begin_pairs(target, [one.person_id])[one.person_id]
    tx.identify(pair.id, sf_id)
    tx.save(
        [
            PairChange(
                pair.id,
                one.person_id,
                state=PairState.PAIRED,
                lift=True,
                clear_dead_letters=True,
            )
        ],
        job.run_id,
    )
    tx.drop_creations([one.person_id])
    tally.linked += 1
    tally.inbound += apply_records(tx, target, [record], job.engine.terms(job.run_id))
