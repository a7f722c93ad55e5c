"""Deletes seen in the feed, and the guard against taking over a mass delete (R-9, I-11).

The feed reads deleted rows too, so a delete, a merge and a conversion reach `apply` as observations like any other. Before
a page is applied, the deletes in it are counted: when a read would end more than max(50, 5 %) of an object's pairs, the
object stops, nothing of the page is applied and the cursor stays, until a person allows it.
"""

from __future__ import annotations

from collections.abc import Sequence

from diptych.domain.identity import Fate, fate_of
from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import synced_object
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.pair import PairState, Record
from diptych.sync.engine import Options
from diptych.sync.guard import live_count
from diptych.sync.ports import Store, Transaction


class MassDelete(Exception):
    """So many records of an object were deleted in Salesforce at once that a person has to say whether it was meant."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.message} {problem.remedy}")
        self.problem = problem


def allowance(object_name: str) -> str:
    """The setting that lets the next mass delete of an object through; it is used up by that."""
    return f"allow_mass_delete.{object_name}"


def allow_mass_delete(store: Store, object_name: str) -> None:
    """A person says that the deletes which stopped this object were meant; it counts for the read that takes them over."""
    with store.transaction() as tx:
        tx.save_setting(allowance(object_name), "yes")


def count_deletes(
    tx: Transaction,
    object_mapping: ObjectMapping,
    records: Sequence[Record],
    deleted_before: int,
    options: Options,
) -> int:
    """How many pairs this read has ended, this page included. Raises MassDelete when they are too many.

    Records deleted already, merged away or never known here do not count.
    """
    name = object_mapping.object_name
    ids = [r.sf_id for r in records if fate_of(r) is Fate.DELETED]
    if not ids or not synced_object(name).two_way:
        return deleted_before
    live = [
        linked
        for linked in tx.linked(object_mapping, ids).values()
        if linked.pair.state in (PairState.PAIRED, PairState.PARKED)
    ]
    total = deleted_before + len(live)
    if total <= options.mass_delete_floor or tx.setting(allowance(name)):
        return total
    pairs = deleted_before + live_count(tx, name)
    if total <= options.mass_delete_share * pairs:
        return total
    raise MassDelete(
        Problem(
            "MASS_DELETE",
            f"{total} of {pairs} {synced_object(name).label_plural} were deleted in Salesforce; the sync of this object has "
            "stopped before taking that over.",
            ErrorClass.OTHER,
            f"More than max({options.mass_delete_floor}, {options.mass_delete_share:.0%}) at once is often a mistake.",
            f"Undelete them in Salesforce, or allow it once: under Settings, or with diptych allow-deletes {name}.",
        )
    )
