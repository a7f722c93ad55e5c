"""People who were joined here are taken apart again: the undo of a run that joined people of ours (`gather`, the review list).

The newest join first, each in the way `domain/gathering.part` decides. A join that was taken apart says so itself, so that an
undo which was interrupted goes on by itself when it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from diptych.domain.gathering import Parting, Write, part
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.pair import PairState
from diptych.domain.person_merge import HeldPerson, StoredJoin
from diptych.domain.undo import Item, SalesforceWrite
from diptych.sync.crashpoint import crashpoint
from diptych.sync.ports import Lease, PairChange, Store, Transaction

_SLICE = 50


def look(store: Store, run_id: int, person_id: int | None = None) -> tuple[Item, ...]:
    """What taking the joins of this run apart would do. Changes nothing. `person_id`: only joins of this person."""
    items: list[Item] = []
    seen: dict[int, HeldPerson] = {}
    for joins in _slices(store, None, run_id, person_id):
        with store.transaction() as tx:
            mapping = tx.mapping()
            held = tx.held_people([j.winner_id for j in joins if j.winner_id not in seen])
            seen = {**held, **seen}
            for join in joins:
                parting = part(join, seen.get(join.winner_id), mapping)
                items += _items(parting, seen.get(join.winner_id), mapping)
                if parting.split is not None:
                    seen[join.winner_id] = _left(seen[join.winner_id], parting)
    return tuple(items)


def carry_out(
    store: Store,
    lease: Lease,
    run_id: int,
    own: int,
    person_id: int | None = None,
    hold: Callable[[], None] = lambda: None,
) -> tuple[Item, ...]:
    """Take them apart, under run `own`, a slice a transaction."""
    items: list[Item] = []
    for joins in _slices(store, lease, run_id, person_id):
        hold()
        with store.transaction(lease) as tx:
            mapping = tx.mapping()
            for join in joins:
                held = tx.held_people([join.winner_id]).get(join.winner_id)
                parting = part(join, held, mapping)
                items += _items(parting, held, mapping)
                _carry_out(tx, parting, own)
            crashpoint("C-38")
    return tuple(items)


def _slices(
    store: Store, lease: Lease | None, run_id: int, person_id: int | None
) -> Iterable[list[StoredJoin]]:
    with store.transaction(lease) as tx:
        joins = [
            j
            for j in tx.joins_of_run(run_id)
            if j.undone_at is None and person_id in (None, j.winner_id, j.loser_id)
        ]
    for start in range(0, len(joins), _SLICE):
        yield joins[start : start + _SLICE]


def _carry_out(tx: Transaction, parting: Parting, own: int) -> None:
    if parting.split is None:
        return
    back = tx.split_person(parting.split, own)
    revived = [
        PairChange(number, back, state=PairState.NEW, forget_redirect=True) for number in parting.revived
    ]
    if revived:
        tx.save(revived, own)


def _left(winner: HeldPerson, parting: Parting) -> HeldPerson:
    """The remaining person once the join is taken apart."""
    assert parting.split is not None
    going = set(parting.split.pairs)
    values = {**winner.values, **parting.split.winner}
    pairs = tuple(pair for pair in winner.pairs if pair.id not in going)
    bases = {
        pair.id: {
            c: v for c, v in {**winner.values, **winner.bases.get(pair.id, {})}.items() if v != values.get(c)
        }
        for pair in pairs
    }
    return replace(winner, values=values, pairs=pairs, bases=bases)


def _items(parting: Parting, winner: HeldPerson | None, mapping: FieldMappings) -> list[Item]:
    join = parting.join
    writes = tuple(_write(one, mapping) for one in parting.owed)
    items = [Item(join.loser_id, "split", salesforce=writes, refused=parting.refused)]
    for column in parting.kept:
        now = winner.values[column] if winner is not None else None
        reason = f"It was edited since person {join.loser_id} joined; both keep it as it is now."
        if column in parting.consent:
            reason = f"Consent that is refused stays refused, for person {join.loser_id} too: it may be meant for either."
        items.append(
            Item(join.winner_id, "restore", column, now, join.before_winner.get(column), refused=reason)
        )
    return items


def _write(one: Write, mapping: FieldMappings) -> SalesforceWrite:
    fields: Mapping[str, str] = {f.column: f.field for f in mapping.of(one.object_name).fields}
    return SalesforceWrite(
        one.object_name, one.sf_id, fields.get(one.column, one.column), one.now, one.becomes
    )
