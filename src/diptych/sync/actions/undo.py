"""Taking an action back: what was merged is people of their own again, who was deleted or let go is here again.

In Salesforce only what lies in the recycle bin comes back, and only when that is asked for; a conversion stays. The taking
back is an action itself (kind `undelete`): the records first, then our side in one transaction, from the before-images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from diptych.domain.actions import (
    LIVE,
    Action,
    ActionKind,
    ActionStep,
    CannotAct,
    DeletePolicy,
    StepKind,
    StepState,
)
from diptych.domain.identity import ENDED, Fate, ending_of, fate_of
from diptych.domain.mapping import observe
from diptych.domain.pair import PairState, Record
from diptych.domain.person_merge import StoredJoin, plan_split
from diptych.domain.values import Value
from diptych.sync.apply import apply_records
from diptych.sync.decision import Terms
from diptych.sync.engine import Engine
from diptych.sync.ports import PairChange, Transaction

Shown = Mapping[tuple[str, str], Record | None]


@dataclass(frozen=True)
class PartedJoin:
    """A join that is taken apart: who comes back, what the remaining person gets back, and what was changed since and stays."""

    loser_id: int
    winner_id: int
    put_back: Mapping[str, Value]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class UndoPreview:
    """What taking back the action of a run would do. `undelete`: the records that it takes out of the recycle bin."""

    action: Action
    undelete: tuple[ActionStep, ...] = ()
    joins: tuple[PartedJoin, ...] = ()
    brought_back: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def does(self) -> bool:
        return bool(self.undelete or self.joins or self.brought_back)

    def ordered(self, actor: str, at: datetime) -> Action:
        of = self.action
        return Action(
            ActionKind.UNDELETE, of.person_id, self.undelete, actor, at, others=of.others, undoes=of.run_id
        )


def look(engine: Engine, run_id: int, undelete: bool) -> UndoPreview | None:
    """What undoing the action of a run would do; None when the run is none of an action. Raises CannotAct."""
    with engine.store.transaction() as tx:
        action = tx.actions.of_run(run_id)
        if action is None:
            return None
        _must_be_over(action)
        joins = tuple(_parted(tx, join) for join in _joins(tx, action))
        gone = _gone(tx, action)
    there = [
        step
        for step in action.steps
        if step.state is StepState.DONE and step.kind in (StepKind.MERGE, StepKind.DELETE)
    ]
    notes = []
    if there and not undelete:
        ids = ", ".join(sf_id for step in there for sf_id in step.sf_ids)
        notes.append(
            f"{ids} stay in Salesforce's recycle bin; --undelete takes them out (within 15 days). What was moved to the "
            "remaining record stays there."
        )
    if any(step.kind is StepKind.CONVERT and step.state is StepState.DONE for step in action.steps):
        notes.append(
            "Salesforce cannot take a conversion back: lead, contact, account and opportunity stay as they are."
        )
    steps = _merged(there) if undelete else ()
    return UndoPreview(action, steps, joins, gone, tuple(notes))


def _must_be_over(action: Action) -> None:
    if action.ended_at is None:
        raise CannotAct(f"Action {action.id} has not ended yet. See: diptych people actions")
    if action.kind is ActionKind.UNDELETE:
        raise CannotAct("That run took an action back; merge or delete again instead.")
    if action.forget:
        raise CannotAct("Who was forgotten cannot be brought back: nothing of it was kept.")


def _merged(steps: list[ActionStep]) -> tuple[ActionStep, ...]:
    """One step an object, so that all records are back before anything of it is seen here."""
    ids: dict[str, list[str]] = {}
    for step in steps:
        ids.setdefault(step.object_name, []).extend(step.sf_ids)
    return tuple(ActionStep(StepKind.UNDELETE, name, tuple(some)) for name, some in ids.items())


def _joins(tx: Transaction, action: Action) -> list[StoredJoin]:
    """The joins that the action made and nobody has taken apart, newest first."""
    winner = tx.actions.now_id(action.person_id)
    return [j for j in tx.joins(winner) if j.undone_at is None and j.loser_id in action.others]


def _parted(tx: Transaction, join: StoredJoin) -> PartedJoin:
    number = tx.actions.now_id(join.winner_id)
    winner = tx.held_people([number]).get(number)
    if winner is None:
        raise CannotAct(f"Person {join.winner_id} was deleted here since; bring that one back first.")
    plan = plan_split(join, winner, consent=tx.mapping().consent("person"))
    return PartedJoin(join.loser_id, number, plan.winner, plan.kept)


def _gone(tx: Transaction, action: Action) -> tuple[int, ...]:
    """Whom the action deleted or let go, and who is that still."""
    number = action.person_id
    if action.kind is not ActionKind.DELETE or tx.actions.now_id(number) != number:
        return ()  # who has joined another person since is here
    held = tx.held_people([number]).get(number)
    if action.policy is DeletePolicy.DETACH:
        still = held is not None and any(pair.state is PairState.DETACHED for pair in held.pairs)
    else:
        still = held is None
    return (number,) if still else ()


# ---------------------------------------------------------------- carrying out


@dataclass
class TakeBack:
    """The taking back of one action within one transaction. `shown`: the records of its people as they are now."""

    engine: Engine
    tx: Transaction
    action: Action
    shown: Shown = field(default_factory=dict)

    def carry_out(self) -> None:
        original = self.tx.actions.of_run(self.action.undoes or 0)
        if original is None or self.action.run_id is None:
            return
        for join in _joins(self.tx, original):
            self._split(join, self.action.run_id)
        if original.kind is ActionKind.DELETE:
            self._bring_back(original, self.action.run_id)

    def _terms(self) -> Terms:
        return self.engine.terms(self.action.run_id)

    def _split(self, join: StoredJoin, run_id: int) -> None:
        """The person that joined is one of its own again, with what Salesforce shows of its records now."""
        tx = self.tx
        winner_id = tx.actions.now_id(join.winner_id)
        winner = tx.held_people([winner_id])[winner_id]
        back = []
        for pair in winner.pairs:
            record = self.shown.get((pair.object_name, pair.sf_id or ""))
            live = record is not None and fate_of(record) is Fate.LIVE
            if pair.id in join.loser_pairs and record is not None and live:
                back.append((pair, observe(self.engine.usable[pair.object_name].mapping, record)))
        seen = dict(back[-1][1].values) if back else None
        split = plan_split(join, winner, seen, tx.mapping().consent("person"))
        person_id = tx.split_person(split, run_id)
        changes = []
        for pair, observation in back:
            alive = ending_of(pair.object_name, Fate.LIVE)
            changes.append(
                PairChange(
                    pair.id,
                    person_id,
                    base=observation.values,
                    state=alive.state,
                    link_state=alive.link_state,
                    salesforce_deleted=alive.salesforce_deleted,
                    seen_modstamp=observation.record.modstamp,
                    seen_at=observation.record.read_at,
                    forget_redirect=True,
                    attempts=0,
                    clear_dead_letters=True,
                )
            )
        if not changes:  # what it had become stays what it is: the person is here without a live record
            ended = [p for p in winner.pairs if p.id in join.loser_pairs and p.state in ENDED]
            changes = [
                PairChange(pair.id, person_id, link_state="deleted", salesforce_deleted=True)
                for pair in ended
            ]
        if changes:
            tx.save(changes, run_id)

    def _bring_back(self, original: Action, run_id: int) -> None:
        tx, number = self.tx, original.person_id
        actor = f"undo of run {original.run_id}"
        if original.policy is DeletePolicy.DETACH:
            held = tx.held_people([number]).get(number)
            pairs = [p for p in held.pairs if p.state is PairState.DETACHED and p.sf_id] if held else []
            tx.save(
                [
                    PairChange(
                        pair.id,
                        number,
                        state=PairState.PAIRED,
                        link_state=ending_of(pair.object_name, Fate.LIVE).link_state,
                    )
                    for pair in pairs
                ],
                run_id,
            )
        elif not tx.held_people([number]) and tx.actions.now_id(number) == number:
            tx.trail.bring_back([number], actor, run_id)
            tx.suppressions.release(number)
            tx.save(self._as_shown(number), run_id)
        for name in dict.fromkeys(name for name, _ in self.shown):
            records = [r for (of, _), r in self.shown.items() if of == name and r is not None]
            apply_records(tx, self.engine.usable[name].mapping, records, self._terms())

    def _as_shown(self, number: int) -> list[PairChange]:
        """The pairs of a person brought back say what their records are now."""
        changes = []
        for pair in self.tx.held_people([number])[number].pairs:
            if pair.state not in (*LIVE, PairState.DETACHED, PairState.TOMBSTONED):
                continue
            record = self.shown.get((pair.object_name, pair.sf_id or ""))
            there = record is not None and not record.deleted
            ending = ending_of(pair.object_name, Fate.LIVE if there else Fate.DELETED)
            changes.append(
                PairChange(
                    pair.id,
                    number,
                    state=ending.state,
                    link_state=ending.link_state,
                    salesforce_deleted=ending.salesforce_deleted,
                    attempts=0,
                    clear_dead_letters=True,
                )
            )
        return changes
