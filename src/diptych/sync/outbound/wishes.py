"""What a person can say about one's way into Salesforce: ask for it, link, create anyway, dismiss. Each is one transaction.
People who turn out to be one are joined in it; all else the next cycle carries out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from diptych.domain.creating import CREATED_OBJECT, Creation, Wish
from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import CONTACT, LEAD
from diptych.domain.pair import THERE, PairState
from diptych.domain.values import full_id
from diptych.sync.joining import join_decided
from diptych.sync.ports import Lease, Store, Transaction

_ENDS = {
    PairState.TOMBSTONED: "deleted in Salesforce",
    PairState.REDIRECTED: "merged into another record",
    PairState.CONVERTED: "converted",
    PairState.DETACHED: "deleted here",
    PairState.NEW: "not yet made",
}
_FAR = timedelta(days=3650)
_ALL = 1_000_000_000


class WishRefused(ValueError):
    """It cannot be done; the message is one line that says why and what can."""


def ask(store: Store, person_id: int, now: datetime, recreate: bool = False) -> None:
    """Create this person, whatever the rule says; `recreate` also when its record was deleted in Salesforce. Raises
    WishRefused for one who is there already, or who does not exist."""
    with store.transaction() as tx:
        _exists(tx, person_id)
        tx.save_creation(Creation(person_id, Wish.ASKED, now, by_hand=True, recreate=recreate))
        if not _is_open(tx, person_id, now):
            raise WishRefused(
                f"Person {person_id} has a record in Salesforce"
                + (" already." if recreate else " already, or had one that was deleted (then: --recreate).")
            )


@dataclass(frozen=True)
class Linking:
    """What came of a decision to link: the person who remains. `run_id`: people were joined, in that run, which can be undone;
    None: the next cycle ties the person to the record."""

    person_id: int
    run_id: int | None = None


def decide_link(
    store: Store, person_id: int, target: str, now: datetime, lease: Lease | None = None
) -> Linking:
    """The person under review is the one of this record, or this person of ours: they are joined when the record is here, otherwise
    the next cycle ties the person to it. Raises WishRefused."""
    with store.transaction(lease) as tx:
        said = _under_review(tx, person_id)
        if target.isascii() and target.isdecimal() and len(target) < 15:
            return _join(tx, person_id, int(target), now)
        if target[:3] not in ("003", "00Q") or len(target) not in (15, 18):
            raise WishRefused(
                f"{target} is not the id of a contact (003...), a lead (00Q...) or a person here."
            )
        sf_id = full_id(target)
        name = CONTACT.name if sf_id.startswith("003") else LEAD.name
        holder = tx.linked(ObjectMapping(name, 0, ()), [sf_id]).get(sf_id)
        if holder is not None:
            if holder.pair.state not in THERE:
                raise WishRefused(
                    f"{name} {sf_id} was {_ENDS[holder.pair.state]}, so nobody can be linked to it."
                )
            return _join(tx, person_id, holder.pair.person_id, now)
        if _has_record(tx, person_id):
            raise WishRefused(
                f"{name} {sf_id} is not here, and person {person_id} has a record in Salesforce already. "
                "Once the sync has brought it, they can be joined."
            )
        tx.save_creation(
            Creation(
                person_id,
                Wish.LINK,
                now,
                target=sf_id,
                matches=said.matches,
                by_hand=True,
                recreate=said.recreate,
            )
        )
        return Linking(person_id)


def _join(tx: Transaction, person_id: int, other: int, now: datetime) -> Linking:
    if person_id == other:
        raise WishRefused(f"That is person {person_id} itself.")
    _exists(tx, other)
    remains, run_id = join_decided(
        tx, [person_id, other], f"person {person_id} is person {other}, from the review list", now
    )
    return Linking(remains, run_id)


def decide_create(store: Store, person_id: int, now: datetime) -> None:
    """Create the person under review although records like it are there, were deleted, or a duplicate rule only alerts. Raises
    WishRefused."""
    with store.transaction() as tx:
        _under_review(tx, person_id)
        if _has_record(tx, person_id):
            raise WishRefused(
                f"Person {person_id} has a record in Salesforce, and is a person of its own already. "
                f"To leave it so: diptych review dismiss {person_id}"
            )
        tx.save_creation(Creation(person_id, Wish.CREATE, now, by_hand=True, recreate=True))


def _has_record(tx: Transaction, person_id: int) -> bool:
    return any(pair.state in THERE for pair in tx.held_people([person_id])[person_id].pairs)


def dismiss(store: Store, person_id: int, now: datetime) -> None:
    """Leave the person ours only, until asked for. Raises WishRefused."""
    with store.transaction() as tx:
        said = _under_review(tx, person_id)
        tx.save_creation(
            Creation(
                person_id, Wish.DISMISSED, now, said.reason, matches=said.matches, recreate=said.recreate
            )
        )


def _exists(tx: Transaction, person_id: int) -> None:
    if person_id not in tx.people_values((), [person_id]):
        raise WishRefused(f"There is no person {person_id}.")


def _under_review(tx: Transaction, person_id: int) -> Creation:
    _exists(tx, person_id)
    said = tx.creation(person_id)
    if said is None or said.wish not in (Wish.REVIEW, Wish.DISMISSED):
        raise WishRefused(f"Person {person_id} is not under review; see: diptych review list")
    return said


def _is_open(tx: Transaction, person_id: int, now: datetime) -> bool:
    """Whether a cycle would take the person up: there is no record, or the attempt to make one has not come to an end."""
    if any(one.person_id == person_id for one in tx.candidates((), False, person_id - 1, 1)):
        return True
    mapping = tx.mapping().of(CREATED_OBJECT)
    attempts = [*tx.unsent(mapping, now + _FAR, 0, _ALL), *tx.pending(mapping)]
    return any(one.pair.person_id == person_id for one in attempts)
