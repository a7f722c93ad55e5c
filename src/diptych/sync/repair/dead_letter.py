"""What a person can do with a dead letter: try again, leave it, or decide a conflict (R-11, I-14).

Each act is one transaction and may be repeated: a letter that is closed already is left as it is (C-24).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from diptych.domain.merge import Conflict
from diptych.domain.pair import PairState
from diptych.sync.crashpoint import crashpoint
from diptych.sync.ports import DeadLetter, PairChange, Store, StoredDeadLetter, Transaction

CREATE = "Create records"
"""The operation of letters about records that do not exist yet."""

_FAR = timedelta(days=3650)

RETRIED, IGNORED, RESOLVED = "retried", "ignored", "resolved"


class NoSuchDeadLetter(LookupError):
    """There is no dead letter of that number, or it is closed."""


def retry(store: Store, letter_id: int, now: datetime) -> None:
    """Send what was parked again, with the next cycle. Raises NoSuchDeadLetter."""
    with store.transaction() as tx:
        kept = _open(tx, letter_id)
        crashpoint("C-24")
        tx.close_dead_letter(letter_id, RETRIED, now)
        if kept.letter.column is None and _was_refused(kept.letter):
            tx.save(
                [
                    PairChange(
                        kept.pair_id,
                        kept.person_id,
                        state=PairState.NEW if kept.letter.operation == CREATE else PairState.PAIRED,
                        attempts=0,
                        next_try_at=now,
                    )
                ],
                None,
            )


def ignore(store: Store, letter_id: int, now: datetime) -> None:
    """Take it off the list; both sides stay as they are, and the value is held back until it is edited. Raises
    NoSuchDeadLetter."""
    with store.transaction() as tx:
        _open(tx, letter_id)
        tx.close_dead_letter(letter_id, IGNORED, now)


def decide(store: Store, letter_id: int, winner: str, now: datetime) -> None:
    """Settle a conflict whose policy is 'ask': `winner` is 'ours' (sent with the next cycle) or 'salesforce' (taken now). The
    other value goes to the conflict log. Raises NoSuchDeadLetter, and ValueError for a letter that is no conflict."""
    if winner not in ("ours", "salesforce"):
        raise ValueError("the winner is 'ours' or 'salesforce'")
    with store.transaction() as tx:
        kept = _open(tx, letter_id)
        letter, column = kept.letter, kept.letter.column
        if column is None or column not in letter.theirs or column not in letter.ours:
            raise ValueError(f"Dead letter {letter_id} is not about a value that both sides changed.")
        ours, theirs = letter.ours[column], letter.theirs[column]
        if _edited_since(tx, kept, column, now):
            raise ValueError("The value was edited here since; the next cycle looks at it anew.")
        conflict = Conflict(column, None, ours, theirs, winner, "decided")
        crashpoint("C-24")
        tx.close_dead_letter(letter_id, RESOLVED, now)
        tx.save(
            [
                PairChange(
                    kept.pair_id,
                    kept.person_id,
                    ours={column: theirs} if winner == "salesforce" else {},
                    base={column: theirs},
                    conflicts=(conflict,),
                )
            ],
            None,
        )


def _open(tx: Transaction, letter_id: int) -> StoredDeadLetter:
    kept = tx.dead_letter(letter_id)
    if kept is None or kept.status not in ("open", IGNORED):
        raise NoSuchDeadLetter(f"There is no open dead letter {letter_id}.")
    return kept


def _edited_since(tx: Transaction, kept: StoredDeadLetter, column: str, now: datetime) -> bool:
    """A value edited since it was parked is owed again; one that was not is held back."""
    mapping = tx.mapping().of(kept.object_name)
    owing = tx.owed(mapping, now + _FAR, kept.pair_id - 1, 1)
    return any(
        one.pair.id == kept.pair_id and one.ours.get(column) != kept.letter.ours[column] for one in owing
    )


def _was_refused(letter: DeadLetter) -> bool:
    """Letters of records that are deleted, merged or converted stay with their ended pair."""
    return letter.problem.code not in ("ENTITY_IS_DELETED", "ENTITY_MERGED", "CONVERTED_LEAD")
