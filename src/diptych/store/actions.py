"""Actions that were ordered, in the table `action`: `sync.action_log.ActionLog`."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.domain.actions import (
    Action,
    ActionKind,
    ActionState,
    ActionStep,
    DeletePolicy,
    StepKind,
    StepState,
)
from diptych.domain.values import instant_text, parse_instant
from diptych.store.system_tables import action, person_redirect
from diptych.store.values_at_rest import pack, unpack


class SqlActions:
    """Of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, one: Action) -> int:
        made = self._connection.execute(action.insert().values(**_columns(one)))
        assert made.inserted_primary_key is not None
        return int(made.inserted_primary_key[0])

    def save(self, one: Action) -> None:
        done = self._connection.execute(action.update().where(action.c.id == one.id).values(**_columns(one)))
        if done.rowcount != 1:
            raise KeyError(f"there is no action {one.id}")

    def get(self, action_id: int) -> Action | None:
        return next(iter(self._read(action.c.id == action_id)), None)

    def of_run(self, run_id: int) -> Action | None:
        """Found by what is kept of it: there are few of them, and this is asked by hand."""
        return next((one for one in self._read() if one.run_id == run_id), None)

    def open(self) -> list[Action]:
        return self._read(action.c.ended_at.is_(None))

    def latest(self, limit: int) -> list[Action]:
        wanted = sa.select(action).order_by(action.c.id.desc()).limit(limit)
        return [_action(row) for row in self._connection.execute(wanted)]

    def now_id(self, person_id: int) -> int:
        c = person_redirect.c
        found = self._connection.execute(sa.select(c.now_id).where(c.former_id == person_id)).scalar()
        return int(found) if found is not None else person_id

    def _read(self, *conditions: Any) -> list[Action]:
        wanted = sa.select(action).where(*conditions).order_by(action.c.id)
        return [_action(row) for row in self._connection.execute(wanted)]


def _columns(one: Action) -> dict[str, Any]:
    sent = next((step for step in one.steps if step.state is StepState.SENT), None)
    return {
        "kind": one.kind.value,
        "state": one.state.value,
        "detail": _detail(one),
        "attempt_id": f"{one.run_id}-{one.steps.index(sent) + 1}-{sent.attempts}" if sent else None,
        "actor": one.actor,
        "at": one.at,
        "ended_at": one.ended_at,
        "result": one.error,
    }


def _detail(one: Action) -> str:
    """All that the columns of the table do not hold, as JSON."""
    return json.dumps(
        {
            "person": one.person_id,
            "others": one.others,
            "run": one.run_id,
            "picks": json.loads(pack(one.picks)),
            "policy": one.policy.value if one.policy else None,
            "suppress": one.suppress,
            "forget": one.forget,
            "undoes": one.undoes,
            "steps": [_step_document(step) for step in one.steps],
        },
        ensure_ascii=False,
    )


def _step_document(step: ActionStep) -> dict[str, Any]:
    return {
        "kind": step.kind.value,
        "object": step.object_name,
        "ids": step.sf_ids,
        "target": step.target,
        "people": step.people,
        "options": dict(step.options),
        "saved": {sf_id: instant_text(moment) for sf_id, moment in step.saved.items()},
        "state": step.state.value,
        "attempts": step.attempts,
    }


def _action(row: Row[Any]) -> Action:
    kept = json.loads(row.detail)
    return Action(
        ActionKind(row.kind),
        kept["person"],
        tuple(_step(one) for one in kept["steps"]),
        row.actor,
        row.at,
        tuple(kept["others"]),
        unpack(json.dumps(kept["picks"])),
        DeletePolicy(kept["policy"]) if kept["policy"] else None,
        kept["suppress"],
        kept["forget"],
        kept["undoes"],
        ActionState(row.state),
        kept["run"],
        row.result,
        row.ended_at,
        row.id,
    )


def _step(kept: dict[str, Any]) -> ActionStep:
    return ActionStep(
        StepKind(kept["kind"]),
        kept["object"],
        tuple(kept["ids"]),
        kept["target"],
        tuple(kept["people"]),
        kept["options"],
        {sf_id: parse_instant(text) for sf_id, text in kept["saved"].items()},
        StepState(kept["state"]),
        kept["attempts"],
    )
