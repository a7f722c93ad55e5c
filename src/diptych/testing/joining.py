"""People joined and taken apart in the store in memory, by the rules of `diptych.store.joining` and `parting`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from diptych.domain.objects import synced_object
from diptych.domain.pair import Observation, Pair, PairState, primary
from diptych.domain.person_merge import HeldPerson, PersonJoin, SplitPlan, StoredJoin
from diptych.domain.values import Kind, Value
from diptych.testing import standing
from diptych.testing.tables import Change, KeptConflict

if TYPE_CHECKING:
    from diptych.testing.store import InMemoryStore

JOINED = "joined"
_MOVED, _DROPPED = "creation.person_id!moved", "creation.person_id!dropped"
_ENDED = (PairState.REDIRECTED, PairState.CONVERTED, PairState.DETACHED)


def held_people(store: InMemoryStore, ids: Sequence[int]) -> dict[int, HeldPerson]:
    kinds = _kinds(store)
    found = {}
    for number in dict.fromkeys(ids):
        row = store.tables.person.get(number)
        if row is None:
            continue
        pairs = tuple(store.tables.pairs[n] for n in sorted(store.tables.pairs_of.get(number, ())))
        bases = {p.id: dict(store.tables.base.get(p.id, {})) for p in pairs}
        changed = {c.column: c.at for c in store.changes(number) if c.column}
        values = {column: row.get(column) for column in kinds}
        apart = {p.id: frozenset(store.tables.standing.get(p.id, {})) for p in pairs}
        found[number] = HeldPerson(number, values, kinds, pairs, bases, changed, apart)
    return found


def _kinds(store: InMemoryStore) -> dict[str, Kind]:
    mapping = next(reversed(store.tables.mappings.values()))[0] if store.tables.mappings else None
    mapped = mapping.columns("person") if mapping else {}
    return {
        column: mapped[column].kind if column in mapped else Kind.TEXT
        for table, column in store.tables.columns
        if table == "person"
    }


def opened(store: InMemoryStore, pair: Pair, seen: Observation) -> Pair:
    """The rest of opening a pair: its bases, and what the person's row says."""
    if pair.state not in _ENDED:
        person = store.tables.person[pair.person_id]
        if store.on_base is not None:
            for column, value in seen.values.items():
                store.on_base(person.get(column), value)
        differing = {c: v for c, v in seen.values.items() if person.get(c) != v}
        before = standing.noted(store, standing.of_person(store, pair.person_id))
        store.journal.put(store.tables.base, pair.id, differing)
        standing.restand(store, pair.person_id, before)
    summarise(store, pair.person_id)
    return pair


def join_people(store: InMemoryStore, join: PersonJoin, run_id: int | None) -> int:
    tables, journal = store.tables, store.journal
    winner, loser, at = join.winner, join.loser, store.clock.now()
    if store.on_join is not None:
        store.on_join(join)
    noted = standing.noted(store, (*winner.pairs, *loser.pairs))
    store._write_person(winner.id, join.plan.values, JOINED, JOINED, run_id, at)
    after = {**winner.values, **join.plan.values}
    for person in (winner, loser):
        for pair in person.pairs:
            journal.put(tables.base, pair.id, _bases(pair, person, after))
    for pair in loser.pairs:
        journal.put(tables.pairs, pair.id, replace(tables.pairs[pair.id], person_id=winner.id))
        for number in tables.letters_of.get(pair.id, ()):
            kept = replace(tables.dead_letters[number], person_id=winner.id)
            journal.put(tables.dead_letters, number, kept)
    numbers = tuple(p.id for p in loser.pairs)
    journal.put(tables.pairs_of, winner.id, (*tables.pairs_of.get(winner.id, ()), *numbers))
    journal.put(tables.pairs_of, loser.id, ())
    standing.restand(store, winner.id, noted)
    lines = tuple(n for n, c in tables.change_log.items() if c.person_id == loser.id)
    _rename(store, lines, winner.id)
    keep_last_values(store, replace(loser, id=winner.id), join.detail, run_id)
    conflict_pair = join.conflict_pair or next((p.id for p in (*winner.pairs, *loser.pairs)), 0)
    for one in join.plan.conflicts:
        number = next(reversed(tables.conflicts), 0) + 1
        journal.put(tables.conflicts, number, KeptConflict(number, conflict_pair, run_id, one))
    moved: dict[str, Any] = {"change_log.person_id": lines}
    waiting = tables.creations.get(loser.id)
    if waiting is not None:
        moved[_DROPPED if winner.id in tables.creations else _MOVED] = (waiting,)
    if waiting is not None and winner.id not in tables.creations:
        journal.put(tables.creations, winner.id, replace(waiting, person_id=winner.id))
    journal.drop(tables.creations, loser.id)
    journal.drop(tables.person, loser.id)
    for former, now_id in list(tables.redirects.items()):
        if now_id == loser.id:
            journal.put(tables.redirects, former, winner.id)
    journal.put(tables.redirects, loser.id, winner.id)
    summarise(store, winner.id)
    return journal.append(
        tables.joins,
        lambda n: StoredJoin(
            n,
            winner.id,
            loser.id,
            join.why,
            join.detail,
            at,
            dict(join.before[0].values),
            dict(join.before[1].values),
            numbers,
            dict(join.plan.values),
            moved,
            run_id=run_id,
        ),
    )


def _bases(pair: Pair, before: HeldPerson, after: Mapping[str, Value]) -> dict[str, Value]:
    if pair.state in _ENDED:
        return {}
    held = {**before.values, **before.bases.get(pair.id, {})}
    return {column: value for column, value in held.items() if value != after.get(column)}


