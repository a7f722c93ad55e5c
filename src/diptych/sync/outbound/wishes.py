"""What a person can say about one's way into Salesforce: ask for it, link, create anyway, dismiss. Each is one transaction;
the next cycle carries it out."""

from __future__ import annotations

from datetime import datetime, timedelta

from diptych.domain.creating import CREATED_OBJECT, Creation, Wish
from diptych.domain.values import full_id
from diptych.sync.ports import Store, Transaction

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


def decide_link(store: Store, person_id: int, sf_id: str, now: datetime) -> None:
    """Tie the person under review to this record. Raises WishRefused."""
    if sf_id[:3] not in ("003", "00Q") or len(sf_id) not in (15, 18):
        raise WishRefused(f"{sf_id} is not the id of a contact (003...) or a lead (00Q...).")
    with store.transaction() as tx:
        said = _under_review(tx, person_id)
        tx.save_creation(
            Creation(
                person_id,
                Wish.LINK,
                now,
                target=full_id(sf_id),
                matches=said.matches,
                by_hand=True,
                recreate=said.recreate,
            )
        )


def decide_create(store: Store, person_id: int, now: datetime) -> None:
    """Create the person under review although records like it are there, were deleted, or a duplicate rule only alerts. Raises
    WishRefused."""
    with store.transaction() as tx:
        _under_review(tx, person_id)
        tx.save_creation(Creation(person_id, Wish.CREATE, now, by_hand=True, recreate=True))


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
