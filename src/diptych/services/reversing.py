"""Reversing a logged conflict: the log, the mapping and the person are read, and the edit is made as a person's own."""

from __future__ import annotations

from dataclasses import dataclass

from diptych.domain.reversal import Decided, Reversal, ReversalRefused, reversal
from diptych.store import SqlStore
from diptych.store.editing import EditedMeanwhile
from diptych.store.queries import ConflictRow


@dataclass(frozen=True)
class Preview:
    """A conflict and what reversing it would write; `reversal` is None when there is nothing left to do."""

    conflict: ConflictRow
    reversal: Reversal | None


def preview(store: SqlStore, conflict_id: int, keep: str | None = None) -> Preview:
    """What `reverse` would do. Raises ReversalRefused, with the reason."""
    row = store.queries.conflict(conflict_id)
    if row is None:
        raise ReversalRefused(f"There is no conflict {conflict_id}.")
    person = store.queries.person(row.person_id)
    if person is None:
        raise ReversalRefused(f"Person {row.person_id} is not here any more.")
    with store.transaction() as tx:
        mapping = tx.mapping().of(row.object_name).by_column.get(row.column)
    decided = Decided(row.column, row.ours, row.theirs, row.winner)
    return Preview(row, reversal(decided, mapping, person.values.get(row.column), keep))


def reverse(store: SqlStore, conflict_id: int, actor: str, keep: str | None = None) -> Preview:
    """Write the value back as an edit of `actor`; what was done. Repeating it does nothing. Raises ReversalRefused."""
    found = preview(store, conflict_id, keep)
    wanted = found.reversal
    if wanted is not None:
        try:
            store.edit_person(
                actor,
                found.conflict.person_id,
                {wanted.column: wanted.value},
                {wanted.column: wanted.replaced},
            )
        except (EditedMeanwhile, KeyError) as problem:
            raise ReversalRefused("Somebody has just edited it; look at it again.") from problem
    return found
