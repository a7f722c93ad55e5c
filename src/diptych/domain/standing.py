"""Whose value stands in a field that only comes in, where a person has several live records that differ in it (decision 0020).

Each record's own value is base of its pair, the person has one value: that of the record which changed last. The pairs of the
others *stand apart*: they owe nothing, and nobody puts their values in place of the person's until one of them changes. When
the record goes that the value came from, the first one that is left counts (`pair.primary`: a contact before a lead, the
oldest first).

What is noted here is where a value of ours came from. It says nothing of fields that are written both ways: there a pair
whose base is not our value owes a write, as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from diptych.domain.pair import Pair, PairState, Standing, primary

Noted = Mapping[int, Mapping[str, Standing | None]]
"""By pair, the columns whose base is not our value, each with what is noted of it (None: it was edited here, or is owed)."""

_LIVE = (PairState.PAIRED, PairState.PARKED)


def _live(pairs: Iterable[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.state in _LIVE]


def left_over(pairs: Sequence[Pair], noted: Noted) -> dict[int, tuple[str, ...]]:
    """Once a record of the person has gone: by pair, the columns in which that record's own value counts from now on, because
    ours came from none of those that are left."""
    live = _live(pairs)
    first = primary(live)
    if first is None:
        return {}
    columns = tuple(
        column
        for column in noted.get(first.id, {})
        if all(noted.get(pair.id, {}).get(column) is Standing.APART for pair in live)
    )
    return {first.id: columns} if columns else {}


def standings(pairs: Sequence[Pair], noted: Noted, fresh: Noted) -> dict[int, dict[str, Standing | None]]:
    """Once people were joined or taken apart, or a record was linked: what holds of each column whose base is not our value.

    `noted`: as it was; `fresh`: columns that differ only since (of `pairs`, with None). Where ours is the value of a live
    record, all others stand apart. Where it is not, it was edited here: who owed it before owes it, and the others stand
    apart."""
    live = _live(pairs)
    found: dict[int, dict[str, Standing | None]] = {}
    every = {pair.id: {**noted.get(pair.id, {}), **fresh.get(pair.id, {})} for pair in pairs}
    for pair in pairs:
        for column in every[pair.id]:
            held = any(column not in every[one.id] for one in live)
            known = any(column in noted.get(one.id, {}) for one in live)
            is_fresh = column in fresh.get(pair.id, {})
            apart = held or (known and is_fresh)
            before = noted.get(pair.id, {}).get(column)
            found.setdefault(pair.id, {})[column] = Standing.APART if apart else before
    return found
