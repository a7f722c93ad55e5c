"""Carrying out an action, step by step, so that a kill at any line or a lost answer neither skips nor doubles anything (R-5).

    look          what Salesforce holds now: it may have happened already, or have become impossible
    intent        one transaction: the step is marked as sent                                        C-33
    effect        the one call                                                                       C-34
    settle        one transaction: what it means for our people, and that the step is done           C-35

Whatever is sent here ends a record (or brings one back) and cannot be done to it twice; so a step whose answer never came is
looked at and, if it has not happened, sent again. Several cycles may share the work: what is open is taken up at the
beginning of each (`resume`), before the feed could see a merge of ours and join people without what was picked for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diptych.domain.actions import Action, ActionKind, ActionState, ActionStep, StepKind, StepState
from diptych.domain.outcome import (
    Done,
    OrgError,
    OrgOutcomeUnknown,
    OrgRefused,
    Outcome,
    Problem,
    Refused,
    Retryable,
    Unknown,
)
from diptych.domain.pair import Record
from diptych.sync.actions.effects import OPERATION, Ground, settle
from diptych.sync.crashpoint import crashpoint
from diptych.sync.engine import Engine
from diptych.sync.lifecycle import Conversion, RecordMerge
from diptych.sync.ports import Lease, Step, Transaction
from diptych.sync.report import FAILED, SUCCEEDED

_LANE = "actions"


def order(engine: Engine, action: Action, lease: Lease | None = None) -> Action:
    """Keep what is to be done, under a run of its own. Nothing has happened yet."""
    with engine.store.transaction(lease) as tx:
        run_id = tx.open_run(action.kind.value, engine.clock.now())
        kept = replace(action, run_id=run_id)
        return replace(kept, id=tx.actions.add(kept))


def resume(engine: Engine, lease: Lease) -> list[Action]:
    """Go on with every open action; none, and no call, when nothing is open."""
    with engine.store.transaction(lease) as tx:
        waiting = tx.actions.open()
    return [carry_on(engine, lease, one.id) for one in waiting]


def carry_on(engine: Engine, lease: Lease, action_id: int) -> Action:
    """Carry out what is left of an action; how it stands afterwards. What stops it for now is in its `error`.

    Raises LeaseLost and StoreBusy; then, too, it goes on where it was.
    """
    ground = Ground(engine, lease)
    while True:
        with engine.store.transaction(lease) as tx:
            action = tx.actions.get(action_id)
        if action is None:
            raise KeyError(f"there is no action {action_id}")
        if action.ended_at is not None:
            return action
        place = action.next_step
        try:
            ground.ready_for(action)
            if place is None:
                shown = ground.records_of(action) if action.kind is ActionKind.UNDELETE else None
                with engine.store.transaction(lease) as tx:
                    settle(ground, tx, action, None, shown)
            elif (stopped := _step(ground, action, place)) is not None:
                return stopped
        except OrgRefused as problem:
            return _fail(ground, action_id, str(problem))
        except OrgError as problem:
            return _wait(ground, action_id, str(problem))


def cancel(engine: Engine, action_id: int) -> Action:
    """Give up an open action of which nothing is on its way. Raises KeyError, ValueError with the reason."""
    with engine.store.transaction() as tx:
        action = tx.actions.get(action_id)
        if action is None:
            raise KeyError(action_id)
        if action.ended_at is not None:
            raise ValueError(f"Action {action_id} has ended: {action.state.value}.")
        if action.sent:
            raise ValueError(
                "A part of it may be under way in Salesforce; the next sync finds out and goes on."
            )
        return _end(tx, engine, action, ActionState.CANCELLED, None)


# ---------------------------------------------------------------- one step


@dataclass(frozen=True)
class _Look:
    """What Salesforce shows of a step's records: `left` are those it has not happened to yet; `impossible` says why it
    cannot happen any more."""

    left: tuple[str, ...]
    impossible: str | None = None


def _step(ground: Ground, action: Action, place: int) -> Action | None:
    """One step to its end; the action when it cannot go on now."""
    step = action.steps[place]
    if step.kind is StepKind.JOIN:
        with ground.engine.store.transaction(ground.lease) as tx:
            crashpoint("C-35")
            settle(ground, tx, action, place)
        return None
    look = _look(ground, step)
    if look.impossible is not None:
        return _fail(ground, action.id, look.impossible)
    if look.left:
        action, outcome = _send(ground, action, place, look.left)
        if isinstance(outcome, Refused | Unknown):
            again = _look(ground, step)  # it was there already, or the answer was lost
            if again.left and isinstance(outcome, Unknown):
                return _wait(ground, action.id, _text(outcome.problem))
            if again.left or again.impossible is not None:
                return _fail(ground, action.id, again.impossible or _text(outcome.problem))
        elif isinstance(outcome, Retryable):
            return _later(ground, action, place, outcome.problem)
    return _settle_records(ground, action, place)


def _settle_records(ground: Ground, action: Action, place: int) -> Action | None:
    """What has happened in Salesforce is carried over, once the records can be told apart from what they were."""
    engine = ground.engine
    for attempt in range(engine.options.settle_tries + 1):
        if ground.follow(action, place):
            return None
        if attempt < engine.options.settle_tries:
            engine.clock.sleep(engine.options.settle_seconds)
    return _wait(ground, action.id, "The records are just being changed in Salesforce; they are read again.")


def _send(ground: Ground, action: Action, place: int, ids: Sequence[str]) -> tuple[Action, Outcome]:
    engine, step = ground.engine, action.steps[place]
    sent = replace(step, state=StepState.SENT, attempts=step.attempts + 1)
    action = action.with_step(place, sent)
    engine.hold(ground.lease)
    engine.budget.reserve(_LANE)
    with engine.store.transaction(ground.lease) as tx:
        tx.actions.save(action)
    crashpoint("C-33")
    attempt_id = f"{action.run_id}-{place + 1}-{sent.attempts}"
    try:
        outcome = _call(engine, sent, ids, attempt_id)
    except OrgOutcomeUnknown as problem:
        return action, Unknown(problem.problem)
    except OrgRefused as problem:
        return action, Refused(problem.problem)
    except OrgError as problem:
        with engine.store.transaction(ground.lease) as tx:
            tx.actions.save(action.with_step(place, replace(sent, state=StepState.WAITING)))
        raise problem
    crashpoint("C-34")
    return action, outcome


def _call(engine: Engine, step: ActionStep, ids: Sequence[str], attempt_id: str) -> Outcome:
    match step.kind:
        case StepKind.MERGE:
            assert step.target is not None
            return engine.org.merge([RecordMerge(step.object_name, step.target, tuple(ids))], attempt_id)[0]
        case StepKind.CONVERT:
            return engine.org.convert([conversion(step)], attempt_id)[0].outcome
        case StepKind.DELETE:
            return _worst(engine.org.delete(ids, attempt_id))
        case _:
            return _worst(engine.org.undelete(ids, attempt_id))


def _worst(outcomes: Sequence[Outcome]) -> Outcome:
    return next((o for o in outcomes if not isinstance(o, Done)), outcomes[0])


def conversion(step: ActionStep) -> Conversion:
    """The order of a CONVERT step."""
    given = step.options

    def text(name: str) -> str | None:
        return str(given[name]) if given.get(name) else None

    return Conversion(
        step.sf_ids[0],
        text("status") or "",
        text("account_id"),
        step.target,
        bool(given.get("opportunity")),
        text("opportunity_name"),
        text("owner_id"),
        bool(given.get("overwrite_lead_source")),
        bool(given.get("notify_owner")),
    )


# ---------------------------------------------------------------- looking


def _look(ground: Ground, step: ActionStep) -> _Look:
    shown = ground.read(step.object_name, step.sf_ids)
    left = []
    for sf_id in step.sf_ids:
        record = shown.get(sf_id)
        name = f"{step.object_name} {sf_id}"
        if record is None:
            if step.kind is StepKind.DELETE and step.state is StepState.SENT:
                continue  # deleted, and gone from the recycle bin since
            return _Look((), f"Salesforce does not show {name} to the sync user (any more).")
        happened, impossible = _seen(ground, step, record, name)
        if impossible is not None:
            return _Look((), impossible)
        if not happened:
            left.append(sf_id)
    if left and step.kind is StepKind.MERGE and step.target is not None:
        target = ground.read(step.object_name, [step.target]).get(step.target)
        if target is None or target.deleted or target.converted:
            return _Look((), f"{step.object_name} {step.target}, which was to remain, is not there any more.")
    return _Look(tuple(left))


def _seen(ground: Ground, step: ActionStep, record: Record, name: str) -> tuple[bool, str | None]:
    """Whether the step has happened to the record, or why it cannot any more."""
    match step.kind:
        case StepKind.MERGE:
            if record.deleted:
                if record.master_id == step.target:
                    return True, None
                became = f"merged into {record.master_id}" if record.master_id else "deleted"
                return False, f"{name} was {became} in Salesforce meanwhile."
            return False, f"{name} was converted in Salesforce meanwhile." if record.converted else None
        case StepKind.CONVERT:
            if record.converted:
                if step.target not in (None, record.converted_contact_id):
                    contact = record.converted_contact_id
                    return False, f"{name} was converted in Salesforce meanwhile, into contact {contact}."
                return True, None
            return False, f"{name} was deleted in Salesforce meanwhile." if record.deleted else None
        case StepKind.DELETE:
            if record.deleted:
                return True, None
            return False, _moved(ground, step, record, name)
        case _:
            return not record.deleted, None


def _moved(ground: Ground, step: ActionStep, record: Record, name: str) -> str | None:
    """A DELETE takes no condition, so it is compared here whether somebody saved the record since it was shown (R-9)."""
    shown = step.saved.get(record.sf_id)
    if step.state is StepState.SENT or shown is None or record.modified_at is None:
        return None
    if record.modified_at <= shown or record.modified_by == ground.engine.sync_user():
        return None
    return f"{name} was changed in Salesforce since it was shown here. Look at it, and delete it then."


# ---------------------------------------------------------------- stopping


def _later(ground: Ground, action: Action, place: int, problem: Problem) -> Action:
    step = action.steps[place]
    if step.attempts >= ground.engine.options.max_attempts:
        return _fail(ground, action.id, _text(problem))
    waiting = replace(step, state=StepState.WAITING)
    with ground.engine.store.transaction(ground.lease) as tx:
        kept = replace(action.with_step(place, waiting), error=_text(problem))
        tx.actions.save(kept)
    return kept


def _wait(ground: Ground, action_id: int, why: str) -> Action:
    with ground.engine.store.transaction(ground.lease) as tx:
        action = tx.actions.get(action_id)
        assert action is not None
        kept = replace(action, error=why)
        tx.actions.save(kept)
    return kept


def _fail(ground: Ground, action_id: int, why: str) -> Action:
    with ground.engine.store.transaction(ground.lease) as tx:
        action = tx.actions.get(action_id)
        assert action is not None
        return _end(tx, ground.engine, action, ActionState.FAILED, why)


def _end(tx: Transaction, engine: Engine, action: Action, state: ActionState, why: str | None) -> Action:
    now = engine.clock.now()
    ended = replace(action, state=state, error=why, ended_at=now)
    tx.actions.save(ended)
    if action.run_id is not None:
        done = sum(step.state is StepState.DONE for step in action.steps)
        detail = f"{done} of {len(action.steps)} steps were done; they stay" if done else None
        failed = int(state is ActionState.FAILED)
        status = FAILED if failed else SUCCEEDED
        what = OPERATION[action.kind]
        tx.add_step(
            action.run_id,
            Step("Person", what, status, action.at, now, failed=failed, detail=why or detail or "cancelled"),
        )
        tx.close_run(action.run_id, status, now, why)
    return ended


def _text(problem: Problem) -> str:
    return " ".join(part for part in (problem.message, problem.cause, problem.remedy) if part)
