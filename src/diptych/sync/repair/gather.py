"""People who are here already are joined under a match rule: looked at first, then carried out in slices (D-47; decision 8).

    groups       who shares the first column of the rule, a page at a time in order of its text
    a slice      read as they are now; who still agrees is one: `domain/gathering.py` says who remains and what with
    carry out    in one transaction a slice: people joined, what is owed noted, how far it got

Only our side is changed; what the records are owed by it goes out by write-back, with all its precautions. Killed, it goes
on after its last slice when the same is asked for again, under the same run. Taking it back: `part.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from diptych.domain.gathering import Gathering, gather
from diptych.domain.matching import Group, Matching, groups
from diptych.sync.crashpoint import crashpoint
from diptych.sync.joining import OPERATION, RUN, join_group
from diptych.sync.opening import join_policies
from diptych.sync.ports import Clock, Lease, Step, Store, Transaction
from diptych.sync.report import SUCCEEDED

LARGEST = 20
"""A group of more people than this is left alone unless asked for: the address of an office rather than of a human."""
PROGRESS = "identity.apply"
"""The setting that says how far one has got."""
_PAGE = 5000
_SLICE = 200


@dataclass(frozen=True)
class Order:
    """What is asked for. `largest`: groups of more people than this are left as they are."""

    matching: Matching
    largest: int = LARGEST


@dataclass(frozen=True)
class Counts:
    """`groups` of `people` become one person each. `given_up`: values that go, each a conflict; `writes`: values that records in
    Salesforce are owed by it, of `records` records. `too_large`: groups left as they are."""

    groups: int = 0
    people: int = 0
    given_up: int = 0
    writes: int = 0
    records: int = 0
    too_large: int = 0

    @property
    def joins(self) -> int:
        """How many people become part of another."""
        return self.people - self.groups

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True)
class Sample:
    """One group: what its people have in common, who remains, who joins."""

    key: tuple[str, ...]
    remains: int
    joining: tuple[int, ...]
    given_up: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gathered:
    """What carrying it out would do, or has done. `run_id` None: only looked at; `unfinished`: the run of one that was
    interrupted, which the same order goes on with."""

    order: Order
    counts: Counts
    sample: tuple[Sample, ...] = ()
    run_id: int | None = None
    unfinished: int | None = None


def look(store: Store, order: Order, sample: int = 20) -> Gathered:
    """What would be joined. Changes nothing. Raises ValueError for a rule that compares a column that is not mapped."""
    counts, first = Counts(), list[Sample]()
    for texts in _slices(store, order, ""):
        with store.transaction() as tx:
            found = _decide(tx, order, texts)
        counts += found.counts
        first += [_sample(group, one) for group, one in found.gatherings[: sample - len(first)]]
    with store.transaction() as tx:
        held = _held(tx, order)
    return Gathered(order, counts, tuple(first), unfinished=held.run_id if held else None)


def carry_out(
    store: Store,
    clock: Clock,
    lease: Lease,
    order: Order,
    tell: Callable[[Counts], None] = lambda counts: None,
    hold: Callable[[], None] = lambda: None,
) -> Gathered:
    """Join them; `tell` hears of the sums after each slice, `hold` is called before one. Raises ValueError as `look`, LeaseLost and
    StoreBusy: what was done until then stays, and the same order goes on from there."""
    with store.transaction(lease) as tx:
        progress = _held(tx, order)
        if progress is None:
            progress = _Progress(tx.open_run(RUN, clock.now()), "", Counts())
            _keep(tx, order, progress)
    began = clock.now()
    for texts in _slices(store, order, progress.after, lease):
        hold()
        with store.transaction(lease) as tx:
            found = _decide(tx, order, texts)
            for group, one in found.gatherings:
                _join(tx, order.matching, group, one, progress.run_id)
            crashpoint("C-36")
            progress = replace(progress, after=texts[-1].key[0], counts=progress.counts + found.counts)
            _keep(tx, order, progress)
        crashpoint("C-37")
        tell(progress.counts)
    counts = progress.counts
    with store.transaction(lease) as tx:
        detail = f"{counts.people} people became {counts.groups}, by {order.matching.rule.value}"
        step = Step(
            "Person",
            OPERATION,
            SUCCEEDED,
            began,
            clock.now(),
            updated=counts.groups,
            deleted=counts.joins,
            detail=detail,
        )
        tx.add_step(progress.run_id, step)
        tx.close_run(progress.run_id, SUCCEEDED, clock.now())
        tx.save_setting(PROGRESS, None)
    return Gathered(order, counts, run_id=progress.run_id)


# ---------------------------------------------------------------- how far it got


@dataclass(frozen=True)
class _Progress:
    """`after`: the text of the last group that is done."""

    run_id: int
    after: str
    counts: Counts


def _held(tx: Transaction, order: Order) -> _Progress | None:
    """How far this very order got before it was interrupted."""
    text = tx.setting(PROGRESS)
    if text is None:
        return None
    kept = json.loads(text)
    if kept["order"] != _order(order):
        return None
    return _Progress(kept["run"], kept["after"], Counts(**kept["counts"]))


def _keep(tx: Transaction, order: Order, progress: _Progress) -> None:
    kept = {
        "order": _order(order),
        "run": progress.run_id,
        "after": progress.after,
        "counts": asdict(progress.counts),
    }
    tx.save_setting(PROGRESS, json.dumps(kept))


def _order(order: Order) -> list[object]:
    return [order.matching.rule.value, order.matching.column, order.largest]


# ---------------------------------------------------------------- deciding


def _slices(store: Store, order: Order, after: str, lease: Lease | None = None) -> Iterator[list[Group]]:
    """People who share a text, in slices of about `_SLICE` people."""
    columns = order.matching.columns
    with store.transaction(lease) as tx:
        known = tx.mapping().columns("person")
    for column in columns:
        if column not in known:
            raise ValueError(f"There is no mapped column {column}, which this rule compares.")
    while columns:
        with store.transaction(lease) as tx:
            page = tx.alike(columns[0], after, _PAGE)
        if not page:
            return
        after = page[-1].key[0]
        part: list[Group] = []
        for one in page:
            part.append(one)
            if sum(len(some.people) for some in part) >= _SLICE:
                yield part
                part = []
        if part:
            yield part


@dataclass(frozen=True)
class _Decided:
    gatherings: tuple[tuple[Group, Gathering], ...]
    counts: Counts


def _decide(tx: Transaction, order: Order, texts: Sequence[Group]) -> _Decided:
    """Who of these people is one, as they are now, and what becomes of them."""
    held = tx.held_people([number for one in texts for number in one.people])
    mapping, chosen = tx.mapping(), join_policies(tx)
    found, counts = [], Counts()
    for group in groups(order.matching, ((number, person.values) for number, person in held.items())):
        if len(group.people) > order.largest:
            counts += Counts(too_large=1)
            continue
        one = gather([held[number] for number in group.people], mapping, chosen)
        records = len({(write.object_name, write.sf_id) for write in one.owed})
        counts += Counts(1, len(group.people), one.conflicts, len(one.owed), records)
        found.append((group, one))
    return _Decided(tuple(found), counts)


def _sample(group: Group, one: Gathering) -> Sample:
    given_up = dict.fromkeys(c.column for union in one.unions for c in union.plan.conflicts)
    return Sample(group.key, one.after.id, tuple(union.loser.id for union in one.unions), tuple(given_up))


# ---------------------------------------------------------------- carrying out


def _join(tx: Transaction, matching: Matching, group: Group, one: Gathering, run_id: int) -> None:
    join_group(tx, one, f"matched by {matching.rule.value}: {' / '.join(group.key)}", run_id)
