"""One Salesforce record has become another: a lead was converted, a record was merged (R-10; D-58..D-60, D-63..D-69).

Any stage may bring the observation, and none may act on it without having read the record that remains. So `apply` only
notes the record, in the transaction of the page that brought it; after the feed this stage reads the record and, along any
chain of merges, what it has become, and then does everything in one transaction: the pair ends, the people are joined or
the remaining record's pair is opened on the person who is there, edits that Salesforce never got go over. Killed
anywhere, it was done or the note is still there.

    the remaining record has a person         the two people are one; its person stays (C-18)
    it has none here                          it is linked to the person of the record that went (C-19)
    the sync user is not shown it             the person stays, out of scope; should it be shown later it is linked then (D-60)
    it was deleted                            the person stays, deleted in Salesforce
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from diptych.domain.identity import Fate, ending_of, fate_of
from diptych.domain.mapping import Direction, ObjectMapping, observe
from diptych.domain.pair import Linked, PairState, Record
from diptych.domain.person_merge import JoinPolicy, PersonJoin, plan_join
from diptych.domain.values import Value
from diptych.sync.apart import is_apart_again, merged_elsewhere, take_apart
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.decision import Applied, Terms, decide
from diptych.sync.engine import Engine
from diptych.sync.noted import forget, noted
from diptych.sync.opening import join_policies, open_on
from diptych.sync.ports import Lease, PairChange, Transaction
from diptych.sync.report import INCOMPLETE, SUCCEEDED, Began, CycleReport, begin, note

_HOPS = 20


def follow(engine: Engine, lease: Lease, report: CycleReport, object_name: str) -> None:
    """Follow the records of one object that were noted; a bounded number of calls a cycle, none when nothing was noted."""
    began, total, left = begin(engine), Applied(), 0
    for _ in range(engine.options.feed_pages):
        with engine.store.transaction(lease) as tx:
            waiting = noted(tx, object_name)
        ids = waiting[: engine.options.batch]
        left = len(waiting)
        if not ids or object_name not in engine.usable:
            break
        done = follow_records(engine, lease, report.run_id, object_name, ids)
        total += done
        with engine.store.transaction(lease) as tx:
            left = len(noted(tx, object_name))
        if left == len(waiting):
            break  # they changed in this very second: they are read again in a later one
    else:
        detail = f"{left} records that were merged or converted are still to be followed"
        note(
            engine,
            lease,
            report,
            object_name,
            "Pull conversions",
            Applied(),
            begin(engine),
            INCOMPLETE,
            detail,
        )
    _note(engine, lease, report, object_name, total, began)


def _note(engine: Engine, lease: Lease, report: CycleReport, name: str, total: Applied, start: Began) -> None:
    updates = replace(total, deleted=0, converted=0)
    note(engine, lease, report, name, "Pull updates", updates, start, SUCCEEDED)
    if total.deleted:
        note(engine, lease, report, name, "Pull deletes", Applied(deleted=total.deleted), start, calls=0)
    if total.converted:
        moved = Applied(updated=total.converted)
        note(engine, lease, report, name, "Pull conversions", moved, start, calls=0)


def follow_records(
    engine: Engine,
    lease: Lease,
    run_id: int | None,
    object_name: str,
    ids: Sequence[str],
    picked: Mapping[str, Value] | None = None,
    finish: Callable[[Transaction], None] | None = None,
) -> Applied:
    """Read these records and what they have become, and carry out what follows, in one transaction. `picked`: values that a
    person chose for the joins; `finish` is called in that transaction once none of the records needs a further look."""
    read = read_with_successors(engine, lease, object_name, ids)
    terms = engine.terms(run_id)
    total, left = Applied(), False
    with engine.store.transaction(lease) as tx:
        chosen = join_policies(tx)
        for sf_id in ids:
            record = read.own.get(sf_id)
            done = True
            if record is not None:
                one = _Succession(engine, tx, terms, chosen, record, read.chain(record), picked)
                applied, done = one.carry_out()
                total += applied
            if done:
                forget(tx, object_name, [sf_id])
            left = left or not done
        if finish is not None and not left:
            finish(tx)
    return total


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class Successor:
    """What a record has become: object and id, and the record as it is now; None when the org does not show it."""

    object_name: str
    sf_id: str
    record: Record | None


@dataclass(frozen=True)
class _Read:
    own: Mapping[str, Record | None]
    others: Mapping[tuple[str, str], Record | None]

    def chain(self, record: Record) -> tuple[Successor, ...]:
        """What the record has become, step by step; empty while it is live."""
        here, found = record, list[Successor]()
        for _ in range(_HOPS):
            step = _next(here)
            if step is None:
                break
            after = self.others.get(step)
            found.append(Successor(*step, after))
            if after is None:
                break
            here = after
        return tuple(found)


def _next(record: Record) -> tuple[str, str] | None:
    fate = fate_of(record)
    if fate is Fate.MERGED and record.master_id:
        return record.object_name, record.master_id
    if fate is Fate.CONVERTED and record.converted_contact_id:
        return "Contact", record.converted_contact_id
    return None


def read_with_successors(engine: Engine, lease: Lease, object_name: str, ids: Sequence[str]) -> _Read:
    """These records as they are, deleted ones included, and along all chains what they became."""
    own = _read(engine, lease, object_name, ids)
    others: dict[tuple[str, str], Record | None] = {}
    edge = [record for record in own.values() if record is not None]
    for _ in range(_HOPS):
        wanted: dict[str, list[str]] = {}
        for record in edge:
            step = _next(record)
            if step is not None and step not in others:
                wanted.setdefault(step[0], []).append(step[1])
                others[step] = None
        edge = []
        for name, some in wanted.items():
            found = _read(engine, lease, name, list(dict.fromkeys(some))) if name in engine.usable else {}
            for sf_id, one in found.items():
                others[name, sf_id] = one
                edge += [one] if one is not None else []
        if not edge:
            break
    return _Read(own, others)


def _read(engine: Engine, lease: Lease, object_name: str, ids: Sequence[str]) -> dict[str, Record | None]:
    fields = engine.fields_to_read(engine.usable[object_name].mapping)
    found: dict[str, Record | None] = {}
    for start in range(0, len(ids), engine.options.batch):
        engine.hold(lease)
        engine.budget.reserve("feed")
        some = ids[start : start + engine.options.batch]
        found |= engine.org.retrieve(object_name, some, fields, deleted_too=True).records
    return found


# ---------------------------------------------------------------- carrying out


class _Succession:
    """What follows from one record and what it became, within one transaction."""

    def __init__(
        self,
        engine: Engine,
        tx: Transaction,
        terms: Terms,
        chosen: Mapping[str, JoinPolicy],
        record: Record,
        chain: Sequence[Successor],
        picked: Mapping[str, Value] | None = None,
    ) -> None:
        self._picked = picked
        self._engine, self._tx, self._terms, self._chosen = engine, tx, terms, chosen
        self._record, self._chain, self._to = record, chain, self._nearest(chain)
        self._mapping = self._of(record.object_name)
        self._fate = fate_of(record)

    def _nearest(self, chain: Sequence[Successor]) -> Successor | None:
        """The first of the chain that has a person here: what became of that one is followed for its own sake. Else the last."""
        for one in chain:
            if one.object_name in self._engine.usable:
                there = self._tx.linked(self._of(one.object_name), [one.sf_id]).get(one.sf_id)
                if there is not None and there.pair.state is not PairState.DETACHED:
                    return one
        return chain[-1] if chain else None

    def _of(self, object_name: str) -> ObjectMapping:
        return self._engine.usable[object_name].mapping

    def carry_out(self) -> tuple[Applied, bool]:
        """What was done, and whether the record needs no further look."""
        record = self._record
        linked = self._tx.linked(self._mapping, [record.sf_id]).get(record.sf_id)
        if self._to is None or self._fate not in (Fate.MERGED, Fate.CONVERTED):
            return apply_records(self._tx, self._mapping, [record], self._terms, follow=False), True
        if linked is None:
            return self._stranger(), True
        seen = observe(self._mapping, record)
        if is_apart_again(linked.pair, record) or merged_elsewhere(linked.pair, record):
            take_apart(self._tx, self._mapping, linked.pair, seen, self._terms)
            linked = self._tx.linked(self._mapping, [record.sf_id])[record.sf_id]
        if linked.pair.state in (PairState.DETACHED, ending_of(record.object_name, self._fate).state):
            return Applied(), True
        if self._successor_apart():
            linked = self._tx.linked(self._mapping, [record.sf_id])[record.sf_id]
        decision = decide(linked, seen, self._mapping, self._terms)
        if decision.change is None:
            return Applied(), False
        return self._ends(linked, decision.change), True

    def _successor_apart(self) -> bool:
        """The successor itself had been merged away (into this very record, perhaps) and was taken out again: its own person
        is back before anyone joins it. Whether that was so."""
        target = self._target()
        if target is None or self._to is None or self._to.record is None:
            return False
        if not is_apart_again(target.pair, self._to.record):
            return False
        mapping = self._of(self._to.object_name)
        return take_apart(self._tx, mapping, target.pair, observe(mapping, self._to.record), self._terms)

    def _counted(self, linked: Linked | None = None) -> Applied:
        if self._fate is Fate.CONVERTED:
            return Applied(converted=1)
        return Applied(deleted=1 if linked is None or linked.pair.state is not PairState.TOMBSTONED else 0)

    def _point(self) -> None:
        crashpoint("C-19" if self._fate is Fate.CONVERTED else "C-18")

    def _stranger(self) -> Applied:
        """A converted lead that was never here belongs to its contact's person."""
        assert self._to is not None
        if self._fate is not Fate.CONVERTED:
            return Applied(skipped=1)
        target = self._target()
        seen = observe(self._mapping, self._record)
        if target is None and self._visible() is not None:
            contact = observe(self._of("Contact"), self._shown())
            if not self._tx.suppressions.withhold(self._of("Contact"), [contact], self._terms.run_id):
                self._tx.add_people(self._of("Contact"), [contact], self._terms.run_id)
            target = self._target()
        self._point()
        if target is not None and target.pair.state is not PairState.DETACHED:
            self._tx.open_pair(
                target.pair.person_id, self._mapping, seen, PairState.CONVERTED, self._to.sf_id
            )
        elif target is None:
            if self._tx.suppressions.withhold(self._mapping, [seen], self._terms.run_id):
                return Applied(skipped=1)
            self._tx.add_people(self._mapping, [seen], self._terms.run_id)
            (own,) = self._tx.linked(self._mapping, [self._record.sf_id]).values()
            change = PairChange(own.pair.id, own.pair.person_id, redirect_to=self._to.sf_id)
            self._tx.save([change], self._terms.run_id)
        else:
            return Applied(skipped=1)  # the person was deleted here: nothing of it comes back
        return Applied(new=1)

    def _note_between(self, person_id: int) -> None:
        """Records it was on the way and that were never here are this person's too: should one be undeleted, so it comes back;
        and what was refused there is refused (D-67)."""
        assert self._to is not None
        consent = self._tx.mapping().consent("person") if len(self._chain) > 1 else {}
        for one, after in zip(self._chain, self._chain[1:], strict=False):
            if (
                one.sf_id == self._to.sf_id
                or one.record is None
                or one.object_name not in self._engine.usable
            ):
                return
            mapping = self._of(one.object_name)
            if one.record.deleted and not self._tx.linked(mapping, [one.sf_id]):
                seen = observe(mapping, one.record)
                made = self._tx.open_pair(person_id, mapping, seen, PairState.REDIRECTED, after.sf_id)
                change = PairChange(
                    made.id,
                    person_id,
                    ours={c: v for c, v in consent.items() if seen.values.get(c) == v},
                    base=seen.values,
                    history_by=one.record.modified_by,
                    history_at=one.record.modified_at or one.record.modstamp,
                )
                self._tx.save([change], self._terms.run_id)

    def _ends(self, linked: Linked, change: PairChange) -> Applied:
        """The pair ends; where its person goes from here depends on what the record has become."""
        assert self._to is not None
        tx, run_id = self._tx, self._terms.run_id
        self._note_between(linked.pair.person_id)
        target = self._target()
        detached = target is not None and target.pair.state is PairState.DETACHED
        if (target is None and self._visible() is None) or detached:
            gone = self._to.record is not None and self._to.record.deleted and not detached
            link = replace(
                change,
                redirect_to=self._to.sf_id,
                link_state="deleted" if gone else "out_of_scope",
                salesforce_deleted=gone,
            )
            self._point()
            tx.save([link], run_id)
            return self._counted(linked)
        # what the record last held is taken in, unless its person has the successor already: that one speaks for it
        same = target is not None and target.pair.person_id == linked.pair.person_id
        values = replace(
            change, state=None, link_state=None, salesforce_deleted=None, redirect_to=None, dead_letters=()
        )
        if same:  # except that nobody speaks for a refusal of consent but who gave it (D-67)
            values = _refusals(values, tx.mapping().consent("person"))
        if not same or values.ours:  # what is owed to the record is owed to its successor
            tx.save([values], run_id)
        end = PairChange(
            linked.pair.id,
            linked.pair.person_id,
            state=ending_of(linked.pair.object_name, self._fate).state,
            redirect_to=self._to.sf_id,
            clear_dead_letters=True,
        )
        if target is None:
            self._open(linked, end)
        elif target.pair.person_id == linked.pair.person_id:
            tx.save([end], run_id)
        else:
            self._join(linked, target, end)
        return self._counted(linked)

    def _target(self) -> Linked | None:
        assert self._to is not None
        if self._to.object_name not in self._engine.usable:
            return None
        return self._tx.linked(self._of(self._to.object_name), [self._to.sf_id]).get(self._to.sf_id)

    def _visible(self) -> Record | None:
        """The successor, if it is live and may be linked."""
        assert self._to is not None
        record = self._to.record
        if record is None or record.deleted or fate_of(record) is not Fate.LIVE:
            return None
        return record

    def _shown(self) -> Record:
        record = self._visible()
        assert record is not None
        return record

    def _open(self, linked: Linked, end: PairChange) -> None:
        """The successor is linked to the person who is there: it keeps its id (C-19)."""
        assert self._to is not None
        mapping = self._of(self._to.object_name)
        open_on(
            self._tx,
            linked.pair.person_id,
            mapping,
            observe(mapping, self._shown()),
            f"{linked.pair.object_name} {linked.pair.sf_id}",
            self._terms.run_id,
            end,
        )

    def _join(self, linked: Linked, target: Linked, end: PairChange) -> None:
        """The person of the record that went joins the person of the one that remains (C-18)."""
        assert self._to is not None
        tx, run_id = self._tx, self._terms.run_id
        mapping = self._of(self._to.object_name)
        winner_id, loser_id = target.pair.person_id, linked.pair.person_id
        before = tx.held_people([winner_id, loser_id])
        if self._to.record is not None:
            apply_records(tx, mapping, [self._to.record], self._terms)
        held = tx.held_people([winner_id, loser_id])
        winner, loser = held[winner_id], held[loser_id]
        inbound = [f.column for f in mapping.fields if f.direction is Direction.INBOUND]
        plan = plan_join(
            winner,
            loser,
            self._chosen,
            was=before[winner_id].values,
            inbound=inbound,
            consent=tx.mapping().consent("person"),
            picked=self._picked,
        )
        why = "conversion" if self._fate is Fate.CONVERTED else "merge"
        detail = f"{linked.pair.object_name} {linked.pair.sf_id} -> {self._to.object_name} {self._to.sf_id}"
        tx.save([replace(end, forget_redirect=False)], run_id)
        ended = replace(
            loser,
            pairs=tuple(
                replace(p, state=end.state) if p.id == linked.pair.id and end.state else p
                for p in loser.pairs
            ),
        )
        self._point()
        tx.join_people(
            PersonJoin(
                winner, ended, plan, why, detail, (before[winner_id], before[loser_id]), target.pair.id
            ),
            run_id,
        )


def _refusals(change: PairChange, consent: Mapping[str, bool]) -> PairChange:
    """Only what the change says of consent that is refused."""
    ours = {c: v for c, v in change.ours.items() if c in consent and v == consent[c]}
    base = {c: v for c, v in change.base.items() if c in ours}
    return replace(
        change, ours=ours, base=base, conflicts=tuple(k for k in change.conflicts if k.column in ours)
    )