def _rename(store: InMemoryStore, lines: Sequence[int], person_id: int) -> None:
    for number in lines:
        line = replace(store.tables.change_log[number], person_id=person_id)
        store.journal.put(store.tables.change_log, number, line)


def keep_last_values(store: InMemoryStore, person: HeldPerson, detail: str, run_id: int | None) -> None:
    last: Any = {column: value for column, value in person.values.items() if value is not None}
    at = store.clock.now()
    store.journal.append(
        store.tables.change_log, lambda n: Change(n, person.id, "", last, None, JOINED, detail, run_id, at)
    )


def summarise(store: InMemoryStore, person_id: int) -> None:
    row = store.tables.person[person_id]
    pairs = [store.tables.pairs[n] for n in store.tables.pairs_of.get(person_id, ())]
    chosen = primary(pairs)
    system: dict[str, Any] = {}
    if chosen is None:
        system = {"salesforce_id": None, "salesforce_type": None, "salesforce_deleted": False}
        system["link_state"] = "none"
    else:
        kind = synced_object(chosen.object_name).salesforce_type
        system = {"salesforce_id": chosen.sf_id, "salesforce_type": kind}
        if chosen.state in (PairState.PAIRED, PairState.PARKED, PairState.NEW):
            system |= {"salesforce_deleted": False, "link_state": kind or "none"}
        elif chosen.state is PairState.TOMBSTONED:
            system |= {"salesforce_deleted": True, "link_state": "deleted"}
        elif chosen.state is PairState.HIDDEN:
            system |= {"salesforce_deleted": False, "link_state": "out_of_scope"}
    store.journal.put(store.tables.person, person_id, {**row, **system})


def joins(store: InMemoryStore, person_id: int) -> list[StoredJoin]:
    found: dict[int, StoredJoin] = {}
    edge = {person_id}
    while edge:
        fresh = [
            j
            for j in store.tables.joins.values()
            if j.id not in found and (j.winner_id in edge or (j.loser_id == person_id and person_id in edge))
        ]
        found |= {j.id: j for j in fresh}
        edge = {j.loser_id for j in fresh if j.undone_at is None and j.loser_id != person_id}
    return [found[n] for n in sorted(found, reverse=True)]


def part_pair(store: InMemoryStore, pair_id: int, seen: Observation) -> int:
    tables, journal = store.tables, store.journal
    pair = tables.pairs[pair_id]
    number = store._new_person(seen.values)
    journal.put(tables.pairs, pair_id, replace(pair, person_id=number))
    left = tuple(n for n in tables.pairs_of[pair.person_id] if n != pair_id)
    journal.put(tables.pairs_of, pair.person_id, left)
    journal.put(tables.pairs_of, number, (pair_id,))
    journal.drop(tables.base, pair_id)
    journal.drop(tables.standing, pair_id)
    standing.settle(store, pair.person_id)
    for letter in tables.letters_of.get(pair_id, ()):
        journal.put(tables.dead_letters, letter, replace(tables.dead_letters[letter], person_id=number))
    summarise(store, number)
    summarise(store, pair.person_id)
    return number


def split_person(store: InMemoryStore, split: SplitPlan, run_id: int | None) -> int:
    tables, journal = store.tables, store.journal
    stored = tables.joins.get(split.join_id)
    if stored is None or stored.undone_at is not None:
        raise KeyError(f"there is no join {split.join_id} to take apart")
    former, now = stored.loser_id, store.clock.now()
    columns = {column: None for table, column in tables.columns if table == "person"}
    restored = {c: split.restored.get(c) for c in columns}
    system = {"salesforce_id": None, "salesforce_type": None, "salesforce_deleted": False}
    journal.put(
        tables.person,
        former,
        {
            "id": former,
            **system,
            "link_state": "none",
            "created_at": now,
            "updated_at": now,
            **columns,
            **restored,
        },
    )
    held = held_people(store, [split.winner_id]).get(split.winner_id)
    noted = standing.noted(store, held.pairs if held is not None else ())
    if held is not None:
        store._write_person(held.id, split.winner, JOINED, JOINED, run_id, now)
        after = {**held.values, **split.winner}
        for pair in held.pairs:
            if pair.id not in split.pairs:
                journal.put(tables.base, pair.id, _bases(pair, held, after))
    for number in split.pairs:
        journal.put(tables.pairs, number, replace(tables.pairs[number], person_id=former))
        if held is not None:
            journal.put(tables.base, number, _bases(tables.pairs[number], held, restored))
        for letter in tables.letters_of.get(number, ()):
            journal.put(tables.dead_letters, letter, replace(tables.dead_letters[letter], person_id=former))
    left = tuple(n for n in tables.pairs_of.get(split.winner_id, ()) if n not in split.pairs)
    journal.put(tables.pairs_of, split.winner_id, left)
    journal.put(tables.pairs_of, former, split.pairs)
    for number in (former, split.winner_id):
        standing.restand(store, number, noted)
    _rename(store, split.rows.get("change_log.person_id", ()), former)
    said: Sequence[Any] = (*split.rows.get(_MOVED, ()), *split.rows.get(_DROPPED, ()))
    if _MOVED in split.rows:
        journal.drop(tables.creations, split.winner_id)
    for one in said:
        journal.put(tables.creations, former, one)
    journal.drop(tables.redirects, former)
    journal.put(tables.joins, stored.id, replace(stored, undone_at=now))
    for number in (former, split.winner_id):
        if number in tables.person:
            summarise(store, number)
    return former
