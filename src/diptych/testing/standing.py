"""Where values came from of which a person's records differ, in the store in memory, by the rules of `diptych.store.standing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from diptych.domain.mapping import Direction, ObjectMapping
from diptych.domain.pair import Pair, PairState, Standing
from diptych.domain.standing import left_over, standings
from diptych.domain.values import Value

if TYPE_CHECKING:
    from diptych.testing.store import InMemoryStore


def noted(store: InMemoryStore, pairs: Sequence[Pair]) -> dict[int, dict[str, Standing | None]]:
    """By pair, the columns whose base is noted, each with what is noted of it."""
    return {
        pair.id: {c: _of(store, pair.id).get(c) for c in store.tables.base.get(pair.id, {})} for pair in pairs
    }


def _of(store: InMemoryStore, pair_id: int) -> Mapping[str, Standing]:
    return store.tables.standing.get(pair_id, {})


def of_person(store: InMemoryStore, person_id: int) -> list[Pair]:
    return [store.tables.pairs[n] for n in sorted(store.tables.pairs_of.get(person_id, ()))]


def of_pair(store: InMemoryStore, object_mapping: ObjectMapping, pair: Pair) -> dict[str, Standing]:
    """As the engine reads it: with what was edited here since."""
    inbound = {f.column: f for f in object_mapping.fields if f.direction is Direction.INBOUND}
    found = {}
    bases = store.tables.base.get(pair.id, {})
    for column, standing in _of(store, pair.id).items():
        if column not in bases:
            continue
        if column in inbound and standing is Standing.LEFT:
            lines = [c for c in store.changes(pair.person_id) if c.column == column]
            if lines and lines[-1].side == "ours":
                continue
        if column in inbound and standing is Standing.APART:
            kept = inbound[column].blanks.keeps_ours
            for other in of_person(store, pair.person_id):
                base = store.tables.base.get(other.id, {})
                live = other.state in (PairState.PAIRED, PairState.PARKED)
                owed = column in base and column not in _of(store, other.id)
                if live and owed and not (base[column] is None and kept):
                    standing = Standing.EDITED
        found[column] = standing
    return found


def mark(store: InMemoryStore, pair_id: int, column: str, standing: Standing | None) -> None:
    kept = {c: s for c, s in _of(store, pair_id).items() if c != column}
    store.journal.put(
        store.tables.standing, pair_id, kept if standing is None else {**kept, column: standing}
    )


def came_from(store: InMemoryStore, pair: Pair, columns: Mapping[str, Value]) -> None:
    """The person has these values from the record of this pair: all others stand apart."""
    for other in of_person(store, pair.person_id):
        for column in columns:
            if other.id != pair.id and column in store.tables.base.get(other.id, {}):
                mark(store, other.id, column, Standing.APART)


def restand(
    store: InMemoryStore, person_id: int, before: Mapping[int, Mapping[str, Standing | None]]
) -> None:
    """After people were joined or taken apart, or a record was linked."""
    pairs = of_person(store, person_id)
    now = {n: tuple(columns) for n, columns in noted(store, pairs).items()}
    for pair in pairs:
        store.journal.put(store.tables.standing, pair.id, {})
    if len(pairs) < 2:
        return
    kept = {n: {c: before[n][c] for c in columns if c in before.get(n, {})} for n, columns in now.items()}
    fresh = {n: {c: None for c in columns if c not in before.get(n, {})} for n, columns in now.items()}
    for number, some in standings(pairs, kept, fresh).items():
        for column, standing in some.items():
            mark(store, number, column, standing)
    settle(store, person_id)


def settle(store: InMemoryStore, person_id: int) -> None:
    """After records of this person have gone."""
    pairs = of_person(store, person_id)
    if len(pairs) > 1:
        for number, columns in left_over(pairs, noted(store, pairs)).items():
            for column in columns:
                mark(store, number, column, Standing.LEFT)
