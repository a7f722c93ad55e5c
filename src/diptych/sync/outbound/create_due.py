"""Who is due to be created in Salesforce: earlier attempts first, then whom the create rule names or somebody asked for (D-49, D-51)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from diptych.domain.creating import (
    Candidate,
    Creation,
    Draft,
    Wish,
    draft,
    sent_at_create,
)
from diptych.domain.outcome import Problem
from diptych.domain.pair import Linked
from diptych.domain.values import Value, to_text
from diptych.sync.outbound.create_rule import POSITION
from diptych.sync.outbound.creation_job import Due, Job, Tally, by_hand, folded, wait
from diptych.sync.outbound.outbox import refusal
from diptych.sync.ports import Transaction


def due_again(job: Job, tx: Transaction, unsent: Sequence[Linked]) -> list[Due]:
    """Earlier attempts that are to be made again: still wanted, and not parked with the very values of now."""
    people = [one.pair.person_id for one in unsent]
    columns = job.filter.columns if job.filter else ()
    values = tx.people_values(columns, people)
    due = []
    for one in unsent:
        number, said = one.pair.person_id, tx.creation(one.pair.person_id)
        if number not in values or not _is_named(job, Candidate(number, values[number], said)):
            continue
        if one.parked and all(one.ours.get(c) == v for c, v in one.parked.items()):
            continue
        made = _draft(job, one.ours)
        if made.missing and (said is None or said.wish is not Wish.LINK):
            wait(job, tx, number, said, made.missing)
        else:
            due.append(Due(number, one.ours, made, said, one.pair.ext_key or "", one.pair))
    return due


def next_due(job: Job, after: int, tally: Tally) -> tuple[list[Due], int]:
    """The next people who are due, and the person the search stands at: 0 when it has come to the end."""
    options = job.engine.options
    columns = job.filter.columns if job.filter else ()
    due: list[Due] = []
    looked = 0
    while len(due) < options.create_batch and looked < options.create_scan:
        with job.engine.store.transaction(job.lease) as tx:
            found = tx.candidates(columns, job.filter is not None, after, 500)
            if not found:
                if after:
                    tx.save_setting(POSITION, None)
                return due, 0
            looked += len(found)
            named = [one for one in found if _is_named(job, one)]
            tx.drop_creations(
                [one.person_id for one in found if one not in named and one.creation is not None]
            )
            named = named[: options.create_batch - len(due)]
            after = (
                named[-1].person_id if len(named) == options.create_batch - len(due) else found[-1].person_id
            )
            due += _drafts(job, tx, named, tally)
    return due, after


def _is_named(job: Job, one: Candidate) -> bool:
    return by_hand(one.creation) or (job.filter is not None and job.filter.holds(one.values))


def _drafts(job: Job, tx: Transaction, named: Sequence[Candidate], tally: Tally) -> list[Due]:
    """Those of whom there is enough to be sent; the others wait for data (D-51), and come round by themselves."""
    people = [one.person_id for one in named]
    columns = list(dict.fromkeys(f.column for f in job.full.fields))
    ours, keys = tx.people_values(columns, people), tx.external_keys(people)
    due = []
    addresses = {
        one.person_id: to_text(ours[one.person_id].get("email")) for one in named if one.person_id in ours
    }
    blocked = tx.suppressions.blocked({address for address in addresses.values() if address})
    for one in named:
        if one.person_id not in ours:
            continue
        if addresses[one.person_id] in blocked:
            _keep_away(job, tx, one, tally)
            continue
        made = _draft(job, ours[one.person_id])
        if made.missing and (one.creation is None or one.creation.wish is not Wish.LINK):
            wait(job, tx, one.person_id, one.creation, made.missing)
            tally.held += 1
        else:
            due.append(Due(one.person_id, ours[one.person_id], made, one.creation, keys[one.person_id]))
    return due


def _keep_away(job: Job, tx: Transaction, one: Candidate, tally: Tally) -> None:
    """The address is that of somebody who is not to come back (D-73): no rule creates it; who asked by hand is told why."""
    if by_hand(one.creation):
        reason = (
            "The address is on the suppression list. Take it off first (diptych people suppressed list), "
            "then ask again."
        )
        tx.save_creation(Creation(one.person_id, Wish.REVIEW, job.engine.clock.now(), reason, by_hand=True))
        tally.held += 1


def _draft(job: Job, ours: Mapping[str, Value]) -> Draft:
    problems: dict[str, Problem] = {}
    for mapped in sent_at_create(job.usable, job.described):
        value = ours.get(mapped.column)
        problem = refusal(mapped, value) if value is not None else None
        if problem is not None:
            problems[mapped.column] = problem
    return draft(job.usable, job.described, ours, job.rule.defaults, problems)


def one_each(due: Iterable[Due], busy: set[str | None]) -> list[Due]:
    """One person an e-mail address: the others are looked up when the first one is there."""
    seen = busy - {None}
    kept = []
    for one in due:
        email = folded(one.email)
        if email is not None and email in seen:
            continue
        seen.add(email)
        kept.append(one)
    return kept
