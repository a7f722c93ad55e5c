"""What a step that has happened means for our people: settled in one transaction with the word that it is done.

Merges and conversions go through `sync.succession`, as those that a salesperson made do: the same joins, before-images and
history. A person is deleted, let go or forgotten in the transaction that settles the last step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diptych.domain.actions import (
    LIVE,
    Action,
    ActionKind,
    ActionState,
    ActionStep,
    DeletePolicy,
    StepKind,
    StepState,
)
from diptych.domain.mapping import UsableMapping, usable
from diptych.domain.pair import PairState, Record
from diptych.domain.person_merge import PersonJoin, plan_join
from diptych.domain.suppression import SuppressedFor
from diptych.sync.actions.undo import Shown, TakeBack
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.engine import Engine
from diptych.sync.opening import join_policies
from diptych.sync.ports import Lease, PairChange, Step, Transaction
from diptych.sync.report import SUCCEEDED
from diptych.sync.succession import follow_records

OPERATION = {
    ActionKind.MERGE: "Merge people",
    ActionKind.CONVERT: "Convert person",
    ActionKind.DELETE: "Delete person",
    ActionKind.UNDELETE: "Undelete records",
}


def actor_of(action: Action) -> str:
    """Under what name an action writes into history."""
    return f"{action.kind.value} by {action.actor}"


def prepare(engine: Engine) -> None:
    """What of the mapping can be used with the objects as they were last described; a cycle has settled that already."""
    with engine.store.transaction() as tx:
        mapping = tx.mapping()
        for known in engine.objects:
            if known.two_way and known.name not in engine.usable:
                described, full = tx.schema(known.name), mapping.of(known.name)
                engine.usable[known.name] = (
                    usable(full, described) if described is not None else UsableMapping(full, {})
                )
                if described is not None:
                    engine.schemas.setdefault(known.name, described)


@dataclass
class Ground:
    """An engine at work on an action."""

    engine: Engine
    lease: Lease

    def __post_init__(self) -> None:
        prepare(self.engine)

    def ready_for(self, action: Action) -> None:
        """Ask who we are in Salesforce before any transaction, if the action has to do with Salesforce. Raises OrgError."""
        if action.kind is ActionKind.UNDELETE or any(s.kind is not StepKind.JOIN for s in action.steps):
            self.engine.sync_user()

    def read(self, object_name: str, ids: Sequence[str]) -> dict[str, Record | None]:
        """These records as they are now, deleted ones included."""
        engine, found = self.engine, dict[str, Record | None]()
        fields = engine.fields_to_read(engine.usable[object_name].mapping)
        for start in range(0, len(ids), engine.options.batch):
            engine.hold(self.lease)
            engine.budget.reserve("actions")
            some = ids[start : start + engine.options.batch]
            found |= engine.org.retrieve(object_name, some, fields, deleted_too=True).records
        return found

    def records_of(self, action: Action) -> dict[tuple[str, str], Record | None]:
        """The records of all people of an action, as they are now."""
        wanted: dict[str, list[str]] = {}
        with self.engine.store.transaction(self.lease) as tx:
            for number in dict.fromkeys((action.person_id, *action.others)):
                for name in self.engine.usable:
                    pairs = tx.trail.pairs_of(self.engine.usable[name].mapping, [tx.actions.now_id(number)])
                    wanted.setdefault(name, []).extend(one.pair.sf_id for one in pairs if one.pair.sf_id)
        return {
            (name, sf_id): record
            for name, ids in wanted.items()
            if ids
            for sf_id, record in self.read(name, list(dict.fromkeys(ids))).items()
        }

    def follow(self, action: Action, place: int) -> bool:
        """Carry over what a step has done in Salesforce; False when its records have to be read again in a later second."""
        step, settled = action.steps[place], False

        def finish(tx: Transaction) -> None:
            nonlocal settled
            crashpoint("C-35")
            settle(self, tx, action, place)
            settled = True

        if step.kind in (StepKind.MERGE, StepKind.CONVERT):
            follow_records(
                self.engine,
                self.lease,
                action.run_id,
                step.object_name,
                step.sf_ids,
                action.picks or None,
                finish,
            )
            return settled
        if step.kind is StepKind.UNDELETE:  # what comes back is taken in when all of it has
            records = self.records_of(action)
            with self.engine.store.transaction(self.lease) as tx:
                crashpoint("C-35")
                settle(self, tx, action, place, records)
            return True
        shown = [r for r in self.read(step.object_name, step.sf_ids).values() if r is not None]
        with self.engine.store.transaction(self.lease) as tx:
            mapping = self.engine.usable[step.object_name].mapping
            apply_records(tx, mapping, shown, self.engine.terms(action.run_id))
            finish(tx)
        return True


def settle(
    ground: Ground, tx: Transaction, action: Action, place: int | None, shown: Shown | None = None
) -> None:
    """A step is done; with the last one all that the action means here happens, and it ends. `shown`: for an action that
    takes another one back, the records of its people."""
    current = tx.actions.get(action.id) or action
    if place is not None:
        step = current.steps[place]
        if step.kind is StepKind.JOIN:
            _join(ground, tx, current, step)
        current = current.with_step(place, replace(step, state=StepState.DONE))
    if current.next_step is None:
        _complete(ground, tx, current, shown or {})
    else:
        tx.actions.save(replace(current, error=None))


def _join(ground: Ground, tx: Transaction, action: Action, step: ActionStep) -> None:
    """Two people become one here; all their records stay as they are (`why`: people)."""
    chosen = join_policies(tx)
    for number in step.people:
        winner_id, loser_id = tx.actions.now_id(action.person_id), tx.actions.now_id(number)
        held = tx.held_people([winner_id, loser_id])
        if winner_id == loser_id or len(held) < 2:
            continue  # it is so already, or one of them was deleted here meanwhile
        winner, loser = held[winner_id], held[loser_id]
        plan = plan_join(
            winner, loser, chosen, consent=tx.mapping().consent("person"), picked=action.picks or None
        )
        detail = f"person {loser_id} -> person {winner_id}, {actor_of(action)}"
        tx.join_people(PersonJoin(winner, loser, plan, "people", detail, (winner, loser)), action.run_id)
        if any(pair.state in LIVE for pair in (*winner.pairs, *loser.pairs)):
            tx.drop_creations([winner_id])  # nothing is to be made in Salesforce any more


def _complete(ground: Ground, tx: Transaction, action: Action, shown: Shown) -> None:
    now = ground.engine.clock.now()
    deleted = 0
    if action.kind is ActionKind.UNDELETE:
        TakeBack(ground.engine, tx, action, shown).carry_out()
    if action.kind is ActionKind.DELETE:
        deleted = _delete(tx, action)
    ended = replace(action, state=ActionState.DONE, error=None, ended_at=now)
    tx.actions.save(ended)
    if action.run_id is not None:
        changed = 0 if action.kind is ActionKind.DELETE and deleted else 1
        tx.add_step(
            action.run_id,
            Step(
                "Person",
                OPERATION[action.kind],
                SUCCEEDED,
                action.at,
                now,
                updated=changed,
                deleted=deleted,
            ),
        )
        tx.close_run(action.run_id, SUCCEEDED, now)


def _delete(tx: Transaction, action: Action) -> int:
    """The person goes from here, or is let go; and is kept from coming back where that was asked for."""
    person_id = tx.actions.now_id(action.person_id)
    held = tx.held_people([person_id]).get(person_id)
    if held is None:
        return 0  # somebody deleted the person here meanwhile
    assert action.run_id is not None
    if action.policy is DeletePolicy.DETACH:
        going = [pair for pair in held.pairs if pair.state in LIVE]
        tx.save(
            [
                PairChange(
                    pair.id, person_id, state=PairState.DETACHED, link_state="none", clear_dead_letters=True
                )
                for pair in going
            ],
            action.run_id,
        )
        return 0
    records = [(pair.object_name, pair.sf_id) for pair in held.pairs if pair.sf_id]
    # what was not sent was given up with a yes; nobody is to be asked about it any more
    tx.save([PairChange(p.id, person_id, clear_dead_letters=True) for p in held.pairs], action.run_id)
    tx.drop_creations([person_id])
    if action.forget:
        tx.suppressions.erase(person_id)  # before, so that what goes next is overwritten as well
    tx.trail.remove([person_id], actor_of(action), action.run_id)
    if action.forget:
        tx.suppressions.erase(person_id)
    if action.suppress or action.forget:
        why = SuppressedFor.FORGOTTEN if action.forget else SuppressedFor.DELETED
        tx.suppressions.add(person_id, records, held.values.get("email"), why)
    return 1
