"""What the next cycle would do, from our own database alone: what would be sent, and what keeps the rest back.

Salesforce is not asked: a cycle reads what changed there first, and what has moved meanwhile goes through the merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from diptych.domain.creating import Wish
from diptych.domain.mapping import FieldMapping
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.values import Value
from diptych.store import SqlStore
from diptych.store.queries import PairRow, Person
from diptych.sync import drift
from diptych.sync.engine import is_paused
from diptych.sync.outbound.outbox import refusal

_NAMES = ("first_name", "last_name")


class Fate(StrEnum):
    """What becomes of a value of ours that Salesforce does not have."""

    SENT = "sent"
    IN_FLIGHT = "in flight"  # sent before; its outcome is looked up first
    ERROR = "error"  # an error holds it until it is settled
    REFUSED = "refused"  # it will become an error: Salesforce takes no such value
    HELD = "held"  # its field is not synced just now
    LATER = "later"  # its record is tried again later
    KEPT = "kept"  # a blank that does not overwrite


@dataclass(frozen=True)
class PlannedValue:
    """One value. `theirs`: what both sides last agreed on; `why`: what keeps it back."""

    person_id: int
    name: str
    object_name: str
    sf_id: str | None
    column: str
    field: str
    ours: Value
    theirs: Value
    fate: Fate
    why: str = ""


@dataclass(frozen=True)
class NextCycle:
    """One page of what would be sent, and how much else there is to do. `records`: with a value that waits, all of them;
    `people`: on their way into Salesforce, by wish; `actions`: merges, conversions, deletes that are open."""

    values: Sequence[PlannedValue]
    records: int
    people: Mapping[str, int]
    actions: int
    paused: bool
    read_up_to: Mapping[str, datetime]

    @property
    def sent(self) -> int:
        return sum(one.fate is Fate.SENT for one in self.values)


def next_cycle(store: SqlStore, now: datetime, size: int = 100, page: int = 1) -> NextCycle:
    """What the next cycle would do; `size` records a page."""
    queries = store.queries
    pairs, records = queries.owing(size, page)
    with store.looking() as tx:
        mapping, paused = tx.mapping(), is_paused(tx)
        names = sorted({name for _, _, name in pairs})
        held = {name: {**drift.held_now(tx, name), **drift.read_waiting(tx, name)} for name in names}
        actions = len(tx.actions.open())
        cursors = {one.name: tx.feed_cursor(one.name) for one in SYNCED_OBJECTS}
    fields = {(m.object_name, m.column): m for m in mapping.fields if m.table == "person"}
    known: dict[int, Person | None] = {}
    values: list[PlannedValue] = []
    for pair_id, person_id, object_name in pairs:
        if person_id not in known:
            known[person_id] = queries.person(person_id)
        person = known[person_id]
        pair = next((p for p in person.pairs if p.id == pair_id), None) if person else None
        if person is not None and pair is not None:
            values += _of(person, pair, fields, held[object_name], now)
    people = {wish.value: queries.creations([wish], 1)[1] for wish in Wish if wish is not Wish.DISMISSED}
    read = {name: cursor.cursor for name, cursor in cursors.items() if cursor is not None}
    return NextCycle(values, records, {w: n for w, n in people.items() if n}, actions, paused, read)


def _of(
    person: Person,
    pair: PairRow,
    fields: Mapping[tuple[str, str], FieldMapping],
    held: Mapping[str, str],
    now: datetime,
) -> list[PlannedValue]:
    name = " ".join(str(person.values[c]) for c in _NAMES if person.values.get(c))
    found = []
    for column, base in pair.waiting.items():
        mapped = fields.get((pair.object_name, column))
        if mapped is None or mapped.direction.value == "inbound":
            continue
        ours = person.values[column]
        fate, why = _fate(pair, mapped, ours, base, held, now)
        found.append(
            PlannedValue(
                person.id,
                name,
                pair.object_name,
                pair.sf_id,
                column,
                f"{mapped.object_name}.{mapped.field}",
                ours,
                base,
                fate,
                why,
            )
        )
    return found


def _fate(
    pair: PairRow, mapped: FieldMapping, ours: Value, base: Value, held: Mapping[str, str], now: datetime
) -> tuple[Fate, str]:
    if pair.in_flight:
        return Fate.IN_FLIGHT, ""
    for key in (mapped.column, ""):
        if key in pair.parked:
            return Fate.ERROR, pair.parked[key]
    if mapped.field in held:
        return Fate.HELD, held[mapped.field]
    if ours is None and base is not None and mapped.blanks.keeps_theirs:
        return Fate.KEPT, ""
    problem = refusal(mapped, ours)
    if problem is not None:
        return Fate.REFUSED, problem.message
    if pair.next_try_at is not None and pair.next_try_at > now:
        return Fate.LATER, ""
    return Fate.SENT, ""
