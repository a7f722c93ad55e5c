"""What a person can do with a dead letter: try again, leave it, or decide a conflict (R-11, I-14).

Each act is one transaction and may be repeated: a letter that is closed already is left as it is (C-24).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from diptych.domain.causes import ENDED, FOR_A_PERSON, HELD, IGNORED, OPEN, QUARANTINED, of_the_schema
from diptych.domain.merge import Conflict
from diptych.domain.pair import PairState
from diptych.sync.crashpoint import crashpoint
from diptych.sync.engine import described_at
from diptych.sync.ports import PairChange, Store, StoredDeadLetter, Transaction

CREATE = "Create records"
"""The operation of letters about records that do not exist yet."""

_FAR = timedelta(days=3650)
_PORTION = 500
_CLOCKS = timedelta(days=1)
"""Waiting times are measured on the org's clock, which may be behind ours."""

RETRY, RETRIED, RESOLVED = "retry", "retried", "resolved"


class NoSuchDeadLetter(LookupError):
    """There is no dead letter of that number, or it is closed."""


def retry(store: Store, letter_id: int, now: datetime) -> None:
    """Send what was parked again, with the next cycle. Raises NoSuchDeadLetter."""
    with store.transaction() as tx:
        kept = _open(tx, letter_id)
        crashpoint("C-24")
        try_again(tx, kept, now)
        _look_at_fields(tx, [kept])


def ignore(store: Store, letter_id: int, now: datetime) -> None:
    """Take it off the list; both sides stay as they are, and the value is held back until it is edited. Raises
    NoSuchDeadLetter."""
    _set_aside(store, letter_id, IGNORED, now)


def quarantine(store: Store, letter_id: int, now: datetime) -> None:
    """Set it aside: not counted and not alerted any more, held back until its cause is gone. Raises NoSuchDeadLetter."""
    _set_aside(store, letter_id, QUARANTINED, now)


def reopen(store: Store, letter_id: int, now: datetime) -> None:
    """Back on the list. Raises NoSuchDeadLetter."""
    _set_aside(store, letter_id, OPEN, now)


def _set_aside(store: Store, letter_id: int, status: str, now: datetime) -> None:
    with store.transaction() as tx:
        _open(tx, letter_id)
        tx.close_dead_letter(letter_id, status, now)


def for_all(store: Store, key: str, what: str, statuses: Collection[str], now: datetime) -> int:
    """Do it to all errors of one cause that are in one of these states; how many there were. `what`: retry, or the state
    to put them in (open, ignored, quarantined). In portions: interrupted, the same again does the rest."""
    if what != RETRY and what not in HELD:
        raise ValueError(f"nothing is called {what!r}")
    done = after = 0
    while True:
        with store.transaction() as tx:
            letters = tx.causes.letters(key, statuses, after, _PORTION)
            for kept in letters:
                if what != RETRY:
                    tx.close_dead_letter(kept.id, what, now)
                elif kept.letter.problem.code not in FOR_A_PERSON:
                    try_again(tx, kept, now)
            if what == RETRY:
                _look_at_fields(tx, letters)
        if not letters:
            return done
        done, after = done + len(letters), letters[-1].id


def try_again(tx: Transaction, kept: StoredDeadLetter, now: datetime) -> None:
    """It is owed again."""
    tx.close_dead_letter(kept.id, RETRIED, now)
    if kept.letter.column is None and kept.letter.problem.code not in ENDED:
        tx.save(
            [
                PairChange(
                    kept.pair_id,
                    kept.person_id,
                    state=PairState.NEW if kept.letter.operation == CREATE else PairState.PAIRED,
                    attempts=0,
                    next_try_at=now - _CLOCKS,
                )
            ],
            None,
        )


def _look_at_fields(tx: Transaction, letters: Sequence[StoredDeadLetter]) -> None:
    """Whoever tries again may have mended the org's fields just now: they are described before anything is sent."""
    for name in {k.object_name for k in letters if of_the_schema(k.letter.problem.error_class)}:
        tx.save_setting(described_at(name), None)


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
    if kept is None or kept.status not in HELD:
        raise NoSuchDeadLetter(f"There is no open dead letter {letter_id}.")
    return kept


def _edited_since(tx: Transaction, kept: StoredDeadLetter, column: str, now: datetime) -> bool:
    """A value edited since it was parked is owed again; one that was not is held back."""
    mapping = tx.mapping().of(kept.object_name)
    owing = tx.owed(mapping, now + _FAR, kept.pair_id - 1, 1)
    return any(
        one.pair.id == kept.pair_id and one.ours.get(column) != kept.letter.ours[column] for one in owing
    )
