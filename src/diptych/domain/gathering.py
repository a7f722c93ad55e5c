"""People who are here and whom a match rule takes for one become one, and are taken apart again (D-47; decision 8).

Pure. Of a group the person remains whose record comes first (`pair.primary`: a contact before a lead, the older of two); the
others join it one after the other. Nothing is merged in Salesforce: one person then has several records, each of which is
owed what the person holds now. A value that is given up is a conflict, so that it can be found and had back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from diptych.domain.mapping import Direction
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.merge import Conflict
from diptych.domain.pair import THERE, Pair, PairState, primary
from diptych.domain.person_merge import (
    REASON,
    HeldPerson,
    JoinPlan,
    JoinPolicy,
    SplitPlan,
    StoredJoin,
    plan_join,
    plan_split,
    policies_for,
)
from diptych.domain.values import Value

_LIVE = (PairState.PAIRED, PairState.PARKED)
_ENDED = (PairState.REDIRECTED, PairState.CONVERTED, PairState.DETACHED)
_ONE_OF_TWO = (JoinPolicy.MASTER, JoinPolicy.MOST_RECENT)


@dataclass(frozen=True)
class Union:
    """One person joining another: as both are then, and the plan."""

    winner: HeldPerson
    loser: HeldPerson
    plan: JoinPlan


@dataclass(frozen=True)
class Write:
    """A value that a record is owed because of a union."""

    object_name: str
    sf_id: str
    column: str
    now: Value
    becomes: Value


@dataclass(frozen=True)
class Gathering:
    """What becomes of one group. `unions` in order; `after`: the person who remains; `retired`: pairs that never got a record
    and need none any more; `owed`: what its records are owed by it."""

    after: HeldPerson
    unions: tuple[Union, ...]
    owed: tuple[Write, ...] = ()
    retired: tuple[Pair, ...] = ()

    @property
    def conflicts(self) -> int:
        return sum(len(one.plan.conflicts) for one in self.unions)


def remaining(people: Sequence[HeldPerson]) -> HeldPerson:
    """Who of them stays: whose record comes first; without any record, who has been here longest."""
    owners = {pair.id: person for person in people for pair in person.pairs}
    chosen = primary([pair for person in people for pair in person.pairs])
    if chosen is None:
        return min(people, key=lambda person: person.id)
    return owners[chosen.id]


def gather(
    people: Sequence[HeldPerson], mapping: FieldMappings, chosen: Mapping[str, JoinPolicy]
) -> Gathering:
    """What becomes of these people, two at least, who are one."""
    winner = remaining(people)
    unions = []
    after = winner
    before = {pair.id: _bases(pair, person) for person in people for pair in person.pairs}
    for loser in sorted((p for p in people if p.id != winner.id), key=lambda p: p.id):
        plan = plan_union(after, loser, mapping, chosen)
        unions.append(Union(after, loser, plan))
        after = united(after, loser, plan)
    return Gathering(after, tuple(unions), tuple(_owed(after, mapping, before)), _retired(after))


def plan_union(
    winner: HeldPerson, loser: HeldPerson, mapping: FieldMappings, chosen: Mapping[str, JoinPolicy]
) -> JoinPlan:
    """As two people join by a merge; and every value of either that can be written and is given up is a conflict too."""
    objects = {pair.object_name for pair in winner.pairs if pair.state in _LIVE}
    inbound = {
        f.column for name in objects for f in mapping.of(name).fields if f.direction is Direction.INBOUND
    }
    plan = plan_join(winner, loser, chosen, inbound=inbound, consent=mapping.consent("person"))
    policies = policies_for(winner.kinds, chosen)
    written = {
        f.column for f in mapping.fields if f.table == "person" and f.direction is not Direction.INBOUND
    }
    logged = {one.column for one in plan.conflicts}
    more = []
    for column in winner.kinds:
        ours, theirs = winner.values.get(column), loser.values.get(column)
        if ours is None or theirs is None or ours == theirs or column in logged or column not in written:
            continue
        if policies[column] in _ONE_OF_TWO:
            won = "ours" if plan.values.get(column, ours) == ours else "salesforce"
            more.append(Conflict(column, None, ours, theirs, won, REASON))
    return replace(plan, conflicts=(*plan.conflicts, *more))


def united(winner: HeldPerson, loser: HeldPerson, plan: JoinPlan) -> HeldPerson:
    """The person who remains, as the store holds it after the join."""
    values = {**winner.values, **plan.values}
    bases = {
        pair.id: {c: v for c, v in _bases(pair, person).items() if c in values and v != values[c]}
        for person in (winner, loser)
        for pair in person.pairs
    }
    changed = {
        column: max(
            at for at in (winner.changed_at.get(column), loser.changed_at.get(column)) if at is not None
        )
        for column in {*winner.changed_at, *loser.changed_at}
    }
    pairs = (*winner.pairs, *(replace(pair, person_id=winner.id) for pair in loser.pairs))
    return replace(winner, values=values, pairs=pairs, bases=bases, changed_at=changed)


def _bases(pair: Pair, person: HeldPerson) -> dict[str, Value]:
    """What base every column of a pair has; an ended one has none."""
    if pair.state in _ENDED:
        return {}
    return {**person.values, **person.bases.get(pair.id, {})}


def _owed(
    after: HeldPerson, mapping: FieldMappings, before: Mapping[int, Mapping[str, Value]]
) -> Iterable[Write]:
    for pair in after.pairs:
        if pair.state not in _LIVE:
            continue
        for mapped in mapping.of(pair.object_name).fields:
            column = mapped.column
            if mapped.direction is Direction.INBOUND or column not in after.values:
                continue
            held = before[pair.id].get(column)
            if held != after.values[column]:
                yield Write(pair.object_name, pair.sf_id or "", column, held, after.values[column])


def _retired(after: HeldPerson) -> tuple[Pair, ...]:
    """Of pairs that wait for a record to be made one is enough, and none where there is a record already."""
    waiting = [pair for pair in after.pairs if pair.state is PairState.NEW]
    if any(pair.state in THERE for pair in after.pairs):
        return tuple(pair for pair in waiting if not pair.fenced)
    kept = min(waiting, key=lambda pair: (not pair.fenced, pair.id), default=None)
    return tuple(pair for pair in waiting if pair is not kept and not pair.fenced)


# ---------------------------------------------------------------- taken apart


@dataclass(frozen=True)
class Parting:
    """How a join is taken apart: `split`, or why it is left (`refused`). `kept`: columns that both people keep as they are now,
    edited since the join, or consent that is refused (`consent`); `revived`: pairs that wait for a record again."""

    join: StoredJoin
    split: SplitPlan | None = None
    refused: str | None = None
    kept: tuple[str, ...] = ()
    consent: tuple[str, ...] = ()
    revived: tuple[int, ...] = ()
    owed: tuple[Write, ...] = field(default=())


def part(join: StoredJoin, winner: HeldPerson | None, mapping: FieldMappings) -> Parting:
    """Take a join of two people of ours apart. The one that joined comes back as it was, the one that remained gets back what
    the join gave it; what was edited since stays with both, for it was an edit of either, and so does consent that is refused
    (D-67). What only Salesforce fills is what each one's record shows. `winner` None: not here any more."""
    if winner is None:
        reason = f"Person {join.winner_id} is not here any more: deleted, or joined with another since (undo that first)."
        return Parting(join, refused=reason)
    merged = _merged_since(join, winner)
    if merged is not None:
        return Parting(join, refused=merged)
    after = {**join.before_winner, **join.changed}
    consent = mapping.consent("person")
    refused = {
        c
        for c, v in consent.items()
        if winner.values.get(c) == v and {join.before_winner.get(c), join.before_loser.get(c)} != {v}
    }
    going = [pair for pair in winner.pairs if pair.id in join.loser_pairs]
    theirs = _shown(winner, going, mapping)
    mine = _shown(winner, [pair for pair in winner.pairs if pair not in going], mapping)
    edited = {c for c, v in winner.values.items() if c in after and after[c] != v}
    kept = tuple(sorted(refused | (edited - theirs.keys() - mine.keys())))
    split = plan_split(join, winner, consent=consent)
    back = {**split.winner, **{c: v for c, v in mine.items() if winner.values[c] != v}}
    split = replace(split, winner={c: v for c, v in back.items() if c not in refused})
    restored = {**join.before_loser, **{c: winner.values[c] for c in kept}, **theirs}
    revived = tuple(p.id for p in going if p.state is PairState.REDIRECTED and p.sf_id is None)
    staying = {**winner.values, **split.winner}
    writes = [
        Write(pair.object_name, pair.sf_id or "", f.column, held, becomes[f.column])
        for pair in winner.pairs
        if pair.state in _LIVE
        for becomes in [restored if pair.id in split.pairs else staying]
        for f in mapping.of(pair.object_name).fields
        if f.direction is not Direction.INBOUND and f.column in becomes
        for held in [_bases(pair, winner).get(f.column)]
        if held != becomes[f.column]
    ]
    return Parting(
        join, replace(split, restored=restored), None, kept, tuple(sorted(refused)), revived, tuple(writes)
    )


def _shown(person: HeldPerson, pairs: Sequence[Pair], mapping: FieldMappings) -> dict[str, Value]:
    """What only Salesforce fills, as the first of these records was last seen to hold it."""
    first = primary([pair for pair in pairs if pair.state in THERE])
    if first is None:
        return {}
    held = _bases(first, person)
    inbound = (f.column for f in mapping.of(first.object_name).fields if f.direction is Direction.INBOUND)
    return {column: held[column] for column in inbound if column in held}


def _merged_since(join: StoredJoin, winner: HeldPerson) -> str | None:
    """Salesforce has made one record of records of both: they are one person there too."""
    staying = {pair.sf_id for pair in winner.pairs if pair.id not in join.loser_pairs and pair.sf_id}
    for pair in winner.pairs:
        ended = pair.state in (PairState.REDIRECTED, PairState.CONVERTED) and pair.sf_id is not None
        if pair.id in join.loser_pairs and ended and pair.redirect_to in staying:
            return (
                f"{pair.object_name} {pair.sf_id} has become {pair.redirect_to} in Salesforce since, "
                "so they are one person there too."
            )
    return None
